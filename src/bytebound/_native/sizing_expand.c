/* See sizing_expand.h. */
#include "sizing_expand.h"

#include "sizing_inline.h"
#include "sizing_known.h"
#include "sizing_layout.h"
#include "sizing_numpy.h"

/* Elements visited before what was found among them: enough to read ahead, few enough to fit. */
enum { WINDOW = 64 };

static Py_ssize_t round_up_8(Py_ssize_t nbytes) {
    return (nbytes + 7) & ~(Py_ssize_t)7;
}

/* The block of an object of a fixed size, or of a subclass, which gets one item more. */
static Py_ssize_t block_nbytes(PyObject *object, const bb_type_info *info, Py_ssize_t items) {
    PyTypeObject *type = Py_TYPE(object);
    Py_ssize_t nbytes = info->header + type->tp_basicsize;
    if (type->tp_itemsize == 0) {
        return nbytes;
    }
    if (info->exact) {
        return nbytes + items * type->tp_itemsize;
    }
    return round_up_8(nbytes + (items + 1) * type->tp_itemsize);
}

static Py_ssize_t variable_items(PyObject *object) {
    Py_ssize_t items = Py_TYPE(object)->tp_itemsize == 0 ? 0 : ((PyVarObject *)object)->ob_size;
    return items < 0 ? -items : items;
}

/* What a str keeps outside its object, and a wide or UTF-8 copy. */
static Py_ssize_t str_outside(PyObject *object) {
    Py_ssize_t nbytes = 0;
    PyASCIIObject *ascii = (PyASCIIObject *)object;
    if (ascii->state.compact) {
        return 0;
    }
    PyUnicodeObject *str = (PyUnicodeObject *)object;
    nbytes = (PyUnicode_GET_LENGTH(object) + 1) * (Py_ssize_t)PyUnicode_KIND(object);
    char *utf8 = BB_LOAD_POINTER(&str->_base.utf8);
    if (utf8 != NULL && utf8 != (char *)str->data.any) {
        nbytes += str->_base.utf8_length + 1;
    }
    return nbytes;
}

static Py_ssize_t set_outside(PyObject *object) {
    PySetObject *set = (PySetObject *)object;
    return set->table == set->smalltable ? 0 : (set->mask + 1) * (Py_ssize_t)sizeof(setentry);
}

static Py_ssize_t dict_outside(PyObject *object) {
    bb_dict_view view;
    if (bb_dict_view_get(object, &view) == 0) {
        return view.keys_nbytes + view.values_nbytes;
    }
    return 0;
}

static Py_ssize_t told_nbytes(PyObject *object, const bb_type_info *info) {
    PyObject *told = info->told(object, NULL);
    Py_ssize_t nbytes = told == NULL ? 0 : PyLong_AsSsize_t(told);
    Py_XDECREF(told);
    PyErr_Clear();
    return info->header + (nbytes > 0 ? nbytes : 0);
}

static Py_ssize_t own_nbytes(PyObject *object, const bb_type_info *info) {
    if (info->own == BB_OWN_TOLD) {
        return told_nbytes(object, info);
    }
    switch ((bb_kind)info->kind) {
    case BB_NOT_DATA:
        return 0;
    case BB_STR:
        return block_nbytes(object, info, 0) + str_outside(object);
    case BB_BYTES:
        return info->exact ? info->header + bb_bytes_nbytes(object)
                           : block_nbytes(object, info, PyBytes_GET_SIZE(object));
    case BB_INT: {
        Py_ssize_t digits = bb_int_digits(object);
        return info->exact ? bb_int_nbytes(object) : block_nbytes(object, info, digits);
    }
    case BB_BYTEARRAY:
        return block_nbytes(object, info, 0) + ((PyByteArrayObject *)object)->ob_alloc;
    case BB_LIST:
        return block_nbytes(object, info, 0) + bb_list_array_nbytes((PyListObject *)object);
    case BB_TUPLE:
        return block_nbytes(object, info, PyTuple_GET_SIZE(object));
    case BB_DICT:
        return block_nbytes(object, info, 0) + dict_outside(object);
    case BB_SET:
        return block_nbytes(object, info, 0) + set_outside(object);
    case BB_NDARRAY:
        return block_nbytes(object, info, 0) + bb_numpy_shape_nbytes(object) +
               bb_numpy_data_nbytes(object);
    case BB_OBJECT:
    case BB_TRAVERSE:
        break;
    }
    return block_nbytes(object, info, variable_items(object));
}

static void visit_window(bb_walk *walk, PyObject *object, PyObject **items, Py_ssize_t count,
                         Py_ssize_t next) {
    if (count - next > WINDOW) {
        bb_walk_push_half_way(walk, object, next + WINDOW);
        count = next + WINDOW;
    }
    for (Py_ssize_t i = next; i < count; i++) {
        if (items[i] != NULL) {
            bb_walk_visit(walk, items[i]);
        }
    }
}

