/* The elementwise functions of several operands, OP(name, operands, value): value is a function of
 * the vectors a, b, c and d, of which the first `operands` are used.
 *
 * Gradients are functions like the others; their first operand is the gradient with respect to the
 * result. Kernels and the names in Python are generated from this list. reference/combine.py has
 * the same functions in NumPy, for the tests and for CNET_ISA=reference. */
#ifndef CNET_COMBINATIONS_H
#define CNET_COMBINATIONS_H

/* clang-format off */
#define CNET_COMBINATIONS(OP)                                                                      \
    OP(sign,                1, signs(a))                                                           \
    OP(frac,                1, a - vec_trunc(a))                                                   \
    OP(sin,                 1, vec_sin(a))                                                         \
    OP(cos,                 1, vec_cos(a))                                                         \
    OP(logit,               1, vec_log(a / (1 - a)))                                               \
    OP(product,             2, a * b)                                                              \
    OP(squared_difference,  2, squared(a - b))                                                     \
    OP(distance,            2, vec_abs(a - b))                                                     \
    OP(atan2,               2, vec_atan2(a, b))                                                    \
    OP(hypot,               2, vec_hypot(a, b))                                                    \
    OP(logaddexp,           2, logaddexp(a, b))                                                    \
    OP(xlogy,               2, xlogy(a, b))                                                        \
    OP(bce_with_logits,     2, bce_with_logits(a, b))                                              \
    OP(fmod,                2, vec_fmod(a, b))                                                     \
    OP(remainder,           2, vec_remainder(a, b))                                                \
    OP(floor_divide,        2, floor_divide(a, b))                                                 \
    OP(trunc_divide,        2, vec_trunc(a / b))                                                   \
    OP(prelu,               2, choose(a > 0, a, b * a))                                            \
    OP(prelu_dweight,       2, choose(b > 0, ZERO, a * b))                                         \
    OP(sin_backward,        2, a * vec_cos(b))                                                     \
    OP(cos_backward,        2, -a * vec_sin(b))                                                    \
    OP(lerp,                3, lerp(a, b, c))                                                      \
    OP(times_quotient,      3, a * (b / c))                                                        \
    OP(times_exp,           3, a * vec_exp(b - c))                                                 \
    OP(times_sigmoid,       3, a * sigmoid(b - c))                                                 \
    OP(xlogy_da,            3, a * xlogy_slope(b, c))                                              \
    OP(bce_with_logits_da,  3, a * (sigmoid(b) - c))                                               \
    OP(times_sign,          3, a * signs(b - c))                                                   \
    OP(squared_difference_da, 3, 2 * a * (b - c))                                                  \
    OP(atan2_da,            3, a * (c / sum_of_squares(b, c)))                                       \
    OP(atan2_db,            3, a * (-b / sum_of_squares(b, c)))                                      \
    OP(remainder_db,        3, -a * floor_divide(b, c))                                            \
    OP(fmod_db,             3, -a * vec_trunc(b / c))                                              \
    OP(prelu_dx,            3, choose(b > 0, a, c * a))                                            \
    OP(glu_db,              3, a * b * sigmoid_slope(c))                                           \
    OP(huber,               4, d * (a - b - HALF * within(a - b, c)) * within(a - b, c))           \
    OP(times_within,        4, a * within(b - c, d))                                               \
    OP(is_close,            4, is_close(a, b, c, d))                                               \
    OP(addcmul,             4, a + d * (b * c))                                                    \
    OP(addcdiv,             4, a + d * (b / c))                                                    \
    OP(nan_to_num,          4, nan_to_num(a, b, c, d))                                             \
    OP(logit_backward,      4, choose((b >= c) & (b <= 1 - c), a / (b * (1 - b)), d))
/* clang-format on */

#endif
