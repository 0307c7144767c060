/* The interface of the C library to the boundary: geometries, the call that a kernel receives,
 * instruction sets, plans, tapes, threads and memory. kernels.h lists the kernels and their
 * arguments.
 *
 * Rules for every kernel; its head gives the exceptions:
 *   - arrays are C-contiguous unless strides are passed, aligned to their element only, and do not
 *     overlap;
 *   - outputs are overwritten;
 *   - sizes are checked and complete: geometry.py derives all shapes, kernels derive none;
 *   - kernels do not allocate, do not fail and keep no state: the workspace comes with the call;
 *     a kernel declared NO_WORKSPACE takes none;
 *   - results do not depend on the number of threads, bit for bit. */
#ifndef CNET_H
#define CNET_H

#include "kernels.h"
#include "kernels/elementwise/combinations.h"
#include "kernels/elementwise/operations.h"
#include "kernels/reduce/reductions.h"

#include <stddef.h>
#include <stdint.h>

/* ---- Geometry ------------------------------------------------------------------------------
 * Every field is a ptrdiff_t, in the order of the named tuples in geometry.py. ph and pw pad above
 * and to the left, qh and qw below and to the right. */
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
/* Y(m, n) = A(m, k) B(k, n), for outer x inner pairs of matrices: strides in elements, of any sign,
 * between rows and columns, and between matrices along both axes. */
typedef struct {
    ptrdiff_t m, n, k, a_row, a_col, b_row, b_col;
    ptrdiff_t outer, inner, a_outer, a_inner, b_outer, b_inner;
} cnet_gemm;
/* A linear layer: m rows, k inputs, n outputs. */
typedef struct {
    ptrdiff_t m, n, k;
} cnet_linear;
/* n matrices of l queries and of s keys with e numbers, and of s values with d numbers. */
typedef struct {
    ptrdiff_t n, l, s, e, d;
} cnet_attention;
/* n sequences of `steps` steps, whose hidden states have s and whose gates have c numbers. */
typedef struct {
    ptrdiff_t n, steps, c, s;
} cnet_recurrent_layer;
/* n rows of c numbers. */
typedef struct {
    ptrdiff_t n, c;
} cnet_rows;
/* n images of c channels, each a contiguous run of `size` elements. */
typedef struct {
    ptrdiff_t n, c, size;
} cnet_norm;
/* Two arrays whose elements are visited together: the sizes of five axes, and the strides and the
 * first element of both arrays, in elements. */
typedef struct {
    ptrdiff_t n, s1, s2, s3, s4;
    ptrdiff_t a_n, a1, a2, a3, a4, b_n, b1, b2, b3, b4;
    ptrdiff_t a_first, b_first;
} cnet_pair;
/* n arrays of `size` cells, from which `outputs` cells are computed, each a run of `inner`
 * elements. */
typedef struct {
    ptrdiff_t n, size, outputs, inner;
} cnet_resample;
/* n arrays of `size` cells along an axis, each a run of `inner` elements, and `count` positions. */
typedef struct {
    ptrdiff_t n, size, count, inner;
} cnet_cells;
/* n sequences of t steps, each with a number for each of c classes, and of at most s labels. */
typedef struct {
    ptrdiff_t n, t, s, c;
} cnet_labels;
/* n pairs of matrices, of `rows` and of m rows with k numbers. */
typedef struct {
    ptrdiff_t n, rows, m, k;
} cnet_distances;
/* n images (h, w) or volumes (d, h, w) of c channels, of which `samples` positions with `axes`
 * coordinates are taken. */
typedef struct {
    ptrdiff_t n, c, d, h, w, samples, axes;
} cnet_grid;

/* n images (h, w) or volumes (d, h, w) of c channels, with (oh, ow) or (od, oh, ow) windows. */
typedef struct {
    ptrdiff_t n, c, d, h, w, od, oh, ow;
} cnet_windows;

