/*
 * How the objects of a type are measured: one record a type, found by its address.
 *
 * Purpose
 *   Deciding what a type is takes a microsecond, because a class may inherit its layout from one
 *   place, its __sizeof__ from another and its slots from several. The walk asks for each object,
 *   so the answer is kept.
 *
 * Layout
 *   A direct-mapped cache, one a thread in the free-threaded build (so it needs no lock), one for
 *   the process otherwise. A record holds no reference: it counts only as long as the type has
 *   the version tag it had, which CPython changes with every change to the class, and as long as
 *   no sizer was registered since.
 *
 * Invariants
 *   bb_type_get runs no Python code unless asked to; where it would need some (a class whose
 *   namespace has keys with an __eq__ of their own), it answers NULL without an exception.
 *
 * Complexity: constant for a type met before; else one walk over its bases.
 */
#ifndef BYTEBOUND_SIZING_TYPES_H
#define BYTEBOUND_SIZING_TYPES_H

#include <Python.h>

#include <stdint.h>

/* What an object consists of, by the nearest base that was not made by a class statement. */
typedef enum bb_kind {
    BB_NOT_DATA, /* not charged, not followed */
    BB_OBJECT,   /* its own block only, and what slots and attributes hold */
    BB_TRAVERSE, /* likewise, and what tp_traverse visits */
    BB_STR,
    BB_BYTES,
    BB_INT,
    BB_BYTEARRAY,
    BB_LIST,
    BB_TUPLE,
    BB_DICT,
    BB_SET,
    BB_NDARRAY,
} bb_kind;

/* Who knows the own bytes of an object. */
typedef enum bb_own {
    BB_OWN_NATIVE, /* this module */
    BB_OWN_TOLD,   /* a C __sizeof__ of the standard library, which runs no Python code */
    BB_OWN_ASKED,  /* some other __sizeof__: called after the walk */
    BB_OWN_SIZER,  /* a registered sizer: called after the walk */
} bb_own;

typedef struct bb_type_info {
    PyTypeObject *type;
    unsigned int version;
    unsigned int generation;
    uint8_t kind;
    uint8_t own;
    uint8_t exact;         /* the base itself: not allocated by PyType_GenericAlloc */
    uint8_t managed_dict;  /* attributes as bb_attributes_get knows them */
    uint8_t placed_dict;   /* a __dict__ slot that bb_dict_slot finds */
    Py_ssize_t header;     /* bytes in front of the object */
    uint64_t slots;        /* bit i: the i-th word of the object is a __slots__ entry */
    traverseproc traverse; /* of the base; NULL unless BB_TRAVERSE */
    PyCFunction told;      /* NULL unless BB_OWN_TOLD */
} bb_type_info;

enum { BB_TYPE_CACHE = 128 };

typedef struct bb_type_cache {
    bb_type_info infos[BB_TYPE_CACHE];
} bb_type_cache;

/* Raised whenever a record may have become wrong for another reason than a change of its class. */
extern unsigned int bb_type_generation;

/* -1 with an exception set. Called once, when the module is imported. */
int bb_types_prepare(void);

/* This thread's cache. */
bb_type_cache *bb_types_here(void);

/*
 * The record of a type that is not in the cache. NULL with an exception set on an error; NULL
 * without one if that would take Python code and `may_call` is 0.
 */
const bb_type_info *bb_type_classify(bb_type_cache *cache, PyTypeObject *type, int may_call);

static inline size_t bb_type_place(const PyTypeObject *type) {
    uintptr_t address = (uintptr_t)type >> 4;
    return (address ^ (address >> 7) ^ (address >> 14)) % BB_TYPE_CACHE;
}

static inline unsigned int bb_type_version(PyTypeObject *type) {
    return __atomic_load_n(&type->tp_version_tag, __ATOMIC_RELAXED);
}

/* Good until the next call. */
static inline const bb_type_info *bb_type_get(bb_type_cache *cache, PyTypeObject *type,
                                              int may_call) {
    const bb_type_info *info = &cache->infos[bb_type_place(type)];
    if (info->type == type && info->version == bb_type_version(type) &&
        info->generation == __atomic_load_n(&bb_type_generation, __ATOMIC_RELAXED)) {
        return info;
    }
    return bb_type_classify(cache, type, may_call);
}

#endif
