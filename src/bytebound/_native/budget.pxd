from bytebound._native.core cimport bb_budget, bb_refusal


cdef class Budget:
    cdef bb_budget core
    cdef readonly Budget parent
    cdef readonly object name
    cdef object __weakref__


# The exception for a level above a container that had no room.
cdef object budget_exceeded(Budget nearest, const bb_refusal *refusal)
