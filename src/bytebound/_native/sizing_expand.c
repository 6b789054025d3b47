/* See sizing_expand.h. */
#include "sizing_expand.h"

#include "sizing_inline.h"
#include "sizing_known.h"
#include "sizing_layout.h"

const bb_rule bb_rules[BB_KINDS] = {
    [BB_STR] = {bb_str_blocks, NULL},
    [BB_BYTEARRAY] = {bb_bytearray_blocks, NULL},
    [BB_LIST] = {bb_list_blocks, bb_list_visit},
    [BB_TUPLE] = {NULL, bb_tuple_visit},
    [BB_DICT] = {bb_dict_blocks, bb_dict_visit},
    [BB_SET] = {bb_set_blocks, bb_set_visit},
    [BB_RANGE] = {NULL, bb_range_visit},
    [BB_RANGE_ITERATOR] = {NULL, bb_range_iterator_visit},
    [BB_BUILTIN] = {NULL, bb_builtin_visit},
    [BB_ORDERED_DICT] = {bb_ordered_dict_blocks, bb_dict_visit},
    [BB_CAPSULE] = {bb_capsule_blocks, NULL},
    [BB_DEFAULT_DICT] = {bb_dict_blocks, bb_default_dict_visit},
    [BB_DEQUE] = {bb_deque_blocks, bb_deque_visit},
    [BB_DATETIME] = {NULL, bb_datetime_visit},
    [BB_TIME] = {NULL, bb_time_visit},
    [BB_TIMEZONE] = {NULL, bb_timezone_visit},
    [BB_BYTES_IO] = {NULL, bb_bytes_io_visit},
    [BB_STRING_IO] = {bb_string_io_blocks, bb_string_io_visit},
    [BB_CTYPES] = {bb_ctypes_blocks, bb_ctypes_visit},
    [BB_ARRAY] = {bb_array_blocks, bb_array_visit},
    [BB_DTYPE] = {bb_dtype_blocks, bb_dtype_visit},
    [BB_VOID] = {bb_void_blocks, bb_void_visit},
    [BB_NUMPY_STR] = {bb_numpy_str_blocks, NULL},
    [BB_FLAT_ITERATOR] = {NULL, bb_flat_iterator_visit},
    [BB_BROADCAST] = {NULL, bb_broadcast_visit},
};

/* bytebound._native.sizing.MemoryBlock: memory that is no object. */
typedef struct {
    PyObject_HEAD uintptr_t address;
    Py_ssize_t nbytes;
} memory_block;

/* The number of items in an object's own block. */
static Py_ssize_t item_count(PyObject *object, const bb_type_info *info) {
    if (info->kind == BB_INT) {
        Py_ssize_t digits = bb_int_digits(object);
#if PY_VERSION_HEX >= 0x030C0000
        return digits == 0 ? 1 : digits;
#else
        return digits;
#endif
    }
    if (info->items >= 0) {
        return info->items;
    }
    Py_ssize_t items = ((PyVarObject *)object)->ob_size;
    return items < 0 ? -items : items;
}

/* The object's own block. What PyType_GenericAlloc makes has one item more, and is rounded. */
static Py_ssize_t block_nbytes(PyObject *object, const bb_type_info *info) {
    PyTypeObject *type = Py_TYPE(object);
    Py_ssize_t nbytes = info->header + type->tp_basicsize;
    if (type->tp_itemsize == 0) {
        if (info->exact && info->kind == BB_DATETIME) {
            return bb_datetime_nbytes(object);
        }
        return info->exact && info->kind == BB_TIME ? bb_time_nbytes(object) : nbytes;
    }
    Py_ssize_t items = item_count(object, info);
    if (info->exact) {
        return nbytes + items * type->tp_itemsize;
    }
    return (nbytes + (items + 1) * type->tp_itemsize + 7) & ~(Py_ssize_t)7;
}

/* What a __sizeof__ told: the object's block, without the header and the attributes in it, and as
 * much as it knows beside. */
static void tally_told(bb_tally *tally, PyObject *object, const bb_type_info *info,
                       const bb_attributes *attributes, Py_ssize_t nbytes) {
    Py_ssize_t block = Py_TYPE(object)->tp_basicsize;
    block = nbytes < block ? nbytes : block;
    bb_tally_block(tally, info->header + block + attributes->inline_nbytes);
    bb_tally_block(tally, nbytes - block);
}

/* By a C __sizeof__ that fails only for want of memory. */
static Py_ssize_t told_nbytes(bb_tally *tally, PyObject *object, const bb_type_info *info) {
    PyObject *told = info->told(object, NULL);
    Py_ssize_t nbytes = told == NULL ? -1 : PyLong_AsSsize_t(told);
    Py_XDECREF(told);
    if (nbytes < 0) {
        PyErr_Clear();
        tally->failed = 1;
        return 0;
    }
    return nbytes;
}

