/* The reductions, OP(name, start, step, join, group): `step` adds the number x to the result y,
 * which begins as `start`; `join` adds another result x to y. Both are functions of vectors of
 * doubles. `group` joins vectors of numbers, or is NULL (reduce.c). The names in Python are
 * generated from this list. */
#ifndef CNET_REDUCTIONS_H
#define CNET_REDUCTIONS_H

/* clang-format off */
#define CNET_REDUCTIONS(OP)                                                                        \
    OP(sum,        0,         y + x,                     y + x,                     group_sum)     \
    OP(squares,    0,         y + x * x,                 y + x,                     NULL)          \
    OP(magnitudes, 0,         y + wide_abs(x),           y + x,                     NULL)          \
    OP(product,    1,         y * x,                     y * x,                     NULL)          \
    OP(maximum,    -INFINITY, wide_greater_of(y, x),     wide_greater_of(y, x),     group_maximum) \
    OP(minimum,    INFINITY,  -wide_greater_of(-y, -x),  -wide_greater_of(-y, -x),  group_minimum)
/* clang-format on */

#endif
