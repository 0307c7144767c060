# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True, autotestdict=False
"""The boundary: passes pointers to the C kernels with the GIL dropped, and does nothing else.

Arrays arrive checked (see `_check`) and allocated (see `kernels`), geometries as the named tuples of
`geometry`. Nothing here verifies them: only `kernels`, `plan` and `runtime` may call it.
"""

cimport cython
cimport numpy as cnp
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


# The fields of the C geometry of a convolution; those of a window are the first of them.
conv2d_fields = tuple(
    cnet_conv2d_names[i].decode() for i in range(sizeof(cnet_conv2d) // sizeof(ptrdiff_t)))
window2d_fields = conv2d_fields[:sizeof(cnet_window2d) // sizeof(ptrdiff_t)]
compiler = CNET_COMPILER.decode()
max_threads = CNET_MAX_THREADS
algorithms = {
    "auto": CNET_AUTO,
    "exact": CNET_EXACT,
    "depthwise": CNET_DEPTHWISE,
    "winograd": CNET_WINOGRAD,
    "pointwise": CNET_POINTWISE,
    "direct": CNET_DIRECT,
    "fold": CNET_FOLD,
    "product": CNET_PRODUCT,
}


cdef inline void *data(ndarray x) noexcept nogil:
    return PyArray_DATA(x)


cdef inline void *data_or_null(x) noexcept:
    return NULL if x is None else PyArray_DATA(<ndarray>x)


cdef inline const cnet_kernels *kernels_for(int typenum) noexcept:
    return cnet_active_kernels(CNET_F32 if typenum == cnp.NPY_FLOAT32 else CNET_F64)


cdef inline const cnet_kernels *kernels(ndarray x) noexcept:
    return kernels_for(PyArray_TYPE(x))


cdef int fill(void *geometry, size_t bytes, values) except -1:
    """A C geometry is its tuple's integers in order."""
    cdef ptrdiff_t *sizes = <ptrdiff_t *>geometry
    cdef size_t i
    for i in range(bytes // sizeof(ptrdiff_t)):
        sizes[i] = (<tuple>values)[i]
    return 0


cdef inline cnet_exec plain() noexcept:
    """How to run a kernel that needs no workspace."""
    return cnet_exec(cnet_get_num_threads(), NULL, CNET_AUTO)


cdef cnet_block acquire(size_t bytes) except *:
    cdef cnet_block block = cnet_acquire(bytes)
    if block.data == NULL:
        raise MemoryError(f"cnet: no memory for {bytes} bytes")
    return block


@cython.final
@cython.auto_pickle(False)
cdef class Memory:
    """What an array from `empty` lives in: given back to the cache when the last view is gone."""
    cdef cnet_block block

    def __dealloc__(self):
        if self.block.data != NULL:
            cnet_release(self.block)


def empty(tuple shape, int typenum, size_t itemsize):
    """A new array of up to 8 dimensions in memory that is aligned and reused."""
    cdef cnp.npy_intp sizes[8]
    cdef size_t bytes = itemsize
    cdef int axis, ndim = len(shape)
    for axis in range(ndim):
        sizes[axis] = shape[axis]
        bytes *= <size_t>sizes[axis]
    cdef Memory memory = Memory()
    memory.block = acquire(bytes)
    cdef ndarray array = cnp.PyArray_SimpleNewFromData(
        ndim, sizes, typenum, memory.block.data)
    cnp.set_array_base(array, memory)
    return array


# ---- Kernels -------------------------------------------------------------------------------------


def im2col(ndarray x, ndarray cols, geometry):
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.im2col(data(x), data(cols), &g, &e)


def col2im(ndarray cols, ndarray x, geometry):
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.col2im(data(cols), data(x), &g, &e)


def conv2d(ndarray x, ndarray weight, bias, ndarray y, geometry, int algorithm):
    cdef cnet_conv2d g
    cdef cnet_exec e = plain()
    e.algorithm = <cnet_algorithm>algorithm
    cdef const cnet_kernels *k = kernels(x)
    cdef const void *b = data_or_null(bias)
    fill(&g, sizeof(g), geometry)
    cdef cnet_block block = acquire(k.conv2d_workspace(&g, e.algorithm, e.threads))
    e.workspace = block.data
    with nogil:
        k.conv2d(data(x), data(weight), b, data(y), &g, &e)
    cnet_release(block)


def conv2d_backward(
        ndarray dy, ndarray x, ndarray weight, dx, dw, db, geometry, int algorithm):
    """Fills those of dx, dw and db that are not None."""
    cdef cnet_conv2d g
    cdef cnet_exec e = plain()
    e.algorithm = <cnet_algorithm>algorithm
    cdef const cnet_kernels *k = kernels(dy)
    cdef void *to_x = data_or_null(dx)
    cdef void *to_w = data_or_null(dw)
    cdef void *to_b = data_or_null(db)
    fill(&g, sizeof(g), geometry)
    cdef cnet_block block = acquire(k.conv2d_backward_workspace(
        &g, to_x != NULL, to_w != NULL, e.algorithm, e.threads))
    e.workspace = block.data
    with nogil:
        k.conv2d_backward(data(dy), data(x), data(weight), to_x, to_w, to_b, &g, &e)
    cnet_release(block)


def conv2d_choice(geometry, int direction, int algorithm, int typenum):
    """The algorithm that runs; directions as in `conv2d_suits`."""
    cdef cnet_conv2d g
    fill(&g, sizeof(g), geometry)
    return <int>kernels_for(typenum).conv2d_choice(
        &g, <cnet_pass>direction, <cnet_algorithm>algorithm)


def conv2d_suits(geometry, int direction, int algorithm, int typenum):
    """Whether an algorithm can compute a pass: 0 forward, 1 input gradient, 2 weight gradient."""
    cdef cnet_conv2d g
    fill(&g, sizeof(g), geometry)
    return bool(kernels_for(typenum).conv2d_suits(
        &g, <cnet_pass>direction, <cnet_algorithm>algorithm))


def conv2d_relu_pool(ndarray x, ndarray weight, bias, ndarray y, ndarray codes, geometry):
    cdef cnet_conv2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    cdef const void *b = data_or_null(bias)
    fill(&g, sizeof(g), geometry)
    cdef cnet_block block = acquire(k.conv2d_relu_pool_workspace(&g, e.threads))
    e.workspace = block.data
    with nogil:
        k.conv2d_relu_pool(data(x), data(weight), b, data(y), <uint8_t *>data(codes), &g, &e)
    cnet_release(block)


def conv2d_relu_pool_backward_pays(ndarray x, geometry):
    cdef cnet_conv2d g
    fill(&g, sizeof(g), geometry)
    return bool(kernels(x).conv2d_relu_pool_backward_pays(&g))


def conv2d_relu_pool_backward(
        ndarray dy, ndarray codes, ndarray x, ndarray weight, dx, dw, db, geometry):
    cdef cnet_conv2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    cdef void *to_x = data_or_null(dx)
    cdef void *to_w = data_or_null(dw)
    cdef void *to_b = data_or_null(db)
    fill(&g, sizeof(g), geometry)
    cdef cnet_block block = acquire(
        k.conv2d_relu_pool_backward_workspace(&g, to_x != NULL, e.threads))
    e.workspace = block.data
    with nogil:
        k.conv2d_relu_pool_backward(
            data(dy), <const uint8_t *>data(codes), data(x), data(weight), to_x, to_w, to_b, &g, &e)
    cnet_release(block)


def relu_pool(ndarray x, ndarray y, ndarray codes, geometry):
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.relu_pool(data(x), data(y), <uint8_t *>data(codes), &g, &e)


def relu_pool_backward(ndarray dy, ndarray codes, ndarray dx, geometry):
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(dy)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.relu_pool_backward(data(dy), <const uint8_t *>data(codes), data(dx), &g, &e)


def max_pool2d(ndarray x, ndarray y, ndarray argmax, geometry):
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.max_pool2d(data(x), data(y), <int32_t *>data(argmax), &g, &e)


def max_pool2d_backward(ndarray dy, ndarray argmax, ndarray dx, geometry):
    """The number of indices outside of the plane."""
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(dy)
    cdef ptrdiff_t bad
    fill(&g, sizeof(g), geometry)
    with nogil:
        bad = k.max_pool2d_backward(data(dy), <const int32_t *>data(argmax), data(dx), &g, &e)
    return bad


def avg_pool2d(ndarray x, ndarray y, geometry, bint include_pad, ptrdiff_t divisor):
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.avg_pool2d(data(x), data(y), &g, include_pad, divisor, &e)


def avg_pool2d_backward(
        ndarray dy, ndarray dx, geometry, bint include_pad, ptrdiff_t divisor):
    cdef cnet_window2d g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(dy)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.avg_pool2d_backward(data(dy), data(dx), &g, include_pad, divisor, &e)


def gemm(ndarray a, ndarray b, bias, ndarray c, geometry, bint relu):
    """`geometry` is (m, n, k, then the row and column strides of a and of b in elements)."""
    cdef cnet_gemm g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(c)
    cdef const void *v = data_or_null(bias)
    fill(&g, sizeof(g), geometry)
    cdef cnet_block block = acquire(k.gemm_workspace(&g, e.threads))
    e.workspace = block.data
    with nogil:
        k.gemm(data(a), data(b), v, data(c), &g, relu, &e)
    cnet_release(block)


def relu(ndarray x, ndarray y):
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    cdef ptrdiff_t count = PyArray_SIZE(x)
    with nogil:
        k.relu(data(x), data(y), count, &e)


def relu_backward(ndarray dy, ndarray y, ndarray dx):
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(y)
    cdef ptrdiff_t count = PyArray_SIZE(y)
    with nogil:
        k.relu_backward(data(dy), data(y), data(dx), count, &e)


def batch_norm_stats(ndarray x, ndarray mean, ndarray var, geometry):
    """`geometry` is (n, c, size), here and below."""
    cdef cnet_norm g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.batch_norm_stats(data(x), data(mean), data(var), &g, &e)


def batch_norm(
        ndarray x, ndarray mean, ndarray var, weight, bias, ndarray y, geometry, double eps):
    cdef cnet_norm g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    cdef const void *w = data_or_null(weight)
    cdef const void *b = data_or_null(bias)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.batch_norm(data(x), data(mean), data(var), w, b, data(y), &g, eps, &e)


def batch_norm_backward(
        ndarray dy, ndarray x, ndarray mean, ndarray var, weight, dx, dweight, dbias, geometry,
        double eps, bint from_batch):
    cdef cnet_norm g
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(x)
    cdef const void *w = data_or_null(weight)
    cdef void *to_x = data_or_null(dx)
    cdef void *to_weight = data_or_null(dweight)
    cdef void *to_bias = data_or_null(dbias)
    fill(&g, sizeof(g), geometry)
    with nogil:
        k.batch_norm_backward(
            data(dy), data(x), data(mean), data(var), w, to_x, to_weight, to_bias, &g, eps,
            from_batch, &e)


def cross_entropy(
        ndarray logits, ndarray target, weight, ndarray losses, ndarray lse, double smoothing,
        int64_t ignore_index):
    """The number of targets that are no class."""
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(logits)
    cdef const void *w = data_or_null(weight)
    cdef ptrdiff_t n = cnp.PyArray_DIM(logits, 0), c = cnp.PyArray_DIM(logits, 1), bad
    with nogil:
        bad = k.cross_entropy(
            data(logits), <const int64_t *>data(target), w, data(losses), data(lse), n, c,
            smoothing, ignore_index, &e)
    return bad


def cross_entropy_backward(
        ndarray grad_losses, ndarray logits, ndarray target, ndarray lse, weight,
        ndarray dlogits, double smoothing, int64_t ignore_index):
    """The number of targets that are no class."""
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(logits)
    cdef const void *w = data_or_null(weight)
    cdef ptrdiff_t n = cnp.PyArray_DIM(logits, 0), c = cnp.PyArray_DIM(logits, 1), bad
    with nogil:
        bad = k.cross_entropy_backward(
            data(grad_losses), data(logits), <const int64_t *>data(target), data(lse), w,
            data(dlogits), n, c, smoothing, ignore_index, &e)
    return bad


def sgd_step(
        ndarray param, ndarray grad, momentum_buffer, double lr, double momentum,
        double dampening, double weight_decay, bint nesterov, bint maximize, bint first):
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(param)
    cdef void *buffer = data_or_null(momentum_buffer)
    cdef ptrdiff_t count = PyArray_SIZE(param)
    with nogil:
        k.sgd_step(
            data(param), data(grad), buffer, count, lr, momentum, dampening, weight_decay,
            nesterov, maximize, first, &e)


def adam_step(
        ndarray param, ndarray grad, ndarray exp_avg, ndarray exp_avg_sq, double lr,
        double beta1, double beta2, double eps, double weight_decay, int64_t step,
        bint maximize, bint decoupled):
    cdef cnet_exec e = plain()
    cdef const cnet_kernels *k = kernels(param)
    cdef ptrdiff_t count = PyArray_SIZE(param)
    with nogil:
        k.adam_step(
            data(param), data(grad), data(exp_avg), data(exp_avg_sq), count, lr, beta1, beta2,
            eps, weight_decay, step, maximize, decoupled, &e)


# ---- Plans ---------------------------------------------------------------------------------------

step_kinds = {
    "conv2d": CNET_STEP_CONV2D,
    "prepared_conv2d": CNET_STEP_PREPARED_CONV2D,
    "linear": CNET_STEP_PREPARED_LINEAR,
    "batch_norm": CNET_STEP_BATCH_NORM,
    "max_pool2d": CNET_STEP_MAX_POOL2D,
    "avg_pool2d": CNET_STEP_AVG_POOL2D,
    "relu": CNET_STEP_RELU,
    "activate": CNET_STEP_ACTIVATE,
    "softmax": CNET_STEP_SOFTMAX,
    "add": CNET_STEP_ADD,
    "copy": CNET_STEP_COPY,
}
activations = {"leaky_relu": CNET_LEAKY_RELU, "sigmoid": CNET_SIGMOID, "tanh": CNET_TANH}
plan_x, plan_y = CNET_PLAN_X, CNET_PLAN_Y


cdef Memory memory_of(size_t bytes):
    cdef Memory memory = Memory()
    memory.block = acquire(bytes)
    return memory


cdef inline bint has(ndarray x, int typenum, int ndim, const cnp.npy_intp *shape) noexcept:
    """Whether a kernel can take an array as it is, with this shape."""
    cdef int axis
    if PyArray_TYPE(x) != typenum or cnp.PyArray_NDIM(x) != ndim:
        return False
    for axis in range(ndim):
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
    cdef int typenum, x_ndim, y_ndim
    cdef cnp.npy_intp x_sizes[8]
    cdef cnp.npy_intp y_sizes[8]

    def __cinit__(
            self, list steps, tuple x_shape, tuple y_shape, dtype, ptrdiff_t block,
            size_t arena_image, normalise):
        """`normalise(x, out)` gives arrays that fit, or raises."""
        cdef size_t size = dtype.itemsize
        cdef int axis
        cdef Py_ssize_t i
        cdef cnet_step *step
        self.normalise = normalise
        self.typenum = dtype.num
        self.x_ndim, self.y_ndim = len(x_shape), len(y_shape)
        self.plan.kernels = cnet_active_kernels(
            CNET_F32 if self.typenum == cnp.NPY_FLOAT32 else CNET_F64)
        self.plan.real_size = self.plan.x_image = self.plan.y_image = size
        for axis in range(self.x_ndim):
            self.x_sizes[axis] = x_shape[axis]
            self.plan.x_image *= <size_t>(x_shape[axis] if axis else 1)
        for axis in range(self.y_ndim):
            self.y_sizes[axis] = y_shape[axis]
            self.plan.y_image *= <size_t>(y_shape[axis] if axis else 1)
        self.plan.images, self.plan.block = x_shape[0], block
        self.plan.arena_image, self.plan.count = arena_image, len(steps)
        self.kept = []
        self.steps = memory_of(len(steps) * sizeof(cnet_step))
        self.plan.steps = step = <cnet_step *>self.steps.block.data
        for i in range(len(steps)):
            self.fill_step(step + i, steps[i])
            self.plan.parallel |= step[i].parallel
        self.plan.serial_memory = cnet_plan_block_memory(&self.plan, 1)

    cdef int fill_step(self, cnet_step *step, tuple values) except -1:
        """`values` are the fields of the step in their order, the algorithm last."""
        (kind, step.source, step.other, step.to, geometry, weight, bias, step.relu, step.pool,
         step.option, step.parallel, step.number, algorithm) = values
        step.kind = <cnet_step_kind><int>kind
        step.algorithm = <cnet_algorithm><int>algorithm
        step.weight, step.bias = data_or_null(weight), data_or_null(bias)
        fill(&step.g, sizeof(step.g), geometry)
        cdef const cnet_kernels *k = self.plan.kernels
        cdef Memory memory
        if step.kind == CNET_STEP_PREPARED_CONV2D:
            memory = memory_of(k.prepared_conv2d_bytes(&step.g))
            k.prepare_conv2d(step.weight, step.bias, memory.block.data, &step.g)
        elif step.kind == CNET_STEP_PREPARED_LINEAR:
            memory = memory_of(k.prepared_linear_bytes(step.g.o, step.g.c))
            k.prepare_linear(step.weight, step.bias, memory.block.data, step.g.o, step.g.c)
        else:
            self.kept += weight, bias
            return 0
        step.weight, step.bias = memory.block.data, NULL
        self.kept.append(memory)
        return 0

    def __call__(self, x, out=None):
        """The network of `x`, in `out` if that is given."""
        cdef ndarray y
        if (
            type(x) is not ndarray
            or not has(x, self.typenum, self.x_ndim, self.x_sizes)
            or out is not None
        ):
            x, out = self.normalise(x, out)
        y = cnp.PyArray_SimpleNew(self.y_ndim, self.y_sizes, self.typenum) if out is None else out
        cdef int threads = cnet_get_num_threads()
        cdef cnet_block block = acquire(cnet_plan_memory(&self.plan, threads))
        with nogil:
            cnet_plan_run(&self.plan, data(<ndarray>x), data(y), threads, block.data)
        cnet_release(block)
        return y

    def __repr__(self):
        dtype = "float32" if self.typenum == cnp.NPY_FLOAT32 else "float64"
        return f"<plan: {self.x_shape} to {self.y_shape}, {dtype}>"

    @property
    def x_shape(self):
        return tuple(self.x_sizes[axis] for axis in range(self.x_ndim))

    @property
    def y_shape(self):
        return tuple(self.y_sizes[axis] for axis in range(self.y_ndim))


# ---- Control -------------------------------------------------------------------------------------


def isas():
    """(name, whether this machine can run it) of every instruction set compiled in."""
    names = []
    while cnet_isa_name(len(names)) != NULL:
        names.append((cnet_isa_name(len(names)).decode(), bool(cnet_isa_supported(len(names)))))
    return names


def active_isa():
    return cnet_active_isa()


def set_active_isa(int isa):
    cnet_set_active_isa(isa)


def get_num_threads():
    return cnet_get_num_threads()


def set_num_threads(int threads):
    cnet_set_num_threads(threads)


def empty_cache():
    cnet_empty_cache()
