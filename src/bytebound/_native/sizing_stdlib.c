/* The rules of types of the standard library: see sizing_rules.h. */
#include <Python.h>
#include <datetime.h>

#include "sizing_imports.h"
#include "sizing_inline.h"
#include "sizing_layout.h"
#include "sizing_rules.h"
#include "sizing_walk.h"

/* defdictobject and dequeobject (Modules/_collectionsmodule.c). */
typedef struct {
    PyDictObject dict;
    PyObject *factory;
} default_dict;

enum { BLOCK_ITEMS = 64, SPARE_BLOCKS = 16 };

typedef struct deque_block {
    struct deque_block *left;
    PyObject *items[BLOCK_ITEMS];
    struct deque_block *right;
} deque_block;

typedef struct {
    PyObject_VAR_HEAD deque_block *leftmost;
    deque_block *rightmost;
    Py_ssize_t left_index;
    Py_ssize_t right_index;
    size_t state;
    Py_ssize_t most;
    Py_ssize_t spare_count;
    deque_block *spare[SPARE_BLOCKS];
    PyObject *weak_references;
} deque_object;

/* PyDateTime_TimeZone (Modules/_datetimemodule.c). */
typedef struct {
    PyObject_HEAD PyObject *offset;
    PyObject *name;
} timezone_object;

/* bytesio and stringio (Modules/_io). */
typedef struct {
    PyObject_HEAD PyObject *buffer;
    Py_ssize_t position;
    Py_ssize_t length;
    PyObject *attributes;
    PyObject *weak_references;
    Py_ssize_t exports;
} bytes_io;

#if PY_VERSION_HEX >= 0x030C0000
typedef struct { /* _PyUnicodeWriter */
    PyObject *buffer;
    void *data;
    int kind;
    Py_UCS4 most;
    Py_ssize_t numbers[3];
    Py_UCS4 least;
    char flags;
} text_writer;
#else
typedef struct { /* _PyAccu */
    PyObject *buffer;
    PyObject *small;
} text_writer;
#endif

typedef struct {
    PyObject_HEAD Py_UCS4 *buffer;
    Py_ssize_t position;
    Py_ssize_t length;
    size_t buffer_length;
    int state; /* 2 while the text is still in the writer */
    text_writer writer;
    char flags[4];
    PyObject *decoder;
    PyObject *read_newline;
    PyObject *write_newline;
    PyObject *attributes;
    PyObject *weak_references;
#if PY_VERSION_HEX >= 0x030C0000
    void *module_state;
#endif
} string_io;

/* CDataObject (Modules/_ctypes/ctypes.h). */
typedef struct {
    PyObject_HEAD char *memory;
    int owns_memory;
    PyObject *base;
    Py_ssize_t nbytes;
    Py_ssize_t length;
    Py_ssize_t index;
    PyObject *objects;
    union {
        char bytes[16];
        long double number;
    } value;
} ctypes_object;

Py_ssize_t bb_stdlib_basic_size(bb_kind kind) {
    (void)PyDateTimeAPI; /* datetime.h is here for its structs alone */
    switch (kind) {
    case BB_DEFAULT_DICT:
        return sizeof(default_dict);
    case BB_DEQUE:
        return sizeof(deque_object);
    case BB_DATETIME:
        return sizeof(PyDateTime_DateTime);
    case BB_TIME:
        return sizeof(PyDateTime_Time);
    case BB_TIMEZONE:
        return sizeof(timezone_object);
    case BB_BYTES_IO:
        return sizeof(bytes_io);
    case BB_STRING_IO:
        return bb_layout_known ? (Py_ssize_t)sizeof(string_io) : -1;
    case BB_CTYPES:
        return sizeof(ctypes_object);
    default:
        return 0;
    }
}

void bb_default_dict_visit(bb_walk *walk, PyObject *object, Py_ssize_t next) {
    PyObject *factory = ((default_dict *)object)->factory;
    if (next == 0 && factory != NULL) {
        bb_walk_visit(walk, factory);
    }
    bb_dict_visit(walk, object, next);
}

