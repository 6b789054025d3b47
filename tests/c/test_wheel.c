#include "wheel_model.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 11;
}

static void follows_the_model(void) {
    for (uint32_t span = 2; span < 56; span += 3) {
        wheel_pair self;
        wheel_open(&self);
        for (int step = 0; step < 4000; step++) {
            const uint32_t index = 1 + (uint32_t)random_number() % WHEEL_TIMERS;
            const uint64_t delay = random_number() & (((uint64_t)1 << span) - 1);
            switch (random_number() % 8) {
            case 0:
                wheel_drop(&self, index);
                break;
            case 1:
                wheel_move(&self, index, 1 + (uint32_t)random_number() % WHEEL_TIMERS);
                break;
            case 2:
                wheel_advance(&self, self.now + delay / 8, UINT32_MAX);
                break;
            case 3:
                wheel_advance(&self, self.now + delay / 64, (uint32_t)random_number() % 4);
                break;
            default:
                wheel_set(&self, index, self.now + delay);
            }
            wheel_check(&self);
        }
    }
}

static void each_instant_is_told_from_the_next(void) {
    for (uint64_t deadline = 1; deadline < BB_WHEEL_END; deadline = deadline * 5 / 2 + 1) {
        wheel_pair self;
        wheel_open(&self);
        wheel_set(&self, 1, deadline);
        wheel_set(&self, 2, deadline + 1);
        wheel_advance(&self, deadline - 1, UINT32_MAX);
        CHECK(self.wheel.due_count == 0);
        wheel_advance(&self, deadline, UINT32_MAX);
        CHECK(self.wheel.due_count == 1 && bb_wheel_due(&self.wheel) == 1);
        wheel_advance(&self, deadline + 1, UINT32_MAX);
        CHECK(self.wheel.due_count == 2 || deadline + 1 == BB_WHEEL_END);
        wheel_check(&self);
    }
}

static void time_beyond_the_end_is_never(void) {
    wheel_pair self;
    wheel_open(&self);
    wheel_set(&self, 1, BB_WHEEL_END);
    wheel_set(&self, 2, BB_WHEEL_END - 1);
    wheel_set(&self, 3, BB_NEVER);
    wheel_advance(&self, BB_NEVER, UINT32_MAX);
    CHECK(self.wheel.due_count == 1 && bb_wheel_due(&self.wheel) == 2);
}

static void work_is_bounded(void) {
    wheel_pair self;
    wheel_open(&self);
    for (uint32_t index = 1; index <= WHEEL_TIMERS; index++) {
        wheel_set(&self, index, 1000000);
    }
    uint32_t calls = 0;
    do {
        wheel_advance(&self, 1000000, 3);
        wheel_check(&self);
        CHECK(self.wheel.due_count <= 3 * ++calls);
    } while (self.behind);
    CHECK(self.wheel.due_count == WHEEL_TIMERS);
}

/* However often a timer is renewed, it is moved once a span, not once a renewal. */
static void putting_off_moves_nothing(void) {
    wheel_pair self;
    wheel_open(&self);
    wheel_set(&self, 1, 100);
    wheel_set(&self, 2, 100);
    const bb_timer before = self.timers[1];
    for (uint64_t now = 1; now < 90; now++) {
        wheel_advance(&self, now, UINT32_MAX);
        wheel_set(&self, 1, now + 5000);
        CHECK(now > 60 || self.timers[1].previous == before.previous);
        wheel_check(&self);
    }
    wheel_advance(&self, 100, UINT32_MAX);
    CHECK(self.wheel.due_count == 1);
}

int main(void) {
    follows_the_model();
    each_instant_is_told_from_the_next();
    time_beyond_the_end_is_never();
    work_is_bounded();
    putting_off_moves_nothing();
    return 0;
}
