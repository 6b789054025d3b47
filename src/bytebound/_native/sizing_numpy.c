/* See sizing_numpy.h. */
#include "sizing_numpy.h"

#include <stdint.h>

/* PyArrayObject_fields, as far as it is used. */
typedef struct {
    PyObject_HEAD
    char *data;
    int dimensions;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *descriptor;
    int flags;
} array_object;

/* PyArray_Descr, as far as 1.x and 2.x agree, and then what each has. */
typedef struct {
    PyObject_HEAD
    PyTypeObject *scalar_type;
    char kind;
    char letter;
    char byte_order;
    char flags_1;
    int number;
    union {
        int item_nbytes_1;
        uint64_t flags_2;
    };
    Py_ssize_t item_nbytes_2;
} descriptor_object;

enum { OWNS_DATA = 0x0004, HOLDS_REFERENCES = 0x01, OBJECT_NUMBER = 17 };

static PyTypeObject *array_type;
static int numpy_2;

static Py_ssize_t item_nbytes(PyObject *array) {
    const descriptor_object *descriptor =
        (descriptor_object *)((array_object *)array)->descriptor;
    return numpy_2 ? descriptor->item_nbytes_2 : descriptor->item_nbytes_1;
}

static Py_ssize_t item_count(PyObject *array) {
    const array_object *fields = (array_object *)array;
    Py_ssize_t count = 1;
    for (int i = 0; i < fields->dimensions; i++) {
        count *= fields->shape[i];
    }
    return count;
}

Py_ssize_t bb_numpy_shape_nbytes(PyObject *array) {
    return 2 * ((array_object *)array)->dimensions * (Py_ssize_t)sizeof(Py_ssize_t);
}

Py_ssize_t bb_numpy_data_nbytes(PyObject *array) {
    if (!(((array_object *)array)->flags & OWNS_DATA)) {
        return 0;
    }
    Py_ssize_t nbytes = item_count(array) * item_nbytes(array);
    return nbytes > 0 ? nbytes : 1; /* so that there is an address */
}

PyObject *bb_numpy_base(PyObject *array) {
    return ((array_object *)array)->base;
}

Py_ssize_t bb_numpy_elements(PyObject *array, PyObject ***first) {
    const array_object *fields = (array_object *)array;
    const descriptor_object *descriptor = (descriptor_object *)fields->descriptor;
    if (descriptor->number != OBJECT_NUMBER || !(fields->flags & OWNS_DATA)) {
        return 0;
    }
    *first = (PyObject **)fields->data;
    return item_count(array);
}

/* Decides by a descriptor of 7 bytes an item which of the two layouts is there. 1 if one is. */
static int check_layout(PyObject *numpy) {
    PyObject *sample = PyObject_CallMethod(numpy, "dtype", "s", "S7");
    if (sample == NULL) {
        return -1;
    }
    int known = 0;
    if (Py_TYPE(sample)->tp_basicsize >= (Py_ssize_t)sizeof(descriptor_object)) {
        const descriptor_object *descriptor = (descriptor_object *)sample;
        numpy_2 = descriptor->item_nbytes_2 == 7;
        known = numpy_2 || descriptor->item_nbytes_1 == 7;
    }
    Py_DECREF(sample);
    return known;
}

static PyTypeObject *type_attribute(PyObject *module, const char *name) {
    PyObject *type = PyObject_GetAttrString(module, name);
    if (type != NULL && !PyType_Check(type)) {
        Py_CLEAR(type);
    }
    PyErr_Clear(); /* a module half imported: next time */
    return (PyTypeObject *)type;
}

int bb_numpy_prepare(PyObject *modules, PyTypeObject **array, PyTypeObject **scalar) {
    PyObject *numpy = PyDict_GetItemString(modules, "numpy");
    if (numpy == NULL) {
        return 0;
    }
    Py_INCREF(numpy);
    *array = type_attribute(numpy, "ndarray");
    *scalar = type_attribute(numpy, "generic");
    int found = 0;
    if (*array != NULL && *scalar != NULL &&
        (*array)->tp_basicsize >= (Py_ssize_t)sizeof(array_object)) {
        found = check_layout(numpy);
        PyErr_Clear();
        array_type = *array;
    }
    Py_DECREF(numpy); /* its types live as long as the process: NumPy cannot be unloaded */
    return found == 1;
}
