/* See sizing_sizers.h. */
#include "sizing_sizers.h"

#include "sizing_imports.h"
#include "sizing_known.h"
#include "sizing_types.h"

#ifdef Py_GIL_DISABLED
static PyMutex mutex;
#define LOCK() PyMutex_Lock(&mutex)
#define UNLOCK() PyMutex_Unlock(&mutex)
#else
#define LOCK() ((void)0)
#define UNLOCK() ((void)0)
#endif

typedef struct {
    PyTypeObject *type;
    PyObject *function;
} sizer;

static sizer *sizers;
static Py_ssize_t count;

static sizer *find(PyTypeObject *type) {
    for (Py_ssize_t i = 0; i < count; i++) {
        if (sizers[i].type == type) {
            return &sizers[i];
        }
    }
    return NULL;
}

/* The nearest base's; NULL if none. */
static sizer *find_base(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    sizer *found = NULL;
    for (Py_ssize_t i = 0; count > 0 && mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        found = find((PyTypeObject *)PyTuple_GET_ITEM(mro, i));
        if (found != NULL) {
            break;
        }
    }
    return found;
}

/* Appends a pair. -1 without memory. */
static int append(PyTypeObject *type, PyObject *function) {
    sizer *larger = PyMem_RawRealloc(sizers, (size_t)(count + 1) * sizeof(sizer));
    if (larger == NULL) {
        return -1;
    }
    sizers = larger;
    sizers[count++] = (sizer){(PyTypeObject *)Py_NewRef(type), Py_NewRef(function)};
    return 0;
}

int bb_sizers_register(PyTypeObject *type, PyObject *function) {
    PyObject *old = NULL, *old_type = NULL;
    int result = 0;
    LOCK();
    sizer *found = find(type);
    if (found == NULL) {
        result = function == NULL ? 0 : append(type, function);
    } else {
        old = found->function;
        if (function != NULL) {
            found->function = Py_NewRef(function);
        } else {
            old_type = (PyObject *)found->type;
            *found = sizers[--count];
        }
    }
    UNLOCK();
    bb_types_forget();
    Py_XDECREF(old);
    Py_XDECREF(old_type);
    if (result < 0) {
        PyErr_NoMemory();
    }
    return result;
}

PyObject *bb_sizers_find(PyTypeObject *type) {
    LOCK();
    sizer *found = find_base(type);
    PyObject *function = found == NULL ? NULL : Py_NewRef(found->function);
    UNLOCK();
    return function;
}

int bb_sizers_have(PyTypeObject *type) {
    LOCK();
    int have = find_base(type) != NULL;
    UNLOCK();
    return have;
}

/* Libraries that bytebound._native.sizing_libraries knows. */
static struct {
    const char *name;
    int done;
} libraries[] = {{"pyarrow", 0}, {"pandas", 0}, {"torch", 0}};

/* Enters a list of (type, function) pairs; None stands for the native rule. */
static int enter_pairs(PyObject *pairs) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pairs); i++) {
        PyObject *type, *function;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(pairs, i), "O!O", &PyType_Type, &type, &function)) {
            return -1;
        }
        if (function == Py_None) {
            bb_known_enter_plain((PyTypeObject *)type);
            continue;
        }
        /* What the user registered for the same type stays. */
        LOCK();
        int taken = find((PyTypeObject *)type) != NULL;
        UNLOCK();
        if (!taken && bb_sizers_register((PyTypeObject *)type, function) < 0) {
            return -1;
        }
    }
    return 0;
}

/* 1 if the library is still being imported, 0 if its functions were entered, -1 on an error. */
static int enter_library(const char *name) {
    PyObject *module = PyImport_ImportModule("bytebound._native.sizing_libraries");
    PyObject *pairs = module == NULL ? NULL : PyObject_CallMethod(module, "sizers", "s", name);
    Py_XDECREF(module);
    if (pairs == NULL) {
        return -1;
    }
    int result = pairs == Py_None ? 1 : enter_pairs(pairs);
    Py_DECREF(pairs);
    return result;
}

int bb_sizers_refresh(PyObject *modules) {
    int again = 0;
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        PyObject *module;
        int result = libraries[i].done ? 0 : bb_imported(modules, libraries[i].name, &module);
        if (result == 1) {
            Py_DECREF(module);
            result = enter_library(libraries[i].name);
            libraries[i].done = result == 0;
        }
        if (result < 0) {
            return -1;
        }
        again |= result;
    }
    return again;
}
