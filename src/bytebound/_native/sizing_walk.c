/* See sizing_walk.h. */
#include "sizing_walk.h"

#include "sizing_asked.h"
#include "sizing_expand.h"
#include "sizing_inline.h"
#include "sizing_known.h"
#include "sizing_layout.h"

enum { HALF_WAY = BB_WALK_MARK }; /* tells a container left half-way */

static void start(bb_walk *walk, const bb_request *request) {
    walk->total = 0;
    walk->fraction = 0;
    walk->limit = request->limit < 0 ? PY_SSIZE_T_MAX : request->limit;
    walk->error = BB_WALK_FINE;
    walk->plain = !request->shallow && !request->rounded && request->stop_types == NULL &&
                  request->visitor == NULL;
    walk->request = request;
    walk->types = bb_types_here();
    walk->early = NULL;
    walk->blocks = (bb_blocks){0};
    bb_seen_start(&walk->seen);
    bb_pending_start(&walk->pending);
    bb_pending_start(&walk->deferred);
    bb_pending_start(&walk->kept);
}

/* Lets go of the references on a stack. */
static void release(bb_pending *stack) {
    uintptr_t word;
    while ((word = bb_pending_pop(stack)) != 0) {
        Py_DECREF(bb_walk_object(word));
    }
    bb_pending_end(stack);
}

static void end(bb_walk *walk) {
#ifdef Py_GIL_DISABLED
    uintptr_t word;
    while ((word = bb_pending_pop(&walk->pending)) != 0) {
        if (word & HALF_WAY) {
            bb_pending_pop(&walk->pending);
        }
        Py_DECREF(bb_walk_object(word));
    }
#endif
    bb_pending_end(&walk->pending);
    bb_seen_end(&walk->seen);
    bb_blocks_end(&walk->blocks);
    if (walk->early != NULL) {
        PyMem_RawFree(walk->early);
    }
    release(&walk->deferred);
    release(&walk->kept);
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
        if (walk->limit == PY_SSIZE_T_MAX) {
            walk->error = BB_WALK_TOO_LARGE;
        }
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

/* Whether the object has to be charged to somebody and was not met before. */
static inline int is_due(bb_walk *walk, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    if (object == Py_None || type == &PyBool_Type) {
        return 0;
    }
    /* With one reference it is met once; nothing is sure of a layout that is not known. */
    return (Py_REFCNT(object) == 1 && bb_layout_known) ||
           (!bb_is_immortal(object) &&
            !(type == &PyUnicode_Type && PyUnicode_CHECK_INTERNED(object)) && is_new(walk, object));
}

/* Where the request has an extra. */
static void visit_specially(bb_walk *walk, PyObject *object) {
    if (is_stopped(walk, object) || !is_due(walk, object)) {
        return;
    }
    Py_ssize_t nbytes = bb_leaf_allocated(object);
    if (nbytes < 0) {
        push(walk, object, 0);
    } else {
        charge_leaf(walk, object, nbytes);
    }
}

void bb_walk_visit(bb_walk *walk, PyObject *object) {
    if (!walk->plain) {
        visit_specially(walk, object);
    } else if (is_due(walk, object)) {
        Py_ssize_t nbytes = bb_leaf_allocated(object);
        if (nbytes < 0) {
            push(walk, object, 0);
        } else {
            add(walk, nbytes);
        }
    }
}

void bb_walk_visit_attributes(bb_walk *walk, PyObject *dict) {
    if (is_due(walk, dict)) {
        push(walk, dict, 0);
    }
}

void bb_walk_visit_memory(bb_walk *walk, uintptr_t address, Py_ssize_t nbytes) {
    if (address == 0 || nbytes == 0) {
        return;
    }
    Py_ssize_t known = bb_blocks_raise(&walk->blocks, address, nbytes);
    if (known < 0) {
        walk->error = BB_WALK_NO_MEMORY;
    } else if (known < nbytes) {
        bb_tally before = {.rounded = walk->request->rounded}, now = before;
        bb_tally_raw_block(&before, known);
        bb_tally_raw_block(&now, nbytes);
        add(walk, now.nbytes - before.nbytes);
        walk->fraction += now.fraction - before.fraction;
    }
}

void bb_walk_defer(bb_walk *walk, PyObject *object, uintptr_t mark) {
    if (bb_pending_push(&walk->deferred, (uintptr_t)object | mark) < 0) {
        walk->error = BB_WALK_NO_MEMORY;
        return;
    }
    Py_INCREF(object);
}

static void expand_or_defer(bb_walk *walk, PyObject *object) {
    const bb_type_info *info = bb_type_get(walk->types, Py_TYPE(object), 0);
    if (info == NULL || info->own >= BB_OWN_ASKED) {
        bb_walk_defer(walk, object, 0);
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

void bb_walk_drain(bb_walk *walk) {
    uintptr_t word;
    while (!bb_walk_is_over(walk) && (word = bb_pending_pop(&walk->pending)) != 0) {
        PyObject *object = bb_walk_object(word);
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

/* What only the whole tells. */
static void finish(bb_walk *walk) {
    const bb_request *request = walk->request;
    if (request->rounded) {
        add(walk, walk->fraction / 65536);
    } else if (request->visitor == NULL && !bb_walk_is_over(walk)) {
        add(walk, bb_early_correction(walk->early));
    }
    if (request->visitor != NULL && walk->error == BB_WALK_FINE &&
        bb_blocks_tell(&walk->blocks, request->visitor, request->context) < 0) {
        walk->error = BB_WALK_STOPPED;
    }
}

/* -1 with an exception set. */
static int run(bb_walk *walk) {
    uintptr_t word;
    bb_walk_drain(walk);
    while (!bb_walk_is_over(walk) && (word = bb_pending_pop(&walk->deferred)) != 0) {
        PyObject *object = bb_walk_object(word);
        int result = bb_resolve(walk, object, word & BB_WALK_MARK);
        if (result == 0) {
            bb_walk_drain(walk); /* before the reference goes: what is pending may hang on it */
        }
        Py_DECREF(object);
        if (result < 0) {
            return -1;
        }
    }
    finish(walk);
    if (walk->error == BB_WALK_NO_MEMORY) {
        PyErr_NoMemory();
    } else if (walk->error == BB_WALK_TOO_LARGE) {
        PyErr_SetString(PyExc_OverflowError, "the sizes add up to more than sys.maxsize");
    }
    return walk->error == BB_WALK_FINE ? 0 : -1;
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
    end(&walk);
    for (Py_ssize_t i = 0; i < request->count; i++) {
        Py_DECREF(request->objects[i]);
    }
    return result < 0 ? -1 : walk.total;
}