/* The algorithms of a convolution. Besides one by name, a caller may ask for CNET_AUTO, the fastest
 * that suits the geometry, or CNET_EXACT, the fastest except Winograd, which rounds more. */
typedef enum {
    CNET_DEPTHWISE,
    CNET_WINOGRAD,
    CNET_POINTWISE,
    CNET_CHANNELS,
    CNET_DIRECT,
    CNET_FOLD,
    CNET_PRODUCT,
    CNET_ALGORITHMS,
    CNET_EXACT = CNET_ALGORITHMS,
    CNET_AUTO
} cnet_algorithm;
typedef enum { CNET_FORWARD, CNET_DX, CNET_DW, CNET_PASSES } cnet_pass;

/* The operations of the kernel `arithmetic`. */
typedef enum { CNET_ADD, CNET_SUB, CNET_MUL, CNET_DIV } cnet_arithmetic;

/* Which of equal maxima of a window get its gradient: all of them, all in equal shares, the last.
 */
typedef enum { CNET_TIES_ALL, CNET_TIES_SHARE, CNET_TIES_LAST } cnet_ties;

/* NaN in the kernel `kth`. */
typedef enum { CNET_NAN_GREATEST, CNET_NAN_WINS, CNET_NAN_IGNORED } cnet_nan;

/* Elementwise operations: operations.h. */
#define CNET_ENUMERATOR(name, value, saved, gradient) CNET_OPERATION_##name,
typedef enum { CNET_OPERATIONS(CNET_ENUMERATOR) CNET_OPERATION_COUNT } cnet_operation;
#undef CNET_ENUMERATOR
typedef struct {
    const char *name, *saved; /* saved: "x" or "y" */
} cnet_operation_names;
extern const cnet_operation_names cnet_operations[CNET_OPERATION_COUNT]; /* signatures.c */

/* Elementwise functions of several operands: combinations.h. */
#define CNET_ENUMERATOR(name, operands, value) CNET_COMBINATION_##name,
typedef enum { CNET_COMBINATIONS(CNET_ENUMERATOR) CNET_COMBINATION_COUNT } cnet_combination;
#undef CNET_ENUMERATOR
typedef struct {
    const char *name;
    int operands;
} cnet_combination_names;
extern const cnet_combination_names cnet_combinations[CNET_COMBINATION_COUNT]; /* signatures.c */

/* Reductions: reductions.h. */
#define CNET_ENUMERATOR(name, start, step, join, group) CNET_REDUCTION_##name,
typedef enum { CNET_REDUCTIONS(CNET_ENUMERATOR) CNET_REDUCTION_COUNT } cnet_reduction;
#undef CNET_ENUMERATOR
extern const char *const cnet_reductions[CNET_REDUCTION_COUNT]; /* signatures.c */

/* ---- Calls ---------------------------------------------------------------------------------
 * The kernels, and their arguments in two views: as structures, and as slots of 8 bytes in the same
 * order. */
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
enum { CNET_MAX_SLOTS = sizeof(cnet_arguments) / sizeof(cnet_slot), CNET_MAX_ARRAYS = 12 };

/* One call of a kernel. Kernels read their arguments by name, as in call->relu_pool.x; the boundary
 * and plans write them as slots. */
typedef struct {
    cnet_kernel kernel;
    int threads;              /* the most threads to use */
    char *workspace;          /* aligned to CNET_ALIGNMENT, of the size that was asked for */
    int choices[CNET_PASSES]; /* set by the kernel's workspace function: the algorithm of each pass
                                 of a convolution, or what the kernel's head says */
    ptrdiff_t *invalid;       /* kernels that take indices write the number that is out of range */
    union {
        cnet_slot slots[CNET_MAX_SLOTS];
        CNET_KERNELS(CNET_MEMBER)
    };
} cnet_call;
#undef CNET_MEMBER

#define CNET_ALIGNMENT 64
#define CNET_UNSUITABLE SIZE_MAX

