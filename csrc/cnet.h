/* cnet: all that the boundary sees of the C library.
 *
 * Three parts: the geometry that kernels receive, the list of kernels, and the control of threads,
 * instruction sets and scratch memory.
 *
 * Rules that hold for every kernel:
 *   - arrays are C-contiguous unless strides are passed, aligned to their element only, and never
 *     overlap unless the kernel's head says so;
 *   - sizes are finished: no kernel derives a shape (Python's geometry.py does, with its bounds);
 *   - kernels do not allocate, do not fail and keep no state: scratch memory comes with the call;
 *   - results do not depend on the number of threads, bit for bit.
 */
#ifndef CNET_H
#define CNET_H

#include <stddef.h>
#include <stdint.h>

/* ---- Geometry ------------------------------------------------------------------------------
 * Every field is a ptrdiff_t, in the order of the named tuples in geometry.py. Padding ph, pw is
 * above and to the left; below and to the right it is whatever oh and ow imply. */
#define CNET_WINDOW2D_FIELDS(X)                                                                    \
    X(n) X(c) X(h) X(w) X(kh) X(kw) X(sh) X(sw) X(ph) X(pw) X(dh) X(dw) X(oh) X(ow)
#define CNET_CONV2D_FIELDS(X) CNET_WINDOW2D_FIELDS(X) X(o) X(g)

#define CNET_SIZE(name) ptrdiff_t name;
typedef struct {
    CNET_WINDOW2D_FIELDS(CNET_SIZE)
} cnet_window2d;
typedef struct {
    CNET_CONV2D_FIELDS(CNET_SIZE)
} cnet_conv2d;
/* C(batch, m, n) = A(batch, m, k) B(batch, k, n): row and column strides in elements, any sign. */
typedef struct {
    ptrdiff_t m, n, k, a_row, a_col, b_row, b_col;
} cnet_gemm;
/* Runs of `size` neighbours for every channel of every image. */
typedef struct {
    ptrdiff_t n, c, size;
} cnet_norm;
#undef CNET_SIZE

/* The algorithms of a convolution: the fastest that suits the geometry; the fastest of those that
 * sum products of the given numbers (not Winograd's, which rounds more); or one by name. */
typedef enum {
    CNET_DEPTHWISE,
    CNET_WINOGRAD,
    CNET_POINTWISE,
    CNET_DIRECT,
    CNET_FOLD,
    CNET_PRODUCT,
    CNET_ALGORITHMS,
    CNET_EXACT = CNET_ALGORITHMS,
    CNET_AUTO
} cnet_algorithm;
typedef enum { CNET_FORWARD, CNET_DX, CNET_DW, CNET_PASSES } cnet_pass;

/* How to run a kernel: up to `threads` threads; `workspace` holds at least as many bytes as the
 * kernel's <name>_workspace function says for that many threads, aligned to CNET_ALIGNMENT. */
typedef struct {
    int threads;
    char *workspace;
    cnet_algorithm algorithm;
} cnet_exec;

#define CNET_ALIGNMENT 64

typedef enum { CNET_LEAKY_RELU, CNET_SIGMOID, CNET_TANH } cnet_activation;

/* ---- The kernels ---------------------------------------------------------------------------
 * One line each: X(result, name, (arguments)). The table of function pointers, the table of every
 * variant and the boundary come from this list. Pointers are untyped here because one table type
 * serves both dtypes; behind it each kernel is written against `real`. The contract of a kernel
 * stands at its definition in kernels/. */
