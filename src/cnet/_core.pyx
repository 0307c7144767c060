# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True, autotestdict=False
"""The boundary: passes arguments to the C kernels and releases the GIL.

Callers check arrays (`_check`) and allocate results (`kernels`); geometries are the named tuples of
`geometry`. This module verifies the number and types of arguments, but not their values. So only
`kernels`, `plan`, `recording` and `runtime` may call it; `_check` asks it about arrays.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport exp, isfinite, log, sqrt
from libc.stdint cimport PTRDIFF_MAX, int64_t, uint64_t
from libc.string cimport memcpy, memset
from numpy cimport (
    PyArray_CheckExact,
    PyArray_DATA,
    PyArray_DESCR,
    PyArray_DIM,
    PyArray_ISCARRAY,
    PyArray_NDIM,
    PyArray_SIZE,
    PyArray_TYPE,
    ndarray,
)

cnp.import_array()


cdef extern from *:
    """
    #define CNET_NAME(name) #name,
    static const char *const cnet_conv2d_names[] = {CNET_CONV2D_FIELDS(CNET_NAME) NULL};
    #undef CNET_NAME
    """
    const char *const *cnet_conv2d_names
    const char *CNET_COMPILER


# The kernels of csrc/kernels.h, each with the names of the arguments that `call` takes.
kernels = {
    cnet_signatures[i].name.decode(): tuple([
        cnet_signatures[i].arguments[j].name.decode()
        for j in range(cnet_signatures[i].count)
        if cnet_signatures[i].arguments[j].kind != CNET_COUNT
    ])
    for i in range(CNET_KERNEL_COUNT)
}
cdef dict numbers = {name: number for number, name in enumerate(kernels)}
# For each array of each kernel, whether the kernel writes it.
written = {
    cnet_signatures[i].name.decode(): tuple([
        cnet_signatures[i].arguments[j].kind == CNET_OUT for j in range(cnet_signatures[i].arrays)])
    for i in range(CNET_KERNEL_COUNT)
}
# The number of arrays of each kernel, which are its first arguments.
arrays = {name: len(each) for name, each in written.items()}
# The fields of the C geometry of a convolution. The first of them are those of a window.
conv2d_fields = tuple([
    cnet_conv2d_names[i].decode() for i in range(sizeof(cnet_conv2d) // sizeof(ptrdiff_t))])
window2d_fields = conv2d_fields[:sizeof(cnet_window2d) // sizeof(ptrdiff_t)]
compiler = CNET_COMPILER.decode()
cached_bytes = CACHED_BYTES  # larger arrays use the cache of memory
halves = CNET_HALVES
max_threads = CNET_MAX_THREADS
algorithms = {
    "auto": CNET_AUTO,
    "exact": CNET_EXACT,
    "depthwise": CNET_DEPTHWISE,
    "winograd": CNET_WINOGRAD,
    "pointwise": CNET_POINTWISE,
    "channels": CNET_CHANNELS,
    "direct": CNET_DIRECT,
    "fold": CNET_FOLD,
    "product": CNET_PRODUCT,
}
# The numbers of elementwise operations, and the array that their gradients need: x or y.
operations = {cnet_operations[i].name.decode(): i for i in range(CNET_OPERATION_COUNT)}
# The numbers of the operations of the kernel `arithmetic`.
arithmetic_operations = {"add": CNET_ADD, "sub": CNET_SUB, "mul": CNET_MUL, "div": CNET_DIV}
saved_by_operations = {
    cnet_operations[i].name.decode(): cnet_operations[i].saved.decode()
    for i in range(CNET_OPERATION_COUNT)
}

# The number of each elementwise function of several operands, and how many operands it has.
combinations = {
    cnet_combinations[i].name.decode(): (i, cnet_combinations[i].operands)
    for i in range(CNET_COMBINATION_COUNT)
}
reductions = {cnet_reductions[i].decode(): i for i in range(CNET_REDUCTION_COUNT)}
# The numbers of the operations of `reduce_small`.
small_reductions = {
    "variance": VARIANCE, "maximum": MAXIMUM, "minimum": MINIMUM, "logsumexp": LOGSUMEXP}


# ---- Memory --------------------------------------------------------------------------------------


cdef enum:
    MOST_AXES = 64  # of an array


cdef cnet_block acquire(size_t bytes) except *:
    cdef cnet_block block = cnet_acquire(bytes)
    if block.data == NULL:
        raise MemoryError(f"cnet: no memory for {bytes} bytes")
    return block


@cython.final
@cython.auto_pickle(False)
cdef class Memory:
    """The memory of an array from `empty`; released to the cache after the last view is deleted."""
    cdef cnet_block block
    cdef object __weakref__

    def __dealloc__(self):
        if self.block.data != NULL:
            cnet_release(self.block)


cdef ndarray array_in(Memory memory, int ndim, cnp.npy_intp *sizes, int typenum):
    """An array whose elements are the memory."""
    cdef ndarray array = cnp.PyArray_SimpleNewFromData(ndim, sizes, typenum, memory.block.data)
    cnp.set_array_base(array, memory)
    return array


cdef ndarray empty_array(int ndim, cnp.npy_intp *sizes, size_t itemsize, int typenum):
    """A new array; if it is large, in memory that is aligned and reused."""
    cdef size_t bytes = itemsize
    cdef int axis
    for axis in range(ndim):
        if sizes[axis] < 0 or (sizes[axis] and bytes > PTRDIFF_MAX // <size_t>sizes[axis]):
            shape = tuple([sizes[axis] for axis in range(ndim)])
            raise MemoryError(f"cnet: no memory for an array of shape {shape}")
        bytes *= <size_t>sizes[axis]
    if bytes < CACHED_BYTES:
        return cnp.PyArray_EMPTY(ndim, sizes, typenum, 0)
    cdef Memory memory = Memory()
    memory.block = acquire(bytes)
    return array_in(memory, ndim, sizes, typenum)


def empty(tuple shape, cnp.dtype dtype):
    """A new array; if it is large, in memory that is aligned and reused."""
    cdef cnp.npy_intp sizes[MOST_AXES]
    cdef int axis, ndim = len(shape)
    if ndim > MOST_AXES:
        raise MemoryError(f"cnet: no memory for an array of shape {shape}")
    for axis in range(ndim):
        sizes[axis] = shape[axis]
    return empty_array(ndim, sizes, cnp.PyDataType_ELSIZE(dtype), dtype.num)


include "_core_arrays.pxi"


# ---- Kernels -------------------------------------------------------------------------------------


cdef int fill_array(
        cnet_slot *slot, const cnet_argument *argument, value, int typenum) except -1:
    cdef bint fits = False
    if value is None:
        slot.pointer = NULL
        return 0
    if isinstance(value, ndarray):
        if argument.element == CNET_REAL:
            fits = PyArray_TYPE(<ndarray>value) == typenum
        elif argument.element == CNET_DOUBLE:
            fits = PyArray_TYPE(<ndarray>value) == cnp.NPY_FLOAT64
        else:
            fits = argument.element in (CNET_ANY, cnp.PyArray_ITEMSIZE(<ndarray>value))
    if not fits:
        raise TypeError(f"{argument.name.decode()} is no array of the right dtype: {value!r}")
    slot.pointer = PyArray_DATA(<ndarray>value)
    return 0


cdef int fill_geometry(cnet_slot *slots, const cnet_argument *argument, value) except -1:
    """Write the integers of a tuple as a C geometry, in order."""
    cdef int i
    if not isinstance(value, tuple) or len(<tuple>value) != argument.slots:
        raise TypeError(f"{argument.name.decode()} is no tuple of {argument.slots} sizes: {value!r}")
    for i in range(argument.slots):
        slots[i].integer = (<tuple>value)[i]
    return 0


cdef inline const cnet_implementation *implementation(int kernel, int typenum) noexcept:
    return cnet_active_kernels(CNET_F32 if typenum == cnp.NPY_FLOAT32 else CNET_F64) + kernel


cdef int fill(cnet_call *c, int typenum, tuple values) except -1:
    """Fill in a call from the name and the arguments of a kernel."""
    number = numbers.get(values[0]) if len(values) else None
    if number is None:
        raise ValueError(f"there is no kernel {values[:1]}")
    cdef int kernel = number
    cdef const cnet_signature *s = &cnet_signatures[kernel]
    cdef const cnet_argument *argument = s.arguments
    cdef const cnet_argument *end = argument + s.count
    cdef cnet_slot *slot = c.slots
    cdef Py_ssize_t next = 1
    if len(values) != 1 + s.given:
        raise TypeError(f"{s.name.decode()} takes {s.given} arguments (got {len(values) - 1})")
    if typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64:
        raise TypeError(f"{s.name.decode()} takes float32 and float64")
    if implementation(kernel, typenum).run == NULL:
        raise TypeError(f"{s.name.decode()} takes float32")
    c.kernel = kernel
    c.threads = cnet_get_num_threads()
    c.workspace = NULL
    while argument != end:
        if argument.kind == CNET_COUNT:
            slot.integer = 0 if values[1] is None else PyArray_SIZE(<ndarray>values[1])
            next -= 1
        elif argument.kind == CNET_INTEGER:
            slot.integer = values[next]
        elif argument.kind == CNET_NUMBER:
            slot.number = values[next]
        elif argument.kind == CNET_GEOMETRY:
            fill_geometry(slot, argument, values[next])
        else:
            fill_array(slot, argument, values[next], typenum)
        next += 1
        slot += argument.slots
        argument += 1
    return 0


cdef inline int dtype_of(tuple values) noexcept:
    """The dtype of a call is that of its first array."""
    if len(values) < 2 or not isinstance(values[1], ndarray):
        return -1
    return PyArray_TYPE(<ndarray>values[1])


cdef ptrdiff_t run_in(tuple values, cnet_block *block) except -1:
    """Run a call; return the number of invalid indices. The caller releases `block`."""
    cdef cnet_call c
    cdef ptrdiff_t invalid = 0
    cdef size_t bytes
    cdef int typenum = dtype_of(values)
    fill(&c, typenum, values)
    cdef const cnet_implementation *kernel = implementation(c.kernel, typenum)
    c.invalid = &invalid
    if kernel.workspace != NULL:
        bytes = kernel.workspace(&c)
        if bytes == CNET_UNSUITABLE:
            raise Unsuitable(f"{cnet_signatures[c.kernel].name.decode()} cannot compute {values[1:]}")
        if bytes:
            block[0] = acquire(bytes)
            c.workspace = block.data
    with nogil:
        kernel.run(&c)
    return invalid


class Unsuitable(ValueError):
    """A kernel, or the selected algorithm, does not support a geometry."""


cdef bint redirected = False
cdef object elsewhere = None


def redirect(bint on):
    """Set whether `call` is redirected to the function of `set_elsewhere`, in all threads."""
    global redirected
    redirected = on


def set_elsewhere(function):
    """``function(name, arguments)`` is called in place of a kernel while calls are redirected."""
    global elsewhere
    elsewhere = function


def call(*values):
    """Run a kernel, given its name and its arguments; return the number of invalid indices."""
    if redirected:
        return elsewhere(values[0], values[1:])
    return compute(values)


def run(*values):
    """`call`, without redirection."""
    return compute(values)


cdef ptrdiff_t compute(tuple values) except -1:
    cdef cnet_block block = cnet_block(NULL, 0, NULL)
    cdef ptrdiff_t invalid = run_in(values, &block)
    if block.data != NULL:
        cnet_release(block)
    return invalid


def call_each(str name, list rows, tuple rest):
    """`call` for each tuple of arrays in `rows`, followed by `rest`, in one region of threads.

    The kernel computes each element by itself. The arrays of a row have one dtype and size.
    """
    cdef cnet_tape tape
    cdef cnet_block block
    cdef tuple row
    cdef int threads = cnet_get_num_threads()
    cdef Py_ssize_t i
    if redirected:
        for row in rows:
            elsewhere(name, row + rest)
        return
    tape.count = len(rows)
    tape.kernels[<int>CNET_F32] = cnet_active_kernels(CNET_F32)
    tape.kernels[<int>CNET_F64] = cnet_active_kernels(CNET_F64)
    cdef size_t bytes = len(rows) * sizeof(cnet_recorded)
    block = acquire(bytes + cnet_tape_elements_workspace(len(rows)))
    tape.calls = <cnet_recorded *>block.data
    try:
        for i in range(len(rows)):
            fill_recorded(&tape.calls[i], (name,) + <tuple>rows[i] + rest)
        with nogil:
            cnet_tape_run_elements(&tape, threads, block.data + bytes)
    finally:
        cnet_release(block)


cdef int fill_recorded(cnet_recorded *recorded, tuple values) except -1:
    """Fill in a recorded call, with its dtype."""
    cdef int typenum = dtype_of(values)
    recorded.dtype = CNET_F32 if typenum == cnp.NPY_FLOAT32 else CNET_F64
    return fill(&recorded.call, typenum, values)


def prepare(*values):
    """Run a kernel that writes its result into its workspace; return that as an array of bytes."""
    cdef Memory memory = Memory()
    run_in(values, &memory.block)
    cdef cnp.npy_intp bytes = memory.block.bytes
    return array_in(memory, 1, &bytes, cnp.NPY_UINT8)


def choose(int typenum, *values):
    """The choices of a kernel for a call, one per pass; None if it does not support the call.

    Arrays may be None. Passes without a result have -1.
    """
    cdef cnet_call c
    cdef int i
    fill(&c, typenum, values)
    cdef const cnet_implementation *kernel = implementation(c.kernel, typenum)
    for i in range(CNET_PASSES):
        c.choices[i] = -1
    if kernel.workspace != NULL and kernel.workspace(&c) == CNET_UNSUITABLE:
        return None
    return tuple([c.choices[i] for i in range(CNET_PASSES)])


def integers(ndarray words, ndarray y, int64_t low, uint64_t range):
    """Fill an array of int64 with integers from `low` on, of which there are `range`.

    `words` are contiguous: 64 random bits for each integer, or for two up to `halves`.
    """
    with nogil:
        cnet_integers(
            <const uint64_t *>PyArray_DATA(words), <int64_t *>PyArray_DATA(y), PyArray_SIZE(y), low,
            range)


def permutation(ndarray words, ndarray y):
    """Fill an array of int64 with the positions of its elements, in random order.

    `words` are contiguous: 64 random bits for each element.
    """
    with nogil:
        cnet_permutation(
            <const uint64_t *>PyArray_DATA(words), <int64_t *>PyArray_DATA(y), PyArray_SIZE(y))


include "_core_plain.pxi"
include "_core_plans.pxi"


# ---- Control -------------------------------------------------------------------------------------


def isas():
    """(name, whether this machine can run it) of every instruction set compiled in."""
    names = []
    while cnet_isa_name(len(names)) != NULL:
        names.append((cnet_isa_name(len(names)).decode(), bool(cnet_isa_supported(len(names)))))
    return names


def active_isa():
    return cnet_active_isa()


def active_dots():
    return cnet_active_dots()


def set_active_isa(int isa):
    cnet_set_active_isa(isa)


def get_num_threads():
    return cnet_get_num_threads()


def set_num_threads(int threads):
    cnet_set_num_threads(threads)


def record_regions(ndarray log):
    """Record parallel regions in `log`, of int64, until `stop_recording`; see csrc/cnet.h."""
    cnet_record_regions(<int64_t *>PyArray_DATA(log), PyArray_SIZE(log))


def stop_recording():
    return cnet_stop_recording()


def empty_cache():
    cnet_empty_cache()
