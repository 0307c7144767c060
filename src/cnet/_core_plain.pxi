# ---- Plain calls ---------------------------------------------------------------------------------
# Kernels on arrays that need no checks by `kernels`, in one call that also allocates the result. They
# return None for other arrays, and while calls are redirected.


cdef enum:
    KEEPING_THE_GIL = 4096  # elements for which the GIL is not released
    MOST_RESULTS = 1024  # of a reduction
    SHORT = 4  # runs of elements that are copied one by one


cdef int run_on(int typenum, ptrdiff_t elements, cnet_call *c, int kernel) except -1:
    """Run a kernel for a dtype and a number of elements."""
    cdef const cnet_implementation *found = implementation(kernel, typenum)
    cdef cnet_block block
    c.kernel = kernel
    c.threads = cnet_get_num_threads()
    cdef size_t bytes = 0 if found.workspace == NULL else found.workspace(c)
    if bytes:
        block = acquire(bytes)
        c.workspace = block.data
    if elements <= KEEPING_THE_GIL:
        found.run(c)
    else:
        with nogil:
            found.run(c)
    if bytes:
        cnet_release(block)
    return 0


cdef run_like(ndarray x, void **y, cnet_call *c, int kernel, out):
    """Run a kernel whose result is like a plain array; `y` is the place of its address.

    It is written into `out`, or a new array if that is None.
    """
    if out is None:
        out = empty_array(
            PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_ITEMSIZE(x), PyArray_TYPE(x))
    elif not is_like(out, x):
        return None
    y[0] = PyArray_DATA(<ndarray>out)
    run_on(PyArray_TYPE(x), PyArray_SIZE(x), c, kernel)
    return out


cdef enum: REPEATED, ALONG, OTHER


cdef int locate(operand, ndarray first, const void **place, double *number) except -1:
    """Whether an operand is one number, or an array like a plain one; `number` is its memory."""
    if operand is first or is_like(operand, first):
        place[0] = PyArray_DATA(<ndarray>operand)
        return ALONG
    if isinstance(operand, (float, int)):
        store_number(number, PyArray_TYPE(first), operand)
        place[0] = number
        return REPEATED
    if is_plain_array(operand) and PyArray_NDIM(<ndarray>operand) == 0 and (
            PyArray_TYPE(<ndarray>operand) == PyArray_TYPE(first)):
        place[0] = PyArray_DATA(<ndarray>operand)
        return REPEATED
    return OTHER


cdef bint overlaps(const void *place, int found, out) noexcept:
    """Whether writing a result changes elements of an operand that are read later."""
    if not PyArray_CheckExact(out):
        return False
    cdef ptrdiff_t bytes = cnp.PyArray_NBYTES(<ndarray>out)
    cdef ptrdiff_t distance = <const char *>place - <const char *>PyArray_DATA(<ndarray>out)
    return -bytes < distance < bytes and not (found == ALONG and distance == 0)


def elementwise(int operation, x, double a=0, double b=0, out=None):
    """The kernel `elementwise` for a plain array."""
    cdef cnet_call c
    if redirected or not is_plain_array(x) or not (out is None or out is x):
        return None
    c.elementwise.x = PyArray_DATA(<ndarray>x)
    c.elementwise.count = PyArray_SIZE(<ndarray>x)
    c.elementwise.operation = operation
    c.elementwise.a = a
    c.elementwise.b = b
    return run_like(x, &c.elementwise.y, &c, CNET_KERNEL_elementwise, out)


def combine(int operation, tuple operands):
    """The kernel `combine` for a plain array, others like it, and numbers."""
    cdef cnet_call c
    cdef double numbers[4]
    cdef int i, found
    cdef Py_ssize_t count = len(operands)
    if redirected or count != cnet_combinations[operation].operands:
        return None
    if not is_plain_array(operands[0]):
        return None
    memset(&c.combine, 0, sizeof(c.combine))
    cdef ndarray first = operands[0]
    cdef const void **places = &c.combine.a
    for i in range(count):
        found = locate(operands[i], first, &places[i], &numbers[i])
        if found == OTHER:
            return None
        if found == ALONG:
            c.combine.axes |= 7 << 3 * i
    c.combine.g.n = c.combine.g.c = 1
    c.combine.g.size = PyArray_SIZE(first)
    c.combine.operation = operation
    return run_like(first, &c.combine.y, &c, CNET_KERNEL_combine, None)


