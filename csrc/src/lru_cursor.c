#include "lru_internal.h"

static void unregister(bb_lru_cursor *cursor) {
    if (cursor->link != NULL) {
        *cursor->link = cursor->next;
        if (cursor->next != NULL) {
            cursor->next->link = cursor->link;
        }
        cursor->link = NULL;
    }
}

void bb_lru_cursor_open(bb_lru *self, bb_lru_cursor *cursor, bool newest_first) {
    *cursor = (bb_lru_cursor){0};
    cursor->version = self->version;
    cursor->newest_first = newest_first;
    cursor->position = newest_first ? bb_lru_newest(self) : bb_lru_oldest(self);
    cursor->next = self->cursors;
    cursor->link = &self->cursors;
    if (cursor->next != NULL) {
        cursor->next->link = &cursor->next;
    }
    self->cursors = cursor;
}

static uint32_t after(const bb_lru *self, const bb_lru_cursor *cursor, uint32_t index) {
    return cursor->newest_first ? self->links[index].older : self->links[index].newer;
}

static void keep_order(bb_lru *self, bb_lru_cursor *cursor) {
    uint32_t left = 0;
    for (uint32_t at = cursor->position; at != 0; at = after(self, cursor, at)) {
        left++;
    }
    cursor->kept = true;
    if (left == 0) {
        return;
    }
    uint32_t *order = bb_resize(&self->allocator, NULL, 0, left * sizeof(uint32_t));
    if (order == NULL) {
        cursor->out_of_memory = true;
        return;
    }
    for (uint32_t at = cursor->position; at != 0; at = after(self, cursor, at)) {
        order[cursor->order_count++] = at;
    }
    cursor->order = order;
}

void bb_lru_settle_cursors(bb_lru *self) {
    while (self->cursors != NULL) {
        bb_lru_cursor *cursor = self->cursors;
        unregister(cursor);
        if (cursor->version == self->version) {
            keep_order(self, cursor);
        }
    }
}

bb_status bb_lru_cursor_next(bb_lru *self, bb_lru_cursor *cursor, uint32_t *index) {
    if (cursor->version != self->version) {
        return BB_CHANGED;
    }
    if (cursor->out_of_memory) {
        return BB_NO_MEMORY;
    }
    if (cursor->kept) {
        *index = cursor->order_next < cursor->order_count ? cursor->order[cursor->order_next++] : 0;
    } else {
        *index = cursor->position;
        if (*index != 0) {
            cursor->position = after(self, cursor, *index);
        }
    }
    return BB_OK;
}

void bb_lru_cursor_close(bb_lru *self, bb_lru_cursor *cursor) {
    unregister(cursor);
    if (cursor->order != NULL) {
        (void)bb_resize(&self->allocator, cursor->order, cursor->order_count * sizeof(uint32_t), 0);
        cursor->order = NULL;
    }
    cursor->order_count = cursor->order_next = 0;
    cursor->position = 0;
}
