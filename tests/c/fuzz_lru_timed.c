/* A stream of operations, four bytes each, against the model: times, pins and cursors. */
#include "timed_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t span_of(uint8_t code) {
    return code < 64 ? BB_NEVER : (uint64_t)(code & 15) << (code >> 4) * 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) {
        return 0;
    }
    pair self;
    bb_lru_cursor cursor;
    const uint64_t limit = 200 + 60u * data[0];
    pair_open(&self, limit, data[1] & 1 ? limit / 2 + 100 : BB_UNLIMITED,
              data[1] & 2 ? 1u + data[2] % 64 : UINT32_MAX, data[1] & 4);
    bb_lru_cursor_open(&self.lru, &cursor, data[1] & 8);
    for (size_t at = 4; at + 4 <= size; at += 4) {
        const uintptr_t key = 1 + data[at + 1] % (MODEL_KEYS - 1);
        const uint64_t amount = data[at + 2] % 100;
        uint32_t index;
        self.ledger.fail_in = data[at + 3] % 16 == 15 ? data[at + 3] >> 6 : -1;
        switch (data[at] % 12) {
        case 0:
            pair_delete(&self, key);
            break;
        case 1:
            pair_trim(&self, amount * 40);
            break;
        case 2:
            if (data[at + 2] < 60) {
                pair_copy(&self);
            } else if (data[at + 2] < 100) {
                pair_snapshot(&self);
            } else {
                pair_limit(&self, 200 + 60u * data[at + 1], self.lru.max_count);
            }
            break;
        case 3:
            pair_get(&self, key);
            break;
        case 4:
            if (bb_lru_cursor_next(&self.lru, &cursor, &index) != BB_OK || index == 0) {
                bb_lru_cursor_close(&self.lru, &cursor);
                bb_lru_cursor_open(&self.lru, &cursor, data[at + 2] & 1);
            } else {
                CHECK(self.lru.entries[index].key != NULL);
            }
            break;
        case 5:
            pair_pin(&self, key);
            break;
        case 6:
            pair_unpin(&self, key);
            break;
        case 7:
            self.now += (uint64_t)(data[at + 1] & 15) << (data[at + 1] >> 4) * 2;
            pair_expire(&self, data[at + 2] % 8);
            break;
        case 8:
            (void)pair_put(&self, key, amount);
            break;
        default:
            (void)pair_put_for(&self, key, amount, span_of(data[at + 2]),
                               data[at + 3] & 1 ? span_of(data[at + 3]) : BB_NEVER);
        }
        self.ledger.fail_in = -1;
        const uint64_t kept = cursor.order_count * sizeof(uint32_t);
        self.ledger.bytes -= kept;
        check_same(&self);
        check_pinned(&self);
        self.ledger.bytes += kept;
    }
    bb_lru_cursor_close(&self.lru, &cursor);
    pair_close(&self);
    return 0;
}
