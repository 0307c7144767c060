# ---- Elementwise kernels -------------------------------------------------------------------------
# On arrays that need no checks by `kernels`, in one call that also allocates the result. They return
# None for other arrays, and while calls are redirected.


cdef enum: KEEPING_THE_GIL = 4096  # elements for which the GIL is not released


cdef ndarray run_like(ndarray x, void **y, cnet_call *c, int kernel):
    """Run a kernel whose result is like a plain array; `y` is the place of its address."""
    cdef ndarray result = empty_array(
        PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_NBYTES(x), PyArray_TYPE(x))
    cdef const cnet_implementation *run = implementation(kernel, PyArray_TYPE(x))
    y[0] = PyArray_DATA(result)
    c.kernel = kernel
    c.threads = cnet_get_num_threads()
    c.workspace = NULL
    if PyArray_SIZE(x) <= KEEPING_THE_GIL:
        run.run(c)
    else:
        with nogil:
            run.run(c)
    return result


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


def elementwise(int operation, x, double a=0, double b=0):
    """The kernel `elementwise` for a plain array."""
    cdef cnet_call c
    if redirected or not is_plain_array(x):
        return None
    c.elementwise.x = PyArray_DATA(<ndarray>x)
    c.elementwise.count = PyArray_SIZE(<ndarray>x)
    c.elementwise.operation = operation
    c.elementwise.a = a
    c.elementwise.b = b
    return run_like(x, &c.elementwise.y, &c, CNET_KERNEL_elementwise)


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
    return run_like(first, &c.combine.y, &c, CNET_KERNEL_combine)


def arithmetic(int operation, a, b):
    """The kernel `arithmetic` for a plain array, and one like it or a number, in any order."""
    cdef cnet_call c
    cdef double numbers[2]
    cdef int a_found, b_found
    if redirected:
        return None
    first = a if is_plain_array(a) else b
    if not is_plain_array(first) or not PyArray_SIZE(<ndarray>first):
        return None
    memset(&c.arithmetic, 0, sizeof(c.arithmetic))
    a_found = locate(a, first, &c.arithmetic.a, &numbers[0])
    b_found = locate(b, first, &c.arithmetic.b, &numbers[1])
    if a_found == OTHER or b_found == OTHER:
        return None
    cdef cnet_pair *g = &c.arithmetic.g
    g.n = g.s1 = g.s2 = g.s3 = 1
    g.s4 = PyArray_SIZE(<ndarray>first)
    g.a4 = a_found == ALONG
    g.b4 = b_found == ALONG
    c.arithmetic.operation = operation
    return run_like(first, &c.arithmetic.y, &c, CNET_KERNEL_arithmetic)
