/* See sizing_numpy.h. */
#include "sizing_numpy.h"

#include <stdint.h>
#include <string.h>

#include "sizing_imports.h"
#include "sizing_inline.h"
#include "sizing_rules.h"
#include "sizing_walk.h"

/* PyArrayObject_fields. The last two came with 1.20 and 1.22; there is room for the first. */
typedef struct {
    PyObject_HEAD char *data;
    int dimensions;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *dtype;
    int flags;
    PyObject *weak_references;
    uintptr_t buffer_info; /* plus 3 */
} array_object;

/* What an array keeps for each way that its buffer was asked for. */
typedef struct buffer_info {
    char *format;
    int dimensions;
    Py_ssize_t *strides;
    Py_ssize_t *shape;
    struct buffer_info *next;
} buffer_info;

typedef struct {
    PyObject *base;
    PyObject *shape;
} subarray;

/* PyArray_Descr of 2.x, with what _PyArray_LegacyDescr adds. */
typedef struct {
    PyObject_HEAD PyTypeObject *scalar_type;
    char letters[4];
    int number;
    uint64_t flags;
    Py_ssize_t item_nbytes;
    Py_ssize_t alignment;
    PyObject *metadata;
    Py_hash_t hash;
    void *reserved[2];
    subarray *subarray;
    PyObject *fields;
    PyObject *names;
    void *unit;
} dtype_2;

/* PyArray_Descr of 1.x. */
typedef struct {
    PyObject_HEAD PyTypeObject *scalar_type;
    char letters[3];
    char flags;
    int number;
    int item_nbytes;
    int alignment;
    subarray *subarray;
    PyObject *fields;
    PyObject *names;
    void *functions;
    PyObject *metadata;
    void *unit;
} dtype_1;

/* The same of both. */
typedef struct {
    int number;
    int holds_references;
    Py_ssize_t item_nbytes;
    PyObject *metadata;
    subarray *subarray;
    PyObject *fields;
    PyObject *names;
    void *unit;
} dtype_view;

/* PyVoidScalarObject and PyUnicodeScalarObject. */
typedef struct {
    PyObject_VAR_HEAD char *data;
    PyObject *dtype;
    int flags;
    PyObject *base;
} void_object;

typedef struct {
    PyUnicodeObject str;
    Py_UCS4 *data;
    char *format;
} text_object;

/* PyArrayIterObject, as far as it matters, and PyArrayMultiIterObject. */
enum { ITERATOR_DIMENSIONS = 32 };

typedef struct {
    PyObject_HEAD int last_dimension;
    Py_ssize_t index;
    Py_ssize_t size;
    Py_ssize_t steps[5][ITERATOR_DIMENSIONS];
    PyObject *array;
} flat_iterator;

typedef struct {
    PyObject_HEAD int iterator_count;
    Py_ssize_t size;
    Py_ssize_t index;
    int dimensions;
    Py_ssize_t shape[ITERATOR_DIMENSIONS];
    PyObject *iterators[ITERATOR_DIMENSIONS];
} broadcast;

enum {
    OWNS_DATA = 0x0004,
    HOLDS_REFERENCES = 0x01,
    OBJECT_NUMBER = 17,
    LEGACY_NUMBERS = 24, /* types below it have the layout above */
    UNIT_NBYTES = 40,
    DEEPEST_FIELD = 32,
};

/* The data types that NumPy has one of each. */
static const char SHARED_LETTERS[] = "?bBhHiIlLqQefdgFDGOSUVmM";
static PyObject *shared_dtypes[sizeof(SHARED_LETTERS)];
static int numpy_2;

static int dtype_number(PyObject *dtype) {
    return ((dtype_2 *)dtype)->number; /* where 1.x has it */
}

static void view_dtype(PyObject *dtype, dtype_view *view) {
    if (numpy_2) {
        dtype_2 *fields = (dtype_2 *)dtype;
        *view = (dtype_view){.number = fields->number,
                             .holds_references = (fields->flags & HOLDS_REFERENCES) != 0,
                             .item_nbytes = fields->item_nbytes,
                             .metadata = fields->metadata};
        if (view->number >= 0 && view->number < LEGACY_NUMBERS) {
            view->subarray = fields->subarray;
            view->fields = fields->fields;
            view->names = fields->names;
            view->unit = fields->unit;
        }
    } else {
        dtype_1 *fields = (dtype_1 *)dtype;
        *view = (dtype_view){.number = fields->number,
                             .holds_references = (fields->flags & HOLDS_REFERENCES) != 0,
                             .item_nbytes = fields->item_nbytes,
                             .metadata = fields->metadata,
                             .subarray = fields->subarray,
                             .fields = fields->fields,
                             .names = fields->names,
                             .unit = fields->unit};
    }
}

int bb_dtype_is_shared(PyObject *dtype) {
    int number = dtype_number(dtype);
    return number >= 0 && number < LEGACY_NUMBERS && shared_dtypes[number] == dtype;
}

