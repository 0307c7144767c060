/* The environment of a kernel source. Every file in this folder is compiled once per variant, that
 * is, per (dtype, instruction set); the build defines CNET_VARIANT (f32_avx2, …), CNET_REAL_f32 or
 * CNET_REAL_f64, and CNET_ISA_HEADER, the header in csrc/isa.
 *
 * Variants are isolated: they share no inline function with other objects, so that the linker
 * cannot put instructions of a variant into code that runs on every CPU. Helpers are static;
 * functions that several files of a variant share are named by CNET_FN. */
#ifndef CNET_VARIANT_H
#define CNET_VARIANT_H

#include "cnet.h"

#include CNET_ISA_HEADER

#include <math.h>
#include <string.h>

#define CNET_JOIN_(a, b) a##_##b
#define CNET_JOIN(a, b) CNET_JOIN_(a, b)
#define CNET_FN(name) CNET_JOIN(cnet_##name, CNET_VARIANT)

#if defined(CNET_REAL_f32)
typedef float real;
typedef int32_t mask_t;
#define REAL_EXP expf
#define REAL_LOG logf
#define REAL_SQRT sqrtf
#define REAL_TANH tanhf
#define REAL_FMA fmaf
#define REAL_FMOD fmodf
#define REAL_FLOOR floorf
#define REAL_SIN sinf
#define REAL_COS cosf
#define REAL_TAN tanf
#define REAL_INFINITY INFINITY
#else
typedef double real;
typedef int64_t mask_t;
#define REAL_EXP exp
#define REAL_LOG log
#define REAL_SQRT sqrt
#define REAL_TANH tanh
#define REAL_FMA fma
#define REAL_FMOD fmod
#define REAL_FLOOR floor
#define REAL_SIN sin
#define REAL_COS cos
#define REAL_TAN tan
#define REAL_INFINITY ((double)INFINITY)
#endif

/* Declares every kernel of the list under its name in this variant. */
#define WORKSPACE(name) size_t CNET_FN(name##_workspace)(cnet_call * call);
#define NO_WORKSPACE(name)
#define CNET_DECLARE(name, workspace)                                                              \
    void CNET_FN(name)(const cnet_call *call);                                                     \
    workspace(name)
CNET_KERNELS(CNET_DECLARE)
#undef CNET_DECLARE
#undef WORKSPACE
#undef NO_WORKSPACE

static inline ptrdiff_t min_size(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t max_size(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static inline ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static inline ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }

/* Whether rows so many elements apart compete for the same few sets of a cache. */
enum { PAGE_BYTES = 4096 };
static inline int shares_cache_sets(ptrdiff_t step) {
    return step * (ptrdiff_t)sizeof(real) % PAGE_BYTES == 0;
}

/* Elements per chunk of an elementwise kernel: enough work to be worth waking a thread. */
enum { ELEMENTS_PER_CHUNK = 1 << 15 };

#endif
