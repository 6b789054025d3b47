# cython: language_level=3, binding=False, embedsignature=True, embedsignature.format=clinic
# cython: freethreading_compatible=True, autotestdict=False, auto_pickle=False
# cython: boundscheck=False, wraparound=False
"""cachetools' TTLCache; bytebound.compat.cachetools is where it is used.

The table of a `Cache` holds a link for each value. Links are chained in the order of writing,
which is that of expiry because all entries live equally long; the table knows the order of use.
Time is whatever the timer gives, so it is compared and added to as an object.
"""

cimport cython
from cpython.object cimport PyObject, PyTypeObject

from libc.stdint cimport uint32_t, uint64_t

from bytebound._native.core cimport (
    BB_DELETED,
    BB_OK,
    bb_batch,
    bb_budget_read,
    bb_lru,
    bb_lru_remove,
    bb_lru_take_all,
    bb_removed,
    bb_status,
)
from bytebound._native.finding cimport find_in
from bytebound._native.lru_base cimport bb_drop_taken
from bytebound._native.support cimport (
    bb_hash,
    bb_lock,
    bb_publish,
    bb_steal,
    bb_unlock,
    decref,
    incref,
)
from bytebound._native.table cimport attributes_of, bb_guard_slots, table_read

import time as time_module
from types import GenericAlias


cdef object NOTHING = object()
cdef object monotonic = time_module.monotonic


@cython.final
@cython.freelist(64)
cdef class Link(Wrapper):
    pass


cdef class Timer:
    """Calls a timer; entered, it keeps to the time of entering. Has the timer's attributes."""

    def __cinit__(self, timer):
        self.function = timer

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    def __call__(self):
        return self.tell()

    cdef object tell(self):
        with cython.critical_section(self):
            if self.nesting > 0:
                return self.frozen
        return self.function()

    def __enter__(self):
        time = self.tell()
        with cython.critical_section(self):
            if self.nesting == 0:
                self.frozen = time
            self.nesting += 1
            return self.frozen

    def __exit__(self, *error):
        with cython.critical_section(self):
            self.nesting -= 1

    def __reduce__(self):
        return Timer, (self.function,)

    def __getattr__(self, name):
        return getattr(self.function, name)


cdef inline object now(TTLCache self):
    cdef Timer clock = self.clock
    return clock.function() if clock.nesting == 0 else clock.tell()


cdef inline bint is_before(time, expires) except -1:
    if type(time) is float and type(expires) is float:
        return <double> time < <double> expires
    return time < expires