#define CNET_KERNELS(X)                                                                            \
    X(void, im2col, (const void *x, void *cols, const cnet_window2d *g, const cnet_exec *e))       \
    X(void, col2im, (const void *cols, void *x, const cnet_window2d *g, const cnet_exec *e))       \
    X(cnet_algorithm, conv2d_choice, (const cnet_conv2d *g, cnet_pass pass, cnet_algorithm a))     \
    X(int, conv2d_suits, (const cnet_conv2d *g, cnet_pass pass, cnet_algorithm a))                 \
    X(size_t, conv2d_workspace, (const cnet_conv2d *g, cnet_algorithm a, int threads))             \
    X(void, conv2d,                                                                                \
      (const void *x, const void *weight, const void *bias, void *y, const cnet_conv2d *g,         \
       const cnet_exec *e))                                                                        \
    X(size_t, conv2d_backward_workspace,                                                           \
      (const cnet_conv2d *g, int needs_dx, int needs_dw, cnet_algorithm a, int threads))           \
    X(void, conv2d_backward,                                                                       \
      (const void *dy, const void *x, const void *weight, void *dx, void *dw, void *db,            \
       const cnet_conv2d *g, const cnet_exec *e))                                                  \
    X(size_t, conv2d_relu_pool_workspace, (const cnet_conv2d *g, int threads))                     \
    X(void, conv2d_relu_pool,                                                                      \
      (const void *x, const void *weight, const void *bias, void *y, uint8_t *codes,               \
       const cnet_conv2d *g, const cnet_exec *e))                                                  \
    X(int, conv2d_relu_pool_backward_pays, (const cnet_conv2d *g))                                 \
    X(size_t, conv2d_relu_pool_backward_workspace,                                                 \
      (const cnet_conv2d *g, int with_dx, int threads))                                            \
    X(void, conv2d_relu_pool_backward,                                                             \
      (const void *dy, const uint8_t *codes, const void *x, const void *weight, void *dx,          \
       void *dw, void *db, const cnet_conv2d *g, const cnet_exec *e))                              \
    X(void, relu_pool,                                                                             \
      (const void *x, void *y, uint8_t *codes, const cnet_window2d *g, const cnet_exec *e))        \
    X(void, relu_pool_backward,                                                                    \
      (const void *dy, const uint8_t *codes, void *dx, const cnet_window2d *g,                     \
       const cnet_exec *e))                                                                        \
    X(void, max_pool2d,                                                                            \
      (const void *x, void *y, int32_t *argmax, const cnet_window2d *g, const cnet_exec *e))       \
    X(ptrdiff_t, max_pool2d_backward,                                                              \
      (const void *dy, const int32_t *argmax, void *dx, const cnet_window2d *g,                    \
       const cnet_exec *e))                                                                        \
    X(void, avg_pool2d,                                                                            \
      (const void *x, void *y, const cnet_window2d *g, int include_pad, ptrdiff_t divisor,         \
       const cnet_exec *e))                                                                        \
    X(void, avg_pool2d_backward,                                                                   \
      (const void *dy, void *dx, const cnet_window2d *g, int include_pad, ptrdiff_t divisor,       \
       const cnet_exec *e))                                                                        \
    X(size_t, gemm_workspace, (const cnet_gemm *g, int threads))                                   \
    X(void, gemm,                                                                                  \
      (const void *a, const void *b, const void *bias, void *c, const cnet_gemm *g, int relu,      \
       const cnet_exec *e))                                                                        \
    X(size_t, prepared_conv2d_bytes, (const cnet_conv2d *g))                                       \
    X(void, prepare_conv2d,                                                                        \
      (const void *weight, const void *bias, void *prepared, const cnet_conv2d *g))                \
    X(size_t, prepared_conv2d_workspace, (const cnet_conv2d *g, int threads))                      \
    X(void, prepared_conv2d,                                                                       \
      (const void *x, const void *prepared, void *y, uint8_t *codes, const cnet_conv2d *g,         \
       int relu, int pool, const cnet_exec *e))                                                    \
    X(size_t, prepared_linear_bytes, (ptrdiff_t n, ptrdiff_t k))                                   \
    X(void, prepare_linear,                                                                        \
      (const void *weight, const void *bias, void *prepared, ptrdiff_t n, ptrdiff_t k))            \
    X(void, prepared_linear,                                                                       \
      (const void *x, const void *prepared, void *y, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,        \
       int relu, const cnet_exec *e))                                                              \
    X(void, activate,                                                                              \
      (const void *x, void *y, ptrdiff_t count, cnet_activation f, double slope,                   \
       const cnet_exec *e))                                                                        \
    X(void, softmax,                                                                               \
      (const void *x, void *y, ptrdiff_t n, ptrdiff_t c, int logarithm, const cnet_exec *e))       \
    X(void, add, (const void *a, const void *b, void *y, ptrdiff_t count, const cnet_exec *e))     \
    X(void, relu, (const void *x, void *y, ptrdiff_t count, const cnet_exec *e))                   \
    X(void, relu_backward,                                                                         \
      (const void *dy, const void *y, void *dx, ptrdiff_t count, const cnet_exec *e))              \
    X(void, batch_norm_stats,                                                                      \
      (const void *x, void *mean, void *var, const cnet_norm *g, const cnet_exec *e))              \
    X(void, batch_norm,                                                                            \
      (const void *x, const void *mean, const void *var, const void *weight, const void *bias,     \
       void *y, const cnet_norm *g, double eps, const cnet_exec *e))                               \
    X(void, batch_norm_backward,                                                                   \
      (const void *dy, const void *x, const void *mean, const void *var, const void *weight,       \
       void *dx, void *dweight, void *dbias, const cnet_norm *g, double eps, int from_batch,       \
       const cnet_exec *e))                                                                        \
    X(ptrdiff_t, cross_entropy,                                                                    \
      (const void *logits, const int64_t *target, const void *weight, void *losses, void *lse,     \
       ptrdiff_t n, ptrdiff_t c, double smoothing, int64_t ignore_index, const cnet_exec *e))      \
    X(ptrdiff_t, cross_entropy_backward,                                                           \
      (const void *grad_losses, const void *logits, const int64_t *target, const void *lse,        \
       const void *weight, void *dlogits, ptrdiff_t n, ptrdiff_t c, double smoothing,              \
       int64_t ignore_index, const cnet_exec *e))                                                  \
    X(void, sgd_step,                                                                              \
      (void *param, const void *grad, void *momentum_buffer, ptrdiff_t count, double lr,           \
       double momentum, double dampening, double weight_decay, int nesterov, int maximize,         \
       int first, const cnet_exec *e))                                                             \
    X(void, adam_step,                                                                             \
      (void *param, const void *grad, void *exp_avg, void *exp_avg_sq, ptrdiff_t count, double lr, \
       double beta1, double beta2, double eps, double weight_decay, int64_t step, int maximize,    \
       int decoupled, const cnet_exec *e))

