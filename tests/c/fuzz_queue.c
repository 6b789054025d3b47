/* A stream of operations, four bytes each, against the model. */
#include "queue_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(pair *self, const uint8_t *data) {
    const uint64_t amount = data[2] + ((uint64_t)(data[3] & 15) << 8);
    worker *worker = &self->crew[data[1] % CREW];
    switch (data[0] % 12) {
    case 0:
        pair_leave(self, worker);
        break;
    case 1:
        if (data[2] < 40) {
            pair_trim(self, amount);
        } else if (data[2] < 80) {
            pair_limit(self, 100 + 40u * data[1], 1u + data[3] % 64);
        } else if (data[2] < 100) {
            pair_clear(self);
        } else if (data[2] == 255) {
            bb_queue_shut(&self->queue);
        }
        break;
    case 2:
        pair_join(self, worker);
        break;
    case 3:
        if (self->queue.lines[BB_PRODUCER].count == 0) {
            (void)pair_push(self, amount);
        }
        break;
    case 4:
    case 5:
        pair_done(self);
        break;
    default:
        pair_act(self, worker, data[0] & 1, amount);
    }
    call_all(self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4 || size / 4 > MODEL_ITEMS) {
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
