# ---- Arrays --------------------------------------------------------------------------------------


cdef inline bint is_plain_array(x) noexcept:
    cdef int typenum
    if not PyArray_CheckExact(x) or not PyArray_ISCARRAY(<ndarray>x):
        return False
    typenum = PyArray_TYPE(<ndarray>x)
    return typenum == cnp.NPY_FLOAT32 or typenum == cnp.NPY_FLOAT64


def is_plain(x, ndim=None):
    """Whether kernels take an array as it is: C-contiguous, writable, of native floats.

    It has `ndim` dimensions, if that is given.
    """
    return is_plain_array(x) and (ndim is None or PyArray_NDIM(<ndarray>x) == <int>ndim)


def are_plain(tuple arrays, dtype=None):
    """Whether all arrays except None are plain, and have one dtype; `dtype`, if that is given."""
    cdef int typenum = cnp.NPY_NOTYPE if dtype is None else (<cnp.dtype>dtype).type_num
    for x in arrays:
        if x is None:
            continue
        if not is_plain_array(x):
            return False
        if typenum == cnp.NPY_NOTYPE:
            typenum = PyArray_TYPE(<ndarray>x)
        elif PyArray_TYPE(<ndarray>x) != typenum:
            return False
    return True


def has_layout(x, cnp.dtype dtype, ndim=None):
    """Whether kernels read an array as it is: C-contiguous, aligned, of exactly this dtype."""
    return (
        PyArray_CheckExact(x)
        and <void *>PyArray_DESCR(<ndarray>x) == <void *>dtype
        and cnp.PyArray_ISCARRAY_RO(<ndarray>x)
        and (ndim is None or PyArray_NDIM(<ndarray>x) == <int>ndim)
    )


def fits(x, cnp.dtype dtype, tuple shape):
    """Whether an array has this dtype and shape, and a layout that kernels read and write."""
    cdef int axis
    if not PyArray_CheckExact(x) or not PyArray_ISCARRAY(<ndarray>x):
        return False
    if <void *>PyArray_DESCR(<ndarray>x) != <void *>dtype or PyArray_NDIM(<ndarray>x) != len(shape):
        return False
    for axis in range(PyArray_NDIM(<ndarray>x)):
        if PyArray_DIM(<ndarray>x, axis) != <cnp.npy_intp>shape[axis]:
            return False
    return True


cdef inline void store_number(void *place, int typenum, double value) noexcept:
    """Write a number of a float dtype."""
    if typenum == cnp.NPY_FLOAT32:
        (<float *>place)[0] = <float>value
    else:
        (<double *>place)[0] = value


cdef ndarray number_like(ndarray x, double value):
    """An array without dimensions of the dtype of an array of floats."""
    cdef ndarray number = cnp.PyArray_EMPTY(0, NULL, PyArray_TYPE(x), 0)
    store_number(PyArray_DATA(number), PyArray_TYPE(x), value)
    return number


def as_floats(tuple operands):
    """The operands as arrays of one dtype, float32 or float64, if only numbers must be converted.

    The first is an array. None for other operands.
    """
    cdef int typenum
    cdef bint numbers = False
    if not PyArray_CheckExact(operands[0]):
        return None
    typenum = PyArray_TYPE(<ndarray>operands[0])
    if typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64:
        return None
    for operand in operands:
        if PyArray_CheckExact(operand):
            if PyArray_TYPE(<ndarray>operand) != typenum:
                return None
            if not cnp.PyArray_ISNOTSWAPPED(<ndarray>operand):
                return None
        elif isinstance(operand, (float, int)):
            numbers = True
        else:
            return None
    if not numbers:
        return operands
    return tuple([
        operand if PyArray_CheckExact(operand) else number_like(operands[0], operand)
        for operand in operands
    ])


cdef bint is_like(array, ndarray first):
    """Whether an array has the dtype and shape of a plain one, and is plain."""
    cdef int axis
    if not PyArray_CheckExact(array) or not PyArray_ISCARRAY(<ndarray>array):
        return False
    if PyArray_TYPE(<ndarray>array) != PyArray_TYPE(first):
        return False
    if PyArray_NDIM(<ndarray>array) != PyArray_NDIM(first):
        return False
    for axis in range(PyArray_NDIM(first)):
        if PyArray_DIM(<ndarray>array, axis) != PyArray_DIM(first, axis):
            return False
    return True


def are_alike(tuple arrays):
    """Whether the first array is plain, and the others are like it or None."""
    if not is_plain_array(arrays[0]):
        return False
    for array in arrays:
        if not (array is None or array is arrays[0] or is_like(array, arrays[0])):
            return False
    return True


def are_channels(x, tuple vectors):
    """Whether x is plain, with 2 axes or more, and all vectors except None have its dtype and a
    number for each of its channels.
    """
    if not is_plain_array(x) or PyArray_NDIM(<ndarray>x) < 2:
        return False
    for vector in vectors:
        if vector is None:
            continue
        if not is_plain(vector, 1) or PyArray_TYPE(<ndarray>vector) != PyArray_TYPE(<ndarray>x):
            return False
        if PyArray_DIM(<ndarray>vector, 0) != PyArray_DIM(<ndarray>x, 1):
            return False
    return True
