"""The C core, as its headers declare it."""

from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "<stdbool.h>":
    ctypedef bint bool


cdef extern from "bytebound/status.h" nogil:
    ctypedef enum bb_status:
        BB_OK
        BB_NO_MEMORY
        BB_TOO_LARGE
        BB_OVER_BUDGET
        BB_TOO_MANY
        BB_CHANGED
        BB_FULL
        BB_PINNED
        BB_UNSUPPORTED
        BB_EMPTY
        BB_SHUT

    const char *bb_status_text(bb_status status)


cdef extern from "bytebound/alloc.h" nogil:
    ctypedef struct bb_allocator:
        pass


cdef extern from "bytebound/batch.h" nogil:
    ctypedef enum bb_reason:
        BB_SIZE
        BB_ITEMS
        BB_BUDGET
        BB_TRIMMED
        BB_EXPIRED
        BB_REPLACED
        BB_DELETED
        BB_CLEARED
        BB_REASON_COUNT

    ctypedef struct bb_removed:
        void *key
        void *value
        uint64_t charge
        uint32_t index
        bb_reason reason

    const uint32_t BB_BATCH_INLINE

    ctypedef struct bb_batch:
        bb_removed *items
        uint32_t count

    void bb_batch_init(bb_batch *self)
    bool bb_batch_reserve(bb_batch *self, const bb_allocator *allocator, uint32_t count)
    bool bb_batch_push(bb_batch *self, const bb_allocator *allocator, bb_removed removed)
    void bb_batch_free(bb_batch *self, const bb_allocator *allocator)


cdef extern from "bytebound/budget.h" nogil:
    const uint64_t BB_UNLIMITED

    ctypedef struct bb_budget:
        uint64_t limit
        bb_budget *parent
        bb_budget *root

    ctypedef struct bb_refusal:
        bb_budget *level
        uint64_t limit
        uint64_t total
        uint64_t requested

    ctypedef struct bb_budget_totals:
        uint64_t limit
        uint64_t total
        uint64_t peak

    void bb_budget_init(bb_budget *self, uint64_t limit, bb_budget *parent, bool shared)
    void bb_budget_close(bb_budget *self)
    bb_status bb_budget_exchange(
        bb_budget *self, uint64_t release, uint64_t charge, bb_refusal *refusal
    )
    uint64_t bb_budget_now(const bb_budget *self)
    void bb_budget_release(bb_budget *self, uint64_t size)
    bb_budget_totals bb_budget_read(bb_budget *self)
    void bb_budget_set_limit(bb_budget *self, uint64_t limit)
    bool bb_budget_limit_if_it_fits(bb_budget *self, uint64_t limit)
    void bb_budget_reset_peak(bb_budget *self)
    bool bb_budget_validate(bb_budget *self, const char **reason)


cdef extern from "bytebound/parts.h" nogil:
    ctypedef struct bb_found:
        size_t count
        uint64_t nbytes

    void bb_found_init(bb_found *self, bb_allocator allocator)
    void bb_found_clear(bb_found *self)
    void bb_found_free(bb_found *self)


cdef extern from "bytebound/wheel.h" nogil:
    const uint64_t BB_NEVER
    const uint64_t BB_WHEEL_END


cdef extern from "bytebound/clock.h" nogil:
    const uint64_t BB_CLOCK_LAG

    uint64_t bb_clock_exact()
    uint64_t bb_clock_coarse()


cdef extern from "bytebound/pins.h" nogil:
    ctypedef struct bb_pins:
        uint32_t count


