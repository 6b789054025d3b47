/* See sizing_walk.h. */
#include "sizing_walk.h"

#include "sizing_expand.h"
#include "sizing_inline.h"
#include "sizing_known.h"
#include "sizing_layout.h"

enum { BB_HALF_WAY = 1 }; /* the bit that tells a container left half-way */

void bb_walk_start(bb_walk *walk, int deep, Py_ssize_t limit) {
    walk->total = 0;
    walk->limit = limit < 0 ? PY_SSIZE_T_MAX : limit;
    walk->shallow = !deep;
    walk->error = 0;
    walk->visitor = NULL;
    walk->context = NULL;
    walk->types = bb_types_here();
    bb_seen_start(&walk->seen);
    bb_pending_start(&walk->pending);
    bb_pending_start(&walk->deferred);
}

void bb_walk_end(bb_walk *walk) {
#ifdef Py_GIL_DISABLED
    uintptr_t word;
    while ((word = bb_pending_pop(&walk->pending)) != 0) {
        if (word & BB_HALF_WAY) {
            bb_pending_pop(&walk->pending);
        }
        Py_DECREF((PyObject *)(word & ~(uintptr_t)BB_HALF_WAY));
    }
#endif
    PyObject *object;
    while ((object = (PyObject *)bb_pending_pop(&walk->deferred)) != NULL) {
        Py_DECREF(object);
    }
    bb_pending_end(&walk->pending);
    bb_pending_end(&walk->deferred);
    bb_seen_end(&walk->seen);
}

static void push(bb_walk *walk, PyObject *object) {
    if (bb_pending_push(&walk->pending, (uintptr_t)object) < 0) {
        walk->error = 1;
        return;
    }
#ifdef Py_GIL_DISABLED
    Py_INCREF(object);
#endif
}

void bb_walk_push_half_way(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    if (bb_pending_push(&walk->pending, (uintptr_t)next) < 0) {
        walk->error = 1;
        return;
    }
    push(walk, (PyObject *)((uintptr_t)object));
    if (walk->error) {
        bb_pending_pop(&walk->pending);
        return;
    }
    walk->pending.top->words[walk->pending.used - 1] |= BB_HALF_WAY;
}

void bb_walk_charge(bb_walk *walk, const void *identity, Py_ssize_t nbytes) {
    if (__builtin_add_overflow(walk->total, nbytes, &walk->total)) {
        walk->total = PY_SSIZE_T_MAX;
        walk->error = 1;
    }
    if (walk->visitor != NULL && walk->visitor(walk->context, identity, nbytes) < 0) {
        walk->error = 1;
    }
}

void bb_walk_visit(bb_walk *walk, PyObject *object) {
    Py_ssize_t nbytes = bb_leaf_allocated(object);
    if (nbytes == 0) {
        return;
    }
    if (Py_REFCNT(object) != 1) {
        if (bb_is_immortal(object) ||
            (Py_TYPE(object) == &PyUnicode_Type && PyUnicode_CHECK_INTERNED(object))) {
            return;
        }
        int added = bb_seen_add(&walk->seen, object);
        if (added <= 0) {
            walk->error |= added < 0;
            return;
        }
    }
    if (nbytes > 0) {
        bb_walk_charge(walk, object, nbytes);
    } else {
        push(walk, object);
    }
}

/* Keeps an object for when nothing is pending. */
static void defer(bb_walk *walk, PyObject *object) {
    if (bb_pending_push(&walk->deferred, (uintptr_t)object) < 0) {
        walk->error = 1;
        return;
    }
    Py_INCREF(object);
}

static void expand_or_defer(bb_walk *walk, PyObject *object) {
    const bb_type_info *info = bb_type_get(walk->types, Py_TYPE(object), 0);
    if (info == NULL || info->own >= BB_OWN_ASKED) {
        defer(walk, object);
        return;
    }
    BB_BEGIN_CRITICAL(object);
    bb_expand(walk, object, info);
    BB_END_CRITICAL();
}

static void drain(bb_walk *walk) {
    uintptr_t word;
    while (walk->total <= walk->limit && !walk->error &&
           (word = bb_pending_pop(&walk->pending)) != 0) {
        PyObject *object = (PyObject *)(word & ~(uintptr_t)BB_HALF_WAY);
        if (word & BB_HALF_WAY) {
            Py_ssize_t next = (Py_ssize_t)bb_pending_pop(&walk->pending);
            BB_BEGIN_CRITICAL(object);
            bb_expand_rest(walk, object, next);
            BB_END_CRITICAL();
        } else {
            expand_or_defer(walk, object);
        }
#ifdef Py_GIL_DISABLED
        Py_DECREF(object);
#endif
    }
}

/* The own bytes by a __sizeof__ that may run Python code. -1 with an exception set. */
static Py_ssize_t asked_nbytes(PyObject *object, const bb_type_info *info) {
    Py_ssize_t header = info->header; /* the record may be gone after the call */
    PyObject *told = PyObject_CallMethod(object, "__sizeof__", NULL);
    if (told == NULL) {
        return -1;
    }
    if (!PyLong_Check(told)) {
        PyErr_Format(PyExc_TypeError, "%.200s.__sizeof__() returned %.200s, not an int",
                     Py_TYPE(object)->tp_name, Py_TYPE(told)->tp_name);
        Py_DECREF(told);
        return -1;
    }
    Py_ssize_t nbytes = PyLong_AsSsize_t(told);
    Py_DECREF(told);
    if (nbytes < 0) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_ValueError, "%.200s.__sizeof__() returned a negative size",
                         Py_TYPE(object)->tp_name);
        }
        return -1;
    }
    return nbytes + header;
}

static int resolve(bb_walk *walk, PyObject *object) {
    const bb_type_info *info = bb_type_get(walk->types, Py_TYPE(object), 1);
    if (info == NULL) {
        return -1;
    }
    if (info->own >= BB_OWN_ASKED) {
        Py_ssize_t nbytes = asked_nbytes(object, info);
        if (nbytes < 0) {
            return -1;
        }
        bb_walk_charge(walk, object, nbytes);
        info = bb_type_get(walk->types, Py_TYPE(object), 1);
        if (info == NULL) {
            return -1;
        }
    }
    BB_BEGIN_CRITICAL(object);
    bb_expand(walk, object, info);
    BB_END_CRITICAL();
    drain(walk);
    return 0;
}

int bb_walk_run(bb_walk *walk) {
    PyObject *object;
    drain(walk);
    while (walk->total <= walk->limit && !walk->error &&
           (object = (PyObject *)bb_pending_pop(&walk->deferred)) != NULL) {
        int result = resolve(walk, object);
        Py_DECREF(object);
        if (result < 0) {
            return -1;
        }
    }
    if (walk->error) {
        if (walk->total == PY_SSIZE_T_MAX) {
            PyErr_SetString(PyExc_OverflowError, "the sizes add up to more than sys.maxsize");
        } else {
            PyErr_NoMemory();
        }
        return -1;
    }
    return 0;
}