def arithmetic(int operation, a, b, out=None):
    """The kernel `arithmetic` for a plain array, and one like it or a number, in any order."""
    cdef cnet_call c
    cdef double numbers[2]
    cdef int a_found, b_found
    if redirected:
        return None
    first = a
    if not is_plain_array(a) or (PyArray_NDIM(<ndarray>a) == 0 and is_plain_array(b)):
        first = b
    if not is_plain_array(first) or not PyArray_SIZE(<ndarray>first):
        return None
    memset(&c.arithmetic, 0, sizeof(c.arithmetic))
    a_found = locate(a, first, &c.arithmetic.a, &numbers[0])
    b_found = locate(b, first, &c.arithmetic.b, &numbers[1])
    if a_found == OTHER or b_found == OTHER:
        return None
    if out is not None and (
            overlaps(c.arithmetic.a, a_found, out) or overlaps(c.arithmetic.b, b_found, out)):
        return None
    cdef cnet_pair *g = &c.arithmetic.g
    g.n = g.s1 = g.s2 = g.s3 = 1
    g.s4 = PyArray_SIZE(<ndarray>first)
    g.a4 = a_found == ALONG
    g.b4 = b_found == ALONG
    c.arithmetic.operation = operation
    return run_like(first, &c.arithmetic.y, &c, CNET_KERNEL_arithmetic, out)


@cython.cdivision(True)
def reduce(int operation, x, tuple sizes, tuple shape, double divisor, bint root):
    """The kernel `reduce` for a plain array: few results in its dtype, in a shape.

    They are divided by a number. If `root` is true, they are then replaced by their square roots.
    """
    cdef cnet_call c
    cdef double results[MOST_RESULTS]
    cdef ptrdiff_t i, count
    cdef double value
    if redirected or not is_plain_array(x) or not PyArray_SIZE(<ndarray>x):
        return None
    c.reduce.g.n, c.reduce.g.c, c.reduce.g.size = sizes
    count = c.reduce.g.n * c.reduce.g.size
    if count > MOST_RESULTS:
        return None
    c.reduce.x = PyArray_DATA(<ndarray>x)
    c.reduce.y = results
    c.reduce.operation = operation
    run_on(PyArray_TYPE(<ndarray>x), PyArray_SIZE(<ndarray>x), &c, CNET_KERNEL_reduce)
    cdef ndarray y = empty(shape, <cnp.dtype>PyArray_DESCR(<ndarray>x))
    cdef char *place = <char *>PyArray_DATA(y)
    for i in range(count):
        value = results[i] / divisor
        store_number(place, PyArray_TYPE(y), sqrt(value) if root else value)
        place += cnp.PyArray_ITEMSIZE(y)
    return y


def assemble(tuple arrays, tuple shape, tuple parts):
    """The kernel `strided_copy` from plain arrays to a new one.

    A part is the geometry as bytes, or None if it is empty.
    """
    cdef cnet_call c
    cdef Py_ssize_t i
    cdef bytes part
    if redirected or not are_plain(arrays):
        return None
    cdef ndarray y = empty(shape, <cnp.dtype>PyArray_DESCR(<ndarray>arrays[0]))
    c.strided_copy.y = PyArray_DATA(y)
    for i in range(len(parts)):
        part = parts[i]
        if part is None:
            continue
        if len(part) != sizeof(cnet_pair):
            raise ValueError("the bytes of a geometry are missing")
        c.strided_copy.x = PyArray_DATA(<ndarray>arrays[i])
        memcpy(&c.strided_copy.g, <const char *>part, sizeof(cnet_pair))
        run_on(PyArray_TYPE(y), PyArray_SIZE(y), &c, CNET_KERNEL_strided_copy)
    return y