#define CNET_POINTER(result, name, arguments) result(*name) arguments;
typedef struct {
    CNET_KERNELS(CNET_POINTER)
} cnet_kernels;
#undef CNET_POINTER

/* ---- Instruction sets (dispatch.c) ----------------------------------------------------- */
typedef enum { CNET_F32, CNET_F64, CNET_DTYPES } cnet_dtype;

/* Instruction sets compiled in, slowest first; NULL past the last. */
const char *cnet_isa_name(int isa);
/* Whether this CPU and this operating system can run it. */
int cnet_isa_supported(int isa);
int cnet_active_isa(void);
/* The caller has made sure that `isa` is supported. */
void cnet_set_active_isa(int isa);
const cnet_kernels *cnet_active_kernels(cnet_dtype dtype);

/* ---- Plans (plan.c) ------------------------------------------------------------------------
 * A network for inference: steps in order, for a fixed number of images. A value is what a step
 * reads or writes: where it lies in the arena, in bytes for one image, or the input or output. */
enum { CNET_PLAN_X = -1, CNET_PLAN_Y = -2 };
typedef enum {
    CNET_STEP_CONV2D,          /* weight and bias as in conv2d */
    CNET_STEP_PREPARED_CONV2D, /* weight prepared, with the bias */
    CNET_STEP_PREPARED_LINEAR, /* likewise; g.c inputs, g.o outputs, g.h rows for each image */
    CNET_STEP_BATCH_NORM, /* weight: mean, variance, weight and bias; number: eps; g.h numbers of
                             each of g.c channels */
    CNET_STEP_MAX_POOL2D,
    CNET_STEP_AVG_POOL2D, /* option: whether the padding counts, number: the divisor or 0 */
    CNET_STEP_RELU,       /* the rest takes g.c numbers of each image */
    CNET_STEP_ACTIVATE,   /* option: cnet_activation, number: slope */
    CNET_STEP_SOFTMAX,    /* option: whether the logarithm; g.h rows of g.c for each image */
    CNET_STEP_ADD,        /* of source and other */
    CNET_STEP_COPY,
    CNET_STEPS
} cnet_step_kind;
typedef struct {
    cnet_step_kind kind;
    ptrdiff_t source, other, to; /* values */
    cnet_conv2d g;               /* n is the plan's */
    const void *weight, *bias;
    int relu, pool, option; /* relu: of the result of a convolution or linear layer; pool: then 2 x
                               2 maximum of that of a prepared one */
    int parallel;           /* whether it is worth several threads by itself */
    double number;
    cnet_algorithm algorithm;
} cnet_step;
typedef struct {
    const cnet_kernels *kernels;
    size_t real_size;
    const cnet_step *steps;
    ptrdiff_t count;
    ptrdiff_t images, block;              /* all, and those that go through all steps together */
    size_t x_image, y_image, arena_image; /* bytes for one image */
    size_t serial_memory;                 /* cnet_plan_block_memory(plan, 1) */
    int parallel;                         /* whether any step is */
} cnet_plan;
/* The bytes that one block wants, with `threads` threads in the steps that are parallel. */
size_t cnet_plan_block_memory(const cnet_plan *plan, int threads);
/* The bytes that a run with up to `threads` threads wants. */
size_t cnet_plan_memory(const cnet_plan *plan, int threads);
/* y = the network of x, with `memory` aligned to CNET_ALIGNMENT. */
void cnet_plan_run(const cnet_plan *plan, const void *x, void *y, int threads, char *memory);

