#define _GNU_SOURCE /* memfd_create */

#include "bytebound/mirror.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- forks ---- */

static atomic_uint forks;

static pthread_once_t watching = PTHREAD_ONCE_INIT;

static void count_fork(void) {
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void watch_forks(void) {
    (void)pthread_atfork(NULL, NULL, count_fork);
}

/* ---- the operating system ---- */

#ifdef __linux__
static int system_make_file(void *context, size_t size) {
    (void)context;
    const int file = memfd_create("bytebound", MFD_CLOEXEC);
    if (file >= 0 && (size > INT64_MAX || ftruncate(file, (off_t)size) != 0)) {
        (void)close(file);
        return -1;
    }
    return file;
}

static bool system_map_file(void *context, void *pages, size_t size, int file, size_t offset,
                            bool own) {
    (void)context;
    const int protection = own ? PROT_READ | PROT_WRITE : PROT_READ;
    const int flags = MAP_FIXED | MAP_NORESERVE | (own ? MAP_SHARED : MAP_PRIVATE);
    if (mmap(pages, size, protection, flags, file, (off_t)offset) == MAP_FAILED) {
        return false;
    }
    (void)madvise(pages, size, MADV_NOHUGEPAGE); /* refused where there are no huge pages */
    return true;
}

static bool system_make_writable(void *context, void *pages, size_t size, bool writable) {
    (void)context;
    return mprotect(pages, size, writable ? PROT_READ | PROT_WRITE : PROT_READ) == 0;
}

const bb_mirror_source bb_system_mirrors = {&bb_system_pages, system_make_file, system_map_file,
                                            system_make_writable, NULL};
#else
const bb_mirror_source bb_system_mirrors = {&bb_system_pages, NULL, NULL, NULL, NULL};
#endif

/* ---- mirrors ---- */

static size_t addresses_of(const bb_mirror *self) {
    return self->prefix + 2 * self->size;
}

static bool reserve(bb_mirror *self, const bb_mirror_source *source) {
    self->base = bb_map_pages(source->pages, addresses_of(self), bb_page_size());
    return self->base != NULL;
}

/* Prefix and ring, and the ring once more. */
static bool map_twice(bb_mirror *self, const bb_mirror_source *source, int file, size_t offset,
                      bool own) {
    const size_t once = self->prefix + self->size;
    return source->map_file(source->context, self->base, once, file, offset, own) &&
           source->map_file(source->context, self->base + once, self->size, file,
                            offset + self->prefix, own);
}

/* What a file is known by as long as it lives; 0 if the number names none. */
static uint64_t identify(int file) {
    struct stat status;
    return fstat(file, &status) == 0 ? (uint64_t)status.st_ino : 0;
}

static bb_status map_new_file(bb_mirror *self, const bb_mirror_source *source, bool windows) {
    self->file = source->make_file(source->context, self->prefix + self->size);
    if (self->file < 0) {
        return errno == EMFILE || errno == ENFILE ? BB_NO_FILE : BB_NO_MAPPING;
    }
    self->file_id = identify(self->file);
    const bool mapped = map_twice(self, source, self->file, 0, true);
    if (!windows || !mapped) {
        (void)close(self->file);
        self->file = -1;
    }
    return mapped ? BB_OK : BB_NO_MAPPING;
}

bb_status bb_mirror_open(bb_mirror *self, const bb_mirror_source *source, size_t prefix,
                         size_t size, bool windows) {
    (void)pthread_once(&watching, watch_forks);
    *self = (bb_mirror){.prefix = prefix, .size = size, .file = -1, .counted = &forks};
    self->forks = atomic_load(&forks);
    if (windows && source->make_file == NULL) {
        return BB_UNSUPPORTED;
    }
    if (size > (SIZE_MAX - prefix) / 2 || !reserve(self, source)) {
        return BB_NO_MAPPING;
    }
    const bb_status status =
        source->make_file == NULL ? BB_OK : map_new_file(self, source, windows);
    if (status != BB_OK) {
        bb_mirror_close(self, source);
    }
    return status;
}

bb_status bb_mirror_open_window(bb_mirror *self, const bb_mirror_source *source,
                                const bb_mirror *of) {
    *self = (bb_mirror){.size = of->size, .file = -1};
    if (identify(of->file) != of->file_id) {
        return BB_NO_FILE;
    }
    if (!reserve(self, source)) {
        return BB_NO_MAPPING;
    }
    if (!map_twice(self, source, of->file, of->prefix, false)) {
        bb_mirror_close(self, source);
        return BB_NO_MAPPING;
    }
    return BB_OK;
}

void bb_mirror_close(bb_mirror *self, const bb_mirror_source *source) {
    if (self->base != NULL) {
        bb_unmap_pages(source->pages, self->base, addresses_of(self));
        self->base = NULL;
    }
    if (self->file >= 0 && identify(self->file) == self->file_id) {
        (void)close(self->file);
    }
    self->file = -1;
}

void bb_mirror_repeat(const bb_mirror *self, const bb_mirror_source *source, size_t offset,
                      size_t length) {
    if (source->make_file != NULL) {
        return;
    }
    unsigned char *ring = bb_mirror_ring(self);
    const size_t before = length < self->size - offset ? length : self->size - offset;
    memcpy(ring + self->size + offset, ring + offset, before);
    memcpy(ring, ring + self->size, length - before);
}

/* ---- windows ---- */

bool bb_window_keep(const bb_mirror *window, const bb_mirror_source *source, size_t offset,
                    size_t length) {
    unsigned char *pages = window->base + offset;
    if (!source->make_writable(source->context, pages, length, true)) {
        return false;
    }
    for (size_t at = 0; at < length; at += bb_page_size()) {
        volatile unsigned char *byte = pages + at;
        *byte = *byte;
    }
    (void)source->make_writable(source->context, pages, length, false);
    return true;
}

bool bb_window_show(const bb_mirror *window, size_t offset, size_t length) {
    return bb_discard_pages(window->base + offset, length);
}
