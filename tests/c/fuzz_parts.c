/* A stream of operations, each with the parts that it is about, against the model. */
#include "parts_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pair self;
    pair_open(&self);
    size_t at = 0;
    while (at + 3 <= size) {
        const uint8_t operation = data[at] % 6;
        const size_t holder = data[at + 1] % HOLDERS;
        size_t left = data[at + 2] % 32;
        bb_found found;
        bb_found_init(&found, ledger_allocator(&self.scratch));
        for (at += 3; left != 0 && at + 2 <= size; left--, at += 2) {
            CHECK(bb_found_add(&found, identity_of(data[at] % PARTS), data[at + 1]));
        }
        switch (operation) {
        case 0:
            pair_release(&self, holder);
            break;
        case 1:
            pair_release_and_undo(&self, holder, found.count % HOLDERS);
            break;
        case 2:
            pair_hold_and_undo(&self, &found, holder);
            break;
        case 3:
            bb_parts_shrink(&self.parts, found.count);
            break;
        case 4:
            self.ledger.fail_in = (int64_t)holder % 2;
            (void)pair_hold(&self, &found, holder);
            self.ledger.fail_in = -1;
            break;
        default:
            CHECK(pair_hold(&self, &found, holder) == BB_OK);
        }
        bb_found_free(&found);
        check_same(&self);
    }
    pair_close(&self);
    return 0;
}