/* A kernel in one variant. `workspace` is NULL, or is called once before `run`, with the same call:
 * it makes the open choices and returns the bytes of workspace, or CNET_UNSUITABLE if the kernel
 * cannot compute this call; then `run` must not be called. Choices do not depend on `threads`. */
typedef struct {
    void (*run)(const cnet_call *call);
    size_t (*workspace)(cnet_call *call);
} cnet_implementation;

/* What the boundary needs to know about a kernel (signatures.c). */
typedef enum { CNET_IN, CNET_OUT, CNET_GEOMETRY, CNET_COUNT, CNET_INTEGER, CNET_NUMBER } cnet_kind;
/* Element sizes of arrays of any type, of the dtype of the call, and of doubles. */
enum { CNET_ANY = 0, CNET_REAL = -1, CNET_DOUBLE = -2 };
typedef struct {
    const char *name;
    cnet_kind kind;
    int slots;   /* number of slots it takes */
    int element; /* bytes of an integer, or one of the above */
} cnet_argument;
typedef struct {
    const char *name;
    const cnet_argument *arguments;
    int count, arrays, given, slots; /* numbers of: all arguments, arrays, arguments that a caller
                                        gives, slots */
} cnet_signature;
extern const cnet_signature cnet_signatures[CNET_KERNEL_COUNT];

/* ---- Instruction sets (dispatch.c) ----------------------------------------------------- */
typedef enum { CNET_F32, CNET_F64, CNET_DTYPES } cnet_dtype;

/* The instruction sets that are compiled in, slowest first; NULL after the last. */
const char *cnet_isa_name(int isa);
/* Whether this CPU and this operating system support it. */
int cnet_isa_supported(int isa);
int cnet_active_isa(void);
/* The caller must check that `isa` is supported. */
void cnet_set_active_isa(int isa);
/* How 8-bit kernels add products, slowest first: by instructions for 16-bit integers; vpdpbusd
 * (VNNI); tdpbusd on tiles of 16 x 64 bytes (AMX). With AMX, bfloat16 kernels use tdpbf16ps. */
typedef enum { CNET_DOTS_PAIRS, CNET_DOTS_VNNI, CNET_DOTS_AMX } cnet_dots;
/* The fastest that this CPU and this operating system support beside the active instruction set.
 * Asks Linux for the permission to use AMX. */
cnet_dots cnet_active_dots(void);
/* The kernels, indexed by cnet_kernel. Kernels that exist only for float32 are {NULL, NULL} in the
 * table of float64. */
const cnet_implementation *cnet_active_kernels(cnet_dtype dtype);

/* ---- Plans (plan.c) ------------------------------------------------------------------------
 * A network for inference: calls in order, for any number of images. */

/* Where an array of a call lies. A place >= 0 is an offset in the arena, in bytes per image. The
 * others: the input of the plan, its output, or a constant whose pointer the call already holds. */
enum { CNET_PLAN_X = -1, CNET_PLAN_Y = -2, CNET_PLAN_CONSTANT = -3 };
typedef struct {
    cnet_call call;
    ptrdiff_t places[CNET_MAX_ARRAYS];
    ptrdiff_t rows;  /* the slot after the arrays counts rows: this many per image */
    int is_parallel; /* whether the step is large enough for several threads */
    int branch;      /* successive steps with branches 1, 2, ... run branch by branch, at the same
                        time; 0 for other steps */
} cnet_step;
typedef struct {
    const cnet_implementation *kernels;
    cnet_step *steps;
    ptrdiff_t count;
    ptrdiff_t block;                      /* images that take all steps together */
    size_t x_image, y_image, arena_image; /* bytes per image */
    size_t serial_memory;                 /* bytes of a block whose steps run on one thread */
    size_t branch_workspace;              /* bytes for the steps of one branch */
    int is_parallel;                      /* whether any step is parallel */
} cnet_plan;
/* Makes the choices of all calls, once, after the steps are filled in. Returns 0 if a kernel cannot
 * compute its step. */
