/* A stream of operations, four bytes each, against the shadow. */
#include "pool_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) {
        return 0;
    }
    pool_pair self;
    const uint64_t limit = 20000 + 16384u * data[0];
    pool_pair_open(&self, data[1] & 1 ? limit : BB_UNLIMITED, data[1] & 2 ? limit : BB_UNLIMITED,
                   data[1] & 4);
    for (size_t at = 4; at + 4 <= size; at += 4) {
        const uint32_t slot = data[at + 1] % SHADOW_BLOCKS;
        const uint64_t wanted = (data[at + 2] + 1u) << (data[at + 3] & 15) >> 3;
        self.ledger.fail_in = data[at + 3] & 128 ? data[at + 3] >> 5 & 3 : -1;
        switch (data[at] % 8) {
        case 0:
            (void)bb_pool_trim(&self.pool, wanted * 64);
            break;
        case 1:
            (void)bb_pool_limit(&self.pool, limit / 2 + wanted * 64);
            break;
        case 2:
            (void)shadow_resize(&self, slot, wanted);
            break;
        case 3:
        case 4:
            shadow_give(&self, slot);
            break;
        default:
            if (self.blocks[slot].block == NULL) {
                (void)shadow_take(&self, slot, wanted, 16u << data[at] % 9, data[at + 3] & 16);
            }
        }
        self.ledger.fail_in = -1;
        check_pool(&self);
    }
    pool_pair_close(&self);
    return 0;
}
