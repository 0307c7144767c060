/* What the passes of batch normalisation share: the channels, and the activations that the kernels
 * compute together with it. */
#ifndef CNET_BATCH_NORM_H
#define CNET_BATCH_NORM_H

#include "elementwise/formulas.h"
#include "elementwise/operations.h"
#include "sums.h"

/* The activations, X(index, operation): operations of operations.h. */
#define ACTIVATIONS(X) X(1, relu) X(2, hardtanh) X(3, silu) X(4, hardswish)
enum { ACTIVATION_COUNT = 5, NO_OPERATION = -1 };

/* The index of an argument `activation`: 0 for none, or 1 + the number of an operation. */
static inline int activation_index(ptrdiff_t activation) {
#define INDEX(index, name)                                                                         \
    if (activation == 1 + CNET_OPERATION_##name)                                                   \
        return index;
    ACTIVATIONS(INDEX)
#undef INDEX
    return 0;
}

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* f(x) for an operation that is known when this is compiled. */
ALWAYS_INLINE vec activate(const int operation, vec x, vec a, vec b) {
    (void)a, (void)b;
    switch (operation) {
#define OP(name, value, saved, gradient)                                                           \
    case CNET_OPERATION_##name:                                                                    \
        return value;
        CNET_OPERATIONS(OP)
#undef OP
    default:
        return x;
    }
}

/* g f'(x), where y = f(x). */
ALWAYS_INLINE vec activation_gradient(const int operation, vec g, vec x, vec y, vec a, vec b) {
    (void)a, (void)b, (void)x, (void)y;
    switch (operation) {
#define OP(name, value, saved, gradient)                                                           \
    case CNET_OPERATION_##name:                                                                    \
        return gradient;
        CNET_OPERATIONS(OP)
#undef OP
    default:
        return g;
    }
}

/* Normalisation of one channel: (x - mean) * scale + bias. */
typedef struct {
    real mean, scale, bias;
} affine_t;

ALWAYS_INLINE vec normalise(vec x, const affine_t *f) { return (x - f->mean) * f->scale + f->bias; }

static inline double inverse_deviation(real var, double eps) { return 1 / sqrt((double)var + eps); }

/* A NULL weight means ones, a NULL bias zeros. */
static inline affine_t affine_of(const real *mean, const real *var, const real *weight,
                                 const real *bias, double eps, ptrdiff_t channel) {
    const double scale = (weight ? (double)weight[channel] : 1) *
                         inverse_deviation(var[channel], eps);
    return (affine_t){mean[channel], (real)scale, bias ? bias[channel] : 0};
}

/* A vector of reals in double, as PIECES vectors. */
enum { PIECES = sizeof(double) / sizeof(real) };
typedef struct {
    wide piece[PIECES];
} wide_vec;

ALWAYS_INLINE wide_vec widen(vec v) {
    real lanes[VECTOR_BYTES / sizeof(real)];
    wide_vec w;
    store(lanes, v);
#pragma GCC unroll 2
    for (int i = 0; i < PIECES; i++)
        w.piece[i] = load_wide(lanes + i * WIDE_LANES);
    return w;
}

/* Partial sums, in a fixed order. */
typedef struct {
    wide first[PIECES], second[PIECES];
} two_sums;

ALWAYS_INLINE double total_of(const wide sums[PIECES]) {
    wide lanes = sums[0];
    for (int i = 1; i < PIECES; i++)
        lanes += sums[i];
    double sum = 0;
    for (int lane = 0; lane < WIDE_LANES; lane++)
        sum += lanes[lane];
    return sum;
}

#endif