cdef extern from "bytebound/lru.h" nogil:
    const uint32_t BB_LRU_TIMERS
    const uint32_t BB_LRU_IDLES
    const uint64_t BB_LRU_GIVEN
    const uint64_t BB_LRU_CHARGE_MAX

    ctypedef struct bb_lru_entry:
        void *key
        void *value
        uint64_t hash
        uint64_t charge

    ctypedef struct bb_lru_counters:
        uint64_t hits
        uint64_t misses
        uint64_t inserts
        uint64_t left[<int> BB_REASON_COUNT]

    ctypedef struct bb_lru:
        bb_lru_entry *entries
        uint32_t count
        uint32_t used
        uint32_t capacity
        uint32_t max_count
        uint64_t version
        bb_lru_counters counters
        bool charge_overhead
        bool has_extras
        uint32_t columns
        bb_pins pins
        uint64_t payload
        uint64_t overhead
        uint64_t yields_until
        bb_budget budget
        bb_allocator allocator

    ctypedef struct bb_lru_probe:
        pass

    ctypedef struct bb_lru_cursor:
        uint32_t order_count

    void bb_lru_init(
        bb_lru *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
        bool charge_overhead, bb_budget *parent
    )
    void bb_lru_share(bb_lru *self)
    void bb_lru_close(bb_lru *self)
    void bb_lru_take_all(bb_lru *self, bb_lru *into)
    void bb_lru_discard(bb_lru *taken)
    uint32_t bb_lru_first(const bb_lru *self, uint64_t hash, bb_lru_probe *probe)
    uint32_t bb_lru_next(const bb_lru *self, bb_lru_probe *probe)
    uint32_t bb_lru_oldest(const bb_lru *self)
    uint32_t bb_lru_newest(const bb_lru *self)
    uint32_t bb_lru_newer(const bb_lru *self, uint32_t index)
    uint32_t bb_lru_older(const bb_lru *self, uint32_t index)
    uint32_t bb_lru_index_of(const bb_lru *self, const void *key, uint64_t hash)
    void bb_lru_promote(bb_lru *self, uint32_t index)
    uint64_t bb_lru_charge(const bb_lru_entry *entry)
    uint64_t bb_lru_overhead_for(const bb_lru *self, uint32_t count)
    bool bb_lru_could_fit(const bb_lru *self, uint64_t charge)
    bb_status bb_lru_insert(
        bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge,
        bb_batch *batch, bb_refusal *refusal
    )
    bb_status bb_lru_replace(
        bb_lru *self, uint32_t index, void *value, uint64_t charge,
        bb_batch *batch, bb_refusal *refusal, void **old
    )
    bb_status bb_lru_recharge(
        bb_lru *self, uint32_t index, uint64_t charge, bb_batch *batch, bb_refusal *refusal
    )
    bb_status bb_lru_insert_shared(
        bb_lru *self, void *key, void *value, uint64_t hash, uint64_t charge, bb_found *found,
        bb_batch *batch, bb_refusal *refusal
    )
    bb_status bb_lru_replace_shared(
        bb_lru *self, uint32_t index, void *value, uint64_t charge, bb_found *found,
        bb_batch *batch, bb_refusal *refusal, void **old
    )
    bb_status bb_lru_recharge_shared(
        bb_lru *self, uint32_t index, uint64_t charge, bb_found *found,
        bb_batch *batch, bb_refusal *refusal, uint64_t *releasable
    )
    uint64_t bb_lru_releasable(bb_lru *self, uint32_t index)
    uint64_t bb_lru_shared_overhead_for(const bb_lru *self, size_t parts)
    bb_status bb_lru_copy(const bb_lru *self, bb_lru *into, bb_refusal *refusal)
    void bb_lru_remove(
        bb_lru *self, uint32_t index, bb_reason reason, bb_removed *removed
    )
    bool bb_lru_nominee(bb_lru *self, uint64_t *use, uint64_t *releasable)
    uint64_t bb_lru_reclaim(
        bb_lru *self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    )
    bool bb_lru_trim(bb_lru *self, uint64_t target, bb_reason reason, bb_batch *batch)
    bb_status bb_lru_limit(
        bb_lru *self, uint64_t limit, uint32_t max_count, bb_batch *batch
    )
    bb_status bb_lru_keep_times(
        bb_lru *self, uint32_t columns, uint32_t index, uint64_t charge, bb_batch *batch,
        bb_refusal *refusal
    )
    void bb_lru_schedule(
        bb_lru *self, uint32_t index, uint64_t now, uint64_t ttl, uint64_t idle
    )
    void bb_lru_prefetch_slot(const bb_lru *self, uint64_t hash)
    void bb_lru_prefetch(const bb_lru *self, uint32_t index)
    uint64_t bb_lru_deadline(const bb_lru *self, uint32_t index)
    bool bb_lru_has_expired(const bb_lru *self, uint32_t index, uint64_t now)
    void bb_lru_renew(bb_lru *self, uint32_t index, uint64_t now)
    uint64_t bb_lru_time_left(const bb_lru *self, uint32_t index, uint64_t now)
    void bb_lru_times_left(
        const bb_lru *self, uint32_t index, uint64_t now, uint64_t *ttl, uint64_t *idle
    )
    uint32_t bb_lru_live_count(bb_lru *self, uint64_t now)
    void bb_lru_expire_at(bb_lru *self, uint32_t index, bb_removed *removed)
    bool bb_lru_expire(bb_lru *self, uint64_t now, uint32_t most, bb_batch *batch)
    uint32_t bb_lru_clear_way(
        bb_lru *self, uint32_t index, uint64_t now, uint64_t charge, bb_batch *batch
    )
    uint64_t bb_lru_expired_payload(bb_lru *self, uint64_t now)
    void bb_lru_hold_pinned(const bb_lru *self, bb_lru *copy)
    void bb_lru_forget_expired(bb_lru *copy, uint64_t now)
    bb_status bb_lru_pin(bb_lru *self, uint32_t index, bb_batch *batch, bb_refusal *refusal)
    void bb_lru_unpin(bb_lru *self, void *key, uint64_t hash)
    bool bb_lru_is_pinned(const bb_lru *self, uint32_t index)
    uint64_t bb_lru_pinned_payload(bb_lru *self)
    uint64_t bb_lru_held_back(bb_lru *self)
    void bb_lru_cursor_open(bb_lru *self, bb_lru_cursor *cursor, bool newest_first)
    bb_status bb_lru_cursor_next(bb_lru *self, bb_lru_cursor *cursor, uint32_t *index)
    void bb_lru_cursor_close(bb_lru *self, bb_lru_cursor *cursor)
    bool bb_lru_validate(bb_lru *self, const char **reason)


