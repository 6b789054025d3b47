/* A stream of operations against the model, in every kind of ring. */
#include "byte_ring_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ring_pair self;

/* Records of a few bytes, of about a page, and of nearly the ring. */
static size_t length_for(uint8_t kind, uint8_t amount) {
    switch (kind % 4) {
    case 0:
        return amount % 24;
    case 1:
        return amount;
    case 2:
        return (size_t)amount * 33;
    default:
        return (size_t)amount * (self.ring.size + 64) / 255;
    }
}

static void step(const uint8_t *at) {
    self.steps.fail_in = self.ledger.fail_in = self.steps.pages.fail_in = -1;
    switch (at[0] % 16) {
    case 0:
        pair_pop(&self);
        break;
    case 1:
        if (at[1] % 8 == 0) {
            pair_clear(&self);
        }
        break;
    case 2:
        pair_unview(&self, at[1] % VIEWERS);
        break;
    case 3:
        self.steps.fail_in = at[2] % 4;
        (void)pair_append(&self, length_for(at[1], at[2]));
        break;
    case 4:
        self.steps.fail_in = at[2] % 3;
        (void)pair_view(&self, at[1] % VIEWERS, at[2]);
        break;
    case 5:
        self.ledger.fail_in = 0;
        (void)pair_view(&self, at[1] % VIEWERS, at[2]);
        break;
    case 6:
    case 7:
    case 8:
        (void)pair_view(&self, at[1] % VIEWERS, (uint64_t)at[2] * 7);
        break;
    case 9:
        for (uint8_t i = 0; i < at[2]; i++) {
            (void)pair_append(&self, length_for(at[1], i));
        }
        break;
    default:
        (void)pair_append(&self, length_for(at[1], at[2]));
    }
    self.steps.fail_in = self.ledger.fail_in = self.steps.pages.fail_in = -1;
    check_same_ring(&self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const bb_on_pinned on_pinned = data[0] & 1 ? BB_PINNED_COPY : BB_PINNED_RAISE;
    const bool mapped = on_pinned == BB_PINNED_COPY || (data[0] & 2) != 0;
    const size_t capacity = (2 + data[1] % 4) * bb_page_size();
    const uint64_t limit = data[0] & 4 ? UINT64_MAX : 2 * capacity + (data[0] >> 3) * 4096u;
    const bb_status status = ring_pair_open(&self, capacity, on_pinned, limit, mapped);
    if (status != BB_OK) {
        CHECK(status == BB_UNSUPPORTED && bb_system_mirrors.make_file == NULL);
        return 0;
    }
    for (size_t at = 2; at + 3 <= size; at += 3) {
        step(data + at);
    }
    pair_end(&self);
    return 0;
}
