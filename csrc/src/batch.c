#include "bytebound/batch.h"

#include <string.h>

bool bb_batch_reserve(bb_batch *self, const bb_allocator *allocator, uint32_t count) {
    uint32_t capacity = self->capacity;
    if (count > UINT32_MAX / 2 - self->count) {
        return false;
    }
    while (capacity < self->count + count) {
        capacity *= 2;
    }
    if (capacity == self->capacity) {
        return true;
    }
    const size_t old_size = self->capacity * sizeof(bb_removed);
    const bool inside = self->items == self->inline_items;
    void *items = bb_resize(allocator, inside ? NULL : self->items, inside ? 0 : old_size,
                            capacity * sizeof(bb_removed));
    if (items == NULL) {
        return false;
    }
    if (inside) {
        memcpy(items, self->inline_items, old_size);
    }
    self->items = items;
    self->capacity = capacity;
    return true;
}

bool bb_batch_push(bb_batch *self, const bb_allocator *allocator, bb_removed removed) {
    if (self->count == self->capacity && !bb_batch_reserve(self, allocator, 1)) {
        return false;
    }
    self->items[self->count++] = removed;
    return true;
}

void bb_batch_free(bb_batch *self, const bb_allocator *allocator) {
    if (self->items != self->inline_items) {
        (void)bb_resize(allocator, self->items, self->capacity * sizeof(bb_removed), 0);
    }
    bb_batch_init(self);
}
