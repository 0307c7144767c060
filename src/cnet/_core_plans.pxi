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
        """Values of a call, places of its arrays, rows per image, whether it is parallel, and its
        branch.

        Arrays among the values are constants. The other arrays are None and have a place.
        """
        cdef Py_ssize_t i
        cdef tuple values, places
        values, places, step.rows, step.is_parallel, step.branch = fields
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
        cdef int i
        fill_recorded(recorded, values)
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
