/*
 * A source of mirrors that fails at the n-th step, and that keeps a ledger of the address space.
 */
#ifndef BYTEBOUND_TEST_MIRROR_STEPS_H
#define BYTEBOUND_TEST_MIRROR_STEPS_H

#include <errno.h>

#include "bytebound/mirror.h"
#include "page_ledger.h"

typedef struct mirror_steps {
    page_ledger pages;
    bb_page_source page_source;
    bb_mirror_source source;
    int file_error;  /* why no file can be made, once that fails */
    int64_t fail_in; /* steps other than taking pages that may still succeed; negative: all */
} mirror_steps;

static inline bool mirror_step(mirror_steps *self) {
    return self->fail_in < 0 || self->fail_in-- != 0;
}

static inline int steps_make_file(void *context, size_t size) {
    mirror_steps *self = context;
    if (!mirror_step(self)) {
        errno = self->file_error;
        return -1;
    }
    return bb_system_mirrors.make_file(NULL, size);
}

static inline bool steps_map_file(void *context, void *pages, size_t size, int file, size_t offset,
                                  bool own) {
    return mirror_step(context) && bb_system_mirrors.map_file(NULL, pages, size, file, offset, own);
}

static inline bool steps_make_writable(void *context, void *pages, size_t size, bool writable) {
    return mirror_step(context) && bb_system_mirrors.make_writable(NULL, pages, size, writable);
}

/* `mapped`: what the platform has; otherwise as on one that has no files in memory. */
static inline void mirror_steps_open(mirror_steps *self, bool mapped) {
    *self = (mirror_steps){.pages = {0, -1}, .file_error = ENOMEM, .fail_in = -1};
    self->page_source = page_ledger_source(&self->pages);
    self->source = (bb_mirror_source){&self->page_source, NULL, NULL, NULL, self};
    if (mapped && bb_system_mirrors.make_file != NULL) {
        self->source.make_file = steps_make_file;
        self->source.map_file = steps_map_file;
        self->source.make_writable = steps_make_writable;
    }
}

#endif
