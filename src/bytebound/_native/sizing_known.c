/* See sizing_known.h. */
#include "sizing_known.h"

#include "sizing_layout.h"
#include "sizing_numpy.h"

enum { TABLE = 256 }; /* a power of two, several times the number of known types */

typedef struct {
    PyTypeObject *type;
    bb_kind kind;
} known_type;

static known_type table[TABLE];

static size_t place_of(PyTypeObject *type) {
    uintptr_t address = (uintptr_t)type >> 4;
    return (address ^ (address >> 8)) % TABLE;
}

static void enter(PyTypeObject *type, bb_kind kind) {
    size_t place = place_of(type);
    while (table[place].type != NULL && table[place].type != type) {
        place = (place + 1) % TABLE;
    }
    table[place] = (known_type){type, kind};
}

int bb_known_find(PyTypeObject *base, bb_kind *kind) {
    for (size_t place = place_of(base); table[place].type != NULL; place = (place + 1) % TABLE) {
        if (table[place].type == base) {
            *kind = table[place].kind;
            return 1;
        }
    }
    return 0;
}

int bb_known_is_trusted(PyTypeObject *owner) {
    bb_kind kind;
    return bb_known_find(owner, &kind);
}

int bb_known_has_sizer(PyTypeObject *Py_UNUSED(type)) {
    return 0;
}

static void enter_all(PyTypeObject *const *types, size_t count, bb_kind kind) {
    for (size_t i = 0; i < count; i++) {
        enter(types[i], kind);
    }
}

static void enter_not_data(void) {
    PyTypeObject *const types[] = {
        &PyType_Type,          &PyModule_Type,       &PyFunction_Type,        &PyCFunction_Type,
        &PyCode_Type,          &PyFrame_Type,        &PyGen_Type,             &PyCoro_Type,
        &PyAsyncGen_Type,      &PyStaticMethod_Type, &PyClassMethod_Type,     &PyProperty_Type,
        &PyGetSetDescr_Type,   &PyMemberDescr_Type,  &PyMethodDescr_Type,     &PyWrapperDescr_Type,
        &PyClassMethodDescr_Type, Py_TYPE(Py_None),  Py_TYPE(Py_NotImplemented), Py_TYPE(Py_Ellipsis),
        &PyBool_Type,
    };
    enter_all(types, sizeof(types) / sizeof(types[0]), BB_NOT_DATA);
}

int bb_known_prepare(void) {
    enter_not_data();
    enter(&PyBaseObject_Type, BB_OBJECT);
    enter(&PyUnicode_Type, BB_STR);
    enter(&PyBytes_Type, BB_BYTES);
    enter(&PyLong_Type, BB_INT);
    enter(&PyFloat_Type, BB_OBJECT);
    enter(&PyComplex_Type, BB_OBJECT);
    enter(&PyByteArray_Type, BB_BYTEARRAY);
    enter(&PyList_Type, BB_LIST);
    enter(&PyTuple_Type, BB_TUPLE);
    enter(&PyDict_Type, BB_DICT);
    enter(&PySet_Type, BB_SET);
    enter(&PyFrozenSet_Type, BB_SET);
    return 0;
}

static int refresh_numpy(PyObject *modules) {
    static int done = 0;
    PyTypeObject *array, *scalar;
    if (done) {
        return 0;
    }
    int found = bb_numpy_prepare(modules, &array, &scalar);
    if (found == 1) {
        enter(array, BB_NDARRAY);
        enter(scalar, BB_OBJECT);
        done = 1;
        bb_type_generation++;
    }
    return found < 0 ? -1 : 0;
}

int bb_known_refresh(void) {
    static Py_ssize_t modules_met = 0;
    PyObject *modules = PyImport_GetModuleDict();
    if (modules == NULL || !PyDict_CheckExact(modules) || PyDict_GET_SIZE(modules) == modules_met) {
        return 0;
    }
    modules_met = PyDict_GET_SIZE(modules);
    return refresh_numpy(modules);
}