cdef extern from "bytebound/ring.h" nogil:
    ctypedef struct bb_ring_slot:
        void *item
        uint64_t charge

    ctypedef enum bb_end:
        BB_LEFT
        BB_RIGHT

    ctypedef struct bb_ring_counters:
        uint64_t inserts
        uint64_t left[<int> BB_REASON_COUNT]

    ctypedef struct bb_ring:
        uint32_t count
        uint32_t max_count
        uint64_t version
        uint64_t payload
        uint64_t yields_until
        bb_ring_counters counters
        bb_budget budget
        bb_allocator allocator

    void bb_ring_init(
        bb_ring *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
        bb_budget *parent
    )
    bool bb_ring_nominee(const bb_ring *self, uint64_t *use, uint64_t *releasable)
    uint64_t bb_ring_reclaim(
        bb_ring *self, uint64_t need, uint64_t until, uint64_t spare, bb_batch *batch
    )
    void bb_ring_close(bb_ring *self)
    void bb_ring_take_all(bb_ring *self, bb_ring *into)
    void bb_ring_discard(bb_ring *taken)
    bb_ring_slot *bb_ring_at(const bb_ring *self, uint32_t index)
    uint64_t bb_ring_overhead(const bb_ring *self)
    uint64_t bb_ring_overhead_for(uint32_t count)
    bool bb_ring_could_fit(const bb_ring *self, uint64_t charge)
    bb_status bb_ring_append(
        bb_ring *self, bb_end end, void *item, uint64_t charge, bb_batch *batch,
        bb_refusal *refusal
    )
    bb_status bb_ring_insert(
        bb_ring *self, uint32_t index, void *item, uint64_t charge, bb_refusal *refusal
    )
    bb_status bb_ring_replace(
        bb_ring *self, uint32_t index, void *item, uint64_t charge, bb_batch *batch,
        bb_refusal *refusal, void **old
    )
    void bb_ring_remove(
        bb_ring *self, uint32_t index, bb_reason reason, bb_removed *removed
    )
    bb_status bb_ring_remove_many(
        bb_ring *self, uint32_t start, uint32_t step, uint32_t count, bb_reason reason,
        bb_batch *batch
    )
    uint32_t bb_ring_count_within(
        const bb_ring *self, uint32_t max_count, uint64_t max_charge
    )
    void bb_ring_rotate(bb_ring *self, int64_t steps)
    void bb_ring_reverse(bb_ring *self)
    bb_status bb_ring_copy(
        const bb_ring *self, int64_t start, int64_t step, uint32_t count, bb_ring *into,
        bb_refusal *refusal
    )
    bb_status bb_ring_splice(
        bb_ring *self, uint32_t start, uint32_t step, uint32_t count, const bb_ring *fresh,
        bb_batch *batch, bb_refusal *refusal
    )
    uint64_t bb_ring_least(const bb_ring *self)
    bool bb_ring_trim(bb_ring *self, uint64_t target, bb_reason reason, bb_batch *batch)
    bb_status bb_ring_limit(
        bb_ring *self, uint64_t limit, uint32_t max_count, bb_batch *batch
    )
    bool bb_ring_validate(bb_ring *self, const char **reason)