def join(tuple arrays, int axis, bint new):
    """The kernel `strided_copy` from plain arrays to one that joins them along an axis.

    If `new` is true, the axis is not one of theirs. None also if their shapes do not fit, or if runs
    of elements are short in a large array, which NumPy copies faster.
    """
    cdef cnet_call c
    cdef cnp.npy_intp sizes[MOST_AXES]
    cdef cnet_pair *g = &c.strided_copy.g
    cdef ptrdiff_t before = 1, inner = 1, joined = 0, run
    cdef int i, ndim, own
    cdef bint is_short
    if redirected or not are_plain(arrays) or len(arrays) == 0:
        return None
    cdef ndarray first = arrays[0], y
    own = PyArray_NDIM(first)
    ndim = own + new
    if axis < 0:
        axis += ndim
    if not 0 <= axis < ndim or ndim > MOST_AXES:
        return None
    for array in arrays:
        if PyArray_NDIM(<ndarray>array) != own:
            return None
        for i in range(own):
            if PyArray_DIM(<ndarray>array, i) != PyArray_DIM(first, i) and (new or i != axis):
                return None
        joined += 1 if new else PyArray_DIM(<ndarray>array, axis)
    for i in range(ndim):
        if i == axis:
            sizes[i] = joined
            continue
        sizes[i] = PyArray_DIM(first, i - (new and i > axis))
        if i < axis:
            before *= sizes[i]
        else:
            inner *= sizes[i]
    is_short = inner * joined <= SHORT * len(arrays)
    if is_short and before * inner * joined > KEEPING_THE_GIL:
        return None
    y = empty_array(ndim, sizes, cnp.PyArray_ITEMSIZE(first), PyArray_TYPE(first))
    c.strided_copy.y = PyArray_DATA(y)
    memset(g, 0, sizeof(g[0]))
    g.s1 = g.s2 = 1
    g.b_n = g.b4 = inner * joined
    g.a3 = g.b3 = 1
    for array in arrays:
        run = inner if new else inner * PyArray_DIM(<ndarray>array, axis)
        c.strided_copy.x = PyArray_DATA(<ndarray>array)
        if is_short:  # columns are visited in place of rows
            g.n, g.s3, g.s4, g.a4 = 1, run, before, run
        else:
            g.n, g.s3, g.s4, g.a_n, g.a4, g.b4 = before, 1, run, run, 1, 1
        run_on(PyArray_TYPE(y), PyArray_SIZE(y), &c, CNET_KERNEL_strided_copy)
        g.b_first += run
    return y


# ---- Positions -----------------------------------------------------------------------------------
# The kernels `gather` and `scatter` for positions of int64, with the shapes of `numpy.take_along_axis`
# or, for whole slices, of `numpy.take`. The axis None means the flattened array. Numbers of 4 and 8
# bytes are copied as floats of that size, whatever they are.


cdef int float_of_size(x) noexcept:
    """The float dtype with as many bytes as contiguous numbers, which it can copy; or NPY_NOTYPE."""
    if PyArray_CheckExact(x) and cnp.PyArray_ISCARRAY_RO(<ndarray>x) and (
            cnp.PyTypeNum_ISNUMBER(PyArray_TYPE(<ndarray>x))):
        if cnp.PyArray_ITEMSIZE(<ndarray>x) == 4:
            return cnp.NPY_FLOAT32
        if cnp.PyArray_ITEMSIZE(<ndarray>x) == 8:
            return cnp.NPY_FLOAT64
    return cnp.NPY_NOTYPE


