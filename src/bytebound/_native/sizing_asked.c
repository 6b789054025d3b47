/* See sizing_asked.h. */
#include "sizing_asked.h"

#include "sizing_expand.h"
#include "sizing_layout.h"
#include "sizing_sizers.h"

/* A size that Python code gave. -1 with an exception set, naming the type. */
static Py_ssize_t checked_size(PyObject *size, PyTypeObject *type, const char *teller) {
    if (!PyLong_Check(size)) {
        PyErr_Format(PyExc_TypeError, "%s of %.200s returned %.200s, not an int", teller,
                     type->tp_name, Py_TYPE(size)->tp_name);
        return -1;
    }
    Py_ssize_t nbytes = PyLong_AsSsize_t(size);
    if (nbytes < 0 && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "%s of %.200s returned a negative size", teller,
                     type->tp_name);
    } else if (nbytes < 0 && PyErr_ExceptionMatches(PyExc_OverflowError)) {
        PyErr_Format(PyExc_OverflowError, "%s of %.200s returned a size past sys.maxsize", teller,
                     type->tp_name);
    }
    return nbytes;
}

/* Calls the __sizeof__ of an object's class. -1 with an exception set. */
static Py_ssize_t ask(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject *function = bb_type_sizeof(type);
    if (function == NULL) {
        PyErr_Format(PyExc_TypeError, "%.200s has no __sizeof__", type->tp_name);
        return -1;
    }
    descrgetfunc get = Py_TYPE(function)->tp_descr_get;
    if (get != NULL) {
        Py_SETREF(function, get(function, object, (PyObject *)type));
    }
    if (function != NULL && !PyCallable_Check(function)) {
        PyErr_Format(PyExc_TypeError, "__sizeof__ of %.200s is a %.200s, which cannot be called",
                     type->tp_name, Py_TYPE(function)->tp_name);
        Py_CLEAR(function);
    }
    PyObject *size = function == NULL ? NULL : PyObject_CallNoArgs(function);
    Py_XDECREF(function);
    if (size == NULL) {
        return -1;
    }
    Py_ssize_t nbytes = checked_size(size, type, "__sizeof__");
    Py_DECREF(size);
    return nbytes;
}

/* What tells whether a walk has met anything since. */
typedef struct {
    size_t seen;
    size_t used;
    const bb_piece *top;
} memory_of;

static memory_of remember(const bb_walk *walk) {
    return (memory_of){walk->seen.count, walk->deferred.used, walk->deferred.top};
}

static int has_met(const bb_walk *walk, memory_of before) {
    memory_of now = remember(walk);
    return now.seen != before.seen || now.used != before.used || now.top != before.top;
}

/* Looks into a window of referents. 1 if they are to be kept. */
static int visit_window(bb_walk *walk, PyObject *const *items, Py_ssize_t count) {
    memory_of before = remember(walk);
    for (Py_ssize_t i = 0; i < count; i++) {
        bb_walk_visit(walk, items[i]);
    }
    bb_walk_drain(walk);
    return has_met(walk, before) || walk->request->visitor != NULL;
}

/* Keeps a reference until the end. */
static void keep(bb_walk *walk, PyObject *object) {
    if (bb_pending_push(&walk->kept, (uintptr_t)object) < 0) {
        walk->error = BB_WALK_NO_MEMORY;
        Py_DECREF(object);
    }
}

/* Referents that nobody can change meanwhile; who calls holds what they are in. */
static void visit_items(bb_walk *walk, PyObject *const *items, Py_ssize_t count) {
    for (Py_ssize_t next = 0; next < count && !bb_walk_is_over(walk); next += BB_WINDOW) {
        Py_ssize_t end = count - next < BB_WINDOW ? count : next + BB_WINDOW;
        if (visit_window(walk, items + next, end - next)) {
            for (Py_ssize_t i = next; i < end; i++) {
                keep(walk, Py_NewRef(items[i]));
            }
        }
    }
}

