/* See sizing_walk.h. */
#include "sizing_walk.h"

#include "sizing_expand.h"
#include "sizing_inline.h"
#include "sizing_known.h"
#include "sizing_layout.h"
#include "sizing_sizers.h"

enum { HALF_WAY = 1 }; /* the bit that tells a container left half-way */

static void start(bb_walk *walk, const bb_request *request) {
    walk->total = 0;
    walk->fraction = 0;
    walk->limit = request->limit < 0 ? PY_SSIZE_T_MAX : request->limit;
    walk->error = BB_WALK_FINE;
    walk->plain = !request->shallow && !request->rounded && request->stop_types == NULL &&
                  request->visitor == NULL;
    walk->request = request;
    walk->types = bb_types_here();
    walk->kept = NULL;
    walk->early = NULL;
    bb_seen_start(&walk->seen);
    bb_pending_start(&walk->pending);
    bb_pending_start(&walk->deferred);
}

static void end(bb_walk *walk) {
#ifdef Py_GIL_DISABLED
    uintptr_t word;
    while ((word = bb_pending_pop(&walk->pending)) != 0) {
        if (word & HALF_WAY) {
            bb_pending_pop(&walk->pending);
        }
        Py_DECREF((PyObject *)(word & ~(uintptr_t)HALF_WAY));
    }
#endif
    PyObject *object;
    while ((object = (PyObject *)bb_pending_pop(&walk->deferred)) != NULL) {
        Py_DECREF(object);
    }
    bb_pending_end(&walk->pending);
    bb_pending_end(&walk->deferred);
    bb_seen_end(&walk->seen);
    PyMem_RawFree(walk->early);
    Py_CLEAR(walk->kept);
}

static void push(bb_walk *walk, PyObject *object, uintptr_t bit) {
    if (bb_pending_push(&walk->pending, (uintptr_t)object | bit) < 0) {
        walk->error = BB_WALK_NO_MEMORY;
        return;
    }
#ifdef Py_GIL_DISABLED
    Py_INCREF(object);
#endif
}

void bb_walk_push_half_way(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    if (bb_pending_push(&walk->pending, (uintptr_t)next) < 0) {
        walk->error = BB_WALK_NO_MEMORY;
        return;
    }
    push(walk, object, HALF_WAY);
    if (walk->error != BB_WALK_FINE) {
        bb_pending_pop(&walk->pending);
    }
}

/* The addition alone, where nobody wants to be told. */
static inline void add(bb_walk *walk, Py_ssize_t nbytes) {
    if (__builtin_add_overflow(walk->total, nbytes, &walk->total)) {
        walk->total = PY_SSIZE_T_MAX;
        walk->error = BB_WALK_TOO_LARGE;
    }
}

void bb_walk_charge(bb_walk *walk, const void *identity, const bb_tally *tally) {
    const bb_request *request = walk->request;
    add(walk, tally->nbytes);
    walk->fraction += tally->fraction;
    if (request->visitor != NULL &&
        request->visitor(request->context, identity, tally->nbytes) < 0) {
        walk->error = BB_WALK_STOPPED;
    }
}

/* 1 if the address was not met before. */
static int is_new(bb_walk *walk, const void *identity) {
    int added = bb_seen_add(&walk->seen, identity);
    if (added < 0) {
        walk->error = BB_WALK_NO_MEMORY;
    }
    return added > 0;
}

/* Whether the object is of a type that the user wants left out. */
static int is_stopped(bb_walk *walk, PyObject *object) {
    PyObject *types = walk->request->stop_types;
    for (Py_ssize_t i = 0; types != NULL && i < PyTuple_GET_SIZE(types); i++) {
        if (PyType_IsSubtype(Py_TYPE(object), (PyTypeObject *)PyTuple_GET_ITEM(types, i))) {
            return 1;
        }
    }
    return 0;
}

/* A leaf, with the blocks that a str may have beside its own. */
static void charge_leaf(bb_walk *walk, PyObject *object, Py_ssize_t nbytes) {
    bb_tally tally = {.rounded = walk->request->rounded};
    bb_tally outside = {0};
    if (tally.rounded && Py_TYPE(object) == &PyUnicode_Type) {
        bb_str_blocks(object, &outside);
        bb_str_blocks(object, &tally);
    }
    bb_tally_block(&tally, nbytes - outside.nbytes);
    bb_walk_charge(walk, object, &tally);
}

