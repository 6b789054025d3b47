/* See sizing_imports.h. */
#include "sizing_imports.h"

#include "sizing_types.h"

int bb_not_there(void) {
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

int bb_imported(PyObject *modules, const char *name, PyObject **module) {
    PyObject *key = PyUnicode_FromString(name);
    if (key == NULL) {
        return -1;
    }
#if PY_VERSION_HEX >= 0x030D0000
    int found = PyDict_GetItemRef(modules, key, module);
#else
    *module = Py_XNewRef(PyDict_GetItemWithError(modules, key));
    int found = *module != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
#endif
    Py_DECREF(key);
    return found < 0 ? bb_not_there() : found;
}

int bb_type_of(PyObject *module, const char *name, PyTypeObject **type) {
    PyObject *found = PyObject_GetAttrString(module, name);
    if (found == NULL) {
        return bb_not_there();
    }
    if (!PyType_Check(found) || bb_type_is_class((PyTypeObject *)found)) {
        Py_DECREF(found);
        return 0;
    }
    *type = (PyTypeObject *)found;
    return 1;
}

int bb_imported_type(PyObject *modules, const char *module, const char *name, PyTypeObject **type) {
    PyObject *imported;
    int found = bb_imported(modules, module, &imported);
    if (found == 1) {
        found = bb_type_of(imported, name, type);
        Py_DECREF(imported);
    }
    return found;
}
