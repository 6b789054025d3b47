/* See sizing_seen.h. */
#include "sizing_seen.h"

/* Over 2**32 slots the spread would leave gaps; that is 40 GiB of addresses. */
static const size_t LARGEST = (size_t)UINT32_MAX;

void bb_seen_end(bb_seen *seen) {
    if (seen->slots != seen->small) {
        PyMem_RawFree(seen->slots);
        seen->slots = seen->small;
    }
}

/* Puts an address where a lookup finds it and returns the unmoved one that was there, or 0. */
static uintptr_t settle(bb_seen *seen, uintptr_t address) {
    size_t place = bb_seen_place(address, seen->capacity);
    while (seen->slots[place] != 0 && (seen->slots[place] & 1) == 0) {
        place = place + 1 == seen->capacity ? 0 : place + 1;
    }
    uintptr_t displaced = seen->slots[place];
    seen->slots[place] = address;
    return displaced & ~(uintptr_t)1;
}

static void settle_all(bb_seen *seen, size_t old_capacity) {
    for (size_t i = 0; i < old_capacity; i++) {
        seen->slots[i] |= seen->slots[i] != 0;
    }
    for (size_t i = 0; i < old_capacity; i++) {
        if (seen->slots[i] & 1) {
            uintptr_t address = seen->slots[i] & ~(uintptr_t)1;
            seen->slots[i] = 0;
            while (address != 0) {
                address = settle(seen, address);
            }
        }
    }
}

int bb_seen_grow(bb_seen *seen) {
    size_t old_capacity = seen->capacity;
    size_t capacity = old_capacity + old_capacity / 2;
    if (capacity > LARGEST) {
        return -1;
    }
    uintptr_t *old = seen->slots == seen->small ? NULL : seen->slots;
    uintptr_t *slots = PyMem_RawRealloc(old, capacity * sizeof(uintptr_t));
    if (slots == NULL) {
        return -1;
    }
    if (old == NULL) {
        memcpy(slots, seen->small, sizeof(seen->small));
    }
    memset(slots + old_capacity, 0, (capacity - old_capacity) * sizeof(uintptr_t));
    seen->slots = slots;
    seen->capacity = capacity;
    seen->most = capacity / 5 * 4;
    settle_all(seen, old_capacity);
    return 0;
}