/* A window of what an iterator gives, which is deferred if it may have more. -1 with an exception set. */
static int visit_iterator(bb_walk *walk, PyObject *iterator) {
    PyObject *items[BB_WINDOW];
    Py_ssize_t count = 0;
    while (count < BB_WINDOW && (items[count] = PyIter_Next(iterator)) != NULL) {
        count++;
    }
    int failed = PyErr_Occurred() != NULL || PyErr_CheckSignals() < 0;
    if (!failed && count == BB_WINDOW) {
        bb_walk_defer(walk, iterator, BB_WALK_MARK);
    }
    int kept = !failed && visit_window(walk, items, count);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (kept) {
            keep(walk, items[i]);
        } else {
            Py_DECREF(items[i]);
        }
    }
    return failed ? -1 : 0;
}

/* What a sizer of a type says to go on with. -1 with an exception set. */
static int visit_told(bb_walk *walk, PyObject *referents, PyTypeObject *type) {
    if (PyTuple_CheckExact(referents) ||
        (PyList_CheckExact(referents) && Py_REFCNT(referents) == 1)) {
        visit_items(walk, PySequence_Fast_ITEMS(referents), PySequence_Fast_GET_SIZE(referents));
        return 0;
    }
    if (Py_TYPE(referents)->tp_iter == NULL && !PySequence_Check(referents)) {
        PyErr_Format(
            PyExc_TypeError,
            "the sizer of %.200s must return (own_bytes, referents), and %.200s is not iterable",
            type->tp_name, Py_TYPE(referents)->tp_name);
        return -1;
    }
    PyObject *iterator = PyObject_GetIter(referents);
    int result = iterator == NULL ? -1 : visit_iterator(walk, iterator);
    Py_XDECREF(iterator);
    return result;
}

/* Charges what a sizer told of an object: (own_bytes, referents). -1 with an exception set. */
static int take_told(bb_walk *walk, PyObject *object, PyObject *told) {
    PyTypeObject *type = Py_TYPE(object);
    if (!PyTuple_Check(told) || PyTuple_GET_SIZE(told) != 2) {
        PyErr_Format(PyExc_TypeError, "the sizer of %.200s must return (own_bytes, referents)",
                     type->tp_name);
        return -1;
    }
    Py_ssize_t nbytes = checked_size(PyTuple_GET_ITEM(told, 0), type, "the sizer");
    if (nbytes < 0) {
        return -1;
    }
    bb_tally tally = {.rounded = walk->request->rounded};
    bb_tally_block(&tally, nbytes);
    bb_walk_charge(walk, object, &tally);
    return walk->request->shallow ? 0 : visit_told(walk, PyTuple_GET_ITEM(told, 1), type);
}

/* An object whose type has a sizer. 0 if that was removed meanwhile, -1 with an exception set. */
static int resolve_by_sizer(bb_walk *walk, PyObject *object) {
    PyObject *function = bb_sizers_find(Py_TYPE(object));
    if (function == NULL) {
        return 0;
    }
    PyObject *told = PyObject_CallOneArg(function, object);
    int result = told == NULL ? -1 : take_told(walk, object, told);
    Py_XDECREF(told);
    Py_DECREF(function);
    return result < 0 ? -1 : 1;
}

/* -1 with an exception set. */
static int resolve_object(bb_walk *walk, PyObject *object) {
    const bb_type_info *info = bb_type_get(walk->types, Py_TYPE(object), 1);
    Py_ssize_t asked = -1;
    if (info->own == BB_OWN_SIZER) {
        int result = resolve_by_sizer(walk, object);
        if (result != 0) {
            return result < 0 ? -1 : 0;
        }
        info = bb_type_get(walk->types, Py_TYPE(object), 1);
    } else if (info->own == BB_OWN_ASKED) {
        asked = ask(object);
        if (asked < 0) {
            return -1;
        }
        info = bb_type_get(walk->types, Py_TYPE(object), 1); /* may be gone after the call */
    }
    BB_BEGIN_CRITICAL(object);
    if (asked < 0) {
        bb_expand(walk, object, info);
    } else {
        bb_expand_asked(walk, object, info, asked);
    }
    BB_END_CRITICAL();
    return 0;
}

int bb_resolve(bb_walk *walk, PyObject *object, uintptr_t mark) {
    return mark ? visit_iterator(walk, object) : resolve_object(walk, object);
}