cdef class TTLCache(Cache):
    """TTLCache(maxsize, ttl, timer=..., getsizeof=None)
--

    An `LRUCache` whose entries expire some time after they were written.

    Parameters
    ----------
    maxsize, getsizeof
        As for `Cache`.
    ttl : object
        How long entries live: what added to a time of the timer gives a later one.
    timer : callable, default time.monotonic
        Tells the time.

    Notes
    -----
    Expired entries are not found; they leave when the cache is written to, when its length or
    size is asked for, and by `expire`.

    Examples
    --------
    >>> from bytebound.compat.cachetools import TTLCache
    >>> now = 0
    >>> cache = TTLCache(10, ttl=5, timer=lambda: now)
    >>> cache["a"] = 1
    >>> now = 5
    >>> "a" in cache, cache.expire()
    (False, [('a', 1)])
    """

    def __cinit__(self, *args, **kwargs):
        self.wraps = True
        self.clock = Timer(monotonic)

    def __init__(self, maxsize, ttl, timer=monotonic, getsizeof=None):
        self.start(maxsize, getsizeof)
        self.clock = Timer(timer)
        self.lifetime = ttl

    @property
    def timer(self):
        """The timer; as a context manager it stands still."""
        return self.clock

    @property
    def ttl(self):
        """How long entries live."""
        return self.lifetime

    @property
    def currsize(self):
        """The sizes of what is in the cache and has not expired, added up."""
        self.expire_at(now(self))
        return bb_budget_read(&self.lru.budget).total

    cdef bint evicts_silently(self) except -1:
        cls = type(self)
        if "popitem" in attributes_of(self):
            return False
        return cls is TTLCache or (
            cls.popitem is TTLCache.popitem and cls.__delitem__ is TTLCache.__delitem__
        )

    # ---- reading ----

    cdef Link find_link(self, key, bint promote):
        """The link under a key, or None."""
        cdef PyObject *link
        if table_read(self, <PyObject *> key, promote, &link):
            return <Link> bb_steal(link)
        return None

    cdef object read_now(self, key):
        """The value under a key, or NOTHING."""
        cdef Link link = self.find_link(key, True)
        if link is None or not is_before(now(self), link.expires):
            return NOTHING
        return link.value

    def __getitem__(self, key):
        value = self.read_now(key)
        if value is NOTHING:
            return self.__missing__(key)
        return value

    def __contains__(self, key):
        cdef Link link = self.find_link(key, False)
        return link is not None and is_before(now(self), link.expires)

    def get(self, key, default=None):
        """The value under a key, or `default`; never calls ``__missing__``."""
        if type(self) is TTLCache:
            value = self.read_now(key)
            return default if value is NOTHING else value
        with self.clock:
            return self[key] if key in self else default

    @cython.embedsignature(False)
    def pop(self, key, default=NOTHING):
        """pop($self, key, default=...)
--

        Take an entry out and return its value, or `default`; never calls ``__missing__``."""
        cdef Link link
        if type(self) is TTLCache:
            link = self.find_link(key, False)
            if link is not None and is_before(now(self), link.expires) and self.take_link(link):
                return link.value
        else:
            with self.clock:
                if key in self:
                    value = self[key]
                    del self[key]
                    return value
        if default is NOTHING:
            raise KeyError(key)
        return default

    def setdefault(self, key, default=None):
        """The value under a key; puts `default` there first if there is none."""
        if type(self) is TTLCache:
            value = self.read_now(key)
            if value is NOTHING:
                self.put(key, default, True)
                return default
            return value
        with self.clock:
            return Cache.setdefault(self, key, default)

    def __len__(self):
        self.expire_at(now(self))
        return self.lru.count

    def __iter__(self):
        return TTLIterator(self)

    def __repr__(self):
        self.expire_at(now(self))
        return Cache.__repr__(self)

    # ---- writing ----

    cdef int put(self, key, value, bint promote) except -1:
        cdef uint64_t charge
        cdef Link link = Link.__new__(Link)
        time = now(self)
        link.key = key
        link.value = value
        link.expires = time + self.lifetime
        self.expire_at(time)
        charge = self.size_of(value)
        if (
            bb_budget_read(&self.lru.budget).total + charge > self.limit
            and not self.evicts_silently()
        ):
            with self.clock:
                self.make_room(key, charge)
        store_link(self, link, charge)
        return 0

    def __setitem__(self, key, value):
        self.put(key, value, True)

    cdef int delete(self, key) except -1:
        cdef Link link = take_key(self, key)
        if link is None or not is_before(now(self), link.expires):
            raise KeyError(key)
        return 0

    def __delitem__(self, key):
        self.delete(key)

    cdef int empty(self) except -1:
        forget(self)
        return 0

    # ---- expiry ----

    cdef bint take_link(self, Link link) except -1:
        """Take an entry out unless it has left already."""
        cdef bb_removed removed
        cdef uint32_t index
        cdef Py_hash_t hash_value = bb_hash(<PyObject *> link.key)
        bb_lock(&self.mutex)
        index = find_in(&self.lru, &self.mutex, <PyObject *> link.key, hash_value)
        if index == 0 or self.lru.entries[index].value != <void *> link:
            bb_unlock(&self.mutex)
            return False
        bb_lru_remove(&self.lru, index, BB_DELETED, &removed)
        leave_chain(self, link)
        bb_unlock(&self.mutex)
        decref(<PyObject *> removed.key)
        decref(<PyObject *> removed.value)
        return True

    cdef int expire_at(self, time) except -1:
        """Expire; as a subclass does it, if it has a way of its own."""
        if type(self) is not TTLCache:
            self.expire(time)
        elif self.first != NULL:
            self.expired_at(time)
        return 0

    cdef list expired_at(self, time):
        cdef Link link
        cdef list expired = []
        while True:
            link = first_link(self)
            if link is None or is_before(time, link.expires):
                return expired
            if self.take_link(link):
                expired.append((link.key, link.value))

    def expire(self, time=None):
        """Remove what has expired and return it.

        Parameters
        ----------
        time : object, optional
            The time that it is to be; what the timer says, if left out.

        Returns
        -------
        list of tuple
            ``(key, value)`` in the order of writing.
        """
        return self.expired_at(now(self) if time is None else time)

    def popitem(self):
        """Remove the least recently used entry that has not expired; return ``(key, value)``."""
        with self.clock as time:
            self.expire_at(time)
            while True:
                pair = self.peek_end(False)
                if pair is None:
                    raise KeyError(f"{type(self).__name__} is empty") from None
                key, link = pair
                if type(self) is not TTLCache:
                    del self[key]
                    return key, (<Link> link).value
                if self.take_link(link):
                    return key, (<Link> link).value

    # ---- pickling ----

    def __reduce__(self):
        triples = []
        for key, link, size in self.triples():
            triples.append((key, (<Link> link).value, (<Link> link).expires, size))
        state = (self.maxsize_given, triples, attributes_of(self), self.clock, self.lifetime)
        return _new, (type(self),), state

    def __setstate__(self, state):
        cdef Link link
        cdef PyObject *found
        maxsize, entries, attributes, self.clock, self.lifetime = state
        attributes_of(self).update(attributes)
        self.start(maxsize, None)
        for key, value, expires, size in sorted(entries, key=_expires):
            if size < 0 or size > self.limit:
                raise ValueError(f"an entry of size {size} in a cache of {self.limit}")
            link = Link.__new__(Link)
            link.key = key
            link.value = value
            link.expires = expires
            store_link(self, link, size)
        for key, _value, _expires_at, _size in entries:
            if table_read(self, <PyObject *> key, True, &found):
                decref(found)
        self.expired_at(now(self))


