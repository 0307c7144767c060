/* cnet: all that the boundary sees of the C library: the geometry and the call that kernels
 * receive, instruction sets, plans, threads and memory. The kernels and their arguments stand in
 * kernels.h.
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

#include "kernels.h"
#include "kernels/elementwise/operations.h"

#include <stddef.h>
#include <stdint.h>

/* ---- Geometry ------------------------------------------------------------------------------
 * Every field is a ptrdiff_t, in the order of the named tuples in geometry.py. Padding ph, pw is
 * above and to the left, qh, qw below and to the right. */
#define CNET_WINDOW2D_FIELDS(X)                                                                    \
    X(n) X(c) X(h) X(w) X(kh) X(kw) X(sh) X(sw) X(ph) X(pw) X(qh) X(qw) X(dh) X(dw) X(oh) X(ow)
#define CNET_CONV2D_FIELDS(X) CNET_WINDOW2D_FIELDS(X) X(o) X(g)

#define CNET_SIZE(name) ptrdiff_t name;
typedef struct {
    CNET_WINDOW2D_FIELDS(CNET_SIZE)
} cnet_window2d;
typedef struct {
    CNET_CONV2D_FIELDS(CNET_SIZE)
} cnet_conv2d;
#undef CNET_SIZE
/* Y(m, n) = A(m, k) B(k, n): row and column strides in elements, any sign. */
typedef struct {
    ptrdiff_t m, n, k, a_row, a_col, b_row, b_col;
} cnet_gemm;
/* A linear layer of m rows, from k inputs to n outputs. */
typedef struct {
    ptrdiff_t m, n, k;
} cnet_linear;
/* n rows of c numbers. */
typedef struct {
    ptrdiff_t n, c;
} cnet_rows;
/* Runs of `size` neighbours for every channel of every image. */
typedef struct {
    ptrdiff_t n, c, size;
} cnet_norm;

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

/* Elementwise operations: operations.h. */
#define CNET_ENUMERATOR(name, value, saved, gradient) CNET_OPERATION_##name,
typedef enum { CNET_OPERATIONS(CNET_ENUMERATOR) CNET_OPERATION_COUNT } cnet_operation;
#undef CNET_ENUMERATOR
typedef struct {
    const char *name, *saved; /* x or y */
} cnet_operation_names;
extern const cnet_operation_names cnet_operations[CNET_OPERATION_COUNT]; /* signatures.c */

/* ---- Calls ---------------------------------------------------------------------------------
 * Kernels, their arguments as structures, and as slots of 8 bytes in the same order. */
#define CNET_ENUMERATOR(name, workspace) CNET_KERNEL_##name,
typedef enum { CNET_KERNELS(CNET_ENUMERATOR) CNET_KERNEL_COUNT } cnet_kernel;
#undef CNET_ENUMERATOR

#define CNET_IN_FIELD(type, name) const void *name;
#define CNET_OUT_FIELD(type, name) void *name;
#define CNET_GEOMETRY_FIELD(type, name) cnet_##type name;
#define CNET_INTEGER_FIELD(name) ptrdiff_t name;
#define CNET_NUMBER_FIELD(name) double name;
#define CNET_STRUCTURE(name, workspace)                                                            \
    typedef struct {                                                                               \
        CNET_##name(CNET_IN_FIELD, CNET_OUT_FIELD, CNET_GEOMETRY_FIELD, CNET_INTEGER_FIELD,        \
                    CNET_INTEGER_FIELD, CNET_NUMBER_FIELD)                                         \
    } cnet_##name##_arguments;
CNET_KERNELS(CNET_STRUCTURE)
#undef CNET_STRUCTURE
#undef CNET_IN_FIELD
#undef CNET_OUT_FIELD
#undef CNET_GEOMETRY_FIELD
#undef CNET_INTEGER_FIELD
#undef CNET_NUMBER_FIELD

typedef union {
    void *pointer;
    ptrdiff_t integer;
    double number;
} cnet_slot;

