/* A stream of operations, four bytes each, against the model. */
#include "bytes_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bytes_pair self;
    if (size < 4) {
        return 0;
    }
    const uint64_t limit = 30000 + 4096u * data[0];
    bytes_pair_open(&self, data[1] & 1 ? limit : BB_UNLIMITED,
                    data[1] & 2 ? data[2] + 1u : UINT32_MAX, data[1] & 4 ? limit : 0, data[1] & 8);
    for (size_t at = 4; at + 4 <= size; at += 4) {
        const uint32_t key = data[at + 1] * (1u + (data[at] >> 7));
        const uint32_t wanted = (data[at + 2] + 1u) << (data[at + 3] & 7);
        self.ledger.fail_in = data[at + 3] & 128 ? data[at + 3] >> 4 & 3 : -1;
        switch (data[at] % 16) {
        case 0:
            trim_bytes(&self, (uint64_t)wanted * 16);
            break;
        case 1:
            (void)reclaim_bytes(&self, wanted * 4, data[at] & 64 ? UINT64_MAX : data[at + 1]);
            break;
        case 2:
            view_bytes(&self, data[at + 2] % MODEL_VIEWS, key);
            break;
        case 3:
            delete_bytes(&self, key);
            break;
        case 4:
        case 5:
            get_bytes(&self, key);
            break;
        default:
            (void)put_bytes(&self, key, wanted);
        }
        self.ledger.fail_in = -1;
        check_bytes(&self);
    }
    bytes_pair_close(&self);
    return 0;
}
