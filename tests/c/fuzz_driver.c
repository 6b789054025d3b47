/*
 * Runs a fuzz target where libFuzzer is absent, under libFuzzer's own flags:
 *
 *     fuzz_x [-max_total_time=SECONDS] [-seed=N] [-max_len=BYTES]
 *     fuzz_x FILE...                     replays the files
 *
 * The inputs are random, unguided by coverage. They are made in a child
 * process, in memory shared with the parent, so that whatever kills the child
 * (a sanitizer, abort, a hang) leaves the input for the parent to save.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANG_SECONDS = 60, INPUTS_BETWEEN_CLOCK_READS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct shared_state {
    uint64_t inputs;
    size_t size;
    uint8_t data[];
} shared_state;

static _Noreturn void die(const char *what) {
    perror(what);
    exit(2);
}

/* splitmix64, public domain, Sebastiano Vigna. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A copy of exactly the input's size lets ASan see a read past its end. */
static void run_copy(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        die("malloc");
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Short and long streams alike; half of them over few byte values, since only
 * values that come again make an operation meet the traces of an earlier one. */
static void make_input(shared_state *state, size_t max_len, uint64_t *random) {
    size_t limit = max_len >> (next_random(random) % 8);
    state->size = limit > 0 ? next_random(random) % (limit + 1) : 0;
    uint64_t shape = next_random(random);
    uint8_t mask = shape & 1 ? 0xff : (uint8_t)(shape >> 8);
    for (size_t i = 0; i < state->size; i++) {
        state->data[i] = (uint8_t)next_random(random) & mask;
    }
}

static void fuzz(shared_state *state, size_t max_len, uint64_t seed, time_t seconds) {
    time_t end = time(NULL) + seconds;
    do {
        alarm(HANG_SECONDS);
        for (int i = 0; i < INPUTS_BETWEEN_CLOCK_READS; i++) {
            make_input(state, max_len, &seed);
            run_copy(state->data, state->size);
            state->inputs++;
        }
    } while (time(NULL) < end);
}

static void save(const shared_state *state, const char *path) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(state->data, 1, state->size, file) != state->size ||
        fclose(file) != 0) {
        die(path);
    }
}

static void replay(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        die(path);
    }
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(size + 1);
    if (data == NULL || fread(data, 1, size, file) != size) {
        die(path);
    }
    fclose(file);
    run_copy(data, size);
    free(data);
    printf("%s: passed\n", path);
}

int main(int argc, char **argv) {
    uint64_t seconds = 1;
    uint64_t seed = (uint64_t)time(NULL) ^ ((uint64_t)getpid() << 32);
    uint64_t max_len = 4096;
    int files = 0;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "-max_total_time=%" SCNu64, &seconds) != 1 &&
            sscanf(argv[i], "-seed=%" SCNu64, &seed) != 1 &&
            sscanf(argv[i], "-max_len=%" SCNu64, &max_len) != 1) {
            replay(argv[i]);
            files++;
        }
    }
    if (files > 0) {
        return 0;
    }

    shared_state *state = mmap(NULL, sizeof *state + max_len, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state == MAP_FAILED) {
        die("mmap");
    }
    printf("%s: seed %" PRIu64 ", %" PRIu64 " s\n", argv[0], seed, seconds);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        die("fork");
    }
    if (child == 0) {
        fuzz(state, max_len, seed, (time_t)seconds);
        return 0;
    }
    int status;
    if (waitpid(child, &status, 0) != child) {
        die("waitpid");
    }
    if (status == 0) {
        printf("%s: %" PRIu64 " inputs passed\n", argv[0], state->inputs);
        return 0;
    }
    char path[64];
    snprintf(path, sizeof path, "crash-%016" PRIx64, seed);
    save(state, path);
    printf("%s: input %" PRIu64 " of seed %" PRIu64 " failed (wait status %d); saved as %s\n",
           argv[0], state->inputs, seed, status, path);
    return 1;
}
