#include "byte_ring_internal.h"

/* ---- windows ---- */

static size_t page_count(size_t size) {
    return 2 * size / bb_page_size();
}

static size_t page_of(size_t offset) {
    return offset / bb_page_size();
}

uint64_t bb_window_bytes(size_t size) {
    return sizeof(bb_byte_window) + page_count(size) * sizeof(uint32_t);
}

static bb_status open_window(bb_byte_ring *self, bb_byte_window **opened, bb_refusal *refusal) {
    const uint64_t bytes = bb_window_bytes(self->size);
    bb_status status = bb_budget_exchange(&self->budget, 0, bytes, refusal);
    if (status != BB_OK) {
        return status;
    }
    bb_byte_window *window = bb_resize(&self->allocator, NULL, 0, (size_t)bytes);
    status = window == NULL ? BB_NO_MEMORY
                            : bb_mirror_open_window(&window->mirror, self->source, &self->mirror);
    if (status != BB_OK) {
        if (window != NULL) {
            (void)bb_resize(&self->allocator, window, (size_t)bytes, 0);
        }
        bb_budget_release(&self->budget, bytes);
        return status;
    }
    window->views = 0;
    window->kept = 0;
    for (size_t page = 0; page < page_count(self->size); page++) {
        window->pages[page] = 0;
    }
    window->next = self->windows;
    self->windows = window;
    *opened = window;
    return BB_OK;
}

static void close_window(bb_byte_ring *self, bb_byte_window *window) {
    const uint64_t bytes = bb_window_bytes(self->size);
    const uint64_t kept = window->kept * bb_page_size();
    bb_byte_window **link = &self->windows;
    while (*link != window) {
        link = &(*link)->next;
    }
    *link = window->next;
    bb_mirror_close(&window->mirror, self->source);
    (void)bb_resize(&self->allocator, window, (size_t)bytes, 0);
    bb_budget_release(&self->budget, bytes + kept);
}

void bb_windows_close(bb_byte_ring *self) {
    while (self->windows != NULL) {
        close_window(self, self->windows);
    }
}

/* ---- keeping pages ---- */

void bb_keeping_add(bb_byte_ring *self, bb_keeping *keeping, size_t offset, size_t length) {
    if (length == 0) {
        return;
    }
    const size_t first = page_of(offset), last = page_of(offset + length - 1);
    size_t pages = 0;
    for (bb_byte_window *window = self->windows; window != NULL; window = window->next) {
        for (size_t page = first; page <= last; page++) {
            if ((window->pages[page] & PAGE_VIEWS) != 0 &&
                (window->pages[page] & (PAGE_KEPT | PAGE_PLANNED)) == 0) {
                window->pages[page] |= PAGE_PLANNED;
                pages++;
            }
        }
    }
    if (pages != 0) {
        keeping->first = keeping->pages == 0 || first < keeping->first ? first : keeping->first;
        keeping->last = keeping->pages == 0 || last > keeping->last ? last : keeping->last;
        keeping->pages += pages;
    }
}

static bool keep_run(bb_byte_ring *self, bb_byte_window *window, size_t first, size_t end) {
    const size_t size = bb_page_size();
    if (!bb_window_keep(&window->mirror, self->source, first * size, (end - first) * size)) {
        return false;
    }
    for (size_t page = first; page < end; page++) {
        window->pages[page] |= PAGE_KEPT;
    }
    return true;
}

static bool keep_planned(bb_byte_ring *self, const bb_keeping *keeping) {
    for (bb_byte_window *window = self->windows; window != NULL; window = window->next) {
        size_t page = keeping->first;
        while (page <= keeping->last) {
            size_t end = page;
            while (end <= keeping->last && (window->pages[end] & PAGE_PLANNED) != 0) {
                end++;
            }
            if (end != page && !keep_run(self, window, page, end)) {
                return false;
            }
            page = end + 1;
        }
    }
    return true;
}

static bool show_page(bb_byte_window *window, size_t page) {
    const size_t size = bb_page_size();
    if (!bb_window_show(&window->mirror, page * size, size)) {
        return false;
    }
    window->pages[page] &= ~PAGE_KEPT;
    return true;
}