/* ---- Threads (threads.c) -------------------------------------------------------------------
 * One pool for the whole process. A task is called once for every chunk in [0, chunks), by up to
 * `threads` threads, the caller among them; `slot` in [0, threads) tells concurrent calls apart, so
 * that each can have its own part of a workspace. Returns when all chunks are done. Chunks must not
 * depend on `threads`, and what they write must not overlap: then neither does the result.
 * While a job has the pool, calls from other threads and from within its tasks run their chunks on
 * the caller. */
typedef void cnet_task(const void *job, ptrdiff_t chunk, int slot);
void cnet_parallel(cnet_task *task, const void *job, ptrdiff_t chunks, int threads);

#define CNET_MAX_THREADS 256
int cnet_get_num_threads(void);
/* `threads` in [1, CNET_MAX_THREADS]. */
void cnet_set_num_threads(int threads);

/* ---- Memory (memory.c) ---------------------------------------------------------------------
 * Blocks aligned to CNET_ALIGNMENT, for results and workspaces, kept for reuse when released: at
 * most CNET_CACHE_BLOCKS of them and CNET_CACHE_BYTES in total. Safe to call from any thread. */
#define CNET_CACHE_BLOCKS 64
#define CNET_CACHE_BYTES ((size_t)256 << 20)
typedef struct {
    char *data;
    size_t bytes;
} cnet_block;
/* At least `bytes` bytes; data is NULL if there is no memory. */
cnet_block cnet_acquire(size_t bytes);
void cnet_release(cnet_block block);
/* Gives all kept blocks back to the system. */
void cnet_empty_cache(void);

#endif
