/* The rules of built-in types: see sizing_rules.h. */
#include "sizing_inline.h"
#include "sizing_layout.h"
#include "sizing_rules.h"
#include "sizing_walk.h"

#include <wchar.h>

/* rangeobject and longrangeiterobject (Objects/rangeobject.c). */
typedef struct {
    PyObject_HEAD PyObject *items[4];
} range_object;

#if PY_VERSION_HEX >= 0x030C0000
enum { RANGE_ITERATOR_ITEMS = 3 };
#else
enum { RANGE_ITERATOR_ITEMS = 4 };
#endif

typedef struct {
    PyObject_HEAD PyObject *items[RANGE_ITERATOR_ITEMS];
} range_iterator;

/* PyODictObject and its nodes (Objects/odictobject.c), 3.11 to 3.13. */
typedef struct {
    PyDictObject dict;
    void *first;
    void *last;
    void **nodes;
    Py_ssize_t nodes_count;
    void *sentinel;
    size_t state;
    PyObject *attributes;
    PyObject *weak_references;
} ordered_dict;

enum { ORDERED_NODE = 32 };

static PyCFunction dict_sizeof; /* dict.__sizeof__, for a layout that is not known */

int bb_builtin_prepare(void) {
    PyObject *descriptor = PyObject_GetAttrString((PyObject *)&PyDict_Type, "__sizeof__");
    if (descriptor == NULL) {
        return -1;
    }
    if (Py_TYPE(descriptor) == &PyMethodDescr_Type) {
        dict_sizeof = ((PyMethodDescrObject *)descriptor)->d_method->ml_meth;
    }
    Py_DECREF(descriptor); /* the function is a static one */
    return 0;
}

Py_ssize_t bb_builtin_basic_size(bb_kind kind) {
    switch (kind) {
    case BB_RANGE:
        return sizeof(range_object);
    case BB_RANGE_ITERATOR:
        return sizeof(range_iterator);
    case BB_ORDERED_DICT:
        return bb_layout_known ? (Py_ssize_t)sizeof(ordered_dict) : -1;
    default:
        return 0;
    }
}

#if PY_VERSION_HEX < 0x030C0000
/* The wide form that 3.11 may keep, unless it is the text itself. */
static void wide_block(PyObject *object, bb_tally *tally) {
    wchar_t *wide = ((PyASCIIObject *)object)->wstr;
    if (wide == NULL || (PyUnicode_IS_READY(object) && (void *)wide == PyUnicode_DATA(object))) {
        return;
    }
    Py_ssize_t length = PyUnicode_IS_COMPACT_ASCII(object)
                            ? PyUnicode_GET_LENGTH(object)
                            : ((PyCompactUnicodeObject *)object)->wstr_length;
    bb_tally_block(tally, (length + 1) * (Py_ssize_t)sizeof(wchar_t));
}
#else
static void wide_block(PyObject *Py_UNUSED(object), bb_tally *Py_UNUSED(tally)) {
}
#endif

/* Text in a block of its own, a wide form, and a UTF-8 form that is not the text itself. */
void bb_str_blocks(PyObject *object, bb_tally *tally) {
    wide_block(object, tally);
    if (PyUnicode_IS_COMPACT_ASCII(object)) {
        return;
    }
    PyCompactUnicodeObject *compact = (PyCompactUnicodeObject *)object;
    void *data = NULL;
    if (!compact->_base.state.compact) {
        data = ((PyUnicodeObject *)object)->data.any;
        Py_ssize_t length = data == NULL ? 0 : PyUnicode_GET_LENGTH(object) + 1;
        bb_tally_block(tally, length * (Py_ssize_t)PyUnicode_KIND(object));
    }
    void *utf8 = BB_LOAD_POINTER(&compact->utf8);
    if (utf8 != NULL && utf8 != data) {
        bb_tally_block(tally, compact->utf8_length + 1);
    }
}

void bb_bytearray_blocks(PyObject *object, bb_tally *tally) {
    bb_tally_block(tally, ((PyByteArrayObject *)object)->ob_alloc);
}

void bb_list_blocks(PyObject *object, bb_tally *tally) {
    bb_tally_block(tally, bb_list_array_nbytes((PyListObject *)object));
}

void bb_dict_blocks(PyObject *object, bb_tally *tally) {
    bb_dict_view view;
    if (bb_dict_view_get(object, &view) == 0) {
        bb_tally_block(tally, view.keys_nbytes);
        bb_tally_block(tally, view.values_nbytes);
        return;
    }
    PyObject *told = dict_sizeof == NULL ? NULL : dict_sizeof(object, NULL);
    if (told != NULL) {
        bb_tally_block(tally, PyLong_AsSsize_t(told) - Py_TYPE(object)->tp_basicsize);
        Py_DECREF(told);
    } else {
        PyErr_Clear();
        tally->failed = 1;
    }
}

