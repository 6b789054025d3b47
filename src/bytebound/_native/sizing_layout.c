/* See sizing_layout.h. The mirrored structs follow Include/internal/pycore_dict.h of each version. */
#include "sizing_layout.h"

#include "sizing_early.h"

#include <stddef.h>
#include <stdint.h>

#ifdef Py_TPFLAGS_PREHEADER
#define BB_PREHEADER Py_TPFLAGS_PREHEADER
#elif PY_VERSION_HEX >= 0x030C0000
#define BB_PREHEADER (Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF)
#else
#define BB_PREHEADER Py_TPFLAGS_MANAGED_DICT
#endif

int bb_layout_known = 0;

Py_ssize_t bb_header_nbytes(PyTypeObject *type) {
    Py_ssize_t nbytes = PyType_IS_GC(type) ? BB_GC_HEADER : 0;
    return nbytes + (type->tp_flags & BB_PREHEADER ? BB_MANAGED_HEADER : 0);
}

Py_ssize_t bb_list_array_nbytes(PyListObject *list) {
    if (list->ob_item == NULL) {
        return 0;
    }
    Py_ssize_t nbytes = list->allocated * (Py_ssize_t)sizeof(PyObject *);
#ifdef Py_GIL_DISABLED
    nbytes += (Py_ssize_t)sizeof(Py_ssize_t); /* the capacity, kept with the array */
#endif
    return nbytes;
}

PyObject **bb_dict_slot(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    Py_ssize_t offset = type->tp_dictoffset;
    if (offset == 0) {
        return NULL;
    }
    if (offset < 0) { /* counted from the end of a variable-sized object */
        Py_ssize_t length = ((PyVarObject *)object)->ob_size;
        Py_ssize_t nbytes =
            type->tp_basicsize + (length < 0 ? -length : length) * type->tp_itemsize;
        offset += (nbytes + 7) & ~(Py_ssize_t)7;
    }
    return (PyObject **)((char *)object + offset);
}

#ifdef BB_GENERIC_LAYOUT

int bb_layout_check(void) {
    return 0;
}

int bb_dict_view_get(PyObject *Py_UNUSED(dict), bb_dict_view *Py_UNUSED(view)) {
    return -1;
}

int bb_attributes_get(PyObject *Py_UNUSED(object), bb_attributes *Py_UNUSED(view)) {
    return -1;
}

#else

enum { KEYS_GENERAL = 0, KEYS_UNICODE = 1, KEYS_SPLIT = 2 };

/* PyDictKeysObject; 2**log2_index_bytes bytes of indices follow, then the entries. */
typedef struct {
    Py_ssize_t references;
    uint8_t log2_size;
    uint8_t log2_index_bytes;
    uint8_t kind;
#ifdef Py_GIL_DISABLED
    PyMutex mutex;
#endif
    uint32_t version;
    Py_ssize_t usable;
    Py_ssize_t entries;
    char indices[];
} dict_keys;

typedef struct {
    Py_hash_t hash;
    PyObject *key;
    PyObject *value;
} general_entry;

typedef struct {
    PyObject *key;
    PyObject *value;
} unicode_entry;

#if PY_VERSION_HEX >= 0x030D0000
/* PyDictValues of 3.13; `capacity` slots, then as many bytes of insertion order. */
typedef struct {
    uint8_t capacity;
    uint8_t size;
    uint8_t embedded;
    uint8_t valid;
    PyObject *slots[];
} attribute_values;
#else
/* PyDictValues of 3.11 and 3.12: the byte in front holds the length of what precedes the slots. */
typedef struct {
    PyObject *slots[1];
} attribute_values;
#endif

static dict_keys *keys_of(PyObject *dict) {
    return (dict_keys *)((PyDictObject *)dict)->ma_keys;
}

static Py_ssize_t keys_nbytes(const dict_keys *keys) {
    if (keys->log2_size == 0) {
        return 0; /* the static table of every empty dict */
    }
    Py_ssize_t usable = (Py_ssize_t)(((size_t)2 << keys->log2_size) / 3);
    size_t entry = keys->kind == KEYS_GENERAL ? sizeof(general_entry) : sizeof(unicode_entry);
    return (Py_ssize_t)(offsetof(dict_keys, indices) + ((size_t)1 << keys->log2_index_bytes) +
                        (size_t)usable * entry);
}

