"""What bytes_cache.h of the core offers."""

from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport (
    bb_batch,
    bb_lru,
    bb_page_source,
    bb_pool,
    bb_reason,
    bb_refusal,
    bb_status,
    bool,
)


cdef extern from "bytebound/bytes_cache.h" nogil:
    ctypedef struct bb_bytes_record:
        uint32_t key_size
        uint64_t value_size
        char key[0]

    ctypedef struct bb_bytes_pair:
        const void *key
        const void *value
        uint64_t key_size
        uint64_t value_size
        uint64_t hash

    ctypedef struct bb_bytes_cache:
        bb_pool pool
        bool hands_out
        uint64_t held
        uint64_t held_count

    ctypedef uint64_t (*bb_bytes_hash_pointer "bb_bytes_hash *")(const void *bytes, size_t size)

    const char *bb_bytes_record_value(const bb_bytes_record *record)
    void bb_bytes_cache_init(
        bb_bytes_cache *self, bb_lru *table, bb_page_source pages, bb_bytes_hash_pointer hash
    )
    uint32_t bb_bytes_cache_find(const bb_bytes_cache *self, const bb_bytes_pair *pair)
    bb_bytes_record *bb_bytes_cache_at(const bb_bytes_cache *self, uint32_t index)
    uint32_t bb_bytes_cache_index_of(const bb_bytes_cache *self, const bb_bytes_record *record)
    void bb_bytes_cache_hold(bb_bytes_cache *self, bb_bytes_record *record)
    void bb_bytes_cache_release(bb_bytes_cache *self, bb_bytes_record *record)
    uint64_t bb_bytes_cache_least_bytes(const bb_bytes_cache *self, const bb_bytes_pair *pair)
    bb_status bb_bytes_cache_put(
        bb_bytes_cache *self, uint32_t index, const bb_bytes_pair *pair, bb_batch *batch,
        bb_refusal *refusal
    )
    void bb_bytes_cache_drop(bb_bytes_cache *self, void *record)
    bool bb_bytes_cache_trim(
        bb_bytes_cache *self, uint64_t target, bb_reason reason, bb_batch *batch
    )
    uint64_t bb_bytes_cache_give_back(bb_bytes_cache *self)
    bool bb_bytes_cache_nominee(bb_bytes_cache *self, uint64_t *use, uint64_t *releasable)
    uint64_t bb_bytes_cache_reclaim(
        bb_bytes_cache *self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    )
    uint64_t bb_bytes_cache_payload(const bb_bytes_cache *self)
    bool bb_bytes_cache_validate(bb_bytes_cache *self, const char **reason)