cdef extern from "bytebound/mirror.h" nogil:
    ctypedef struct bb_mirror_source:
        pass

    const bb_mirror_source bb_system_mirrors


cdef extern from "bytebound/byte_ring.h" nogil:
    ctypedef enum bb_on_pinned:
        BB_PINNED_RAISE
        BB_PINNED_COPY

    ctypedef struct bb_byte_ring_counters:
        uint64_t appends
        uint64_t evictions
        uint64_t set_aside

    ctypedef struct bb_byte_ring:
        uint64_t first_seq
        uint64_t next_seq
        uint64_t payload
        uint64_t block
        uint64_t blocker
        uint64_t views
        bool closed
        bb_byte_ring_counters counters
        bb_budget budget

    ctypedef struct bb_record:
        const unsigned char *bytes
        size_t length

    ctypedef struct bb_record_view:
        bb_record record

    void bb_byte_ring_init(
        bb_byte_ring *self, bb_allocator allocator, const bb_mirror_source *source
    )
    size_t bb_byte_ring_least()
    bb_status bb_byte_ring_open(
        bb_byte_ring *self, size_t capacity, bb_on_pinned on_pinned, bb_budget *parent,
        bb_refusal *refusal
    )
    void bb_byte_ring_close(bb_byte_ring *self)
    bool bb_byte_ring_is_usable(const bb_byte_ring *self)
    uint64_t bb_byte_ring_count(const bb_byte_ring *self)
    size_t bb_byte_ring_longest(const bb_byte_ring *self)
    bb_status bb_byte_ring_append(
        bb_byte_ring *self, const void *bytes, size_t length, bb_refusal *refusal
    )
    bb_record bb_byte_ring_find(const bb_byte_ring *self, uint64_t seq)
    void bb_byte_ring_pop(bb_byte_ring *self)
    void bb_byte_ring_clear(bb_byte_ring *self)
    bb_status bb_byte_ring_view(
        bb_byte_ring *self, uint64_t seq, bb_record_view *view, bb_refusal *refusal
    )
    void bb_byte_ring_unview(bb_byte_ring *self, const bb_record_view *view)
    uint64_t bb_byte_ring_aside(bb_byte_ring *self)
    bool bb_byte_ring_validate(bb_byte_ring *self, const char **reason)


cdef extern from "bytebound/array_ring.h" nogil:
    ctypedef struct bb_array_ring:
        size_t row_bytes
        uint64_t capacity
        uint64_t count
        uint64_t total
        uint64_t views
        bool closed
        bb_budget budget

    void bb_array_ring_init(bb_array_ring *self, const bb_mirror_source *source)
    bb_status bb_array_ring_open(
        bb_array_ring *self, uint64_t capacity, size_t row_bytes, bb_budget *parent,
        bb_refusal *refusal
    )
    void bb_array_ring_close(bb_array_ring *self)
    bool bb_array_ring_is_usable(const bb_array_ring *self)
    bool bb_array_ring_has(const bb_array_ring *self, const void *address)
    void bb_array_ring_append(bb_array_ring *self, const void *row, size_t row_bytes)
    void bb_array_ring_extend(bb_array_ring *self, const void *rows, uint64_t count)
    const unsigned char *bb_array_ring_rows(const bb_array_ring *self, uint64_t count)
    void bb_array_ring_clear(bb_array_ring *self)
    void bb_array_ring_view(bb_array_ring *self)
    void bb_array_ring_unview(bb_array_ring *self)
    bool bb_array_ring_validate(bb_array_ring *self, const char **reason)


cdef extern from "bytebound/pages.h" nogil:
    ctypedef struct bb_page_source:
        pass

    const bb_page_source bb_system_pages
    size_t bb_page_size()


