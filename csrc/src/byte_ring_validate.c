#include "byte_ring_internal.h"

static const char *index_defect(const bb_byte_ring *self, uint64_t seq, size_t offset) {
    if (seq < self->first_seq) {
        return NULL;
    }
    if (seq == self->first_seq && offset != self->first) {
        return "the oldest record is not where it is said to be";
    }
    if ((seq & (((uint64_t)1 << self->stride_bits) - 1)) == 0 &&
        self->index[(seq >> self->stride_bits) & (self->slots - 1)] != offset) {
        return "the index does not lead to a record";
    }
    return NULL;
}

static const char *records_defect(const bb_byte_ring *self, uint64_t *views) {
    size_t offset = self->floor, held = 0;
    uint64_t payload = 0;
    *views = 0;
    for (uint64_t seq = self->floor_seq; seq != self->next_seq; seq++) {
        const char *defect = index_defect(self, seq, offset);
        if (defect != NULL) {
            return defect;
        }
        const uint64_t header = *bb_header(self, offset);
        const size_t room = bb_record_room(header & LENGTH_MASK);
        if (room > self->size - held) {
            return "the records are longer than the ring";
        }
        payload += seq >= self->first_seq ? header & LENGTH_MASK : 0;
        *views += header >> LENGTH_BITS;
        held += room;
        offset = bb_after(self, offset, room);
    }
    if (offset != self->head || held != self->held) {
        return "the records do not end at the head";
    }
    return payload == self->payload ? NULL : "the payload is not the sum of the records";
}

static const char *window_defect(const bb_byte_ring *self, const bb_byte_window *window) {
    size_t kept = 0;
    bool viewed = false;
    for (size_t page = 0; page < 2 * self->size / bb_page_size(); page++) {
        if ((window->pages[page] & PAGE_PLANNED) != 0) {
            return "a page is neither kept nor shown";
        }
        kept += (window->pages[page] & PAGE_KEPT) != 0;
        viewed = viewed || (window->pages[page] & PAGE_VIEWS) != 0;
    }
    if (kept != window->kept) {
        return "a window does not keep as many pages as counted";
    }
    return viewed == (window->views != 0) ? NULL : "a window's views look at nothing";
}

static const char *windows_defect(const bb_byte_ring *self, uint64_t *bytes) {
    uint64_t views = 0;
    *bytes = 0;
    for (const bb_byte_window *window = self->windows; window != NULL; window = window->next) {
        const char *defect = window_defect(self, window);
        if (defect != NULL) {
            return defect;
        }
        views += window->views;
        *bytes += bb_window_bytes(self->size) + window->kept * bb_page_size();
    }
    return views <= self->views ? NULL : "windows are looked through by more than there are views";
}

static const char *defect_of(bb_byte_ring *self) {
    uint64_t views = 0, windows = 0;
    const char *defect = NULL;
    if (!bb_budget_validate(&self->budget, &defect) || self->data == NULL) {
        return defect;
    }
    defect = windows_defect(self, &windows);
    if (defect != NULL) {
        return defect;
    }
    const bb_budget_totals totals = bb_budget_read(&self->budget);
    if (totals.total != self->block + windows || totals.total > totals.limit) {
        return "what is charged is not what is taken";
    }
    if (self->first_seq < self->floor_seq || self->next_seq < self->first_seq) {
        return "the sequence numbers are out of order";
    }
    if (!bb_mirror_is_ours(&self->mirror)) {
        return NULL;
    }
    defect = records_defect(self, &views);
    if (defect != NULL) {
        return defect;
    }
    return views <= self->views ? NULL : "records are viewed by more than there are views";
}

bool bb_byte_ring_validate(bb_byte_ring *self, const char **reason) {
    *reason = defect_of(self);
    return *reason == NULL;
}