static void visit_dict(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    bb_dict_view view;
    if (bb_dict_view_get(object, &view) < 0) {
        PyObject *key, *value;
        while (PyDict_Next(object, &next, &key, &value)) {
            bb_walk_visit(walk, key);
            bb_walk_visit(walk, value);
        }
        return;
    }
    if (view.count - next > WINDOW) {
        bb_walk_push_half_way(walk, object, next + WINDOW);
        view.count = next + WINDOW;
    }
    for (Py_ssize_t i = next; i < view.count; i++) {
        PyObject *value = view.values[i * view.stride];
        if (value != NULL) {
            if (view.keys != NULL) {
                bb_walk_visit(walk, view.keys[i * view.stride]);
            }
            bb_walk_visit(walk, value);
        }
    }
}

static void visit_set(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    PySetObject *set = (PySetObject *)object;
    Py_ssize_t count = set->mask + 1;
    if (count - next > WINDOW) {
        bb_walk_push_half_way(walk, object, next + WINDOW);
        count = next + WINDOW;
    }
    for (Py_ssize_t i = next; i < count; i++) {
        setentry *entry = &set->table[i];
        if (entry->key != NULL && entry->hash != -1) { /* -1 marks where one was removed */
            bb_walk_visit(walk, entry->key);
        }
    }
}

static void visit_array(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    PyObject **first = NULL;
    Py_ssize_t count = bb_numpy_elements(object, &first);
    if (next == 0 && bb_numpy_base(object) != NULL) {
        bb_walk_visit(walk, bb_numpy_base(object));
    }
    visit_window(walk, object, first, count, next);
}

static int visit_traversed(PyObject *object, void *walk) {
    if (!PyType_Check(object)) {
        bb_walk_visit(walk, object);
    }
    return ((bb_walk *)walk)->error ? -1 : 0;
}

static void visit_items(bb_walk *walk, PyObject *object, bb_kind kind, Py_ssize_t next) {
    switch (kind) {
    case BB_LIST:
        visit_window(walk, object, ((PyListObject *)object)->ob_item, PyList_GET_SIZE(object),
                     next);
        break;
    case BB_TUPLE:
        visit_window(walk, object, ((PyTupleObject *)object)->ob_item, PyTuple_GET_SIZE(object),
                     next);
        break;
    case BB_DICT:
        visit_dict(walk, object, next);
        break;
    case BB_SET:
        visit_set(walk, object, next);
        break;
    case BB_NDARRAY:
        visit_array(walk, object, next);
        break;
    default:
        break;
    }
}

static void visit_slots(bb_walk *walk, PyObject *object, uint64_t slots) {
    while (slots != 0) {
        PyObject *value = ((PyObject **)object)[__builtin_ctzll(slots)];
        slots &= slots - 1;
        if (value != NULL) {
            bb_walk_visit(walk, value);
        }
    }
}

/* What the attributes of a managed object take, in its own block and in another. */
static Py_ssize_t attributes_nbytes(const bb_attributes *attributes, const bb_type_info *info) {
    if (info->own != BB_OWN_NATIVE) { /* __sizeof__ tells of what is in its own block */
        return attributes->values_nbytes;
    }
    return attributes->inline_nbytes + attributes->values_nbytes;
}

static void visit_attributes(bb_walk *walk, const bb_attributes *attributes) {
    for (Py_ssize_t i = 0; i < attributes->count; i++) {
        if (attributes->values[i] != NULL) {
            bb_walk_visit(walk, attributes->values[i]);
        }
    }
    if (attributes->dict != NULL) {
        bb_walk_visit(walk, attributes->dict);
    }
}

void bb_expand(bb_walk *walk, PyObject *object, const bb_type_info *info) {
    bb_attributes attributes = {0};
    Py_ssize_t nbytes = info->own >= BB_OWN_ASKED ? 0 : own_nbytes(object, info);
    if (info->managed_dict && bb_attributes_get(object, &attributes) == 0) {
        nbytes += attributes_nbytes(&attributes, info);
    }
    if (nbytes != 0) {
        bb_walk_charge(walk, object, nbytes);
    }
    if (walk->shallow || walk->total > walk->limit) {
        return;
    }
    bb_kind kind = info->kind;
    if (info->slots != 0) {
        visit_slots(walk, object, info->slots);
    }
    visit_attributes(walk, &attributes);
    if (info->placed_dict) {
        PyObject **slot = bb_dict_slot(object);
        if (slot != NULL && *slot != NULL) {
            bb_walk_visit(walk, *slot);
        }
    }
    if (kind == BB_TRAVERSE) {
        info->traverse(object, visit_traversed, walk);
    } else if (kind > BB_TRAVERSE) {
        visit_items(walk, object, kind, 0);
    }
}

void bb_expand_rest(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    bb_kind kind = BB_NOT_DATA;
    PyTypeObject *type = Py_TYPE(object);
    while (!bb_known_find(type, &kind) && type->tp_base != NULL) {
        type = type->tp_base;
    }
    visit_items(walk, object, kind, next);
}
