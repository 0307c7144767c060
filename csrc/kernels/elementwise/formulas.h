/* Formulas for operations.h, in addition to simd_math.h. */
#ifndef CNET_FORMULAS_H
#define CNET_FORMULAS_H

#include "simd_math.h"

#define ZERO ((vec){0})
#define HALF ((real)0.5)

/* NaN stays NaN. */
static inline vec at_most(vec x, vec limit) { return choose(x > limit, limit, x); }
static inline vec at_least(vec x, vec limit) { return choose(x < limit, limit, x); }
/* -1, 0 or 1. */
static inline vec sign(vec x) {
    return choose(x > 0, broadcast(1), choose(x < 0, broadcast(-1), x));
}

static inline vec squared(vec x) { return x * x; }

/* log(1 + x) for 0 <= x <= 1: the rounding error of 1 + x is small enough to be corrected by the
 * first term of a series. */
static inline vec log1p_of_fraction(vec x) {
    const vec sum = 1 + x;
    return vec_log(sum) + (x - (sum - 1)) / sum;
}
/* exp(x) - 1 for x <= 0. */
static inline vec expm1_of_negative(vec x) {
    const vec t = vec_tanh(HALF * x);
    return 2 * t / (1 - t);
}

/* 1 / (1 + exp(-x)) */
static inline vec sigmoid(vec x) {
    const vec decayed = vec_exp(-vec_abs(x)); /* at most 1 */
    return choose(x >= 0, broadcast(1), decayed) / (1 + decayed);
}
/* sigmoid(x), and 1 - sigmoid(x) without cancellation. */
static inline vec sigmoid_and_rest(vec x, vec *rest) {
    const vec decayed = vec_exp(-vec_abs(x)), high = 1 / (1 + decayed), low = decayed * high;
    const mask_vec positive = x >= 0;
    *rest = choose(positive, low, high);
    return choose(positive, high, low);
}
/* d (x sigmoid(x)) / dx */
static inline vec silu_slope(vec x) {
    vec rest;
    const vec gate = sigmoid_and_rest(x, &rest);
    return gate * (1 + x * rest);
}
/* log(1 + exp(x)) */
static inline vec softplus(vec x) {
    return at_least(x, ZERO) + log1p_of_fraction(vec_exp(-vec_abs(x)));
}
static inline vec hardsigmoid(vec x) { return at_most(at_least(x + 3, ZERO), broadcast(6)) / 6; }

/* Distribution function and density of the normal distribution. */
static inline vec normal_cdf(vec x) {
    return HALF + HALF * vec_erf(x * (real)0.70710678118654752440);
}
static inline vec normal_density(vec x) {
    return (real)0.39894228040143267794 * vec_exp(-HALF * x * x);
}
/* 1 - erf(x) without cancellation, one lane after the other. */
static inline vec vec_erfc(vec x) {
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        x[lane] = REAL_ERFC(x[lane]);
    return x;
}
/* d erf / dx = 2 / sqrt(pi) exp(-x^2) */
static inline vec erf_slope(vec x) { return (real)1.12837916709551257390 * vec_exp(-x * x); }

/* gelu_tanh(x) = x (1 + tanh(u)) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
#define GELU_SCALE ((real)1.59576912160573071176) /* 2 sqrt(2 / pi) */
#define GELU_CUBIC ((real)0.044715)
static inline vec gelu_argument(vec x) { return GELU_SCALE * (x + GELU_CUBIC * x * x * x); }
static inline vec gelu_tanh_slope(vec x) {
    const vec c = at_most(at_least(x, broadcast(-16)), broadcast(16)); /* 0 or 1 outside of this
                                                                          range */
    vec rest;
    const vec gate = sigmoid_and_rest(gelu_argument(c), &rest);
    return gate + c * gate * rest * GELU_SCALE * (1 + 3 * GELU_CUBIC * c * c);
}

/* mish(x) = x tanh(log(1 + e)) = x n / (n + 2), n = e (e + 2), e = exp(x); equal to x above 20. */
static inline vec mish(vec x) {
    const vec e = vec_exp(at_most(x, broadcast(20))), n = e * (e + 2);
    return x * (n / (n + 2));
}
static inline vec mish_slope(vec x) {
    const vec c = at_most(x, broadcast(20)), e = vec_exp(c), n = e * (e + 2), d = n + 2;
    return n / d + 4 * (c * (e * (1 + e) / (d * d)));
}

#endif
