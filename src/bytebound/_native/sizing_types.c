/* See sizing_types.h. */
#include "sizing_types.h"

#include "sizing_known.h"
#include "sizing_layout.h"
#include "sizing_sizers.h"

#ifndef Py_T_OBJECT_EX
#include <structmember.h>
#define Py_T_OBJECT_EX T_OBJECT_EX
#endif

#ifdef Py_GIL_DISABLED
#define BB_THREAD_LOCAL _Thread_local
#else
#define BB_THREAD_LOCAL
#endif

unsigned int bb_type_generation = 1;

static BB_THREAD_LOCAL bb_type_cache type_cache;

static traverseproc class_traverse;  /* what a class statement gives: subtype_traverse */
static destructor class_deallocator; /* likewise: subtype_dealloc */
static PyObject *sizeof_name;        /* "__sizeof__" */
static PyObject *fields_name;        /* "n_fields" */
static PyObject *object_sizeof;      /* object.__sizeof__ */

bb_type_cache *bb_types_here(void) {
    return &type_cache;
}

void bb_types_forget(void) {
    __atomic_add_fetch(&bb_type_generation, 1, __ATOMIC_RELAXED);
}

int bb_types_prepare(void) {
    PyObject *sample = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "sample");
    if (sample == NULL) {
        return -1;
    }
    class_traverse = ((PyTypeObject *)sample)->tp_traverse;
    class_deallocator = ((PyTypeObject *)sample)->tp_dealloc;
    Py_DECREF(sample);
    sizeof_name = PyUnicode_InternFromString("__sizeof__");
    fields_name = PyUnicode_InternFromString("n_fields");
    if (sizeof_name == NULL || fields_name == NULL) {
        return -1;
    }
    object_sizeof = PyObject_GetAttr((PyObject *)&PyBaseObject_Type, sizeof_name);
    return object_sizeof == NULL ? -1 : 0;
}

PyObject *bb_type_attribute(PyTypeObject *type, PyObject *name) {
#if PY_VERSION_HEX >= 0x030D0000
    return _PyType_LookupRef(type, name);
#else
    PyObject *attribute = _PyType_Lookup(type, name);
    Py_XINCREF(attribute);
    return attribute;
#endif
}

PyObject *bb_type_sizeof(PyTypeObject *type) {
    return bb_type_attribute(type, sizeof_name);
}

int bb_type_is_class(PyTypeObject *type) {
    return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) && type->tp_base != NULL &&
           type->tp_dealloc == class_deallocator &&
           (type->tp_traverse == class_traverse || !PyType_IS_GC(type));
}

/* Whether the keys of a namespace are compared by identity or as str, whoever wrote it. */
static int namespace_is_plain(PyObject *namespace) {
    PyObject *key;
    Py_ssize_t position = 0;
    int plain = 1;
    BB_BEGIN_CRITICAL(namespace);
    while (plain && PyDict_Next(namespace, &position, &key, NULL)) {
        plain = PyUnicode_CheckExact(key);
    }
    BB_END_CRITICAL();
    return plain;
}

/* Whether looking a name up in the class runs no Python code. */
static int lookup_is_plain(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    if (mro == NULL) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        /* Namespaces of static types cannot be written to, and are elsewhere since 3.12. */
        if ((base->tp_flags & Py_TPFLAGS_HEAPTYPE) && base->tp_dict != NULL &&
            !namespace_is_plain(base->tp_dict)) {
            return 0;
        }
    }
    return 1;
}

/* The type that defines a C function of a class, if `descriptor` is one. */
static PyTypeObject *function_owner(PyObject *descriptor) {
    return Py_TYPE(descriptor) == &PyMethodDescr_Type ? PyDescr_TYPE(descriptor) : NULL;
}

static PyCFunction plain_function(PyObject *descriptor) {
    PyMethodDef *method = ((PyMethodDescrObject *)descriptor)->d_method;
    return method->ml_flags == METH_NOARGS ? method->ml_meth : NULL;
}

/* Whether a __sizeof__ is one that the rule of a known type is better than: that type's own, which
 * no class below it overrides, or another known type's. */
static int is_outdone(PyObject *descriptor, PyTypeObject *known) {
    PyTypeObject *owner = function_owner(descriptor);
    if (known == NULL) {
        return 0;
    }
    PyObject *inherited = bb_type_sizeof(known);
    Py_XDECREF(inherited); /* compared, not used */
    return descriptor == inherited || (owner != NULL && bb_known_base(owner) == owner);
}

static int tells_itself(bb_kind kind) {
    return kind == BB_TOLD || kind == BB_CONTAINER;
}

/* Who tells the own bytes, given the nearest base that is known (NULL: none is). */
static void classify_own(bb_type_info *info, PyTypeObject *known) {
    PyObject *descriptor = bb_type_sizeof(info->type);
    info->own = BB_OWN_ASKED;
    if (descriptor == NULL || descriptor == object_sizeof) {
        info->own = BB_OWN_NATIVE;
    } else if (is_outdone(descriptor, known)) {
        info->own = tells_itself(info->kind) ? BB_OWN_TOLD : BB_OWN_NATIVE;
    }
    if (!bb_layout_known && info->kind == BB_OBJECT && info->own == BB_OWN_NATIVE &&
        (info->type->tp_flags & Py_TPFLAGS_MANAGED_DICT)) {
        info->own = BB_OWN_TOLD; /* it knows of attributes in the object's own block */
    }
    if (info->own == BB_OWN_TOLD) {
        info->told = function_owner(descriptor) == NULL ? NULL : plain_function(descriptor);
        info->own = info->told == NULL ? BB_OWN_ASKED : BB_OWN_TOLD;
    }
    Py_XDECREF(descriptor);
}

