/* A stream of operations, four bytes each, against the model. */
#include "wheel_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wheel_pair self;
    wheel_open(&self);
    for (size_t at = 0; at + 4 <= size; at += 4) {
        const uint32_t index = 1 + data[at + 1] % WHEEL_TIMERS;
        const uint64_t delay = (uint64_t)data[at + 2] << data[at + 3] % 56;
        switch (data[at] % 8) {
        case 0:
            wheel_drop(&self, index);
            break;
        case 1:
            wheel_move(&self, index, 1 + data[at + 2] % WHEEL_TIMERS);
            break;
        case 2:
            wheel_advance(&self, self.now + delay, UINT32_MAX);
            break;
        case 3:
            wheel_advance(&self, self.now + delay, data[at + 3] >> 6);
            break;
        case 4:
            wheel_advance(&self, delay, UINT32_MAX); /* maybe earlier */
            break;
        default:
            wheel_set(&self, index, self.now + delay);
        }
        wheel_check(&self);
    }
    return 0;
}
