#include "bytebound/clock.h"
#include "check.h"

static void neither_goes_back_and_the_coarse_one_lags_little(void) {
    uint64_t exact = bb_clock_exact();
    uint64_t coarse = bb_clock_coarse();
    const uint64_t end = exact + 50000;
    while (exact < end) {
        const uint64_t before = bb_clock_exact();
        const uint64_t between = bb_clock_coarse();
        const uint64_t after = bb_clock_exact();
        CHECK(before >= exact && between >= coarse);
        CHECK(between <= after && between + BB_CLOCK_LAG > before);
        exact = after;
        coarse = between;
    }
}

int main(void) {
    neither_goes_back_and_the_coarse_one_lags_little();
    return 0;
}
