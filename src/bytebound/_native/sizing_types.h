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
 *   no type was made known and no sizer registered since.
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

#include "sizing_rules.h"

/* Who knows the own bytes of an object. */
typedef enum bb_own {
    BB_OWN_NATIVE, /* its rule */
    BB_OWN_TOLD,   /* a C __sizeof__ of a known type, which runs no Python code */
    BB_OWN_ASKED,  /* some other __sizeof__: called after the walk */
    BB_OWN_SIZER,  /* a registered sizer: called after the walk, tells the referents too */
} bb_own;

typedef struct bb_type_info {
    PyTypeObject *type;
    unsigned int version;
    unsigned int generation;
    uint8_t kind;          /* the rule for own bytes: that of the nearest known base */
    uint8_t follow;        /* the rule for referents; BB_TRAVERSE: only tp_traverse knows */
    uint8_t own;           /* bb_own */
    uint8_t exact;         /* the known type itself: not allocated by PyType_GenericAlloc */
    uint8_t managed_dict;  /* attributes as bb_attributes_get knows them */
    uint8_t placed_dict;   /* a __dict__ slot that bb_dict_slot finds */
    uint8_t dict_keys;     /* a dict whose tp_traverse leaves out keys that are str */
    uint8_t member;        /* an enumeration's: not charged to who holds a member */
    uint8_t plain;         /* bb_expand_plain does all that is to be done */
    Py_ssize_t items;      /* of a structure sequence, hidden ones too; else -1: ob_size */
    Py_ssize_t header;     /* bytes in front of the object */
    uint64_t slots;        /* bit i: the i-th word of the object is a __slots__ entry */
    traverseproc traverse; /* of a base that has one and no rule; or NULL */
    PyCFunction told;      /* NULL unless BB_OWN_TOLD */
} bb_type_info;

enum { BB_TYPE_CACHE = 128 };

typedef struct bb_type_cache {
    bb_type_info infos[BB_TYPE_CACHE];
} bb_type_cache;

/* Raised whenever a record may have become wrong for another reason than a change of its class. */
extern unsigned int bb_type_generation;
void bb_types_forget(void);

/* -1 with an exception set. Called once, when the module is imported. */
int bb_types_prepare(void);

/* This thread's cache. */
bb_type_cache *bb_types_here(void);

/* Whether a class statement (or a call of type) made it: its layout is its base's and more. */
int bb_type_is_class(PyTypeObject *type);

/* What a class gives its instances under a name, unbound; a new reference; NULL if nothing, never
 * with an exception. */
PyObject *bb_type_attribute(PyTypeObject *type, PyObject *name);

/* The same for "__sizeof__". */
PyObject *bb_type_sizeof(PyTypeObject *type);

/*
 * The record of a type that is not in the cache. NULL if that would take Python code, and
 * `may_call` is 0.
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
