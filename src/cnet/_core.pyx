# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True, autotestdict=False
"""The boundary: passes arguments to the C kernels and releases the GIL.

Callers check arrays (`_check`) and allocate results (`kernels`); geometries are the named tuples of
`geometry`. This module verifies the number and types of arguments, but not their values. So only
`kernels`, `plan` and `runtime` may call it.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport PTRDIFF_MAX, int64_t
from numpy cimport PyArray_DATA, PyArray_SIZE, PyArray_TYPE, ndarray

cnp.import_array()


cdef extern from *:
    """
    #define CNET_NAME(name) #name,
    static const char *const cnet_conv2d_names[] = {CNET_CONV2D_FIELDS(CNET_NAME) NULL};
    #undef CNET_NAME
    """
    const char *const *cnet_conv2d_names
    const char *CNET_COMPILER


# The kernels of csrc/kernels.h: their numbers, and the names of the arguments that `call` takes.
kernels = {
    cnet_signatures[i].name.decode(): (
        i,
        tuple(
            cnet_signatures[i].arguments[j].name.decode()
            for j in range(cnet_signatures[i].count)
            if cnet_signatures[i].arguments[j].kind != CNET_COUNT
        ),
    )
    for i in range(CNET_KERNEL_COUNT)
}
# For each array of each kernel, whether the kernel writes it.
written = {
    cnet_signatures[i].name.decode(): tuple(
        cnet_signatures[i].arguments[j].kind == CNET_OUT for j in range(cnet_signatures[i].arrays))
    for i in range(CNET_KERNEL_COUNT)
}
# The number of arrays of each kernel, which are its first arguments.
arrays = {name: len(each) for name, each in written.items()}
# The fields of the C geometry of a convolution. The first of them are those of a window.
conv2d_fields = tuple(
    cnet_conv2d_names[i].decode() for i in range(sizeof(cnet_conv2d) // sizeof(ptrdiff_t)))
window2d_fields = conv2d_fields[:sizeof(cnet_window2d) // sizeof(ptrdiff_t)]
compiler = CNET_COMPILER.decode()
cached_bytes = CACHED_BYTES  # larger arrays use the cache of memory
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


# ---- Memory --------------------------------------------------------------------------------------


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

    def __dealloc__(self):
        if self.block.data != NULL:
            cnet_release(self.block)


cdef ndarray array_in(Memory memory, int ndim, cnp.npy_intp *sizes, int typenum):
    """An array whose elements are the memory."""
    cdef ndarray array = cnp.PyArray_SimpleNewFromData(ndim, sizes, typenum, memory.block.data)
    cnp.set_array_base(array, memory)
    return array


def empty(tuple shape, cnp.dtype dtype):
    """A new array; if it is large, in memory that is aligned and reused."""
    cdef cnp.npy_intp sizes[64]
    cdef size_t bytes = cnp.PyDataType_ELSIZE(dtype)
    cdef int axis, ndim = len(shape)
    for axis in range(ndim):
        sizes[axis] = shape[axis]
        if ndim > 64 or sizes[axis] < 0 or (sizes[axis] and bytes > PTRDIFF_MAX // <size_t>sizes[axis]):
            raise MemoryError(f"cnet: no memory for an array of shape {shape}")
        bytes *= <size_t>sizes[axis]
    if bytes < CACHED_BYTES:
        return cnp.PyArray_EMPTY(ndim, sizes, dtype.num, 0)
    cdef Memory memory = Memory()
    memory.block = acquire(bytes)
    return array_in(memory, ndim, sizes, dtype.num)


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
    """Fill in a call from the number and the arguments of a kernel."""
    cdef int kernel = values[0] if len(values) else -1
    if not 0 <= kernel < CNET_KERNEL_COUNT:
        raise ValueError(f"there is no kernel {kernel}")
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


cdef ptrdiff_t run(tuple values, cnet_block *block) except -1:
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
        block[0] = acquire(bytes)
        c.workspace = block.data
    with nogil:
        kernel.run(&c)
    return invalid


class Unsuitable(ValueError):
    """A kernel, or the selected algorithm, does not support a geometry."""


def call(*values):
    """Run a kernel, given its number and its arguments; return the number of invalid indices."""
    cdef cnet_block block = cnet_block(NULL, 0)
    cdef ptrdiff_t invalid = run(values, &block)
    if block.data != NULL:
        cnet_release(block)
    return invalid


def prepare(*values):
    """Run a kernel that writes its result into its workspace; return that as an array of bytes."""
    cdef Memory memory = Memory()
    run(values, &memory.block)
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
    return tuple(c.choices[i] for i in range(CNET_PASSES))


# ---- Plans ---------------------------------------------------------------------------------------

plan_x, plan_y, plan_constant = CNET_PLAN_X, CNET_PLAN_Y, CNET_PLAN_CONSTANT


cdef inline bint has(ndarray x, int typenum, int ndim, const cnp.npy_intp *shape) noexcept:
    """Whether an array has this shape except for axis 0, and a layout that needs no copy."""
    cdef int axis
    if PyArray_TYPE(x) != typenum or cnp.PyArray_NDIM(x) != ndim:
        return False
    for axis in range(1, ndim):
        if cnp.PyArray_DIM(x, axis) != shape[axis]:
            return False
    return cnp.PyArray_ISCARRAY_RO(x)


@cython.final
@cython.auto_pickle(False)
cdef class Plan:
    """A compiled network: see `cnet.compile`."""
    cdef cnet_plan plan
    cdef Memory steps
    cdef list kept
    cdef object normalise
    cdef int typenum, x_ndim
    cdef cnp.npy_intp x_sizes[8]
    cdef tuple labels
    cdef readonly tuple x_shape, y_shape

    def __cinit__(
            self, list steps, tuple labels, tuple x_shape, tuple y_shape, dtype, ptrdiff_t block,
            size_t arena_image, normalise):
        """`normalise(x, out)` returns arrays with the right layout, or raises."""
        cdef int axis
        cdef Py_ssize_t i
        self.normalise, self.typenum, self.labels = normalise, dtype.num, labels
        self.x_shape, self.y_shape, self.x_ndim = x_shape, y_shape, len(x_shape)
        self.plan.kernels = implementation(0, self.typenum)
        self.plan.x_image = self.plan.y_image = dtype.itemsize
        for axis in range(self.x_ndim):
            self.x_sizes[axis] = x_shape[axis]
            self.plan.x_image *= <size_t>(x_shape[axis] if axis else 1)
        for axis in range(1, len(y_shape)):
            self.plan.y_image *= <size_t>y_shape[axis]
        self.plan.block = block
        self.plan.arena_image, self.plan.count = arena_image, len(steps)
        self.kept = steps
        self.steps = Memory()
        self.steps.block = acquire(len(steps) * sizeof(cnet_step))
        self.plan.steps = <cnet_step *>self.steps.block.data
        for i in range(len(steps)):
            self.fill_step(self.plan.steps + i, steps[i])
        if not cnet_plan_finish(&self.plan):
            raise Unsuitable("plan: a kernel cannot compute its step")

    cdef int fill_step(self, cnet_step *step, tuple fields) except -1:
        """Values of a call, places of its arrays, rows per image, and whether it is parallel.

        Arrays among the values are constants. The other arrays are None and have a place.
        """
        cdef Py_ssize_t i
        cdef tuple values, places
        values, places, step.rows, step.is_parallel = fields
        fill(&step.call, self.typenum, values)
        if len(places) != cnet_signatures[step.call.kernel].arrays:
            raise TypeError(f"plan: a place for each array is missing in {places}")
        for i in range(len(places)):
            step.places[i] = places[i]
        return 0

    cdef compute(self, x, out, double *seconds):
        if out is not None or type(x) is not ndarray or not has(
                x, self.typenum, self.x_ndim, self.x_sizes):
            x, out = self.normalise(x, out)
        cdef ptrdiff_t images = cnp.PyArray_DIM(<ndarray>x, 0)
        cdef ndarray y = out
        if out is None:
            y = empty((images,) + self.y_shape[1:], cnp.PyArray_DescrFromType(self.typenum))
        if images == 0:
            return y
        cdef int threads = cnet_get_num_threads()
        cdef cnet_block block = acquire(cnet_plan_memory(&self.plan, images, threads))
        with nogil:
            cnet_plan_run(
                &self.plan, images, PyArray_DATA(<ndarray>x), PyArray_DATA(y), threads, block.data,
                seconds)
        cnet_release(block)
        return y

    def __call__(self, x, out=None):
        """Compute the network for `x`, in `out` if it is given."""
        return self.compute(x, out, NULL)

    def profile(self, x):
        """The steps in order, each with the seconds that it takes for `x`."""
        cdef ndarray seconds = cnp.PyArray_ZEROS(1, [len(self.labels)], cnp.NPY_FLOAT64, 0)
        self.compute(x, None, <double *>PyArray_DATA(seconds))
        return list(zip(self.labels, seconds.tolist()))

    def __repr__(self):
        dtype = "float32" if self.typenum == cnp.NPY_FLOAT32 else "float64"
        return f"<plan: {self.x_shape} to {self.y_shape}, {dtype}>"


# ---- Tapes ---------------------------------------------------------------------------------------


@cython.final
@cython.auto_pickle(False)
cdef class Tape:
    """Recorded calls of kernels, which run again on the same memory: see `cnet.capture`."""
    cdef cnet_tape tape
    cdef Memory calls, workspace
    cdef int threads
    cdef readonly object arena
    cdef list kept

    def __cinit__(self, list calls, size_t arena_bytes):
        """Each call with an offset in the arena for each array, or -1 if it keeps its memory."""
        cdef Py_ssize_t i
        cdef Memory arena = Memory()
        cdef cnp.npy_intp bytes = arena_bytes
        arena.block = acquire(arena_bytes)
        self.arena = array_in(arena, 1, &bytes, cnp.NPY_UINT8)
        self.tape.kernels[<int>CNET_F32] = cnet_active_kernels(CNET_F32)
        self.tape.kernels[<int>CNET_F64] = cnet_active_kernels(CNET_F64)
        self.calls, self.workspace, self.kept, self.threads = Memory(), Memory(), [], 0
        self.calls.block = acquire(len(calls) * sizeof(cnet_recorded))
        self.tape.calls = <cnet_recorded *>self.calls.block.data
        self.tape.count = len(calls)
        for i in range(len(calls)):
            self.fill_call(self.tape.calls + i, calls[i][0], calls[i][1])

    cdef int fill_call(self, cnet_recorded *recorded, tuple values, tuple places) except -1:
        cdef int i, typenum = dtype_of(values)
        fill(&recorded.call, typenum, values)
        recorded.dtype = CNET_F32 if typenum == cnp.NPY_FLOAT32 else CNET_F64
        if len(places) != cnet_signatures[recorded.call.kernel].arrays:
            raise TypeError(f"tape: a place for each array is missing in {places}")
        for i in range(len(places)):
            if places[i] >= 0:
                recorded.call.slots[i].pointer = (
                    <char *>PyArray_DATA(<ndarray>self.arena) + <size_t>places[i])
            else:
                self.kept.append(values[i + 1])
        return 0

    cdef cnet_call *at(self, Py_ssize_t number) except NULL:
        if not 0 <= number < self.tape.count:
            raise IndexError(f"tape: there is no call {number}")
        return &self.tape.calls[number].call

    def point(self, Py_ssize_t number, Py_ssize_t slot, ndarray array, size_t offset):
        """Let an array of a call lie at an offset in the memory of `array`, which must stay alive."""
        cdef cnet_call *c = self.at(number)
        if not 0 <= slot < cnet_signatures[c.kernel].arrays:
            raise IndexError(f"tape: call {number} has no array {slot}")
        c.slots[slot].pointer = <char *>PyArray_DATA(array) + offset

    def set_numbers(self, Py_ssize_t number, tuple values):
        """Replace the numbers of a call, which follow its arrays and its geometry."""
        cdef cnet_call *c = self.at(number)
        cdef const cnet_signature *s = &cnet_signatures[c.kernel]
        cdef cnet_slot *slot = c.slots
        cdef Py_ssize_t i, next = 0
        for i in range(s.count):
            if s.arguments[i].kind == CNET_INTEGER:
                slot.integer = values[next]
                next += 1
            elif s.arguments[i].kind == CNET_NUMBER:
                slot.number = values[next]
                next += 1
            slot += s.arguments[i].slots
        if next != len(values):
            raise TypeError(f"{s.name.decode()} takes {next} numbers (got {len(values)})")

    def run(self, Py_ssize_t first, Py_ssize_t last):
        """Make calls; return the number of the first with indices out of range, or else `last`."""
        cdef int threads = cnet_get_num_threads()
        cdef size_t bytes
        cdef ptrdiff_t reached
        if not 0 <= first <= last <= self.tape.count:
            raise IndexError(f"tape: there are no calls from {first} to {last}")
        if threads != self.threads:
            bytes = cnet_tape_prepare(&self.tape, threads)
            if bytes == CNET_UNSUITABLE:
                raise Unsuitable("tape: a kernel cannot compute its call")
            self.workspace, self.threads = Memory(), 0
            self.workspace.block = acquire(bytes)
            self.threads = threads
        with nogil:
            reached = cnet_tape_run(&self.tape, first, last, self.workspace.block.data)
        return reached


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
