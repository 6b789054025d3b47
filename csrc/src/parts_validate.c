#include "bytebound/parts.h"
#include "bytebound/scramble.h"

static bool is_found(const bb_parts *self, size_t at) {
    const uintptr_t identity = self->slots[at].identity;
    size_t probe = (size_t)(((uint64_t)bb_scramble(identity) * self->capacity) >> 32);
    while (self->slots[probe].identity != identity) {
        if (self->slots[probe].identity == 0) {
            return false;
        }
        probe = probe + 1 == self->capacity ? 0 : probe + 1;
    }
    return probe == at;
}

bool bb_parts_validate(const bb_parts *self, const char **reason) {
    size_t count = 0, held = 0;
    uint64_t total = 0, members = 0;
    *reason = NULL;
    if (self->count > self->capacity || bb_parts_capacity_for(self->count) > self->capacity) {
        *reason = "the table of parts is too full";
        return false;
    }
    for (size_t at = 0; at < self->capacity; at++) {
        const bb_part *part = &self->slots[at];
        if (part->identity == 0) {
            continue;
        }
        if (part->identity & 1 || !is_found(self, at)) {
            *reason = "a part is not found from its identity";
            return false;
        }
        count++;
        members += part->holders;
        held += part->holders != 0;
        total += part->holders != 0 ? part->nbytes : 0;
    }
    if (count != self->count || held != self->held) {
        *reason = "the parts are not as many as counted";
    } else if (total != self->total) {
        *reason = "the total is not the sum of the parts held";
    } else if (members != self->members) {
        *reason = "the members are not the sum of the holders";
    }
    return *reason == NULL;
}
