/* A stream of operations on entries that share parts, five bytes each, against the model. */
#include "shared_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) {
        return 0;
    }
    pair self;
    const uint64_t limit = 400 + 40u * data[0];
    pair_open(&self, limit, data[1] & 1 ? limit / 2 + 100 : BB_UNLIMITED,
              data[1] & 2 ? 1u + data[2] % 64 : UINT32_MAX, data[1] & 4);
    for (size_t at = 4; at + 5 <= size; at += 5) {
        const uintptr_t key = 1 + data[at + 1] % (KEYS - 1);
        const uint64_t parts = ((uint64_t)data[at + 2] * 257) << data[at + 3] % 64;
        const uint64_t amount = data[at + 4] & 15;
        self.ledger.fail_in = data[at + 4] & 128 ? data[at + 4] >> 5 & 3 : -1;
        switch (data[at] % 9) {
        case 0:
            pair_delete(&self, key);
            break;
        case 1:
            pair_trim(&self, amount * 200);
            break;
        case 2:
            pair_get(&self, key);
            break;
        case 3:
            pair_recharge(&self, key, parts, amount & 3);
            break;
        case 4:
            (void)pair_copy(&self, self.ledger.fail_in);
            break;
        case 5:
            if (amount == 0) {
                pair_clear(&self);
            } else if (amount < 4) {
                pair_limit(&self, 400 + 40u * data[at + 2], self.lru.max_count);
            }
            break;
        default:
            (void)pair_put(&self, key, amount > 8 ? amount * 20 : 0, parts, amount & 3);
        }
        self.ledger.fail_in = -1;
        check_same(&self);
    }
    pair_close(&self);
    return 0;
}