/* The slots that a new instance or a copied key-sharing dict gets. */
static Py_ssize_t shared_capacity(const dict_keys *keys) {
    return keys->entries + keys->usable;
}

#if PY_VERSION_HEX >= 0x030D0000

static Py_ssize_t values_nbytes_for(Py_ssize_t capacity) {
    return (capacity + 1) * (Py_ssize_t)sizeof(PyObject *) + ((capacity + 7) & ~(Py_ssize_t)7);
}

static Py_ssize_t values_nbytes(const attribute_values *values, const dict_keys *Py_UNUSED(keys),
                                bb_early *Py_UNUSED(early)) {
    return values->embedded ? 0 : values_nbytes_for(values->capacity);
}

/*
 * Each new instance of a class takes one slot off its key table as long as more than one is free,
 * after its own block was allocated; so the block is one slot larger than it says. The only
 * instance for which this cannot be told is the one that took the last.
 */
static Py_ssize_t inline_nbytes(const attribute_values *values, const dict_keys *keys,
                                bb_early *early) {
    Py_ssize_t capacity = values->capacity, least = shared_capacity(keys);
    if (keys->usable > 1 || capacity > least) {
        if (keys->usable <= 1 && capacity == least + 1) {
            *early = (bb_early){keys, (int)least, (int)capacity, 0};
        }
        capacity++;
    }
    return values_nbytes_for(capacity);
}

#else

/*
 * The array does not hold its own length, only that of its prefix, which is the length plus 2,
 * rounded up. New instances get what the key table has room for. The first ones of a class got
 * more, each one slot fewer: of those the prefix tells as much as is known.
 */
static Py_ssize_t values_nbytes(const attribute_values *values, const dict_keys *keys,
                                bb_early *early) {
    Py_ssize_t prefix = ((const uint8_t *)values)[-1];
    Py_ssize_t slots = shared_capacity(keys);
    int other_prefix = ((slots + 2 + 7) & ~(Py_ssize_t)7) != prefix;
    if (other_prefix || keys->usable > 1) {
        *early = (bb_early){keys, (int)slots, (int)prefix - 2, keys->usable > 1};
        slots = other_prefix ? bb_early_slots(early) : slots;
    }
    return prefix + slots * (Py_ssize_t)sizeof(PyObject *);
}

#endif

int bb_dict_view_get(PyObject *dict, bb_dict_view *view) {
    if (!bb_layout_known) {
        return -1;
    }
    const dict_keys *keys = keys_of(dict);
    attribute_values *values = (attribute_values *)((PyDictObject *)dict)->ma_values;
    char *entries = (char *)keys->indices + ((size_t)1 << keys->log2_index_bytes);
    view->count = keys->entries;
    view->early.keys = NULL;
    if (values != NULL) {
        view->keys_nbytes = keys->references == 1 ? keys_nbytes(keys) : 0;
        view->values_nbytes = values_nbytes(values, keys, &view->early);
        view->keys = NULL;
        view->values = values->slots;
        view->stride = 1;
    } else if (keys->kind == KEYS_GENERAL) {
        view->keys_nbytes = keys_nbytes(keys);
        view->values_nbytes = 0;
        view->keys = &((general_entry *)entries)->key;
        view->values = &((general_entry *)entries)->value;
        view->stride = sizeof(general_entry) / sizeof(PyObject *);
    } else {
        view->keys_nbytes = keys_nbytes(keys);
        view->values_nbytes = 0;
        view->keys = &((unicode_entry *)entries)->key;
        view->values = &((unicode_entry *)entries)->value;
        view->stride = sizeof(unicode_entry) / sizeof(PyObject *);
    }
    return 0;
}

#if PY_VERSION_HEX >= 0x030D0000

#ifdef Py_GIL_DISABLED
#define MANAGED_DICT_WORD (-1)
#else
#define MANAGED_DICT_WORD (-3)
#endif