static int add_slots(bb_type_info *info, PyTypeObject *type) {
    PyMemberDef *member = (PyMemberDef *)((char *)type + Py_TYPE(type)->tp_basicsize);
    for (Py_ssize_t i = 0; i < Py_SIZE(type); i++, member++) {
        if (member->type == Py_T_OBJECT_EX) {
            Py_ssize_t word = member->offset / (Py_ssize_t)sizeof(PyObject *);
            if (word >= 64) {
                return -1;
            }
            info->slots |= UINT64_C(1) << word;
        }
    }
    return 0;
}

/*
 * Goes down to the base that gives the layout, collecting what each class on the way adds. With
 * more slots than the record has bits, or an unknown layout of attributes, the class is its own
 * base: its tp_traverse visits all of them.
 */
static PyTypeObject *find_base(bb_type_info *info) {
    PyTypeObject *base = info->type;
    while (bb_type_is_class(base)) {
        if (add_slots(info, base) < 0 || !bb_layout_known) {
            info->slots = 0;
            return info->type;
        }
        base = base->tp_base;
    }
    return base;
}

/* Which rule finds the referents, and whether a tp_traverse does, and who finds the __dict__. */
static void classify_follow(bb_type_info *info, PyTypeObject *base, PyTypeObject *known) {
    traverseproc known_traverse = known == NULL ? NULL : known->tp_traverse;
    int has_rule = bb_rules[info->kind].visit != NULL;
    info->follow = info->kind;
    if (PyType_IS_GC(base) && base->tp_traverse != NULL &&
        (base->tp_traverse != known_traverse || !has_rule)) {
        info->traverse = base->tp_traverse;
        info->dict_keys = (base->tp_flags & Py_TPFLAGS_DICT_SUBCLASS) != 0;
        /* It visits what a base that is tracked refers to; of another base it knows nothing. */
        info->follow = known_traverse == NULL ? info->kind : BB_TRAVERSE;
    }
    if (info->kind == BB_CONTAINER) {
        info->traverse = bb_known_traverse(known);
    }
    if (info->type->tp_dictoffset == 0 || (info->traverse != NULL && base->tp_dictoffset != 0)) {
        return; /* none, or one that the base visits */
    }
    info->managed_dict = (info->type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0;
    info->placed_dict = !info->managed_dict;
}

/* The fields that a structure sequence has room for; ob_size tells only of the visible ones. */
static Py_ssize_t count_fields(PyTypeObject *type) {
    PyObject *fields = bb_type_attribute(type, fields_name);
    Py_ssize_t count = -1;
    if (fields != NULL && PyLong_CheckExact(fields)) {
        count = PyLong_AsSsize_t(fields);
        PyErr_Clear();
    }
    Py_XDECREF(fields);
    return count < 0 ? -1 : count;
}

static void classify_kind(bb_type_info *info, PyTypeObject *base, PyTypeObject *known) {
    info->kind = known == NULL ? BB_OBJECT : bb_known_kind(known);
    info->exact = known == info->type || known == NULL;
    info->items = -1;
    if (info->kind == BB_TUPLE && base != known) { /* made in C: as os.stat_result is */
        info->items = count_fields(info->type);
        info->kind = info->items < 0 ? BB_TUPLE : BB_STRUCTSEQ;
        info->exact |= info->items >= 0;
    }
}

/* Whether it is one of the commonest types, and nothing about it is out of the ordinary. */
static int is_plain(const bb_type_info *info) {
    if (info->own != BB_OWN_NATIVE || info->traverse != NULL || info->placed_dict || info->member ||
        !bb_layout_known) {
        return 0;
    }
    switch ((bb_kind)info->kind) {
    case BB_OBJECT:
        return info->type->tp_itemsize == 0;
    case BB_LIST:
    case BB_TUPLE:
    case BB_DICT:
        return info->exact;
    default:
        return 0;
    }
}

const bb_type_info *bb_type_classify(bb_type_cache *cache, PyTypeObject *type, int may_call) {
    if (!may_call && !lookup_is_plain(type)) {
        return NULL;
    }
    bb_type_info info = {.type = type};
    info.generation = __atomic_load_n(&bb_type_generation, __ATOMIC_RELAXED);
    PyTypeObject *base = find_base(&info);
    PyTypeObject *known = bb_known_base(type);
    classify_kind(&info, base, known);
    info.header = bb_header_nbytes(type);
    if (info.kind != BB_NOT_DATA) {
        classify_follow(&info, base, known);
        classify_own(&info, known);
        info.member = bb_known_is_enum(type);
    }
    if (bb_sizers_have(type)) {
        info.own = BB_OWN_SIZER;
    }
    info.plain = is_plain(&info);
    info.version = bb_type_version(type); /* after the lookup, which gives it one */
    bb_type_info *place = &cache->infos[bb_type_place(type)];
    *place = info;
    if (info.version == 0 && (type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        place->generation = 0; /* without a tag nothing tells of a change: good for this once */
    }
    return place;
}
