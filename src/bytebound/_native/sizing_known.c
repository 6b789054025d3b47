/* See sizing_known.h. */
#include "sizing_known.h"

#include "sizing_imports.h"
#include "sizing_layout.h"
#include "sizing_numpy.h"
#include "sizing_sizers.h"
#include "sizing_types.h"

enum { TABLE = 256 }; /* a power of two, several times the number of known types */

typedef struct {
    PyTypeObject *type; /* written last */
    bb_kind kind;
    traverseproc traverse; /* of a container */
} known_type;

static known_type table[TABLE];
static PyTypeObject *enum_metatype; /* enum.EnumType, once it is imported */
static PyObject *by_name;           /* "_member_map_" */
static PyObject *by_value;          /* "_value2member_map_" */

static size_t place_of(PyTypeObject *type) {
    uintptr_t address = (uintptr_t)type >> 4;
    return (address ^ (address >> 8)) % TABLE;
}

static known_type *find(PyTypeObject *type) {
    size_t place = place_of(type);
    PyTypeObject *found;
    while ((found = BB_LOAD_POINTER(&table[place].type)) != NULL && found != type) {
        place = (place + 1) % TABLE;
    }
    return &table[place];
}

static void enter_with(PyTypeObject *type, bb_kind kind, traverseproc traverse) {
    known_type *entry = find(type);
    if (entry->type == NULL) {
        Py_INCREF(type);
        entry->kind = kind;
        entry->traverse = traverse;
        __atomic_store_n(&entry->type, type, __ATOMIC_RELEASE);
    }
}

static void enter(PyTypeObject *type, bb_kind kind) {
    enter_with(type, kind, NULL);
}

void bb_known_enter_container(PyTypeObject *type, traverseproc traverse) {
    enter_with(type, BB_CONTAINER, traverse);
    bb_types_forget();
}

traverseproc bb_known_traverse(PyTypeObject *known) {
    return find(known)->traverse;
}

void bb_known_enter_plain(PyTypeObject *type) {
    enter(type, BB_OBJECT);
    bb_types_forget();
}

bb_kind bb_known_kind(PyTypeObject *known) {
    return find(known)->kind;
}

PyTypeObject *bb_known_base(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    if (mro == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        if (BB_LOAD_POINTER(&find(base)->type) != NULL) {
            return base;
        }
    }
    return NULL;
}

int bb_known_is_enum(PyTypeObject *type) {
    PyTypeObject *metatype = BB_LOAD_POINTER(&enum_metatype);
    return metatype != NULL && PyObject_TypeCheck((PyObject *)type, metatype);
}

static int is_value_of(PyTypeObject *type, PyObject *name, PyObject *object) {
    PyObject *members = bb_type_attribute(type, name);
    PyObject *member = NULL;
    Py_ssize_t position = 0;
    if (members != NULL && PyDict_Check(members)) {
        BB_BEGIN_CRITICAL(members);
        while (PyDict_Next(members, &position, NULL, &member) && member != object) {
        }
        BB_END_CRITICAL();
    }
    Py_XDECREF(members);
    return member == object;
}

int bb_known_is_member(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    return is_value_of(type, by_name, object) || is_value_of(type, by_value, object);
}

static void enter_not_data(void) {
    PyTypeObject *const types[] = {
        &PyType_Type,         &PyModule_Type,
        &PyFunction_Type,     &PyCode_Type,
        &PyFrame_Type,        &PyGen_Type,
        &PyCoro_Type,         &PyAsyncGen_Type,
        &PyStaticMethod_Type, &PyClassMethod_Type,
        &PyProperty_Type,     &PyGetSetDescr_Type,
        &PyMemberDescr_Type,  &PyMethodDescr_Type,
        &PyWrapperDescr_Type, &PyClassMethodDescr_Type,
        &PyBool_Type,         &Py_GenericAliasType,
        Py_TYPE(Py_None),     Py_TYPE(Py_NotImplemented),
        Py_TYPE(Py_Ellipsis),
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        enter(types[i], BB_NOT_DATA);
    }
}

static void enter_builtin(void) {
    const struct {
        PyTypeObject *type;
        bb_kind kind;
    } types[] = {
        {&PyUnicode_Type, BB_STR},       {&PyBytes_Type, BB_OBJECT},
        {&PyLong_Type, BB_INT},          {&PyFloat_Type, BB_OBJECT},
        {&PyComplex_Type, BB_OBJECT},    {&PyByteArray_Type, BB_BYTEARRAY},
        {&PyList_Type, BB_LIST},         {&PyTuple_Type, BB_TUPLE},
        {&PyDict_Type, BB_DICT},         {&PySet_Type, BB_SET},
        {&PyFrozenSet_Type, BB_SET},     {&PyRange_Type, BB_RANGE},
        {&PyCFunction_Type, BB_BUILTIN}, {&PyODict_Type, BB_ORDERED_DICT},
        {&PyCapsule_Type, BB_CAPSULE},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        bb_kind kind = types[i].kind;
        Py_ssize_t expected = bb_builtin_basic_size(kind);
        if (expected == 0 || expected == types[i].type->tp_basicsize) {
            enter(types[i].type, kind);
        } else if (kind == BB_ORDERED_DICT) {
            enter(types[i].type, BB_TOLD);
        }
    }
}

