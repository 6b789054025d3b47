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

static void register_in(bb_lru_cursor **list, bb_lru_cursor *cursor) {
    cursor->next = *list;
    cursor->link = list;
    if (cursor->next != NULL) {
        cursor->next->link = &cursor->next;
    }
    *list = cursor;
}

/* Changes that concern cursors: entries that entered, or left other than by expiry. */
static uint64_t changes_of(const bb_lru *self) {
    return self->version - self->quiet;
}

void bb_lru_cursor_open(bb_lru *self, bb_lru_cursor *cursor, bool newest_first) {
    *cursor = (bb_lru_cursor){0};
    cursor->changes = changes_of(self);
    cursor->newest_first = newest_first;
    cursor->position = newest_first ? bb_lru_newest(self) : bb_lru_oldest(self);
    register_in(&self->cursors, cursor);
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
        if (cursor->changes == changes_of(self)) {
            keep_order(self, cursor);
            register_in(&self->settled, cursor);
        }
    }
}

void bb_lru_pass_over(bb_lru *self, uint32_t index) {
    for (bb_lru_cursor *cursor = self->cursors; cursor != NULL; cursor = cursor->next) {
        if (cursor->position == index) {
            cursor->position = after(self, cursor, index);
        }
    }
    self->quiet++;
}

/* What another one knows of indices may be out of date. */
static bool is_current(const bb_lru *self, const bb_lru_cursor *cursor) {
    return cursor->changes == changes_of(self);
}

void bb_lru_forget_gone(bb_lru *self) {
    for (bb_lru_cursor *cursor = self->settled; cursor != NULL; cursor = cursor->next) {
        for (uint32_t i = cursor->order_next; is_current(self, cursor) && i < cursor->order_count;
             i++) {
            if (!in_use(self, cursor->order[i])) {
                cursor->order[i] = 0;
            }
        }
    }
}

static uint32_t renumbered(const bb_lru *self, uint32_t index) {
    return index <= self->used ? index : (uint32_t)self->entries[index].charge;
}

void bb_lru_renumber(bb_lru *self) {
    for (bb_lru_cursor *cursor = self->cursors; cursor != NULL; cursor = cursor->next) {
        if (is_current(self, cursor)) {
            cursor->position = renumbered(self, cursor->position);
        }
    }
    for (bb_lru_cursor *cursor = self->settled; cursor != NULL; cursor = cursor->next) {
        for (uint32_t i = cursor->order_next; is_current(self, cursor) && i < cursor->order_count;
             i++) {
            cursor->order[i] = renumbered(self, cursor->order[i]);
        }
    }
}

bb_status bb_lru_cursor_next(bb_lru *self, bb_lru_cursor *cursor, uint32_t *index) {
    if (cursor->changes != changes_of(self)) {
        return BB_CHANGED;
    }
    if (cursor->out_of_memory) {
        return BB_NO_MEMORY;
    }
    if (cursor->kept) {
        do {
            const bool ended = cursor->order_next == cursor->order_count;
            *index = ended ? 0 : cursor->order[cursor->order_next++];
            if (ended) {
                break;
            }
        } while (*index == 0 || !in_use(self, *index));
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