def _new(cls):
    return cls.__new__(cls)


def _expires(entry):
    return entry[2]


# ---- the chain; called with the lock held ----

cdef int join_chain(TTLCache self, Link link) noexcept:
    link.older = self.last
    link.newer = NULL
    if self.last != NULL:
        (<Link> self.last).newer = <void *> link
    else:
        self.first = <void *> link
    self.last = <void *> link
    return 0


cdef inline int pass_by(TTLIterator self, Link link) noexcept:
    self.position = link.newer if self.end != <void *> link else NULL
    return 0


cdef int leave_chain(TTLCache self, Link link) noexcept:
    cdef void *iterator = self.iterators
    while iterator != NULL:
        if (<TTLIterator> iterator).position == <void *> link:
            pass_by(<TTLIterator> iterator, link)
        elif (<TTLIterator> iterator).end == <void *> link:
            (<TTLIterator> iterator).end = link.older
        iterator = (<TTLIterator> iterator).next
    if link.older != NULL:
        (<Link> link.older).newer = link.newer
    else:
        self.first = link.newer
    if link.newer != NULL:
        (<Link> link.newer).older = link.older
    else:
        self.last = link.older
    link.older = link.newer = NULL
    return 0


# ---- table and chain in one step ----

cdef Link first_link(TTLCache self):
    """The link that was written first, or None."""
    cdef PyObject *first
    bb_lock(&self.mutex)
    first = <PyObject *> self.first
    if first != NULL:
        incref(first)
    bb_unlock(&self.mutex)
    return <Link> bb_steal(first) if first != NULL else None


