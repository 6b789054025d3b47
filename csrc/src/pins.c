#include "bytebound/pins.h"

#include <string.h>

#include "bytebound/scramble.h"

enum { MIN_BITS = 2 };

static uint32_t home_of(const bb_pins *self, const void *thing) {
    return bb_scramble((uintptr_t)thing) >> (32 - self->bits);
}

static uint32_t mask_of(const bb_pins *self) {
    return ((uint32_t)1 << self->bits) - 1;
}

/* Where a thing is, or the empty slot where it would be. There are slots. */
static bb_pin *find(const bb_pins *self, const void *thing) {
    uint32_t at = home_of(self, thing);
    while (self->slots[at].thing != NULL && self->slots[at].thing != thing) {
        at = (at + 1) & mask_of(self);
    }
    return &self->slots[at];
}

bool bb_pins_are_full(const bb_pins *self) {
    return self->bits == 0 || self->count >= (uint32_t)1 << (self->bits - 1);
}

bool bb_pins_grow(const bb_pins *self, bb_pins *grown, const bb_allocator *allocator) {
    *grown = (bb_pins){NULL, self->bits == 0 ? MIN_BITS : self->bits + 1, self->count};
    const size_t size = (size_t)bb_pins_bytes(grown);
    grown->slots = bb_resize(allocator, NULL, 0, size);
    if (grown->slots == NULL) {
        return false;
    }
    memset(grown->slots, 0, size);
    for (uint32_t at = 0; self->bits != 0 && at <= mask_of(self); at++) {
        if (self->slots[at].thing != NULL) {
            *find(grown, self->slots[at].thing) = self->slots[at];
        }
    }
    return true;
}

uint64_t bb_pins_times(const bb_pins *self, const void *thing) {
    return self->bits == 0 ? 0 : find(self, thing)->times;
}

void bb_pins_add(bb_pins *self, void *thing) {
    bb_pin *pin = find(self, thing);
    self->count += pin->thing == NULL;
    pin->thing = thing;
    pin->times++;
}

static void close_gap(bb_pins *self, uint32_t gap) {
    const uint32_t mask = mask_of(self);
    for (uint32_t at = (gap + 1) & mask; self->slots[at].thing != NULL; at = (at + 1) & mask) {
        const uint32_t home = home_of(self, self->slots[at].thing);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            self->slots[gap] = self->slots[at];
            gap = at;
        }
    }
    self->slots[gap] = (bb_pin){NULL, 0};
}

void bb_pins_remove(bb_pins *self, const void *thing, const bb_allocator *allocator) {
    bb_pin *pin = find(self, thing);
    if (--pin->times != 0) {
        return;
    }
    close_gap(self, (uint32_t)(pin - self->slots));
    if (--self->count == 0) {
        bb_pins_close(self, allocator);
    }
}

void bb_pins_close(bb_pins *self, const bb_allocator *allocator) {
    if (self->bits != 0) {
        (void)bb_resize(allocator, self->slots, (size_t)bb_pins_bytes(self), 0);
    }
    *self = (bb_pins){0};
}

bool bb_pins_validate(const bb_pins *self, const char **reason) {
    uint32_t filled = 0;
    *reason = NULL;
    for (uint32_t at = 0; self->bits != 0 && at <= mask_of(self); at++) {
        const bb_pin *pin = &self->slots[at];
        filled += pin->thing != NULL;
        if (pin->thing == NULL ? pin->times != 0 : pin->times == 0) {
            *reason = "a thing in the table of pins is not pinned";
        } else if (pin->thing != NULL && find(self, pin->thing) != pin) {
            *reason = "a pin is not found from its thing";
        }
    }
    if (filled != self->count || (self->count == 0) != (self->bits == 0)) {
        *reason = "pins are miscounted";
    }
    return *reason == NULL;
}