/* What ctypes keeps for a c_wchar_p: a copy of the text, which the capsule frees. */
void bb_capsule_blocks(PyObject *object, bb_tally *tally) {
    static const char wide_text[] = "_ctypes/cfield.c pymem";
    if (PyCapsule_IsValid(object, wide_text)) {
        const wchar_t *text = PyCapsule_GetPointer(object, wide_text);
        bb_tally_block(tally, (Py_ssize_t)((wcslen(text) + 1) * sizeof(wchar_t)));
    }
}

void bb_set_blocks(PyObject *object, bb_tally *tally) {
    PySetObject *set = (PySetObject *)object;
    if (set->table != set->smalltable) {
        bb_tally_block(tally, (set->mask + 1) * (Py_ssize_t)sizeof(setentry));
    }
}

void bb_ordered_dict_blocks(PyObject *object, bb_tally *tally) {
    ordered_dict *ordered = (ordered_dict *)object;
    bb_dict_blocks(object, tally);
    bb_tally_block(tally, ordered->nodes_count * (Py_ssize_t)sizeof(void *));
    if (ordered->first != NULL) {
        bb_tally_blocks(tally, ORDERED_NODE, PyDict_GET_SIZE(object));
    }
}

Py_ssize_t bb_window_end(bb_walk *walk, PyObject *object, Py_ssize_t count, Py_ssize_t next) {
    if (count - next <= BB_WINDOW) {
        return count;
    }
    bb_walk_push_half_way(walk, object, next + BB_WINDOW);
    return next + BB_WINDOW;
}

void bb_visit_window(bb_walk *walk, PyObject *object, PyObject **items, Py_ssize_t count,
                     Py_ssize_t next) {
    Py_ssize_t end = bb_window_end(walk, object, count, next);
    for (Py_ssize_t i = next; i < end; i++) {
        if (items[i] != NULL) {
            bb_walk_visit(walk, items[i]);
        }
    }
}

void bb_list_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    PyListObject *list = (PyListObject *)object;
    bb_visit_window(walk, object, list->ob_item, PyList_GET_SIZE(object), next);
}

void bb_tuple_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    PyTupleObject *tuple = (PyTupleObject *)object;
    bb_visit_window(walk, object, tuple->ob_item, PyTuple_GET_SIZE(object), next);
}

static void visit_pairs(bb_walk *walk, PyObject *object) {
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (!bb_walk_is_over(walk) && PyDict_Next(object, &position, &key, &value)) {
        bb_walk_visit(walk, key);
        bb_walk_visit(walk, value);
    }
}

void bb_dict_visit_view(bb_walk *walk, PyObject *object, const bb_dict_view *view,
                        Py_ssize_t next) {
    Py_ssize_t end = bb_window_end(walk, object, view->count, next);
    for (Py_ssize_t i = next; i < end; i++) {
        PyObject *value = view->values[i * view->stride];
        if (value == NULL) {
            continue;
        }
        if (view->keys != NULL) {
            bb_walk_visit(walk, view->keys[i * view->stride]);
        }
        bb_walk_visit(walk, value);
    }
}

void bb_dict_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    bb_dict_view view;
    if (bb_dict_view_get(object, &view) == 0) {
        bb_dict_visit_view(walk, object, &view, next);
    } else {
        visit_pairs(walk, object);
    }
}

/* The keys that dict's tp_traverse leaves out: those of a table that holds only str. */
void bb_dict_visit_keys(bb_walk *walk, PyObject *object) {
    PyObject *key;
    Py_ssize_t position = 0;
    while (!bb_walk_is_over(walk) && PyDict_Next(object, &position, &key, NULL)) {
        if (PyUnicode_CheckExact(key)) {
            bb_walk_visit(walk, key);
        }
    }
}

void bb_set_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    PySetObject *set = (PySetObject *)object;
    Py_ssize_t end = bb_window_end(walk, object, set->mask + 1, next);
    for (Py_ssize_t i = next; i < end; i++) {
        setentry *entry = &set->table[i];
        if (entry->key != NULL && entry->hash != -1) { /* -1 marks where one was removed */
            bb_walk_visit(walk, entry->key);
        }
    }
}

void bb_range_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    bb_visit_window(walk, object, ((range_object *)object)->items, 4, next);
}

void bb_range_iterator_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    bb_visit_window(walk, object, ((range_iterator *)object)->items, RANGE_ITERATOR_ITEMS, next);
}

int bb_builtin_is_function(PyObject *object) {
    PyObject *self = ((PyCFunctionObject *)object)->m_self;
    return self == NULL || PyModule_Check(self) || PyType_Check(self);
}

void bb_builtin_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    bb_walk_visit(walk, ((PyCFunctionObject *)object)->m_self);
}
