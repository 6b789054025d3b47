/* See sizing_blocks.h. */
#include "sizing_blocks.h"

#include "bytebound/parts.h"
#include "sizing_seen.h"

enum { FIRST = 8 };

/* The slot of an address, or the free one where it belongs. */
static bb_block *find(bb_block *slots, size_t capacity, uintptr_t address) {
    size_t place = bb_seen_place(address, capacity);
    while (slots[place].address != 0 && slots[place].address != address) {
        place = place + 1 == capacity ? 0 : place + 1;
    }
    return &slots[place];
}

static int grow(bb_blocks *blocks) {
    const size_t capacity = blocks->capacity == 0 ? FIRST : blocks->capacity + blocks->capacity / 2;
    bb_block *slots = capacity > UINT32_MAX ? NULL : PyMem_RawCalloc(capacity, sizeof(bb_block));
    if (slots == NULL) {
        return -1;
    }
    for (size_t i = 0; i < blocks->capacity; i++) {
        if (blocks->slots[i].address != 0) {
            *find(slots, capacity, blocks->slots[i].address) = blocks->slots[i];
        }
    }
    PyMem_RawFree(blocks->slots);
    blocks->slots = slots;
    blocks->capacity = capacity;
    return 0;
}

Py_ssize_t bb_blocks_raise(bb_blocks *blocks, uintptr_t address, Py_ssize_t nbytes) {
    if (blocks->count >= blocks->capacity / 5 * 4 && grow(blocks) < 0) {
        return -1;
    }
    bb_block *block = find(blocks->slots, blocks->capacity, address);
    const Py_ssize_t known = block->nbytes;
    blocks->count += block->address == 0;
    block->address = address;
    block->nbytes = nbytes > known ? nbytes : known;
    return known;
}

int bb_blocks_tell(const bb_blocks *blocks, bb_visitor visitor, void *context) {
    for (size_t i = 0; i < blocks->capacity; i++) {
        const bb_block *block = &blocks->slots[i];
        const uintptr_t identity = block->address << 2 | BB_PART_MEMORY;
        if (block->address != 0 && visitor(context, (const void *)identity, block->nbytes) < 0) {
            return -1;
        }
    }
    return 0;
}

void bb_blocks_end(bb_blocks *blocks) {
    if (blocks->slots != NULL) {
        PyMem_RawFree(blocks->slots);
    }
}