static void tally_own(bb_tally *tally, PyObject *object, const bb_type_info *info,
                      const bb_attributes *attributes) {
    if (info->own == BB_OWN_TOLD) {
        tally_told(tally, object, info, attributes, told_nbytes(tally, object, info));
    } else {
        bb_tally_block(tally, block_nbytes(object, info) + attributes->inline_nbytes);
        if (bb_rules[info->kind].blocks != NULL) {
            bb_rules[info->kind].blocks(object, tally);
        }
    }
    bb_tally_block(tally, attributes->values_nbytes);
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

static void visit_attributes(bb_walk *walk, const bb_attributes *attributes) {
    for (Py_ssize_t i = 0; i < attributes->count; i++) {
        if (attributes->values[i] != NULL) {
            bb_walk_visit(walk, attributes->values[i]);
        }
    }
    if (attributes->dict != NULL) {
        bb_walk_visit_attributes(walk, attributes->dict);
    }
}

typedef struct {
    bb_walk *walk;
    PyObject *dict; /* the object's __dict__; NULL if it has none, or others find it */
} traversal;

static int visit_traversed(PyObject *object, void *argument) {
    traversal *this = argument;
    if (object == this->dict) {
        bb_walk_visit_attributes(this->walk, object);
    } else if (!PyType_Check(object)) {
        bb_walk_visit(this->walk, object);
    }
    return bb_walk_is_over(this->walk) ? -1 : 0;
}

static void traverse(bb_walk *walk, PyObject *object, const bb_type_info *info) {
    traversal this = {walk, NULL};
    if (!(info->type->tp_flags & Py_TPFLAGS_MANAGED_DICT)) {
        PyObject **slot = bb_dict_slot(object);
        this.dict = slot == NULL ? NULL : *slot;
    }
    info->traverse(object, visit_traversed, &this);
}

static void visit_referents(bb_walk *walk, PyObject *object, const bb_type_info *info,
                            const bb_attributes *attributes) {
    visit_slots(walk, object, info->slots);
    visit_attributes(walk, attributes);
    if (info->placed_dict) {
        PyObject **slot = bb_dict_slot(object);
        if (slot != NULL && *slot != NULL) {
            bb_walk_visit_attributes(walk, *slot);
        }
    }
    if (info->traverse != NULL) {
        if (info->dict_keys) {
            bb_dict_visit_keys(walk, object);
        }
        traverse(walk, object, info);
    }
    if (bb_rules[info->follow].visit != NULL) {
        bb_rules[info->follow].visit(walk, object, 0);
    }
}

/* Whether the object belongs to its type or its module, not to who holds it. */
static int is_kept_elsewhere(bb_walk *walk, PyObject *object, const bb_type_info *info) {
    switch ((bb_kind)info->kind) {
    case BB_NOT_DATA:
        return 1;
    case BB_BUILTIN:
        return bb_builtin_is_function(object);
    case BB_TIMEZONE:
        return bb_timezone_is_utc(object);
    case BB_DTYPE:
        return bb_dtype_is_shared(object);
    default:
        break;
    }
    if (!info->member) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < walk->request->count; i++) {
        if (walk->request->objects[i] == object) {
            return 0; /* asked for by name: its own data are meant */
        }
    }
    return bb_known_is_member(object);
}

static void get_attributes(bb_walk *walk, PyObject *object, bb_attributes *attributes) {
    bb_attributes_get(object, attributes);
    if (attributes->early.keys != NULL) {
        bb_early_count(&walk->early, &attributes->early);
    }
}

static void expand(bb_walk *walk, PyObject *object, const bb_type_info *info, Py_ssize_t asked) {
    bb_attributes attributes = {0};
    bb_tally tally = {.rounded = walk->request->rounded};
    if (is_kept_elsewhere(walk, object, info)) {
        return;
    }
    if (info->kind == BB_MEMORY) {
        memory_block *memory = (memory_block *)object;
        bb_walk_visit_memory(walk, memory->address, memory->nbytes);
        return;
    }
    if (info->managed_dict) {
        get_attributes(walk, object, &attributes);
    }
    if (asked < 0) {
        tally_own(&tally, object, info, &attributes);
    } else {
        tally_told(&tally, object, info, &attributes, asked);
        bb_tally_block(&tally, attributes.values_nbytes);
    }
    if (tally.failed) {
        walk->error = BB_WALK_NO_MEMORY;
        return;
    }
    bb_walk_charge(walk, object, &tally);
    if (!walk->request->shallow && !bb_walk_is_over(walk)) {
        visit_referents(walk, object, info, &attributes);
    }
}

void bb_expand(bb_walk *walk, PyObject *object, const bb_type_info *info) {
    expand(walk, object, info, -1);
}

void bb_expand_plain(bb_walk *walk, PyObject *object, const bb_type_info *info) {
    bb_tally tally = {.nbytes = info->header + info->type->tp_basicsize};
    bb_dict_view view = {0};
    bb_attributes attributes = {0};
    switch ((bb_kind)info->kind) {
    case BB_DICT: /* looked at once for both its bytes and its items */
        bb_dict_view_get(object, &view);
        if (view.early.keys != NULL) {
            bb_early_count(&walk->early, &view.early);
        }
        bb_tally_add(&tally, view.keys_nbytes + view.values_nbytes);
        bb_walk_charge(walk, object, &tally);
        bb_dict_visit_view(walk, object, &view, 0);
        break;
    case BB_LIST:
        bb_list_blocks(object, &tally);
        bb_walk_charge(walk, object, &tally);
        bb_list_visit(walk, object, 0);
        break;
    case BB_TUPLE:
        bb_tally_add(&tally, Py_SIZE(object) * (Py_ssize_t)sizeof(PyObject *));
        bb_walk_charge(walk, object, &tally);
        bb_tuple_visit(walk, object, 0);
        break;
    default:
        if (info->managed_dict) {
            get_attributes(walk, object, &attributes);
        }
        bb_tally_add(&tally, attributes.inline_nbytes + attributes.values_nbytes);
        bb_walk_charge(walk, object, &tally);
        visit_slots(walk, object, info->slots);
        visit_attributes(walk, &attributes);
    }
}

void bb_expand_asked(bb_walk *walk, PyObject *object, const bb_type_info *info, Py_ssize_t nbytes) {
    expand(walk, object, info, nbytes);
}

void bb_expand_rest(bb_walk *walk, PyObject *object, const bb_type_info *info, Py_ssize_t next) {
    if (bb_rules[info->follow].visit != NULL) {
        bb_rules[info->follow].visit(walk, object, next);
    }
}
