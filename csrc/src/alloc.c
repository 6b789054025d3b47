#include "bytebound/alloc.h"

#include <stdlib.h>

static void *system_resize(void *context, void *block, size_t old_size, size_t new_size) {
    (void)context;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    void *result = realloc(block, new_size);
    if (result == NULL && new_size <= old_size) {
        return block; /* shrinking never fails: the old block serves */
    }
    return result;
}

const bb_allocator bb_system_allocator = {system_resize, NULL};