/* The iterator over a range of ints past 64 bits, which no C name leads to. */
static int enter_range_iterator(void) {
    PyObject *large =
        PyObject_CallFunction((PyObject *)&PyRange_Type, "N", PyLong_FromUnsignedLongLong(~0ULL));
    PyObject *iterator = large == NULL ? NULL : PyObject_GetIter(large);
    Py_XDECREF(large);
    if (iterator == NULL) {
        return -1;
    }
    if (Py_TYPE(iterator)->tp_basicsize == bb_builtin_basic_size(BB_RANGE_ITERATOR)) {
        enter(Py_TYPE(iterator), BB_RANGE_ITERATOR);
    }
    Py_DECREF(iterator);
    return 0;
}

int bb_known_prepare(PyTypeObject *memory_block) {
    by_name = PyUnicode_InternFromString("_member_map_");
    by_value = PyUnicode_InternFromString("_value2member_map_");
    if (by_name == NULL || by_value == NULL) {
        return -1;
    }
    enter(memory_block, BB_MEMORY);
    enter_not_data();
    enter_builtin();
    return enter_range_iterator();
}

/* Types of the standard library, found when their module has been imported. */
static struct {
    const char *module;
    const char *name;
    bb_kind kind;
    int base; /* it is the type's base that is meant */
    int done;
} wanted[] = {
    {"_collections", "deque", BB_DEQUE, 0, 0},
    {"_collections", "defaultdict", BB_DEFAULT_DICT, 0, 0},
    {"array", "array", BB_TOLD, 0, 0},
    {"datetime", "date", BB_OBJECT, 0, 0},
    {"datetime", "time", BB_TIME, 0, 0},
    {"datetime", "datetime", BB_DATETIME, 0, 0},
    {"datetime", "timezone", BB_TIMEZONE, 0, 0},
    {"_decimal", "Decimal", BB_TOLD, 0, 0},
    {"re", "Pattern", BB_NOT_DATA, 0, 0},
    {"_io", "BytesIO", BB_BYTES_IO, 0, 0},
    {"_io", "StringIO", BB_STRING_IO, 0, 0},
    {"_ctypes", "Structure", BB_CTYPES, 1, 0},
    {"types", "UnionType", BB_NOT_DATA, 0, 0},
};

/* Enters one of the types wanted. 1 if it is there, 0 if not, -1 with an exception set. */
static int refresh_wanted(PyObject *modules, size_t i) {
    PyTypeObject *found;
    int result = bb_imported_type(modules, wanted[i].module, wanted[i].name, &found);
    if (result != 1) {
        return result;
    }
    PyTypeObject *type = wanted[i].base ? found->tp_base : found;
    Py_ssize_t expected = bb_stdlib_basic_size(wanted[i].kind);
    if (expected == 0 || expected == type->tp_basicsize) {
        if (wanted[i].kind == BB_TIMEZONE && bb_timezone_prepare(type) < 0) {
            result = -1;
        } else {
            enter(type, wanted[i].kind);
        }
    }
    Py_DECREF(found);
    return result;
}

static int refresh_stdlib(PyObject *modules) {
    int added = 0;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        int result = wanted[i].done ? 0 : refresh_wanted(modules, i);
        if (result < 0) {
            return -1;
        }
        wanted[i].done |= result;
        added |= result;
    }
    return added;
}

/* EnumType is a class that Python code made, and none of its layout matters. */
static int refresh_enum(PyObject *modules) {
    PyObject *module;
    if (enum_metatype != NULL) {
        return 0;
    }
    int found = bb_imported(modules, "enum", &module);
    if (found != 1) {
        return found;
    }
    PyObject *metatype = PyObject_GetAttrString(module, "EnumType");
    Py_DECREF(module);
    if (metatype == NULL) {
        return bb_not_there();
    }
    if (!PyType_Check(metatype)) {
        Py_DECREF(metatype);
        return 0;
    }
    __atomic_store_n(&enum_metatype, (PyTypeObject *)metatype, __ATOMIC_RELEASE);
    return 1;
}

static int refresh_numpy(PyObject *modules) {
    static int done = 0;
    bb_numpy_types types = {0};
    int found = done ? 0 : bb_numpy_prepare(modules, &types);
    if (found == 1) {
        enter(types.array, BB_ARRAY);
        enter(types.scalar, BB_OBJECT);
        enter(types.dtype, BB_DTYPE);
        enter(types.record, BB_VOID);
        enter(types.text, BB_NUMPY_STR);
        enter(types.boolean, BB_NOT_DATA);
        enter(types.flat_iterator, BB_FLAT_ITERATOR);
        enter(types.broadcast, BB_BROADCAST);
        done = 1;
    }
    return found;
}

static int refresh(PyObject *modules) {
    int (*const steps[])(PyObject *) = {refresh_stdlib, refresh_enum, refresh_numpy};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int result = steps[i](modules);
        if (result != 0) {
            bb_types_forget();
        }
        if (result < 0) {
            return -1;
        }
    }
    return bb_sizers_refresh(modules);
}

int bb_known_refresh(void) {
    static Py_ssize_t modules_met = 0;
    static char busy = 0; /* one at a time; the other measures by what is known so far */
    PyObject *modules = PyImport_GetModuleDict();
    if (modules == NULL || !PyDict_CheckExact(modules)) {
        return 0;
    }
    Py_ssize_t count = PyDict_GET_SIZE(modules);
    if (count == __atomic_load_n(&modules_met, __ATOMIC_RELAXED) ||
        __atomic_test_and_set(&busy, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    int result = refresh(modules); /* 1 or -1: something has to be asked for again */
    __atomic_store_n(&modules_met, result == 0 ? count : -1, __ATOMIC_RELAXED);
    __atomic_clear(&busy, __ATOMIC_RELEASE);
    return result < 0 ? -1 : 0;
}