#define CNET_MEMBER(name, workspace) cnet_##name##_arguments name;
typedef union {
    CNET_KERNELS(CNET_MEMBER)
} cnet_arguments;
enum { CNET_MAX_SLOTS = sizeof(cnet_arguments) / sizeof(cnet_slot), CNET_MAX_ARRAYS = 8 };

/* One call of a kernel. Kernels read their arguments under their names, call->relu.x; the boundary
 * and plans write them as slots. */
typedef struct {
    cnet_kernel kernel;
    int threads;              /* at most so many work */
    char *workspace;          /* aligned to CNET_ALIGNMENT; of the size asked for */
    int choices[CNET_PASSES]; /* what the kernel's workspace function has chosen: the algorithm of
                                 each pass of a convolution, or what the kernel's head says */
    ptrdiff_t *invalid;       /* kernels that follow indices write how many are out of range */
    union {
        cnet_slot slots[CNET_MAX_SLOTS];
        CNET_KERNELS(CNET_MEMBER)
    };
} cnet_call;
#undef CNET_MEMBER

#define CNET_ALIGNMENT 64
#define CNET_UNSUITABLE SIZE_MAX

/* A kernel in one variant. `workspace` is NULL, or called once before `run`, with the same call: it
 * makes the choices that are open and returns the bytes of workspace, or CNET_UNSUITABLE if the
 * kernel cannot compute this, and then it must not run. Choices do not depend on `threads`. */
typedef struct {
    void (*run)(const cnet_call *call);
    size_t (*workspace)(cnet_call *call);
} cnet_implementation;

/* What the boundary needs to know of a kernel (signatures.c). */
typedef enum { CNET_IN, CNET_OUT, CNET_GEOMETRY, CNET_COUNT, CNET_INTEGER, CNET_NUMBER } cnet_kind;
enum { CNET_ANY = 0, CNET_REAL = -1 }; /* sizes of elements that are not one number of bytes */
typedef struct {
    const char *name;
    cnet_kind kind;
    int slots;   /* that it takes */
    int element; /* bytes of an element of an array, CNET_REAL or CNET_ANY */
} cnet_argument;
typedef struct {
    const char *name;
    const cnet_argument *arguments;
    int count, arrays, given, slots; /* arguments; those that are arrays; that a caller gives */
} cnet_signature;
extern const cnet_signature cnet_signatures[CNET_KERNEL_COUNT];

/* ---- Instruction sets (dispatch.c) ----------------------------------------------------- */
typedef enum { CNET_F32, CNET_F64, CNET_DTYPES } cnet_dtype;

/* Instruction sets compiled in, slowest first; NULL past the last. */
const char *cnet_isa_name(int isa);
/* Whether this CPU and this operating system can run it. */
int cnet_isa_supported(int isa);
int cnet_active_isa(void);
/* The caller has made sure that `isa` is supported. */
void cnet_set_active_isa(int isa);
/* The kernels by their numbers. */
const cnet_implementation *cnet_active_kernels(cnet_dtype dtype);

/* ---- Plans (plan.c) ------------------------------------------------------------------------
 * A network for inference: calls in order, for a fixed number of images. */

/* Where an array of a call lies: in the arena, so many bytes for each image before it, or the input
 * or output of the plan, or a constant, whose pointer the call holds already. */
enum { CNET_PLAN_X = -1, CNET_PLAN_Y = -2, CNET_PLAN_CONSTANT = -3 };
typedef struct {
    cnet_call call;
    ptrdiff_t places[CNET_MAX_ARRAYS];
    ptrdiff_t rows;  /* the slot behind the arrays counts rows: so many of each image */
    int is_parallel; /* whether it is worth several threads by itself */
} cnet_step;
typedef struct {
    const cnet_implementation *kernels;
    cnet_step *steps;
    ptrdiff_t count;
    ptrdiff_t images, block;              /* all, and those that take all steps together */
    size_t x_image, y_image, arena_image; /* bytes for one image */
    size_t serial_memory;                 /* of a block whose steps run on one thread */
    int is_parallel;                      /* whether any step is */
} cnet_plan;
/* Makes the choices of all calls, once, when the steps are filled in. Returns 0 if a kernel cannot
 * compute its step. */
int cnet_plan_finish(cnet_plan *plan);
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
