/* The functions of kernels/simd_math.h, hyperbolic.h and trigonometric.h on arrays, y[t] = f(x[t]):
 * cnet_math_<dtype>_<isa>. */
#ifndef SIMD_MATH_TEST_H
#define SIMD_MATH_TEST_H

#include "cnet.h"

/* clang-format off */
#define MATH_FUNCTIONS(X)                                                                          \
    X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sinh) X(cosh) X(tanh) X(asinh)      \
    X(acosh) X(atanh) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(erf)
/* clang-format on */
#define MATH_ENUM(name) MATH_##name,
typedef enum { MATH_FUNCTIONS(MATH_ENUM) MATH_COUNT } math_function;
#undef MATH_ENUM

typedef void run_math(math_function f, const void *x, void *y, ptrdiff_t count);

#endif