/* A leaf, or what is to be looked into, where the request has an extra. */
static void visit_specially(bb_walk *walk, PyObject *object, Py_ssize_t nbytes) {
    if (walk->request->stop_types != NULL && is_stopped(walk, object)) {
        return;
    }
    if (nbytes < 0) {
        push(walk, object, 0);
    } else {
        charge_leaf(walk, object, nbytes);
    }
}

void bb_walk_visit(bb_walk *walk, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    if (object == Py_None || type == &PyBool_Type) {
        return;
    }
    /* With one reference it is met once; nothing is sure of a layout that is not known. */
    if (Py_REFCNT(object) != 1 || !bb_layout_known) {
        if (bb_is_immortal(object) ||
            (type == &PyUnicode_Type && PyUnicode_CHECK_INTERNED(object)) ||
            !is_new(walk, object)) {
            return;
        }
    }
    Py_ssize_t nbytes = bb_leaf_allocated(object);
    if (!walk->plain) {
        visit_specially(walk, object, nbytes);
    } else if (nbytes < 0) {
        push(walk, object, 0);
    } else {
        add(walk, nbytes);
    }
}

void bb_walk_visit_memory(bb_walk *walk, uintptr_t address, Py_ssize_t nbytes) {
    const void *identity = (const void *)(address & ~(uintptr_t)1); /* the set keeps that bit */
    if (identity != NULL && nbytes > 0 && is_new(walk, identity)) {
        bb_tally tally = {.rounded = walk->request->rounded};
        bb_tally_raw_block(&tally, nbytes);
        bb_walk_charge(walk, identity, &tally);
    }
}

/* Keeps an object for when nothing is pending. */
static void defer(bb_walk *walk, PyObject *object) {
    if (bb_pending_push(&walk->deferred, (uintptr_t)object) < 0) {
        walk->error = BB_WALK_NO_MEMORY;
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
    if (walk->plain && info->plain) {
        bb_expand_plain(walk, object, info);
    } else {
        bb_expand(walk, object, info);
    }
    BB_END_CRITICAL();
}

static void expand_rest(bb_walk *walk, PyObject *object) {
    Py_ssize_t next = (Py_ssize_t)bb_pending_pop(&walk->pending);
    const bb_type_info *info = bb_type_get(walk->types, Py_TYPE(object), 0);
    if (info != NULL) {
        BB_BEGIN_CRITICAL(object);
        bb_expand_rest(walk, object, info, next);
        BB_END_CRITICAL();
    }
}

static void drain(bb_walk *walk) {
    uintptr_t word;
    while (!bb_walk_is_over(walk) && (word = bb_pending_pop(&walk->pending)) != 0) {
        PyObject *object = (PyObject *)(word & ~(uintptr_t)HALF_WAY);
        if (word & HALF_WAY) {
            expand_rest(walk, object);
        } else {
            expand_or_defer(walk, object);
        }
#ifdef Py_GIL_DISABLED
        Py_DECREF(object);
#endif
    }
}

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
    PyObject *size = function == NULL ? NULL : PyObject_CallNoArgs(function);
    Py_XDECREF(function);
    if (size == NULL) {
        return -1;
    }
    Py_ssize_t nbytes = checked_size(size, type, "__sizeof__");
    Py_DECREF(size);
    return nbytes;
}

/*
 * Calls a registered sizer, `fn(object) -> (own_bytes, referents)`, and charges what it told. The
 * referents as a list that the walk keeps, so that no address is used again; NULL with an
 * exception set.
 */