/* The blocks in use, one at least, and those kept for the next append. */
void bb_deque_blocks(PyObject *object, bb_tally *tally) {
    deque_object *deque = (deque_object *)object;
    Py_ssize_t used = (deque->left_index + Py_SIZE(deque) + BLOCK_ITEMS - 1) / BLOCK_ITEMS;
    bb_tally_blocks(tally, sizeof(deque_block), (used > 0 ? used : 1) + deque->spare_count);
}

void bb_deque_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    deque_object *deque = (deque_object *)object;
    deque_block *block = deque->leftmost;
    Py_ssize_t index = deque->left_index;
    for (Py_ssize_t left = Py_SIZE(deque); left > 0 && !bb_walk_is_over(walk); left--) {
        bb_walk_visit(walk, block->items[index]);
        if (++index == BLOCK_ITEMS) {
            block = block->right;
            index = 0;
        }
    }
}

/* Without a time zone, less is allocated than the type says; a subclass gets what it says. */
Py_ssize_t bb_datetime_nbytes(PyObject *object) {
    return ((PyDateTime_DateTime *)object)->hastzinfo
               ? (Py_ssize_t)sizeof(PyDateTime_DateTime)
               : (Py_ssize_t)sizeof(_PyDateTime_BaseDateTime);
}

Py_ssize_t bb_time_nbytes(PyObject *object) {
    return ((PyDateTime_Time *)object)->hastzinfo ? (Py_ssize_t)sizeof(PyDateTime_Time)
                                                  : (Py_ssize_t)sizeof(_PyDateTime_BaseTime);
}

void bb_datetime_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    if (((PyDateTime_DateTime *)object)->hastzinfo) {
        bb_walk_visit(walk, ((PyDateTime_DateTime *)object)->tzinfo);
    }
}

void bb_time_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    if (((PyDateTime_Time *)object)->hastzinfo) {
        bb_walk_visit(walk, ((PyDateTime_Time *)object)->tzinfo);
    }
}

static PyObject *utc; /* datetime.timezone.utc */

int bb_timezone_prepare(PyTypeObject *timezone) {
    utc = PyObject_GetAttrString((PyObject *)timezone, "utc");
    return utc == NULL ? bb_not_there() : 0;
}

int bb_timezone_is_utc(PyObject *object) {
    return object == utc;
}

void bb_timezone_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    timezone_object *timezone = (timezone_object *)object;
    if (timezone->offset != NULL) {
        bb_walk_visit(walk, timezone->offset);
    }
    if (timezone->name != NULL) {
        bb_walk_visit(walk, timezone->name);
    }
}

void bb_bytes_io_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    PyObject *buffer = ((bytes_io *)object)->buffer;
    if (buffer != NULL) {
        bb_walk_visit(walk, buffer);
    }
}

void bb_string_io_blocks(PyObject *object, bb_tally *tally) {
    string_io *stream = (string_io *)object;
    if (stream->buffer != NULL) {
        size_t length = stream->buffer_length == 0 ? 1 : stream->buffer_length;
        bb_tally_block(tally, (Py_ssize_t)(length * sizeof(Py_UCS4)));
    }
}

void bb_string_io_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    string_io *stream = (string_io *)object;
    PyObject *referents[5] = {stream->decoder, stream->read_newline, stream->write_newline};
    if (stream->state == 2) {
        referents[3] = stream->writer.buffer;
#if PY_VERSION_HEX < 0x030C0000
        referents[4] = stream->writer.small;
#endif
    }
    bb_visit_window(walk, object, referents, 5, 0);
}

void bb_ctypes_blocks(PyObject *object, bb_tally *tally) {
    ctypes_object *data = (ctypes_object *)object;
    if (data->owns_memory && data->memory != data->value.bytes) {
        bb_tally_block(tally, data->nbytes);
    }
}

void bb_ctypes_visit(bb_walk *walk, PyObject *object, Py_ssize_t Py_UNUSED(next)) {
    ctypes_object *data = (ctypes_object *)object;
    PyObject *referents[2] = {data->base, data->objects};
    bb_visit_window(walk, object, referents, 2, 0);
}
