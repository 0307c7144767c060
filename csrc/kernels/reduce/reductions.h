/* The reductions, OP(name, start, step, join): `step` adds the number x to the result y, which
 * begins as `start`; `join` adds another result x to y. Both are functions of vectors of doubles
 * (reduce.c). The names in Python are generated from this list. */
#ifndef CNET_REDUCTIONS_H
#define CNET_REDUCTIONS_H

/* clang-format off */
#define CNET_REDUCTIONS(OP)                                                                        \
    OP(sum,        0,         y + x,                y + x)                                         \
    OP(squares,    0,         y + x * x,            y + x)                                         \
    OP(magnitudes, 0,         y + wide_abs(x),      y + x)                                         \
    OP(product,    1,         y * x,                y * x)                                         \
    OP(maximum,    -INFINITY, greater_of(y, x),     greater_of(y, x))                              \
    OP(minimum,    INFINITY,  -greater_of(-y, -x),  -greater_of(-y, -x))
/* clang-format on */

#endif
