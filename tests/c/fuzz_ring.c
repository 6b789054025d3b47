/* A stream of operations, four bytes each, against the model. */
#include "ring_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(pair *self, const uint8_t *data) {
    const uint64_t amount = data[2] + ((uint64_t)(data[3] & 15) << 8);
    const uint32_t index = data[1] % (self->count + 1);
    switch (data[0] % 12) {
    case 0:
        if (index < self->count) {
            pair_remove(self, index);
        }
        break;
    case 1:
        pair_trim(self, amount * 4);
        break;
    case 2:
        if (data[2] == 0) {
            pair_clear(self);
        } else if (data[2] < 20) {
            pair_copy(self, data[1] & 1);
        } else if (data[2] < 40) {
            (void)pair_limit(self, 100 + 40u * data[1], 1u + data[3]);
        }
        break;
    case 3:
        (void)pair_insert(self, index, amount);
        break;
    case 4:
        if (index < self->count) {
            (void)pair_replace(self, index, amount);
        }
        break;
    case 5: {
        const uint32_t step = 1u + data[2] % 3;
        const uint32_t count = (self->count - index + step - 1) / step * (data[3] & 3) / 3;
        if (data[3] & 4) {
            pair_remove_many(self, index, step, count);
        } else if (self->count < MODEL_ITEMS - 16) {
            pair_splice(self, index, step, count, data[3] >> 4 & 7, amount);
        }
        break;
    }
    case 6:
        if (self->count != 0) {
            pair_rotate(self, (int64_t)amount - 2000);
        }
        break;
    case 7:
        if (data[2] < 40) {
            pair_reverse(self);
        }
        pair_count_within(self, data[1], amount);
        break;
    default:
        (void)pair_append(self, data[1] & 1, amount);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) {
        return 0;
    }
    pair self;
    const uint64_t limit = 100 + 40u * data[0];
    pair_open(&self, data[1] & 4 ? BB_UNLIMITED : limit,
              data[1] & 1 ? limit / 2 + 100 : BB_UNLIMITED, data[1] & 2 ? 1u + data[2] % 64 : 300);
    for (size_t at = 4; at + 4 <= size; at += 4) {
        self.ledger.fail_in = data[at + 3] & 128 ? data[at + 3] >> 5 & 3 : -1;
        apply(&self, &data[at]);
        self.ledger.fail_in = -1;
        check_same(&self);
    }
    pair_close(&self);
    return 0;
}
