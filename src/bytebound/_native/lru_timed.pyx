# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""What users of a byte-bounded LRU say and ask about when its entries expire."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport (
    bb_lru_promote,
    bb_lru_releasable,
    bb_lru_schedule,
    bb_lru_time_left,
)
from bytebound._native.finding cimport MAX_RESTARTS
from bytebound._native.lru_state cimport columns_for, is_over
from bytebound._native.support cimport bb_unlock
from bytebound._native.timing cimport Times, seconds_of

from bytebound._native.errors import EntryTooLargeError


@cython.no_gc_clear
cdef class LRUTimed(LRUState):
    """An LRU whose entries may expire."""

    def expire(self):
        """Let everything leave whose time is up.

        Returns
        -------
        int
            How many entries left.

        Notes
        -----
        O(entries that leave), whatever else there is. Nobody needs to call this for what has
        expired to be gone: it frees memory, and has callbacks called, at a time of one's choosing.

        Examples
        --------
        >>> now = 0.0
        >>> cache = LRUCache("1MiB", ttl=60, timer=lambda: now)
        >>> cache.update(a=1, b=2)
        >>> now = 60.0
        >>> len(cache), cache.expire()
        (0, 2)
        """
        if not self.timed:
            return 0
        return self.expire_until(self.exact_time())

    def expires_in(self, key):
        """Seconds until an entry expires, None if it does not; neither promotes nor is a use.

        0.0 for a pinned entry that expires as soon as its last pin ends.

        Raises
        ------
        KeyError
            If there is no such entry, or no more.
        """
        cdef uint64_t left = 0
        cdef uint64_t now = self.exact_time() if self.timed else 1
        cdef uint64_t asked = now
        cdef uint32_t index
        index = self.locate(key)
        if index != 0 and is_over(self, index, &asked):
            index = 0
        if index != 0:
            left = bb_lru_time_left(&self.lru, index, now)
        bb_unlock(&self.mutex)
        if index == 0:
            raise KeyError(key)
        return seconds_of(left)

    def touch(self, key, *, ttl=..., idle_ttl=...):
        """Start the time of an entry anew, as if its value were put again, and make it the newest.

        Parameters
        ----------
        key : object
        ttl, idle_ttl : float or None, optional
            As for `put`; left out, what the cache gives its entries, not what this one was given.

        Returns
        -------
        bool
            Whether there is such an entry. Not counted as a lookup.

        Raises
        ------
        EntryTooLargeError, PinnedError, BudgetExceededError
            If these are the first times that the cache is to keep, and there is no room beside
            the entry for the memory that they take. The entry stays as it was.

        Examples
        --------
        >>> cache = LRUCache("1MiB", ttl=60)
        >>> cache["key"] = "value"
        >>> cache.touch("key", ttl=3600)
        True
        >>> 3599 < cache.expires_in("key") <= 3600
        True
        """
        cdef Times times
        cdef uint64_t now, charge
        cdef uint32_t index
        self.given_times(ttl, idle_ttl, &times)
        now = times.now
        for _ in range(MAX_RESTARTS):
            index = self.locate(key)
            if index == 0:
                bb_unlock(&self.mutex)
                return False
            if is_over(self, index, &now):
                self.drop_expired(index)
                return False
            if columns_for(times.ttl, times.idle) & ~self.lru.columns == 0:
                bb_lru_promote(&self.lru, index)
                bb_lru_schedule(&self.lru, index, times.now, times.ttl, times.idle)
                bb_unlock(&self.mutex)
                return True
            charge = bb_lru_releasable(&self.lru, index)
            bb_unlock(&self.mutex)
            if not self.keep_times(times.ttl, times.idle, <PyObject *> key, charge):
                raise EntryTooLargeError(
                    f"no room beside an entry of {charge} bytes for the structure that the first "
                    f"times take: max_bytes={self.max_bytes}",
                    charge,
                    self.max_bytes,
                )
        raise RuntimeError(f"the entry changed each of {MAX_RESTARTS} times room was made for it")