cdef int store_link(TTLCache self, Link link, uint64_t charge) except -1:
    cdef bb_batch batch
    cdef bb_status status
    cdef PyObject *old
    cdef PyObject *key = <PyObject *> link.key
    cdef Py_hash_t hash_value = bb_hash(key)
    cdef uint32_t index, i
    bb_lock(&self.mutex)
    index = find_in(&self.lru, &self.mutex, key, hash_value)
    status = self.store_at(
        index, key, <PyObject *> link, hash_value, charge, True, &batch, &old
    )
    if status == BB_OK:
        for i in range(batch.count):
            leave_chain(self, <Link> <PyObject *> batch.items[i].value)
        if old != NULL:
            leave_chain(self, <Link> old)
        join_chain(self, link)
    bb_unlock(&self.mutex)
    if status != BB_OK:
        self.refuse(status)
    if batch.count != 0 or old != NULL:
        self.drop(&batch, old)
    return 0


cdef Link take_key(TTLCache self, key):
    """Take an entry out; its link, or None."""
    cdef bb_removed removed
    cdef uint32_t index
    cdef Py_hash_t hash_value = bb_hash(<PyObject *> key)
    bb_lock(&self.mutex)
    index = find_in(&self.lru, &self.mutex, <PyObject *> key, hash_value)
    if index == 0:
        bb_unlock(&self.mutex)
        return None
    bb_lru_remove(&self.lru, index, BB_DELETED, &removed)
    leave_chain(self, <Link> <PyObject *> removed.value)
    bb_unlock(&self.mutex)
    decref(<PyObject *> removed.key)
    return <Link> bb_steal(<PyObject *> removed.value)


cdef int forget(TTLCache self) noexcept:
    """Drop every entry."""
    cdef bb_lru taken
    cdef void *iterator
    bb_lock(&self.mutex)
    bb_lru_take_all(&self.lru, &taken)
    self.first = self.last = NULL
    iterator = self.iterators
    while iterator != NULL:
        (<TTLIterator> iterator).position = NULL
        iterator = (<TTLIterator> iterator).next
    bb_unlock(&self.mutex)
    bb_drop_taken(&taken)
    return 0


@cython.final
@cython.no_gc_clear
cdef class TTLIterator:
    """Walks the keys that have not expired, in the order of writing, each once."""

    def __cinit__(self, TTLCache cache not None):
        self.cache = cache
        bb_lock(&cache.mutex)
        self.position = cache.first
        self.end = cache.last
        self.next = cache.iterators
        cache.iterators = <void *> self
        bb_unlock(&cache.mutex)

    def __dealloc__(self):
        cdef void **place
        if self.cache is None:
            return
        bb_lock(&self.cache.mutex)
        place = &self.cache.iterators
        while place[0] != <void *> self:
            place = &(<TTLIterator> place[0]).next
        place[0] = self.next
        bb_unlock(&self.cache.mutex)

    def __iter__(self):
        return self

    def __next__(self):
        cdef TTLCache cache = self.cache
        cdef PyObject *visited
        cdef Link link
        while True:
            bb_lock(&cache.mutex)
            visited = <PyObject *> self.position
            if visited != NULL:
                incref(visited)
                pass_by(self, <Link> visited)
            bb_unlock(&cache.mutex)
            if visited == NULL:
                raise StopIteration
            link = <Link> bb_steal(visited)
            if is_before(now(cache), link.expires):
                return link.key


cdef int clear_references(PyObject *self) noexcept:
    """Break the cycles that go through a cache; the collector holds a reference to it."""
    cdef TTLCache cache = <TTLCache> self
    forget(cache)
    cache.clock = Timer(monotonic)
    cache.lifetime = None
    attributes_of(cache).clear()
    return 0


bb_guard_slots(<PyTypeObject *> TTLCache, clear_references)
bb_publish(<PyTypeObject *> TTLCache, "bytebound.compat.cachetools.TTLCache")
