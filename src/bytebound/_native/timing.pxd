from libc.stdint cimport uint64_t


# When an operation takes place, and how long what it puts is to live; microseconds.
cdef struct Times:
    uint64_t now
    uint64_t ttl   # BB_NEVER: forever
    uint64_t idle  # without being used


# A time to live as a number of seconds; BB_NEVER for None and for what nobody lives to see.
cdef uint64_t parse_span(seconds, str what) except 0xFFFFFFFFFFFFFFFE

# The seconds of a span, None for BB_NEVER.
cdef object seconds_of(uint64_t span)

cdef double parse_jitter(jitter) except -1

# Any instant is after 0, and earlier ones than the start of a timer are instants too.
cdef uint64_t ask_timer(timer) except 0