static PyObject *ask_sizer(bb_walk *walk, PyObject *object, PyObject *function) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject *told = PyObject_CallOneArg(function, object);
    PyObject *referents = NULL;
    if (told == NULL || (walk->kept == NULL && (walk->kept = PyList_New(0)) == NULL)) {
        Py_XDECREF(told);
        return NULL;
    }
    if (!PyTuple_Check(told) || PyTuple_GET_SIZE(told) != 2) {
        PyErr_Format(PyExc_TypeError, "the sizer of %.200s must return (own_bytes, referents)",
                     type->tp_name);
    } else {
        Py_ssize_t nbytes = checked_size(PyTuple_GET_ITEM(told, 0), type, "the sizer");
        referents = nbytes < 0 ? NULL : PySequence_List(PyTuple_GET_ITEM(told, 1));
        if (referents != NULL && PyList_Append(walk->kept, referents) < 0) {
            Py_CLEAR(referents);
        }
        if (referents != NULL) {
            bb_tally tally = {.rounded = walk->request->rounded};
            bb_tally_block(&tally, nbytes);
            bb_walk_charge(walk, object, &tally);
        }
    }
    Py_DECREF(told);
    return referents;
}

/* An object whose type has a sizer. 0 if that was removed meanwhile, -1 with an exception set. */
static int resolve_by_sizer(bb_walk *walk, PyObject *object) {
    PyObject *function = bb_sizers_find(Py_TYPE(object));
    if (function == NULL) {
        return 0;
    }
    PyObject *referents = ask_sizer(walk, object, function);
    Py_DECREF(function);
    if (referents == NULL) {
        return -1;
    }
    /* Nothing may run Python code from here on until nothing is pending. */
    for (Py_ssize_t i = 0; !walk->request->shallow && i < PyList_GET_SIZE(referents); i++) {
        bb_walk_visit(walk, PyList_GET_ITEM(referents, i));
    }
    Py_DECREF(referents); /* not the last one */
    return 1;
}

/* An object that needs Python code. -1 with an exception set. */
static int resolve(bb_walk *walk, PyObject *object) {
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

static int run(bb_walk *walk) {
    PyObject *object;
    drain(walk);
    while (!bb_walk_is_over(walk) &&
           (object = (PyObject *)bb_pending_pop(&walk->deferred)) != NULL) {
        int result = resolve(walk, object);
        if (result == 0) {
            drain(walk); /* before the reference goes: what is pending may hang on it */
        }
        Py_DECREF(object);
        if (result < 0) {
            return -1;
        }
    }
    if (walk->error == BB_WALK_NO_MEMORY) {
        PyErr_NoMemory();
    } else if (walk->error == BB_WALK_TOO_LARGE) {
        PyErr_SetString(PyExc_OverflowError, "the sizes add up to more than sys.maxsize");
    }
    return walk->error == BB_WALK_FINE ? 0 : -1;
}

/* What only the whole tells. */
static void finish(bb_walk *walk) {
    if (walk->request->rounded) {
        add(walk, walk->fraction / 65536);
    } else if (walk->request->visitor == NULL && !bb_walk_is_over(walk)) {
        add(walk, bb_early_correction(walk->early));
    }
}

/* An argument that is interned text or a constant counts: whoever names it means it. */
static void visit_argument(bb_walk *walk, PyObject *object) {
    const Py_ssize_t nbytes = bb_root_nbytes(object);
    if (nbytes <= 0 || bb_leaf_nbytes(object) != 0) {
        bb_walk_visit(walk, object);
    } else if (is_new(walk, object) && !is_stopped(walk, object)) {
        charge_leaf(walk, object, nbytes);
    }
}

static void visit_arguments(bb_walk *walk, const bb_request *request) {
    PyObject *stop = request->stop_objects;
    for (Py_ssize_t i = 0; stop != NULL && i < PyTuple_GET_SIZE(stop); i++) {
        is_new(walk, PyTuple_GET_ITEM(stop, i));
    }
    for (Py_ssize_t i = 0; i < request->count; i++) {
        visit_argument(walk, request->objects[i]);
    }
}

Py_ssize_t bb_measure(const bb_request *request) {
    bb_walk walk;
    if (bb_known_refresh() < 0) {
        return -1;
    }
    start(&walk, request);
    /* A second reference each, so that a way back to an object finds it among those met. */
    for (Py_ssize_t i = 0; i < request->count; i++) {
        Py_INCREF(request->objects[i]);
    }
    visit_arguments(&walk, request);
    int result = run(&walk);
    finish(&walk);
    end(&walk);
    for (Py_ssize_t i = 0; i < request->count; i++) {
        Py_DECREF(request->objects[i]);
    }
    return result < 0 ? -1 : walk.total;
}