static void visit_if(bb_walk *walk, PyObject *object) {
    if (object != NULL) {
        bb_walk_visit(walk, object);
    }
}

static Py_ssize_t item_count(const array_object *array) {
    Py_ssize_t count = 1;
    for (int i = 0; i < array->dimensions; i++) {
        count *= array->shape[i];
    }
    return count;
}

static void buffer_info_blocks(const array_object *array, bb_tally *tally) {
    if ((array->buffer_info & 7) != 3 || Py_TYPE(array)->tp_basicsize < (int)sizeof(*array)) {
        return;
    }
    const buffer_info *info = (buffer_info *)(array->buffer_info - 3);
    for (; info != NULL; info = info->next) {
        Py_ssize_t format = 16; /* doubled until the text fits */
        while (info->format != NULL && format <= (Py_ssize_t)strlen(info->format)) {
            format *= 2;
        }
        bb_tally_block(tally, (Py_ssize_t)sizeof(buffer_info) +
                                  2 * info->dimensions * (Py_ssize_t)sizeof(Py_ssize_t));
        bb_tally_block(tally, info->format == NULL ? 0 : format);
    }
}

void bb_array_blocks(PyObject *object, bb_tally *tally) {
    array_object *array = (array_object *)object;
    dtype_view dtype;
    bb_tally_raw_block(tally, 2 * array->dimensions * (Py_ssize_t)sizeof(Py_ssize_t));
    buffer_info_blocks(array, tally);
    if (array->flags & OWNS_DATA) {
        view_dtype(array->dtype, &dtype);
        Py_ssize_t nbytes = item_count(array) * dtype.item_nbytes;
        bb_tally_raw_block(tally, nbytes > 0 ? nbytes : 1); /* so that there is an address */
    }
}

static void visit_item(bb_walk *walk, PyObject *dtype, char *item, int depth);

/* The parts of one item of a data type with fields. A title names the same field once more. */
static void visit_fields(bb_walk *walk, const dtype_view *dtype, char *item, int depth) {
    PyObject *name, *field;
    Py_ssize_t position = 0;
    while (PyDict_Next(dtype->fields, &position, &name, &field)) {
        if (!PyTuple_Check(field) || PyTuple_GET_SIZE(field) < 2 ||
            (PyTuple_GET_SIZE(field) == 3 && PyTuple_GET_ITEM(field, 2) == name)) {
            continue;
        }
        Py_ssize_t offset = PyLong_AsSsize_t(PyTuple_GET_ITEM(field, 1));
        visit_item(walk, PyTuple_GET_ITEM(field, 0), item + offset, depth + 1);
    }
}

/* The objects that one item holds. */
static void visit_item(bb_walk *walk, PyObject *dtype, char *item, int depth) {
    dtype_view view, part;
    view_dtype(dtype, &view);
    if (!view.holds_references || depth > DEEPEST_FIELD) {
        return;
    }
    if (view.number == OBJECT_NUMBER) {
        PyObject *object;
        memcpy(&object, item, sizeof(object)); /* a packed field need not be aligned */
        visit_if(walk, object);
    } else if (view.subarray != NULL) {
        view_dtype(view.subarray->base, &part);
        for (Py_ssize_t i = 0; part.item_nbytes > 0 && i < view.item_nbytes;
             i += part.item_nbytes) {
            visit_item(walk, view.subarray->base, item + i, depth + 1);
        }
    } else if (view.fields != NULL && PyDict_CheckExact(view.fields)) {
        visit_fields(walk, &view, item, depth);
    }
}

/* What the items hold, unless they are seen through a base that holds them too. */
static void visit_items(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    array_object *array = (array_object *)object;
    dtype_view dtype;
    view_dtype(array->dtype, &dtype);
    if (!dtype.holds_references || !(array->flags & OWNS_DATA)) {
        return;
    }
    Py_ssize_t count = item_count(array);
    if (dtype.number == OBJECT_NUMBER) {
        bb_visit_window(walk, object, (PyObject **)array->data, count, next);
        return;
    }
    Py_ssize_t end = bb_window_end(walk, object, count, next);
    for (Py_ssize_t i = next; i < end; i++) {
        visit_item(walk, array->dtype, array->data + i * dtype.item_nbytes, 0);
    }
}

void bb_array_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    if (next == 0) {
        PyObject *dtype = ((array_object *)object)->dtype;
        visit_if(walk, bb_dtype_is_shared(dtype) ? NULL : dtype);
        visit_if(walk, ((array_object *)object)->base);
    }
    visit_items(walk, object, next);
}

void bb_dtype_blocks(PyObject *object, bb_tally *tally) {
    dtype_view dtype;
    view_dtype(object, &dtype);
    bb_tally_block(tally, dtype.subarray == NULL ? 0 : (Py_ssize_t)sizeof(subarray));
    bb_tally_block(tally, dtype.unit == NULL ? 0 : UNIT_NBYTES);
}

