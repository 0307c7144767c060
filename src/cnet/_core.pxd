"""The declarations of csrc/cnet.h that the boundary uses."""

from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int64_t, uint64_t


cdef extern from "cnet.h" nogil:
    ctypedef struct cnet_window2d:
        pass

    ctypedef struct cnet_conv2d:
        pass

    ctypedef struct cnet_norm:
        ptrdiff_t n
        ptrdiff_t c
        ptrdiff_t size

    ctypedef struct cnet_pair:
        ptrdiff_t n
        ptrdiff_t s1
        ptrdiff_t s2
        ptrdiff_t s3
        ptrdiff_t s4
        ptrdiff_t a_n
        ptrdiff_t a3
        ptrdiff_t a4
        ptrdiff_t b_n
        ptrdiff_t b3
        ptrdiff_t b4
        ptrdiff_t b_first

    ctypedef struct cnet_cells:
        ptrdiff_t n
        ptrdiff_t size
        ptrdiff_t count
        ptrdiff_t inner

    int CNET_DEPTHWISE
    int CNET_WINOGRAD
    int CNET_POINTWISE
    int CNET_CHANNELS
    int CNET_DIRECT
    int CNET_FOLD
    int CNET_PRODUCT
    int CNET_EXACT
    int CNET_AUTO
    int CNET_PASSES
    int CNET_ADD
    int CNET_SUB
    int CNET_MUL
    int CNET_DIV

    int CNET_OPERATION_COUNT

    ctypedef struct cnet_operation_names:
        const char *name
        const char *saved

    const cnet_operation_names *cnet_operations

    int CNET_COMBINATION_COUNT

    ctypedef struct cnet_combination_names:
        const char *name
        int operands

    const cnet_combination_names *cnet_combinations

    int CNET_REDUCTION_COUNT

    const char *const *cnet_reductions

    int CNET_KERNEL_COUNT

    ctypedef union cnet_slot:
        void *pointer
        ptrdiff_t integer
        double number

    # The arguments of kernels that the boundary fills in by name.
    ctypedef struct cnet_elementwise_arguments:
        const void *x
        void *y
        ptrdiff_t count
        ptrdiff_t operation
        double a
        double b

    ctypedef struct cnet_combine_arguments:
        const void *a
        const void *b
        const void *c
        const void *d
        void *y
        cnet_norm g
        ptrdiff_t operation
        ptrdiff_t axes

    ctypedef struct cnet_arithmetic_arguments:
        const void *a
        const void *b
        void *y
        cnet_pair g
        ptrdiff_t operation

    ctypedef struct cnet_reduce_arguments:
        const void *x
        double *y
        cnet_norm g
        ptrdiff_t operation

    ctypedef struct cnet_gather_arguments:
        const void *x
        const int64_t *index
        void *y
        cnet_cells g
        ptrdiff_t shared

    ctypedef struct cnet_scatter_arguments:
        const void *src
        const int64_t *index
        void *y
        cnet_cells g
        ptrdiff_t operation
        ptrdiff_t shared

    ctypedef struct cnet_strided_copy_arguments:
        const void *x
        void *y
        cnet_pair g

    ctypedef struct cnet_copy_arguments:
        const void *x
        void *y
        ptrdiff_t count

    int CNET_KERNEL_copy
    int CNET_KERNEL_elementwise
    int CNET_KERNEL_combine
    int CNET_KERNEL_arithmetic
    int CNET_KERNEL_reduce
    int CNET_KERNEL_gather
    int CNET_KERNEL_scatter
    int CNET_KERNEL_strided_copy

    ctypedef struct cnet_call:
        cnet_copy_arguments copy
        cnet_elementwise_arguments elementwise
        cnet_combine_arguments combine
        cnet_arithmetic_arguments arithmetic
        cnet_reduce_arguments reduce
        cnet_gather_arguments gather
        cnet_scatter_arguments scatter
        cnet_strided_copy_arguments strided_copy
        int kernel
        int threads
        char *workspace
        int *choices
        ptrdiff_t *invalid
        cnet_slot *slots

    size_t CNET_UNSUITABLE

    ctypedef struct cnet_implementation:
        void (*run)(const cnet_call *) noexcept nogil
        size_t (*workspace)(cnet_call *) noexcept nogil

    ctypedef enum cnet_kind:
        CNET_IN
        CNET_OUT
        CNET_GEOMETRY
        CNET_COUNT
        CNET_INTEGER
        CNET_NUMBER

    int CNET_ANY
    int CNET_REAL
    int CNET_DOUBLE

    ctypedef struct cnet_argument:
        const char *name
        cnet_kind kind
        int slots
        int element

    ctypedef struct cnet_signature:
        const char *name
        const cnet_argument *arguments
        int count
        int arrays
        int given
        int slots

    const cnet_signature *cnet_signatures

    ctypedef enum cnet_dtype:
        CNET_F32
        CNET_F64

    const char *cnet_isa_name(int) noexcept
    int cnet_isa_supported(int) noexcept
    int cnet_active_isa() noexcept
    int cnet_active_dots() noexcept
    void cnet_set_active_isa(int) noexcept
    const cnet_implementation *cnet_active_kernels(cnet_dtype) noexcept

    int CNET_PLAN_X
    int CNET_PLAN_Y
    int CNET_PLAN_CONSTANT

    ctypedef struct cnet_step:
        cnet_call call
        ptrdiff_t *places
        ptrdiff_t rows
        int is_parallel
        int branch

    ctypedef struct cnet_plan:
        const cnet_implementation *kernels
        cnet_step *steps
        ptrdiff_t count
        ptrdiff_t block
        size_t x_image
        size_t y_image
        size_t arena_image
    int cnet_plan_finish(cnet_plan *) noexcept
    size_t cnet_plan_memory(const cnet_plan *, ptrdiff_t, int) noexcept
    void cnet_plan_run(
        const cnet_plan *, ptrdiff_t, const void *, void *, int, char *, double *) noexcept

    ctypedef struct cnet_recorded:
        cnet_call call
        cnet_dtype dtype

    ctypedef struct cnet_tape:
        const cnet_implementation **kernels
        cnet_recorded *calls
        ptrdiff_t count
    size_t cnet_tape_prepare(cnet_tape *, int) noexcept
    ptrdiff_t cnet_tape_run(const cnet_tape *, ptrdiff_t, ptrdiff_t, char *) noexcept
    void cnet_tape_run_elements(const cnet_tape *, int, char *) noexcept
    size_t cnet_tape_elements_workspace(ptrdiff_t) noexcept

    int CNET_MAX_THREADS
    int cnet_get_num_threads() noexcept
    void cnet_set_num_threads(int) noexcept
    void cnet_record_regions(int64_t *, ptrdiff_t) noexcept
    ptrdiff_t cnet_stop_recording() noexcept

    ctypedef struct cnet_block:
        char *data
        size_t bytes
        void *range
    cnet_block cnet_acquire(size_t) noexcept
    void cnet_release(cnet_block) noexcept
    void cnet_empty_cache() noexcept

cdef extern from "runtime/random.h" nogil:
    int CNET_HALVES
    void cnet_integers(const uint64_t *, int64_t *, ptrdiff_t, int64_t, uint64_t) noexcept
    void cnet_permutation(const uint64_t *, int64_t *, ptrdiff_t) noexcept

cdef enum:
    CACHED_BYTES = 1 << 16
