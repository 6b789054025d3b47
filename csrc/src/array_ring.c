#include "bytebound/array_ring.h"

#include "bytebound/alloc.h"

void bb_array_ring_init(bb_array_ring *self, const bb_mirror_source *source) {
    *self = (bb_array_ring){.closed = true, .source = source};
    self->mirror.file = -1;
    bb_budget_init(&self->budget, 0, NULL, false);
}

bb_status bb_array_ring_open(bb_array_ring *self, uint64_t capacity, size_t row_bytes,
                             bb_budget *parent, bb_refusal *refusal) {
    size_t size;
    if (!bb_multiply((size_t)capacity, row_bytes, &size) || !bb_round_to_pages(size, &size) ||
        size > SIZE_MAX / 4) {
        return BB_NO_MEMORY;
    }
    const uint64_t bytes = bb_mirror_bytes(self->source, 0, size);
    bb_budget_init(&self->budget, bytes, parent, false);
    bb_status status = bb_budget_exchange(&self->budget, 0, bytes, refusal);
    if (status != BB_OK) {
        return status;
    }
    status = bb_mirror_open(&self->mirror, self->source, 0, size, false);
    if (status != BB_OK) {
        bb_budget_close(&self->budget);
        return status;
    }
    self->data = bb_mirror_ring(&self->mirror);
    self->row_bytes = row_bytes;
    self->size = size;
    self->capacity = capacity;
    self->closed = false;
    return BB_OK;
}

void bb_array_ring_close(bb_array_ring *self) {
    self->closed = true;
    self->count = 0;
    if (self->views == 0 && self->data != NULL) {
        bb_mirror_close(&self->mirror, self->source);
        bb_budget_close(&self->budget);
        self->data = NULL;
    }
}

void bb_array_ring_extend(bb_array_ring *self, const void *rows, uint64_t count) {
    const uint64_t stay = count < self->capacity ? count : self->capacity;
    const size_t bytes = (size_t)stay * self->row_bytes;
    if (bytes == 0) {
        return;
    }
    const unsigned char *from = rows;
    memcpy(self->data + self->end, from + (size_t)(count - stay) * self->row_bytes, bytes);
    bb_mirror_repeat(&self->mirror, self->source, self->end, bytes);
    self->end += bytes;
    self->end -= self->end >= self->size ? self->size : 0;
    self->count = stay > self->capacity - self->count ? self->capacity : self->count + stay;
    self->total += count;
}

const unsigned char *bb_array_ring_rows(const bb_array_ring *self, uint64_t count) {
    const size_t bytes = (size_t)count * self->row_bytes;
    return self->data + self->end + (bytes > self->end ? self->size : 0) - bytes;
}

void bb_array_ring_clear(bb_array_ring *self) {
    self->count = 0;
}

void bb_array_ring_view(bb_array_ring *self) {
    self->views++;
}

void bb_array_ring_unview(bb_array_ring *self) {
    self->views--;
    if (self->closed) {
        bb_array_ring_close(self);
    }
}

bool bb_array_ring_validate(bb_array_ring *self, const char **reason) {
    const bb_budget_totals totals = bb_budget_read(&self->budget);
    if (!bb_budget_validate(&self->budget, reason)) {
        return false;
    }
    if (self->data == NULL) {
        *reason = totals.total == 0 ? NULL : "something is charged for a ring that is closed";
    } else if (totals.total != bb_mirror_bytes(self->source, 0, self->size) ||
               totals.total > totals.limit) {
        *reason = "what is charged is not what is taken";
    } else if (self->count > self->capacity || self->count > self->total) {
        *reason = "there are more rows than fit or were written";
    } else if (self->end >= self->size) {
        *reason = "the next row would be written beyond the ring";
    }
    return *reason == NULL;
}
