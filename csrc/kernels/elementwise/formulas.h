/* Formulas for operations.h, in addition to hyperbolic.h. */
#ifndef CNET_FORMULAS_H
#define CNET_FORMULAS_H

#include "hyperbolic.h"

#define ZERO ((vec){0})

/* -1, 0 or 1; 0 for NaN. */
static inline vec signs(vec x) {
    return choose(x > 0, broadcast(1), choose(x < 0, broadcast(-1), ZERO));
}

static inline vec squared(vec x) { return x * x; }

/* log(1 + x) for 0 <= x <= 1: the rounding error of 1 + x is small enough to be corrected by the
 * first term of a series. */
static inline vec log1p_of_fraction(vec x) {
    const vec sum = 1 + x;
    return logarithm(sum, ((sum - 1) - x) / sum);
}
/* 1 / (1 + exp(-x)) */
static inline vec sigmoid(vec x) {
    const vec decayed = vec_exp(-vec_abs(x)); /* at most 1 */
    return quotient(choose(x >= 0, broadcast(1), decayed), 1 + decayed);
}
/* sigmoid(x), and 1 - sigmoid(x) without cancellation. */
static inline vec sigmoid_and_rest(vec x, vec *rest) {
    const vec decayed = vec_exp(-vec_abs(x)), high = quotient(broadcast(1), 1 + decayed),
              low = decayed * high;
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

/* ---- Tails of the normal distribution ----
 *
 * normal_cdf: from a polynomial for log(erfc(z)), whose absolute error counts; erfc(z) is 0 beyond
 * ERF_ONE. vec_erfc: erfc(z) = exp(-z^2) R(t) / (1 + 2 z), t = (z - k) / (z + k), where the
 * polynomial R is accurate relative to erfc (M. M. Shepherd and J. G. Laframboise, Chebyshev
 * approximation of (1 + 2x) exp(x^2) erfc(x), 1981). Coefficients as in simd_math.h. */
#if defined(CNET_REAL_f32)
#define ERFC_ZERO 11
#define ERFC_CENTRE 2
static const real erfc_terms[] = {0x1.46e80ep+0,   -0x1.7bf5eap-4,  -0x1.5407dp-3,  0x1.4ff9f6p-3,
                                  -0x1.bc271cp-5,  -0x1.072354p-7,  0x1.1d661ap-7,  0x1.47ff24p-10,
                                  -0x1.75113ap-10, -0x1.a35578p-12, 0x1.692054p-13, 0x1.521e76p-14};
static const real log_tail_terms[] = {0x1.028f22p-26,  -0x1.20dd9p+0,  -0x1.45ef8ap-1,
                                      -0x1.a5a14p-4,   0x1.41696p-6,   -0x1.2be4c8p-11,
                                      -0x1.0959d4p-10, 0x1.3d91d2p-12, -0x1.01e1b8p-15};
#else
#define ERFC_ZERO 28
#define ERFC_CENTRE 3.75
static const real erfc_terms[] = {
    0x1.3ccda0b5d5dc2p+0,  -0x1.1f367683f89a6p-3, 0x1.d5f29481596c4p-9,   0x1.510169d09673fp-4,
    -0x1.bda9309a27bf9p-4, 0x1.7a14188a9baa7p-4,  -0x1.e0d0fa6e2781dp-5,  0x1.d0b0037d3035p-6,
    -0x1.3f603c2c28d3ep-7, 0x1.cc3a0e91a2201p-10, 0x1.33fb1db1a37e9p-12,  -0x1.303fa9f46b76bp-12,
    0x1.b145313a5450bp-15, 0x1.778dbc427af41p-16, -0x1.801239a745923p-17, -0x1.05d38ace93f89p-20,
    0x1.d72b32812835dp-20, -0x1.c939f4135c79p-25, -0x1.19a42f486fa92p-22, 0x1.3502db7bfe4cep-26,
    0x1.5993c528b59bfp-25, 0x1.2939151cf11ddp-33, -0x1.4b4bfb04c178bp-28, -0x1.f38bf6fc64ecp-31};
static const real log_tail_terms[] = {
    0x1.2bd39d4386acep-55,  -0x1.20dd750429b41p+0,  -0x1.45f306dc9eca6p-1,  -0x1.a4f4e29f84ae4p-4,
    0x1.3966851085ae1p-6,   0x1.b6b8d375bab1fp-13,  -0x1.bca8232d678acp-10, 0x1.3572afbd7ea48p-11,
    -0x1.b7182a10d07a7p-16, -0x1.0bc640ec9555bp-14, 0x1.e02342107e45ep-16,  -0x1.039d5543cfa0ep-19,
    -0x1.26a8ae997b6dp-18,  0x1.9a27e6afaa932p-19,  -0x1.4a3fe1444fe4p-20,  0x1.7bf4a178756dp-22,
    -0x1.4780a96941823p-24, 0x1.a7afed8bdb0a8p-27,  -0x1.911bb0441a21ap-30, 0x1.06ede6978c3e6p-33,
    -0x1.aadae5f0982ecp-38, 0x1.432981fe7d612p-43};
#endif

/* 1 - F(size) for size >= 0, where F is the distribution function of the normal distribution. */
#define NORMAL_ZERO (ERF_ONE * (real)1.41421356237309504880)
static inline vec normal_tail(vec size) {
    vec n;
    const vec z = at_most(size, broadcast(NORMAL_ZERO)) * (real)0.70710678118654752440;
    const vec rest = exponential_of_rest(POLYNOMIAL(z, log_tail_terms), &n);
    return choose(size > NORMAL_ZERO, ZERO, HALF * scaled(1 + rest, n));
}
/* Distribution function and density of the normal distribution. */
static inline vec normal_cdf(vec x) {
    const vec tail = normal_tail(vec_abs(x));
    return choose(x < 0, tail, 1 - tail);
}
/* x normal_cdf(x) */
static inline vec gelu(vec x) {
    const vec size = vec_abs(x);
    return at_least(x, ZERO) - at_most(size, broadcast(NORMAL_ZERO)) * normal_tail(size);
}
static inline vec normal_density(vec x) {
    return (real)0.39894228040143267794 * vec_exp(-HALF * x * x);
}
/* 1 - erf(x) without cancellation. The rounding error of the square is corrected: `low` holds the
 * digits of x that the square of `high` lacks. */
static inline vec vec_erfc(vec x) {
    const vec z = at_most(vec_abs(x), broadcast(ERFC_ZERO)), square = z * z;
    const vec high = (vec)((bits_vec)z & HIGH_BITS), low = z - high;
    const vec error = ((high * high - square) + 2 * high * low) + low * low;
    const vec scaled = POLYNOMIAL((z - ERFC_CENTRE) / (z + ERFC_CENTRE), erfc_terms) / (1 + 2 * z);
    const vec tail = vec_exp(-square) * (scaled - scaled * error);
    return choose(x < 0, 2 - tail, tail);
}
/* d erf / dx = 2 / sqrt(pi) exp(-x^2) */
static inline vec erf_slope(vec x) { return (real)1.12837916709551257390 * vec_exp(-x * x); }

/* ---- Inverse of the error function ----
 *
 * x P(w - 5/2) or x Q(sqrt(w) - 3), w = -log(1 - x^2) (M. Giles, Approximating the erfinv function,
 * 2011); the polynomials are minimax, with relative errors of 2^-23 and, beyond the range of
 * float32, 2^-20. In float64, a step of Halley's method follows. */
#define ERFINV_FAR 5 /* P below this w */
#if defined(CNET_REAL_f32)
static const real erfinv_terms[] = {0x1.805c5ep+0,   0x1.f91ec6p-3,  -0x1.11ca4ep-8,
                                    -0x1.48a6eap-10, 0x1.ca7136p-13, -0x1.270e4ap-18,
                                    -0x1.d9a39cp-19, 0x1.71109cp-22, 0x1.ea43dcp-26};
static const real erfinv_far_terms[] = {0x1.6a9efep+1,  0x1.006db6p+0, 0x1.353d18p-7,
                                        -0x1.f3981cp-8, 0x1.78eafap-8, -0x1.e0db54p-9,
                                        0x1.5ac974p-10, 0x1.8e168p-14, -0x1.7c8d7ap-13};
#else
static const real erfinv_terms[] = {
    0x1.805c5e2c9d6c7p+0,   0x1.f91ec5f249471p-3,  -0x1.11ca4ef2d75dp-8,
    -0x1.48a6ea0fa7f88p-10, 0x1.ca713613335cdp-13, -0x1.270e4a684381dp-18,
    -0x1.d9a39c8fb7974p-19, 0x1.71109c07e0ac2p-22, 0x1.ea43db7805a51p-26};
static const real erfinv_far_terms[] = {
    0x1.6a9ef7a1999aap+1,  0x1.006eb6152d41cp+0,  0x1.35f7e15b219a3p-7,  -0x1.fd45209ceafc8p-8,
    0x1.756fa09f56827p-8,  -0x1.aa3c559bba88dp-9, 0x1.412d8a6094043p-10, -0x1.1ed35b305c3p-12,
    0x1.0752aec15b9e6p-15, -0x1.5e519063146e8p-20};
#endif
static inline vec vec_erfinv(vec x) {
    const vec size = vec_abs(x), w = -vec_log((1 - size) * (1 + size));
    const vec near = POLYNOMIAL(w - (real)2.5, erfinv_terms);
    const vec far = POLYNOMIAL(vec_sqrt(w) - 3, erfinv_far_terms);
    vec y = size * choose(w < ERFINV_FAR, near, far);
#if defined(CNET_REAL_f64)
    const vec excess = choose(size < HALF, vec_erf(y) - size, (1 - size) - vec_erfc(y));
    const vec step = excess / erf_slope(y);
    y -= step / (1 + y * step);
#endif
    return copy_sign(vec_abs(choose(size == 1, broadcast(REAL_INFINITY), y)), x);
}

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
    return x * quotient(n, n + 2);
}
static inline vec mish_slope(vec x) {
    const vec c = at_most(x, broadcast(20)), e = vec_exp(c), n = e * (e + 2), d = n + 2;
    return n / d + 4 * (c * (e * (1 + e) / (d * d)));
}

#endif
