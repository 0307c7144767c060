"""The declarations of csrc/cnet.h that the boundary uses."""

from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "cnet.h" nogil:
    ctypedef struct cnet_window2d:
        pass

    ctypedef struct cnet_conv2d:
        ptrdiff_t c
        ptrdiff_t o

    ctypedef struct cnet_gemm:
        pass

    ctypedef struct cnet_norm:
        pass

    ctypedef enum cnet_algorithm:
        CNET_DEPTHWISE
        CNET_WINOGRAD
        CNET_POINTWISE
        CNET_DIRECT
        CNET_FOLD
        CNET_PRODUCT
        CNET_EXACT
        CNET_AUTO

    ctypedef enum cnet_pass:
        pass

    ctypedef enum cnet_activation:
        CNET_LEAKY_RELU
        CNET_SIGMOID
        CNET_TANH

    ctypedef struct cnet_exec:
        int threads
        char *workspace
        cnet_algorithm algorithm

    ctypedef struct cnet_kernels:
        void (*im2col)(const void *, void *, const cnet_window2d *, const cnet_exec *) noexcept nogil
        void (*col2im)(const void *, void *, const cnet_window2d *, const cnet_exec *) noexcept nogil
        cnet_algorithm (*conv2d_choice)(
            const cnet_conv2d *, cnet_pass, cnet_algorithm) noexcept nogil
        int (*conv2d_suits)(const cnet_conv2d *, cnet_pass, cnet_algorithm) noexcept nogil
        size_t (*conv2d_workspace)(const cnet_conv2d *, cnet_algorithm, int) noexcept nogil
        void (*conv2d)(
            const void *, const void *, const void *, void *, const cnet_conv2d *,
            const cnet_exec *) noexcept nogil
        size_t (*conv2d_backward_workspace)(
            const cnet_conv2d *, int, int, cnet_algorithm, int) noexcept nogil
        void (*conv2d_backward)(
            const void *, const void *, const void *, void *, void *, void *, const cnet_conv2d *,
            const cnet_exec *) noexcept nogil
        size_t (*conv2d_relu_pool_workspace)(const cnet_conv2d *, int) noexcept nogil
        void (*conv2d_relu_pool)(
            const void *, const void *, const void *, void *, uint8_t *, const cnet_conv2d *,
            const cnet_exec *) noexcept nogil
        int (*conv2d_relu_pool_backward_pays)(const cnet_conv2d *) noexcept nogil
        size_t (*conv2d_relu_pool_backward_workspace)(
            const cnet_conv2d *, int, int) noexcept nogil
        void (*conv2d_relu_pool_backward)(
            const void *, const uint8_t *, const void *, const void *, void *, void *, void *,
            const cnet_conv2d *, const cnet_exec *) noexcept nogil
        void (*relu_pool)(
            const void *, void *, uint8_t *, const cnet_window2d *, const cnet_exec *) noexcept nogil
        void (*relu_pool_backward)(
            const void *, const uint8_t *, void *, const cnet_window2d *,
            const cnet_exec *) noexcept nogil
        void (*max_pool2d)(
            const void *, void *, int32_t *, const cnet_window2d *, const cnet_exec *) noexcept nogil
        ptrdiff_t (*max_pool2d_backward)(
            const void *, const int32_t *, void *, const cnet_window2d *, const cnet_exec *) noexcept nogil
        void (*avg_pool2d)(
            const void *, void *, const cnet_window2d *, int, ptrdiff_t, const cnet_exec *) noexcept nogil
        void (*avg_pool2d_backward)(
            const void *, void *, const cnet_window2d *, int, ptrdiff_t, const cnet_exec *) noexcept nogil
        size_t (*gemm_workspace)(const cnet_gemm *, int) noexcept nogil
        void (*gemm)(
            const void *, const void *, const void *, void *, const cnet_gemm *, int,
            const cnet_exec *) noexcept nogil
        size_t (*prepared_conv2d_bytes)(const cnet_conv2d *) noexcept nogil
        void (*prepare_conv2d)(
            const void *, const void *, void *, const cnet_conv2d *) noexcept nogil
        size_t (*prepared_linear_bytes)(ptrdiff_t, ptrdiff_t) noexcept nogil
        void (*prepare_linear)(
            const void *, const void *, void *, ptrdiff_t, ptrdiff_t) noexcept nogil
        void (*relu)(const void *, void *, ptrdiff_t, const cnet_exec *) noexcept nogil
        void (*relu_backward)(const void *, const void *, void *, ptrdiff_t, const cnet_exec *) noexcept nogil
        void (*batch_norm_stats)(
            const void *, void *, void *, const cnet_norm *, const cnet_exec *) noexcept nogil
        void (*batch_norm)(
            const void *, const void *, const void *, const void *, const void *, void *,
            const cnet_norm *, double, const cnet_exec *) noexcept nogil
        void (*batch_norm_backward)(
            const void *, const void *, const void *, const void *, const void *, void *, void *,
            void *, const cnet_norm *, double, int, const cnet_exec *) noexcept nogil
        ptrdiff_t (*cross_entropy)(
            const void *, const int64_t *, const void *, void *, void *, ptrdiff_t, ptrdiff_t,
            double, int64_t, const cnet_exec *) noexcept nogil
        ptrdiff_t (*cross_entropy_backward)(
            const void *, const void *, const int64_t *, const void *, const void *, void *,
            ptrdiff_t, ptrdiff_t, double, int64_t, const cnet_exec *) noexcept nogil
        void (*sgd_step)(
            void *, const void *, void *, ptrdiff_t, double, double, double, double, int, int,
            int, const cnet_exec *) noexcept nogil
        void (*adam_step)(
            void *, const void *, void *, void *, ptrdiff_t, double, double, double, double,
            double, int64_t, int, int, const cnet_exec *) noexcept nogil

    ctypedef enum cnet_dtype:
        CNET_F32
        CNET_F64

    const char *cnet_isa_name(int) noexcept
    int cnet_isa_supported(int) noexcept
    int cnet_active_isa() noexcept
    void cnet_set_active_isa(int) noexcept
    const cnet_kernels *cnet_active_kernels(cnet_dtype) noexcept

    int CNET_MAX_THREADS
    int cnet_get_num_threads() noexcept
    void cnet_set_num_threads(int) noexcept

    ctypedef struct cnet_block:
        char *data
        size_t bytes
    cnet_block cnet_acquire(size_t) noexcept
    void cnet_release(cnet_block) noexcept
    void cnet_empty_cache() noexcept

    ctypedef enum cnet_step_kind:
        CNET_STEP_CONV2D
        CNET_STEP_PREPARED_CONV2D
        CNET_STEP_PREPARED_LINEAR
        CNET_STEP_BATCH_NORM
        CNET_STEP_MAX_POOL2D
        CNET_STEP_AVG_POOL2D
        CNET_STEP_RELU
        CNET_STEP_ACTIVATE
        CNET_STEP_SOFTMAX
        CNET_STEP_ADD
        CNET_STEP_COPY

    int CNET_PLAN_X
    int CNET_PLAN_Y

    ctypedef struct cnet_step:
        cnet_step_kind kind
        ptrdiff_t source
        ptrdiff_t other
        ptrdiff_t to
        cnet_conv2d g
        const void *weight
        const void *bias
        int relu
        int pool
        int option
        int parallel
        double number
        cnet_algorithm algorithm

    ctypedef struct cnet_plan:
        const cnet_kernels *kernels
        size_t real_size
        const cnet_step *steps
        ptrdiff_t count
        ptrdiff_t images
        ptrdiff_t block
        size_t x_image
        size_t y_image
        size_t arena_image
        size_t serial_memory
        int parallel
    size_t cnet_plan_block_memory(const cnet_plan *, int) noexcept
    size_t cnet_plan_memory(const cnet_plan *, int) noexcept
    void cnet_plan_run(const cnet_plan *, const void *, void *, int, char *) noexcept