void bb_dtype_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    dtype_view dtype;
    view_dtype(object, &dtype);
    if (dtype.subarray != NULL) {
        visit_if(walk, dtype.subarray->base);
        visit_if(walk, dtype.subarray->shape);
    }
    visit_if(walk, dtype.fields);
    visit_if(walk, dtype.names);
    visit_if(walk, dtype.metadata);
}

void bb_void_blocks(PyObject *object, bb_tally *tally) {
    void_object *scalar = (void_object *)object;
    dtype_view dtype;
    if (scalar->flags & OWNS_DATA) {
        view_dtype(scalar->dtype, &dtype);
        bb_tally_raw_block(tally, dtype.item_nbytes > 0 ? dtype.item_nbytes : 1);
    }
}

void bb_void_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    void_object *scalar = (void_object *)object;
    visit_if(walk, scalar->dtype);
    visit_if(walk, scalar->base);
    if (scalar->flags & OWNS_DATA) {
        visit_item(walk, scalar->dtype, scalar->data, 0);
    }
}

void bb_flat_iterator_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    visit_if(walk, ((flat_iterator *)object)->array);
}

void bb_broadcast_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    broadcast *iterator = (broadcast *)object;
    bb_visit_window(walk, object, iterator->iterators, iterator->iterator_count, next);
}

void bb_numpy_str_blocks(PyObject *object, bb_tally *tally) {
    text_object *text = (text_object *)object;
    bb_str_blocks(object, tally);
    if (text->data != NULL) {
        bb_tally_block(tally, (PyUnicode_GET_LENGTH(object) + 1) * (Py_ssize_t)sizeof(Py_UCS4));
    }
}

/* Decides by a data type of 7 bytes an item which of the two layouts is there. 1 if one is. */
static int check_layout(PyObject *numpy) {
    PyObject *sample = PyObject_CallMethod(numpy, "dtype", "s", "S7");
    if (sample == NULL) {
        return bb_not_there();
    }
    int known = 0;
    if (Py_TYPE(sample)->tp_basicsize >= (Py_ssize_t)sizeof(dtype_1)) {
        numpy_2 = Py_TYPE(sample)->tp_basicsize >= (Py_ssize_t)sizeof(dtype_2) &&
                  ((dtype_2 *)sample)->item_nbytes == 7;
        known = numpy_2 || ((dtype_1 *)sample)->item_nbytes == 7;
    }
    Py_DECREF(sample);
    return known;
}

static int find_shared_dtypes(PyObject *numpy) {
    for (const char *letter = SHARED_LETTERS; *letter != 0; letter++) {
        const char text[2] = {*letter, 0};
        PyObject *dtype = PyObject_CallMethod(numpy, "dtype", "s", text);
        if (dtype == NULL) {
            if (bb_not_there() < 0) {
                return -1;
            }
            continue;
        }
        int number = dtype_number(dtype);
        if (number >= 0 && number < LEGACY_NUMBERS && shared_dtypes[number] == NULL) {
            shared_dtypes[number] = Py_NewRef(dtype);
        }
        Py_DECREF(dtype);
    }
    return 1;
}

/* A type that NumPy has, if its objects are as large as they have to be. */
static int find_type(PyObject *numpy, const char *name, size_t nbytes, PyTypeObject **type) {
    int found = bb_type_of(numpy, name, type);
    if (found == 1 && (*type)->tp_basicsize < (Py_ssize_t)nbytes) {
        Py_CLEAR(*type);
        found = 0;
    }
    return found;
}

static int find_types(PyObject *numpy, bb_numpy_types *types) {
    const struct {
        const char *name;
        size_t nbytes;
        PyTypeObject **type;
    } wanted[] = {
        {"ndarray", sizeof(array_object), &types->array},
        {"generic", sizeof(PyObject), &types->scalar},
        {"dtype", sizeof(PyObject), &types->dtype},
        {"void", sizeof(void_object), &types->record},
        {"str_", sizeof(text_object), &types->text},
        {"bool_", sizeof(PyObject), &types->boolean},
        {"flatiter", sizeof(flat_iterator), &types->flat_iterator},
        {"broadcast", sizeof(broadcast), &types->broadcast},
    };
    int found = 1;
    for (size_t i = 0; found == 1 && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        found = find_type(numpy, wanted[i].name, wanted[i].nbytes, wanted[i].type);
    }
    return found;
}

int bb_numpy_prepare(PyObject *modules, bb_numpy_types *types) {
    PyObject *numpy;
    int found = bb_imported(modules, "numpy", &numpy);
    if (found != 1) {
        return found;
    }
    found = find_types(numpy, types);
    found = found == 1 ? check_layout(numpy) : found;
    found = found == 1 ? find_shared_dtypes(numpy) : found;
    Py_DECREF(numpy);
    return found;
}
