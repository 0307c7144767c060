/* The elementwise operations, OP(name, y, saved, gradient): the value y = f(x), and the gradient g
 * f'(x) for the gradient g with respect to y, computed from x or y alone; `saved` says which.
 *
 * Expressions use vectors (simd_math.h, formulas.h) and may use the parameters a and b. Kernels,
 * plans and the names in Python are generated from this list. reference/elementwise.py has the same
 * formulas in NumPy, for the tests and for CNET_ISA=reference. */
#ifndef CNET_OPERATIONS_H
#define CNET_OPERATIONS_H

/* clang-format off */
#define CNET_OPERATIONS(OP)                                                                        \
    OP(relu,        choose(x <= 0, ZERO, x),                                                       \
       y,           choose(y <= 0, ZERO, g))                                                       \
    OP(leaky_relu,  choose(x > 0, x, a * x),                                                       \
       x,           choose(x > 0, g, a * g))                                                       \
    OP(elu,         choose(x > 0, x, a * expm1_of_negative(at_most(x, ZERO))),                     \
       y,           choose(y > 0, g, g * (y + a)))                                                 \
    OP(gelu,        x * normal_cdf(x),                                                             \
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
       x,           choose((x <= a) | (x >= b), ZERO, g))                                          \
    OP(hardsigmoid, hardsigmoid(x),                                                                \
       x,           choose((x > -3) & (x < 3), g / 6, ZERO))                                       \
    OP(hardswish,   x * hardsigmoid(x),                                                            \
       x,           choose(x < 3, choose(x > -3, g * (x / 3 + HALF), ZERO), g))                    \
    OP(tanh,        vec_tanh(x),                                                                   \
       y,           g * (1 - y * y))                                                               \
    OP(exp,         vec_exp(x),                                                                    \
       y,           g * y)                                                                         \
    OP(log,         vec_log(x),                                                                    \
       x,           g / x)                                                                         \
    OP(sqrt,        vec_sqrt(x),                                                                   \
       y,           g / (2 * y))                                                                   \
    OP(abs,         vec_abs(x),                                                                    \
       x,           g * sign(x))                                                                   \
    OP(erf,         vec_erf(x),                                                                    \
       x,           g * erf_slope(x))
/* clang-format on */

#endif
