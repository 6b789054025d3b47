#define _DEFAULT_SOURCE /* CLOCK_MONOTONIC_COARSE */

#include "bytebound/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t clock) {
    struct timespec now = {0, 0};
    (void)clock_gettime(clock, &now); /* fails for no clock that there is */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 + 1;
}

uint64_t bb_clock_exact(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t bb_clock_coarse(void) {
#ifdef CLOCK_MONOTONIC_COARSE
    return read_clock(CLOCK_MONOTONIC_COARSE);
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}
