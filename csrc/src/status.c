#include "bytebound/status.h"

const char *bb_status_text(bb_status status) {
    switch (status) {
    case BB_OK:
        return "ok";
    case BB_NO_MEMORY:
        return "the allocator has no memory left";
    case BB_TOO_LARGE:
        return "larger than the bound even if everything else left";
    case BB_OVER_BUDGET:
        return "a budget above has no room";
    case BB_TOO_MANY:
        return "more entries than one structure can hold";
    case BB_CHANGED:
        return "changed during iteration";
    case BB_FULL:
        return "full";
    case BB_EMPTY:
        return "empty";
    case BB_SHUT:
        return "shut down";
    case BB_PINNED:
        return "what somebody uses would have to leave or be overwritten";
    case BB_UNSUPPORTED:
        return "the platform cannot do it";
    case BB_NO_FILE:
        return "there is no file descriptor for it: too many are open, or one was closed by others";
    case BB_NO_MAPPING:
        return "the system maps no more memory: it is out of memory, addresses or mappings";
    }
    return "unknown status";
}