/* Ends the planning. Without `keep`, shows again what was kept already. Returns the pages that
 * are not kept after all. */
static size_t end_plan(bb_byte_ring *self, const bb_keeping *keeping, bool keep) {
    size_t dropped = 0;
    for (bb_byte_window *window = self->windows; window != NULL; window = window->next) {
        for (size_t page = keeping->first; page <= keeping->last; page++) {
            const uint32_t before = window->pages[page];
            if ((before & PAGE_PLANNED) == 0) {
                continue;
            }
            window->pages[page] &= ~PAGE_PLANNED;
            if ((before & PAGE_KEPT) == 0 || (!keep && show_page(window, page))) {
                dropped++;
            } else {
                window->kept++;
            }
        }
    }
    return dropped;
}

bb_status bb_keeping_commit(bb_byte_ring *self, const bb_keeping *keeping, bb_refusal *refusal) {
    const uint64_t page_size = bb_page_size();
    const bb_status status =
        bb_budget_exchange(&self->budget, 0, keeping->pages * page_size, refusal);
    if (status != BB_OK) {
        (void)end_plan(self, keeping, false);
        return status;
    }
    const bool kept = keep_planned(self, keeping);
    bb_budget_release(&self->budget, end_plan(self, keeping, kept) * page_size);
    return kept ? BB_OK : BB_NO_MAPPING;
}

/* ---- views ---- */

static bool shows(const bb_byte_window *window, size_t first, size_t last) {
    for (size_t page = first; page <= last; page++) {
        if ((window->pages[page] & PAGE_KEPT) != 0) {
            return false;
        }
    }
    return true;
}

static bb_status look_through_window(bb_byte_ring *self, bb_record_view *view,
                                     bb_refusal *refusal) {
    const size_t offset = view->offset + HEADER_BYTES;
    const size_t first = page_of(offset), last = page_of(offset + view->record.length - 1);
    bb_byte_window *window = self->windows;
    while (window != NULL && !shows(window, first, last)) {
        window = window->next;
    }
    if (window == NULL) {
        const bb_status status = open_window(self, &window, refusal);
        if (status != BB_OK) {
            return status;
        }
    }
    for (size_t page = first; page <= last; page++) {
        window->pages[page]++;
    }
    window->views++;
    view->window = window;
    view->record.bytes = window->mirror.base + offset;
    return BB_OK;
}

bb_status bb_byte_ring_view(bb_byte_ring *self, uint64_t seq, bb_record_view *view,
                            bb_refusal *refusal) {
    if (self->views == MOST_VIEWS) {
        return BB_TOO_MANY;
    }
    const bb_record record = bb_byte_ring_find(self, seq);
    *view = (bb_record_view){record, seq, (size_t)(record.bytes - self->data) - HEADER_BYTES, NULL};
    if (self->on_pinned == BB_PINNED_COPY && view->record.length != 0) {
        const bb_status status = look_through_window(self, view, refusal);
        if (status != BB_OK) {
            return status;
        }
    }
    *bb_header(self, view->offset) += ONE_VIEW;
    self->views++;
    return BB_OK;
}

/* Shows again the pages that nobody looks at any more. */
static void look_away(bb_byte_ring *self, const bb_record_view *view) {
    bb_byte_window *window = view->window;
    const size_t offset = view->offset + HEADER_BYTES;
    const size_t last = page_of(offset + view->record.length - 1);
    size_t shown = 0;
    for (size_t page = page_of(offset); page <= last; page++) {
        if (--window->pages[page] == PAGE_KEPT && show_page(window, page)) {
            shown++;
        }
    }
    window->kept -= shown;
    bb_budget_release(&self->budget, (uint64_t)shown * bb_page_size());
    if (--window->views == 0 && (self->windows != window || window->next != NULL)) {
        close_window(self, window);
    }
}

void bb_byte_ring_unview(bb_byte_ring *self, const bb_record_view *view) {
    if (view->seq >= self->floor_seq && bb_mirror_is_ours(&self->mirror)) {
        *bb_header(self, view->offset) -= ONE_VIEW;
    }
    self->views--;
    if (view->window != NULL) {
        look_away(self, view);
    }
    if (self->closed) {
        bb_byte_ring_close(self);
    }
}