int bb_attributes_get(PyObject *object, bb_attributes *view) {
    PyTypeObject *type = Py_TYPE(object);
    if (!bb_layout_known) {
        return -1;
    }
    *view = (bb_attributes){.dict = BB_LOAD_POINTER((PyObject **)object + MANAGED_DICT_WORD)};
    if (!(type->tp_flags & Py_TPFLAGS_INLINE_VALUES)) {
        return 0;
    }
    const dict_keys *keys = (dict_keys *)((PyHeapTypeObject *)type)->ht_cached_keys;
    attribute_values *values = (attribute_values *)((char *)object + type->tp_basicsize);
    view->inline_nbytes = inline_nbytes(values, keys, &view->early);
    if (view->dict == NULL && values->valid) {
        view->values = values->slots;
        view->count = values->capacity;
    }
    return 0;
}

#else

static int values_of(PyObject *object, attribute_values **values, PyObject **dict) {
#if PY_VERSION_HEX >= 0x030C0000
    char *word = ((char **)object)[-3]; /* either, told apart by the lowest bit */
    int is_values = (uintptr_t)word & 1;
    *values = is_values ? (attribute_values *)(word + 1) : NULL;
    *dict = is_values ? NULL : (PyObject *)word;
#else
    *values = ((attribute_values **)object)[-4];
    *dict = ((PyObject **)object)[-3];
#endif
    return *values != NULL;
}

int bb_attributes_get(PyObject *object, bb_attributes *view) {
    if (!bb_layout_known) {
        return -1;
    }
    attribute_values *values;
    *view = (bb_attributes){0};
    if (values_of(object, &values, &view->dict)) {
        const dict_keys *keys = (dict_keys *)((PyHeapTypeObject *)Py_TYPE(object))->ht_cached_keys;
        view->values_nbytes = values_nbytes(values, keys, &view->early);
        view->values = values->slots;
        view->count = keys->entries;
    }
    return 0;
}

#endif

/* Whether a dict's view holds exactly one pair, this one, and the size that Python tells. */
static int view_agrees(PyObject *dict, PyObject *key, PyObject *value) {
    bb_dict_view view;
    PyObject *told = PyObject_CallMethod(dict, "__sizeof__", NULL);
    if (told == NULL) {
        return -1;
    }
    Py_ssize_t nbytes = PyLong_AsSsize_t(told);
    Py_DECREF(told);
    return bb_dict_view_get(dict, &view) == 0 && view.count == 1 && view.keys != NULL &&
           view.keys[0] == key && view.values[0] == value &&
           nbytes == view.keys_nbytes + PyDict_Type.tp_basicsize;
}

static int dicts_agree(void) {
    PyObject *key = PyUnicode_FromString("bytebound layout");
    PyObject *general = PyDict_New(), *unicode = PyDict_New();
    int agree = -1;
    if (key != NULL && general != NULL && unicode != NULL &&
        PyDict_SetItem(unicode, key, Py_None) == 0 && PyDict_SetItem(general, Py_None, key) == 0) {
        agree = view_agrees(unicode, key, Py_None);
        agree = agree == 1 ? view_agrees(general, Py_None, key) : agree;
    }
    Py_XDECREF(key);
    Py_XDECREF(general);
    Py_XDECREF(unicode);
    return agree;
}

/* Whether an attribute set on a new instance is found where it is expected, before __dict__ is. */
static int attributes_agree(void) {
    PyObject *type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "layout");
    PyObject *instance = type == NULL ? NULL : PyObject_CallNoArgs(type);
    bb_attributes view;
    int agree = -1;
    if (instance != NULL && PyObject_SetAttrString(instance, "attribute", type) == 0) {
        agree = (Py_TYPE(instance)->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0 &&
                bb_attributes_get(instance, &view) == 0 && view.dict == NULL &&
                view.values != NULL && view.count > 0 && view.values[0] == type;
        PyObject *dict = PyObject_GenericGetDict(instance, NULL);
        agree = dict == NULL ? -1 : agree && bb_attributes_get(instance, &view) == 0;
        agree = agree == 1 ? view.dict == dict : agree;
        Py_XDECREF(dict);
    }
    Py_XDECREF(instance);
    Py_XDECREF(type);
    return agree;
}

int bb_layout_check(void) {
    bb_layout_known = 1; /* so that the views answer while they are checked */
    int agree = dicts_agree();
    agree = agree == 1 ? attributes_agree() : agree;
    bb_layout_known = agree == 1;
    return agree < 0 ? -1 : 0;
}

#endif
