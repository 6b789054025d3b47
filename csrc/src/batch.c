#include "bytebound/batch.h"

#include <string.h>

bool bb_batch_push(bb_batch *self, const bb_allocator *allocator, bb_removed removed) {
    if (self->count == self->capacity) {
        const size_t old_size = self->capacity * sizeof(bb_removed);
        const bool inside = self->items == self->inline_items;
        void *items =
            bb_resize(allocator, inside ? NULL : self->items, inside ? 0 : old_size, 2 * old_size);
        if (items == NULL) {
            return false;
        }
        if (inside) {
            memcpy(items, self->inline_items, old_size);
        }
        self->items = items;
        self->capacity *= 2;
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
