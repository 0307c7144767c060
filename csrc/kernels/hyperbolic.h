/* Exponentials and logarithms to other bases, and hyperbolic functions, of every lane of a vector.
 *
 * Errors and special values as in simd_math.h, which also has the method of the exponentials.
 * sinh: x + x^3 S(x^2) below 1, where S is minimax for the relative error; above, and for cosh,
 * sinh(x) = e - 1 / (4 e) and cosh(x) = e + 1 / (4 e), e = exp(x) / 2. The inverse functions are
 * logarithms of 1 + y: y = 2 x + 2 x^2 / (1 - x) for atanh, halved, y = x + x^2 / (1 + sqrt(1 +
 * x^2)) for asinh, and y = t + sqrt(t^2 + 2 t), t = x - 1, for acosh. */
#ifndef CNET_HYPERBOLIC_H
#define CNET_HYPERBOLIC_H

#include "simd_math.h"

/* HIGH_BITS: of numbers whose products with each other are exact. The logarithms of 2 and e to
 * other bases are sums of such a number, or of one whose products with exponents are exact, and a
 * rest. */
#if defined(CNET_REAL_f32)
#define HIGH_BITS (~(bits_t)0 << 12)
#define LOG2_E_HIGH 0x1.716p+0
#define LOG2_E_LOW -0x1.7135a8p-13
#define LOG10_E_HIGH 0x1.bccp-2
#define LOG10_E_LOW -0x1.09d5b2p-15
#define LOG10_2_HIGH 0x1.344p-2
#define LOG10_2_LOW 0x1.3509f8p-18
#define EXP2_LEAST -150
#define EXP2_GREATEST 128
static const real sinh_terms[] = {0x1.555556p-3, 0x1.111134p-7, 0x1.9ffe94p-13, 0x1.7a158cp-19};
#else
#define HIGH_BITS (~(bits_t)0 << 27)
#define LOG2_E_HIGH 0x1.7154768p+0
#define LOG2_E_LOW -0x1.6a3e80f444178p-27
#define LOG10_E_HIGH 0x1.bcb7b18p-2
#define LOG10_E_LOW -0x1.6c8d78e6acaa4p-29
#define LOG10_2_HIGH 0x1.34413509f8p-2
#define LOG10_2_LOW -0x1.80433b83b532ap-44
#define EXP2_LEAST -1075
#define EXP2_GREATEST 1024
static const real sinh_terms[] = {
    0x1.5555555555556p-3,  0x1.11111111110a6p-7,  0x1.a01a01a02899bp-13, 0x1.71de3a465b2fdp-19,
    0x1.ae64671b09543p-26, 0x1.611a56246f331p-33, 0x1.b4c7586f78046p-41};
#endif

/* From this size on, x + 1 and sqrt(x^2 + 1) are x. */
#define LARGE_SIZE ((real)((bits_t)1 << (MANTISSA_BITS + 2)))
#define LOG2 ((real)0.69314718055994530942)
#define LOG10 ((real)2.30258509299404568402)

static inline vec vec_exp2(vec x) {
    const vec bounded = at_most(at_least(x, broadcast(EXP2_LEAST)), broadcast(EXP2_GREATEST));
    const vec n = (bounded + (real)ROUNDER) - (real)ROUNDER;
    return scaled(1 + expm1_of_rest((bounded - n) * LOG2), n);
}

/* exp(x) / 2 */
static inline vec half_exp(vec x) {
    vec n;
    const vec y = exponential_of_rest(at_most(x, broadcast(EXP_GREATEST)), &n);
    return scaled(1 + y, n - 1);
}
static inline vec vec_sinh(vec x) {
    const vec size = vec_abs(x), square = size * size, e = half_exp(size);
    const vec near = size + size * square * POLYNOMIAL(square, sinh_terms);
    return copy_sign(choose(size < 1, near, e - (real)0.25 / e), x);
}
static inline vec vec_cosh(vec x) {
    const vec e = half_exp(vec_abs(x));
    return e + (real)0.25 / e;
}

/* The logarithm of x to a base, from those of 2 and e: log(1 + f) = high + low. */
static inline __attribute__((always_inline)) vec log_to_base(vec x, real two_high, real two_low,
                                                             real e_high, real e_low) {
    vec k;
    const vec f = split_exponent(x, &k);
    const vec s = f / (2 + f), z = s * s, h = HALF * f * f;
    const vec high = (vec)((bits_vec)(f - h) & HIGH_BITS);
    const vec low = ((f - high) - h) + s * (h + z * POLYNOMIAL(z, log_terms));
    const vec rest = k * two_low + (low + high) * e_low + low * e_high;
    const vec y = k * two_high + (high * e_high + rest);
    const vec edge = choose(x == 0, broadcast(-REAL_INFINITY), broadcast((real)NAN));
    return choose(x == REAL_INFINITY, x, choose(x > 0, y, edge));
}
static inline vec vec_log2(vec x) {
    return log_to_base(x, 1, 0, (real)LOG2_E_HIGH, (real)LOG2_E_LOW);
}
static inline vec vec_log10(vec x) {
    return log_to_base(x, (real)LOG10_2_HIGH, (real)LOG10_2_LOW, (real)LOG10_E_HIGH,
                       (real)LOG10_E_LOW);
}

/* log(1 + x + low), for a small number `low`: what 1 + x loses by rounding is corrected by the
 * first term of a series. */
static inline vec log_of_sum(vec x, vec low) {
    const vec sum = 1 + x;
    const vec excess = choose(x < 1, (sum - 1) - x, (sum - x) - 1) - low;
    const mask_vec finite = (sum > 0) & (sum < REAL_INFINITY);
    return logarithm(sum, choose(finite, excess / sum, (vec){0}));
}
static inline vec vec_log1p(vec x) { return copy_sign(vec_abs(log_of_sum(x, (vec){0})), x); }

static inline vec vec_asinh(vec x) {
    const vec size = vec_abs(x), bounded = at_most(size, broadcast(LARGE_SIZE)), zero = (vec){0};
    const mask_vec large = size > LARGE_SIZE;
    const vec sum = size + size * (bounded / (1 + vec_sqrt(1 + bounded * bounded)));
    const vec y = log_of_sum(choose(large, size, sum), zero);
    return copy_sign(vec_abs(y + choose(large, broadcast(LOG2), zero)), x);
}

static inline vec vec_acosh(vec x) {
    const vec t = x - 1, root = vec_sqrt(t * t + 2 * t), sum = t + root, zero = (vec){0};
    const mask_vec large = x > LARGE_SIZE;
    const vec low = choose(large, zero, t - (sum - root));
    const vec y = log_of_sum(choose(large, x, sum), low) + choose(large, broadcast(LOG2), zero);
    return choose(x >= 1, y, broadcast((real)NAN));
}

static inline vec vec_atanh(vec x) {
    const vec size = vec_abs(x), twice = 2 * size;
    const vec y = HALF * log_of_sum(twice + twice * (size / (1 - size)), (vec){0});
    return choose(size <= 1, copy_sign(vec_abs(y), x), broadcast((real)NAN));
}

#endif