cdef int find_cells(
        ndarray x, index, axis, bint whole, cnet_cells *g, cnp.npy_intp *sizes) except -2:
    """The shape of the elements of an array at positions: its number of axes, and their sizes.

    -1 if the positions are not plain, or have another shape.
    """
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(x)
    cdef int i, along, ndim = PyArray_NDIM(x), others
    if not PyArray_CheckExact(index) or PyArray_TYPE(<ndarray>index) != cnp.NPY_INT64 or (
            not cnp.PyArray_ISCARRAY_RO(<ndarray>index)):
        return -1
    g.n = g.inner = 1
    g.size = PyArray_SIZE(x)
    g.count = PyArray_SIZE(<ndarray>index)
    others = PyArray_NDIM(<ndarray>index)
    cdef cnp.npy_intp *index_shape = cnp.PyArray_DIMS(<ndarray>index)
    if axis is None:
        memcpy(sizes, index_shape, others * sizeof(sizes[0]))
        return others
    along = axis
    if along < 0:
        along += ndim
    if not 0 <= along < ndim:
        return -1
    g.size = shape[along]
    for i in range(ndim):
        if i != along and not whole and (others != ndim or shape[i] != index_shape[i]):
            return -1
        if i < along:
            g.n *= shape[i]
        elif i > along:
            g.inner *= shape[i]
    if not whole:
        if others != ndim:
            return -1
        g.count = index_shape[along]
        memcpy(sizes, index_shape, ndim * sizeof(sizes[0]))
        return ndim
    if ndim - 1 + others > MOST_AXES:
        return -1
    memcpy(sizes, shape, along * sizeof(sizes[0]))
    memcpy(sizes + along, index_shape, others * sizeof(sizes[0]))
    memcpy(sizes + along + others, shape + along + 1, (ndim - 1 - along) * sizeof(sizes[0]))
    return ndim - 1 + others


def gather(x, index, axis, bint whole=False):
    """The kernel `gather` for contiguous numbers; None also if a position is out of range."""
    cdef cnet_call c
    cdef cnp.npy_intp sizes[MOST_AXES]
    cdef ptrdiff_t invalid = 0
    cdef int ndim, typenum = float_of_size(x)
    if redirected or typenum == cnp.NPY_NOTYPE:
        return None
    ndim = find_cells(x, index, axis, whole, &c.gather.g, sizes)
    if ndim < 0:
        return None
    cdef ndarray y = empty_array(
        ndim, sizes, cnp.PyArray_ITEMSIZE(<ndarray>x), PyArray_TYPE(<ndarray>x))
    c.gather.x = PyArray_DATA(<ndarray>x)
    c.gather.index = <int64_t *>PyArray_DATA(<ndarray>index)
    c.gather.y = PyArray_DATA(y)
    c.gather.shared = whole or axis is None
    c.invalid = &invalid
    run_on(typenum, PyArray_SIZE(y), &c, CNET_KERNEL_gather)
    return None if invalid else y


def scatter(int operation, x, index, src, axis, bint whole=False, out=None):
    """The kernel `scatter` on a copy of contiguous numbers, or in place if `out` is `x`.

    `src` is an array of the same dtype, or a number. Only floats are combined, other numbers are
    written. None also if a position is out of range; then elements of `out` may have changed.
    """
    cdef cnet_call c, copied
    cdef cnp.npy_intp sizes[MOST_AXES]
    cdef ptrdiff_t invalid = 0
    cdef int i, ndim, typenum = float_of_size(x)
    if redirected or typenum == cnp.NPY_NOTYPE or not (out is None or out is x):
        return None
    if (operation and PyArray_TYPE(<ndarray>x) != typenum) or (
            out is x and not PyArray_ISCARRAY(<ndarray>x)):
        return None
    ndim = find_cells(x, index, axis, whole, &c.scatter.g, sizes)
    if ndim < 0:
        return None
    if isinstance(src, (float, int)):
        number, src = src, empty_array(
            ndim, sizes, cnp.PyArray_ITEMSIZE(<ndarray>x), PyArray_TYPE(<ndarray>x))
        cnp.PyArray_FillWithScalar(<ndarray>src, number)
    elif not PyArray_CheckExact(src) or not cnp.PyArray_ISCARRAY_RO(<ndarray>src) or (
            PyArray_TYPE(<ndarray>src) != PyArray_TYPE(<ndarray>x)
            or PyArray_NDIM(<ndarray>src) != ndim):
        return None
    for i in range(ndim):
        if PyArray_DIM(<ndarray>src, i) != sizes[i]:
            return None
    if out is None:
        out = empty_array(
            PyArray_NDIM(<ndarray>x), cnp.PyArray_DIMS(<ndarray>x),
            cnp.PyArray_ITEMSIZE(<ndarray>x), PyArray_TYPE(<ndarray>x))
        copied.copy.x = PyArray_DATA(<ndarray>x)
        copied.copy.y = PyArray_DATA(<ndarray>out)
        copied.copy.count = PyArray_SIZE(<ndarray>x)
        run_on(typenum, copied.copy.count, &copied, CNET_KERNEL_copy)
    c.scatter.src = PyArray_DATA(<ndarray>src)
    c.scatter.index = <int64_t *>PyArray_DATA(<ndarray>index)
    c.scatter.y = PyArray_DATA(<ndarray>out)
    c.scatter.operation = operation
    c.scatter.shared = whole or axis is None
    c.invalid = &invalid
    run_on(typenum, PyArray_SIZE(<ndarray>src), &c, CNET_KERNEL_scatter)
    return None if invalid else out


