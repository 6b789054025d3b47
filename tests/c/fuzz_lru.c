/* A stream of operations, four bytes each, against the model. */
#include "lru_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) {
        return 0;
    }
    pair self;
    bb_lru_cursor cursor;
    const uint64_t limit = 200 + 40u * data[0];
    pair_open(&self, limit, data[1] & 1 ? limit / 2 + 100 : BB_UNLIMITED,
              data[1] & 2 ? 1u + data[2] % 64 : UINT32_MAX, data[1] & 4);
    bb_lru_cursor_open(&self.lru, &cursor, data[1] & 8);
    for (size_t at = 4; at + 4 <= size; at += 4) {
        const uintptr_t key = 1 + data[at + 1] % (MODEL_KEYS - 1);
        const uint64_t amount = data[at + 2] + ((uint64_t)(data[at + 3] & 15) << 8);
        uint32_t index;
        self.ledger.fail_in = data[at + 3] & 128 ? data[at + 3] >> 5 & 3 : -1;
        switch (data[at] % 8) {
        case 0:
            pair_delete(&self, key);
            break;
        case 1:
            pair_trim(&self, amount * 4);
            break;
        case 2:
            if (data[at + 2] == 0) {
                pair_clear(&self);
            } else if (data[at + 2] < 20) {
                pair_copy(&self);
            } else if (data[at + 2] < 40) {
                pair_limit(&self, 200 + 40u * data[at + 1], self.lru.max_count);
            }
            break;
        case 3:
        case 4:
            pair_get(&self, key);
            break;
        case 5:
            if (bb_lru_cursor_next(&self.lru, &cursor, &index) != BB_OK || index == 0) {
                bb_lru_cursor_close(&self.lru, &cursor);
                bb_lru_cursor_open(&self.lru, &cursor, data[at + 2] & 1);
            }
            break;
        default:
            (void)pair_put(&self, key, amount);
        }
        self.ledger.fail_in = -1;
        const uint64_t kept = cursor.order_count * sizeof(uint32_t);
        self.ledger.bytes -= kept;
        check_same(&self);
        self.ledger.bytes += kept;
    }
    bb_lru_cursor_close(&self.lru, &cursor);
    pair_close(&self);
    return 0;
}
