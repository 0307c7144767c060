/* The elementwise operations, OP(name, y, saved, gradient): the value y = f(x), and the gradient g
 * f'(x) for the gradient g with respect to y, computed from x or y alone; `saved` says which.
 *
 * Expressions use vectors (formulas.h, hyperbolic.h, trigonometric.h) and may use the parameters a
 * and b. Kernels, plans and the names in Python are generated from this list.
 * reference/elementwise.py has the same formulas in NumPy, for the tests and for
 * CNET_ISA=reference. */
#ifndef CNET_OPERATIONS_H
#define CNET_OPERATIONS_H

/* clang-format off */
#define CNET_OPERATIONS(OP) CNET_ACTIVATIONS(OP) CNET_FUNCTIONS(OP)

#define CNET_ACTIVATIONS(OP)                                                                       \
    OP(relu,        choose(x <= 0, ZERO, x),                                                       \
       y,           choose(y <= 0, ZERO, g))                                                       \
    OP(leaky_relu,  choose(x > 0, x, a * x),                                                       \
       x,           choose(x > 0, g, a * g))                                                       \
    OP(threshold,   choose(x <= a, b, x),                                                          \
       x,           choose(x <= a, ZERO, g))                                                       \
    OP(elu,         choose(x > 0, b * x, a * vec_expm1(at_most(x, ZERO))),                         \
       x,           g * choose(x > 0, b, a * vec_exp(at_most(x, ZERO))))                           \
    OP(celu,        choose(x > 0, x, a * vec_expm1(at_most(x, ZERO) / a)),                         \
       x,           g * choose(x > 0, broadcast(1), vec_exp(at_most(x, ZERO) / a)))                \
    OP(gelu,        gelu(x),                                                                       \
       x,           g * (normal_cdf(x) + x * normal_density(x)))                                   \
    OP(gelu_tanh,   x * sigmoid(gelu_argument(x)),                                                 \
       x,           g * gelu_tanh_slope(x))                                                        \
    OP(silu,        x * sigmoid(x),                                                                \
       x,           g * silu_slope(x))                                                             \
    OP(mish,        mish(x),                                                                       \
       x,           g * mish_slope(x))                                                             \
    OP(sigmoid,     sigmoid(x),                                                                    \
       y,           g * y * (1 - y))                                                               \
    OP(logsigmoid,  -softplus(-x),                                                                 \
       x,           g * sigmoid(-x))                                                               \
    OP(softplus,    choose(a * x > b, x, softplus(a * x) / a),                                     \
       x,           choose(a * x > b, g, g * sigmoid(a * x)))                                      \
    OP(hardtanh,    at_most(at_least(x, a), b),                                                    \
       x,           choose((x > a) & (x < b), g, ZERO))                                            \
    OP(hardsigmoid, hardsigmoid(x),                                                                \
       x,           choose((x > -3) & (x < 3), g / 6, ZERO))                                       \
    OP(hardswish,   x * hardsigmoid(x),                                                            \
       x,           choose(x <= -3, ZERO, choose(x >= 3, g, g * (x / 3 + HALF))))                  \
    OP(hardshrink,  choose((x >= -a) & (x <= a), ZERO, x),                                         \
       x,           choose(vec_abs(x) > a, g, ZERO))                                               \
    OP(softshrink,  choose(x > a, x - a, choose(x < -a, x + a, ZERO * x)),                         \
       x,           choose(vec_abs(x) > a, g, ZERO))                                               \
    OP(tanhshrink,  x - vec_tanh(x),                                                               \
       x,           g * squared(vec_tanh(x)))                                                      \
    OP(softsign,    x / (1 + vec_abs(x)),                                                          \
       x,           g / squared(1 + vec_abs(x)))                                                   \
    OP(tanh,        vec_tanh(x),                                                                   \
       y,           g * (1 - y * y))

#define CNET_FUNCTIONS(OP)                                                                         \
    OP(exp,         vec_exp(x),                                                                    \
       y,           g * y)                                                                         \
    OP(exp2,        vec_exp2(x),                                                                   \
       y,           g * y * LOG2)                                                                  \
    OP(expm1,       vec_expm1(x),                                                                  \
       y,           g * (y + 1))                                                                   \
    OP(log,         vec_log(x),                                                                    \
       x,           g / x)                                                                         \
    OP(log2,        vec_log2(x),                                                                   \
       x,           g / (x * LOG2))                                                                \
    OP(log10,       vec_log10(x),                                                                  \
       x,           g / (x * LOG10))                                                               \
    OP(log1p,       vec_log1p(x),                                                                  \
       x,           g / (x + 1))                                                                   \
    OP(sqrt,        vec_sqrt(x),                                                                   \
       y,           g / (2 * y))                                                                   \
    OP(rsqrt,       1 / vec_sqrt(x),                                                               \
       y,           g * (-HALF * y * y * y))                                                       \
    OP(reciprocal,  1 / x,                                                                         \
       y,           -g * y * y)                                                                    \
    OP(abs,         vec_abs(x),                                                                    \
       x,           g * signs(x))                                                                  \
    OP(erf,         vec_erf(x),                                                                    \
       x,           g * erf_slope(x))                                                              \
    OP(erfc,        vec_erfc(x),                                                                   \
       x,           -g * erf_slope(x))                                                             \
    OP(erfinv,      vec_erfinv(x),                                                                 \
       y,           g / erf_slope(y))                                                              \
    OP(tan,         vec_tan(x),                                                                    \
       y,           g * (1 + y * y))                                                               \
    OP(asin,        vec_asin(x),                                                                   \
       x,           g / vec_sqrt((1 - x) * (1 + x)))                                               \
    OP(acos,        vec_acos(x),                                                                   \
       x,           -g / vec_sqrt((1 - x) * (1 + x)))                                              \
    OP(atan,        vec_atan(x),                                                                   \
       x,           g / (1 + x * x))                                                               \
    OP(sinh,        vec_sinh(x),                                                                   \
       x,           g * vec_cosh(x))                                                               \
    OP(cosh,        vec_cosh(x),                                                                   \
       x,           g * vec_sinh(x))                                                               \
    OP(asinh,       vec_asinh(x),                                                                  \
       x,           g / vec_sqrt(1 + x * x))                                                       \
    OP(acosh,       vec_acosh(x),                                                                  \
       x,           g / vec_sqrt((x - 1) * (x + 1)))                                               \
    OP(atanh,       vec_atanh(x),                                                                  \
       x,           g / ((1 - x) * (1 + x)))
/* clang-format on */

#endif
