"""The declarations of csrc/cnet.h that the boundary uses."""

from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "cnet.h" nogil:
    ctypedef struct cnet_window2d:
        pass

    ctypedef struct cnet_conv2d:
        pass

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