# ---- Small reductions ----------------------------------------------------------------------------
# Reductions of a few plain numbers that take several traversals. They are computed in float64, not by
# kernels, whose calls would take longer. Sizes are those before, along and after the reduced axis.


cdef inline double number_at(ndarray x, ptrdiff_t i) noexcept:
    if PyArray_TYPE(x) == cnp.NPY_FLOAT32:
        return (<float *>PyArray_DATA(x))[i]
    return (<double *>PyArray_DATA(x))[i]


cdef enum: VARIANCE, MAXIMUM, MINIMUM, LOGSUMEXP


cdef double sum_around(
        ndarray x, ptrdiff_t first, ptrdiff_t count, ptrdiff_t step, double centre, bint squared
) noexcept:
    """The sum of the deviations from a number, or of their squares."""
    cdef double sum = 0, deviation
    cdef ptrdiff_t i
    for i in range(count):
        deviation = number_at(x, first + i * step) - centre
        sum += deviation * deviation if squared else deviation
    return sum


cdef double extremum(
        ndarray x, ptrdiff_t first, ptrdiff_t count, ptrdiff_t step, bint least, int64_t *position
) noexcept:
    """The maximum or minimum, and the position of the first one; NaN wins over numbers."""
    cdef double value, best = number_at(x, first)
    cdef ptrdiff_t i
    position[0] = 0
    for i in range(1, count):
        value = number_at(x, first + i * step)
        if best == best and not (value >= best if least else value <= best):
            best = value
            position[0] = i
    return best


@cython.cdivision(True)
def reduce_small(int operation, ndarray x, tuple sizes, tuple shape, double divisor, bint root):
    """The results of one of `small_reductions`, in a shape, and what belongs to them.

    That is the mean of a variance, float64, or the position of an extremum, int64. Sums of squared
    deviations are divided by a number. If `root` is true, the square root is taken of that.
    """
    cdef ndarray y = empty(shape, <cnp.dtype>PyArray_DESCR(x))
    cdef ndarray others = cnp.PyArray_EMPTY(
        PyArray_NDIM(y), cnp.PyArray_DIMS(y),
        cnp.NPY_FLOAT64 if operation == VARIANCE else cnp.NPY_INT64, 0)
    cdef double *mean = <double *>PyArray_DATA(others)
    cdef int64_t *position = <int64_t *>PyArray_DATA(others)
    cdef ptrdiff_t n, count, step, i, k, first
    cdef double value, sum
    n, count, step = sizes
    for i in range(n * step):
        first = i // step * count * step + i % step
        if operation == VARIANCE:
            mean[i] = sum_around(x, first, count, step, 0, False) / count
            mean[i] += sum_around(x, first, count, step, mean[i], False) / count  # if all are equal
            value = sum_around(x, first, count, step, mean[i], True) / divisor
        else:
            value = extremum(x, first, count, step, operation == MINIMUM, position + i)
            if operation == LOGSUMEXP and isfinite(value):
                sum = 0
                for k in range(count):
                    sum += exp(number_at(x, first + k * step) - value)
                value += log(sum)
        store_number(
            <char *>PyArray_DATA(y) + i * cnp.PyArray_ITEMSIZE(y), PyArray_TYPE(y),
            sqrt(value) if root else value)
    return y, others