cdef extern from "bytebound/pool.h" nogil:
    const uint32_t BB_SIZE_CLASSES

    ctypedef enum bb_damage_kind:
        BB_NO_DAMAGE
        BB_UNDERRUN
        BB_OVERRUN
        BB_DOUBLE_FREE
        BB_FOREIGN_FREE
        BB_WRONG_SIZE

    ctypedef struct bb_damage:
        bb_damage_kind kind
        const void *block
        uint64_t size
        uint64_t serial

    ctypedef struct bb_pool:
        bool debug
        bb_budget budget
        void (*report)(void *context, const bb_damage *damage) noexcept
        void *report_context

    ctypedef struct bb_pool_totals:
        uint64_t requested
        uint64_t usable
        uint64_t reserved
        uint64_t overhead
        uint64_t idle
        uint64_t blocks
        uint64_t slabs
        bb_budget_totals budget

    ctypedef struct bb_class_totals:
        uint64_t blocks
        uint64_t free
        uint64_t slabs

    ctypedef void (*bb_pool_visitor_pointer "bb_pool_visitor *")(
        void *context, const void *start, uint64_t size
    ) noexcept

    uint64_t bb_class_size(uint32_t size_class)
    void bb_pool_init(
        bb_pool *self, bb_page_source pages, uint64_t limit, bb_budget *parent, bool debug
    )
    bool bb_pool_close(bb_pool *self)
    bb_status bb_pool_allocate(
        bb_pool *self, uint64_t size, uint64_t alignment, bool zero, void **block,
        bb_refusal *refusal
    )
    void bb_pool_free(bb_pool *self, void *block, uint64_t size)
    uint64_t bb_pool_trim(bb_pool *self, uint64_t target)
    bool bb_pool_limit(bb_pool *self, uint64_t limit)
    bb_status bb_pool_resize(
        bb_pool *self, void **block, uint64_t old_size, uint64_t new_size, uint64_t alignment,
        bb_refusal *refusal
    )
    void bb_pool_reset_peak(bb_pool *self)
    bb_pool_totals bb_pool_read(bb_pool *self)
    bb_pool_totals bb_pool_count(bb_pool *self, bb_class_totals *counts)
    void bb_pool_visit(bb_pool *self, bb_pool_visitor_pointer visitor, void *context)
    bool bb_pool_validate(bb_pool *self, const char **reason)


cdef extern from "bytebound/queue.h" nogil:
    ctypedef enum bb_side:
        BB_PRODUCER
        BB_CONSUMER
        BB_JOINER
        BB_SIDE_COUNT

    ctypedef enum bb_turn:
        BB_AWAY
        BB_WAITING
        BB_CALLED
        BB_SERVED

    ctypedef struct bb_waiter:
        void *item
        uint64_t charge
        bb_side side
        bb_turn turn

    ctypedef struct bb_line:
        uint32_t count

    ctypedef struct bb_water:
        bool watched
        bool above

    ctypedef struct bb_queue:
        bb_ring ring
        bb_line lines[<int> BB_SIDE_COUNT]
        uint32_t waiting
        bool is_shut
        uint64_t unfinished
        bb_water water

    void bb_queue_init(
        bb_queue *self, bb_allocator allocator, uint64_t limit, uint32_t max_count,
        bb_budget *parent
    )
    void bb_queue_close(bb_queue *self)
    bb_status bb_queue_put(
        bb_queue *self, bb_waiter *waiter, void *item, uint64_t charge, bb_refusal *refusal
    )
    bb_status bb_queue_push(
        bb_queue *self, void *item, uint64_t charge, bb_batch *batch, bb_refusal *refusal
    )
    bb_status bb_queue_take(bb_queue *self, bb_waiter *waiter, void **item)
    bool bb_queue_done(bb_queue *self)
    void bb_queue_shut(bb_queue *self)
    void bb_queue_take_all(bb_queue *self, bb_ring *into)
    bool bb_queue_trim(bb_queue *self, uint64_t target, bb_batch *batch)
    bb_status bb_queue_limit(
        bb_queue *self, uint64_t limit, uint32_t max_count, bb_batch *batch
    )
    bool bb_queue_is_full(bb_queue *self)
    void bb_queue_wait(
        bb_queue *self, bb_waiter *waiter, bb_side side, uint64_t charge, bool in_front
    )
    void bb_queue_leave(bb_queue *self, bb_waiter *waiter)
    bool bb_queue_withdraw(bb_queue *self, bb_waiter *waiter)
    bb_waiter *bb_queue_call(bb_queue *self)
    void bb_queue_forget(bb_queue *self)
    void bb_queue_watch(bb_queue *self, double high, double low)
    bool bb_queue_crossed(bb_queue *self)
    bool bb_queue_validate(bb_queue *self, const char **reason)