int cnet_plan_finish(cnet_plan *plan);
/* The bytes of memory that a run for so many images with up to `threads` threads needs. */
size_t cnet_plan_memory(const cnet_plan *plan, ptrdiff_t images, int threads);
/* Runs the plan from x to y; `memory` is aligned to CNET_ALIGNMENT. Adds the duration of each step
 * to `seconds`, unless that is NULL; blocks then run one after the other. */
void cnet_plan_run(const cnet_plan *plan, ptrdiff_t images, const void *x, void *y, int threads,
                   char *memory, double *seconds);

/* ---- Tapes (tape.c) ------------------------------------------------------------------------
 * A recorded step: calls in order, whose pointers are those of the step. */
typedef struct {
    cnet_call call;
    cnet_dtype dtype;
} cnet_recorded;
typedef struct {
    const cnet_implementation *kernels[CNET_DTYPES];
    cnet_recorded *calls;
    ptrdiff_t count;
} cnet_tape;
/* Makes the choices of all calls for runs with `threads` threads. Returns the bytes of workspace
 * that they need, or CNET_UNSUITABLE. */
size_t cnet_tape_prepare(cnet_tape *tape, int threads);
/* Makes the calls from `first` up to `last`, which is excluded. Stops after a call that finds
 * indices out of range and returns its number; otherwise returns `last`. */
ptrdiff_t cnet_tape_run(const cnet_tape *tape, ptrdiff_t first, ptrdiff_t last, char *workspace);
/* Makes all calls in one region of threads, with the results of one after the other; on one thread
 * if they depend on each other. Their kernels compute each element by itself, and take real arrays
 * whose elements the slot after them counts. The workspace is for `count` calls. */
void cnet_tape_run_elements(const cnet_tape *tape, int threads, char *workspace);
size_t cnet_tape_elements_workspace(ptrdiff_t count);

/* ---- Threads (threads.c) -------------------------------------------------------------------
 * One pool for the whole process. cnet_parallel calls a task once for every chunk in [0, chunks),
 * on up to `threads` threads including the caller, and returns when all chunks are done. Concurrent
 * calls have different values of `slot`, in [0, threads), so each can use its own part of a
 * workspace. Chunks must not depend on `threads` and must not write the same memory; then the
 * result does not depend on `threads` either. While a job occupies the pool, calls from other
 * threads and from its own tasks run all their chunks on the calling thread. */
typedef void cnet_task(const void *job, ptrdiff_t chunk, int slot);
void cnet_parallel(cnet_task *task, const void *job, ptrdiff_t chunks, int threads);

/* Records the regions of the calling thread until cnet_stop_recording. Meanwhile this thread runs
 * all chunks of a region itself, in order, and appends to `log`: the time at which the region
 * begins, `threads`, `chunks`, the time of each chunk, and the time at which the region ends, in
 * nanoseconds. Regions that do not fit are left out. */
void cnet_record_regions(int64_t *log, ptrdiff_t capacity);
/* Returns the number of values that the whole log has; more than `capacity` if some are missing. */
ptrdiff_t cnet_stop_recording(void);

#define CNET_MAX_THREADS 256
int cnet_get_num_threads(void);
/* `threads` must be in [1, CNET_MAX_THREADS]. */
void cnet_set_num_threads(int threads);

/* ---- Memory (memory.c) ---------------------------------------------------------------------
 * Blocks aligned to CNET_ALIGNMENT, for results and workspaces. Released blocks are cached for
 * reuse: free blocks and blocks in use together have at most 5/4 of the bytes that were in use at
 * the same time recently, plus CNET_SPARE_BYTES. Safe to call from any thread. */
#define CNET_SPARE_BYTES ((size_t)64 << 20)
typedef struct {
    char *data;
    size_t bytes;
    void *range; /* of memory.c */
} cnet_block;
/* At least `bytes` bytes; data is NULL if memory is exhausted. */
cnet_block cnet_acquire(size_t bytes);
void cnet_release(cnet_block block);
/* Returns all cached blocks to the system. */
void cnet_empty_cache(void);

#endif
