/* See sizing_types.h. */
#include "sizing_types.h"

#include "sizing_known.h"
#include "sizing_layout.h"

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
static PyObject *object_sizeof;      /* object.__sizeof__ */

bb_type_cache *bb_types_here(void) {
    return &type_cache;
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
    if (sizeof_name == NULL) {
        return -1;
    }
    object_sizeof = PyObject_GetAttr((PyObject *)&PyBaseObject_Type, sizeof_name);
    return object_sizeof == NULL ? -1 : 0;
}

/* Whether a class statement (or a call of type) made it, so that its layout is its base's and more. */
static int is_class(PyTypeObject *type) {
    return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) && type->tp_base != NULL &&
           type->tp_dealloc == class_deallocator &&
           (type->tp_traverse == class_traverse || !PyType_IS_GC(type));
}

/* Whether looking a name up in the class compares keys by identity or as str, whoever wrote it. */
static int lookup_is_plain(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    if (mro == NULL) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        PyObject *key;
        Py_ssize_t position = 0;
        if (base->tp_dict == NULL || !(base->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
            continue; /* of C, and kept elsewhere for the built-in ones since 3.12 */
        }
        int plain = 1;
        BB_BEGIN_CRITICAL(base->tp_dict);
        while (plain && PyDict_Next(base->tp_dict, &position, &key, NULL)) {
            plain = PyUnicode_CheckExact(key);
        }
        BB_END_CRITICAL();
        if (!plain) {
            return 0;
        }
    }
    return 1;
}

/* The class attribute, unbound; borrowed from the class. */
static PyObject *class_attribute(PyTypeObject *type, PyObject *name) {
    return _PyType_Lookup(type, name);
}

/* The C function behind a __sizeof__, if it is one that takes nothing else. */
static PyCFunction plain_function(PyObject *descriptor) {
    if (Py_TYPE(descriptor) != &PyMethodDescr_Type) {
        return NULL;
    }
    PyMethodDef *method = ((PyMethodDescrObject *)descriptor)->d_method;
    return method->ml_flags == METH_NOARGS ? method->ml_meth : NULL;
}

/* Kinds whose own bytes this module knows better than their own __sizeof__. */
static int is_native(bb_kind kind) {
    return kind > BB_TRAVERSE;
}

static void classify_own(bb_type_info *info, PyTypeObject *base) {
    PyObject *told = class_attribute(info->type, sizeof_name);
    if (told == object_sizeof || told == NULL) {
        info->own = BB_OWN_NATIVE;
        return;
    }
    PyTypeObject *owner = Py_TYPE(told) == &PyMethodDescr_Type ? PyDescr_TYPE(told) : NULL;
    if (is_native(info->kind) && owner == base) {
        info->own = BB_OWN_NATIVE;
    } else if (owner != NULL && bb_known_is_trusted(owner) && plain_function(told) != NULL) {
        info->own = BB_OWN_TOLD;
        info->told = plain_function(told);
    } else {
        info->own = BB_OWN_ASKED;
    }
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

/* Goes down to the base that gives the layout, collecting what each class on the way adds. */
static PyTypeObject *find_base(bb_type_info *info) {
    PyTypeObject *base = info->type;
    int slots_fit = 1;
    while (is_class(base)) {
        slots_fit = slots_fit && add_slots(info, base) == 0;
        base = base->tp_base;
    }
    if (!slots_fit) { /* more slots than the record has bits: as tp_traverse sees it */
        info->slots = 0;
        return info->type;
    }
    return base;
}

static void classify_dict(bb_type_info *info, PyTypeObject *base) {
    if (info->type->tp_dictoffset == 0 || (base != info->type && base->tp_dictoffset != 0)) {
        return; /* none, or the base's own, which its tp_traverse visits */
    }
    if (info->type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        info->managed_dict = 1;
    } else if (base != info->type || info->traverse == NULL) {
        info->placed_dict = 1;
    }
}

static bb_kind kind_of(PyTypeObject *base) {
    bb_kind kind;
    if (bb_known_find(base, &kind)) {
        return kind;
    }
    return PyType_IS_GC(base) && base->tp_traverse != NULL ? BB_TRAVERSE : BB_OBJECT;
}

const bb_type_info *bb_type_classify(bb_type_cache *cache, PyTypeObject *type, int may_call) {
    if (!may_call && !lookup_is_plain(type)) {
        return NULL;
    }
    bb_type_info info = {.type = type};
    info.generation = __atomic_load_n(&bb_type_generation, __ATOMIC_RELAXED);
    PyTypeObject *base = find_base(&info);
    info.kind = kind_of(base);
    info.exact = base == type;
    info.header = bb_header_nbytes(type);
    if (info.kind != BB_NOT_DATA) {
        info.traverse = info.kind == BB_TRAVERSE ? base->tp_traverse : NULL;
        classify_dict(&info, base);
        classify_own(&info, base);
        if (bb_known_has_sizer(type)) {
            info.own = BB_OWN_SIZER;
        }
    }
    info.version = bb_type_version(type); /* after the lookup, which gives it one */
    bb_type_info *place = &cache->infos[bb_type_place(type)];
    *place = info;
    if (info.version == 0 && (type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        place->generation = 0; /* without a tag nothing tells of a change: good for this once */
    }
    return place;
}
