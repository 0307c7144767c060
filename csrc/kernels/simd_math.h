/* exp, expm1, log, tanh and erf of every lane of a vector, and the helpers they share. hyperbolic.h
 * and trigonometric.h have the other elementary functions.
 *
 * Errors are at most 2 units in the last place in float32 and 4 in float64, for all inputs and with
 * or without FMA. Infinities, NaN, signed zeros and subnormal numbers are handled as in libm. The
 * result of a lane does not depend on the other lanes, so a run may end inside a vector (load_run,
 * store_run).
 *
 * Methods. exp: x = n log 2 + r, |r| <= log(2) / 2, with log 2 as the sum of a short number, whose
 * products with n are exact, and a remainder (W. J. Cody and W. Waite, Software Manual for the
 * Elementary Functions, 1980). log: x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)) or [3/4, 3/2),
 * and s = f / (2 + f), so that log(1 + f) = 2 atanh(s) = f - f^2 / 2 + s (f^2 / 2 + s^2 R(s^2)), as
 * in fdlibm (Sun Microsystems, 1993). tanh: e / (e + 2), e = exp(2 x) - 1. erf: x + x P(x^2) below
 * 1, and 1 - exp(G(x)) above, where G is a polynomial for log(erfc(x)).
 *
 * The coefficients are minimax, for the relative error of the function value: computed by the Remez
 * exchange algorithm with 40 digits, then rounded to the dtype. Relative approximation errors as
 * powers of two, float32 and float64: exp(x) - 1 -28, -56; log -30, -58; erf -29, -59. */
#ifndef CNET_SIMD_MATH_H
#define CNET_SIMD_MATH_H

#include "simd.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* A source that defines SAME_ON_ALL_ISAS gets functions without instructions that others lack. */
#if VECTOR_BYTES == 64 && defined(CNET_REAL_f32) && !defined(SAME_ON_ALL_ISAS)
#define LOG_NEEDS_NO_EDGES 1 /* instructions split all numbers, also 0 and infinity */
#else
#define LOG_NEEDS_NO_EDGES 0
#endif

#if defined(CNET_REAL_f32)
typedef uint32_t bits_t;
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define SMALLEST_NORMAL 0x1p-126
#define LOG2_HIGH 0x1.62ep-1
#define LOG2_LOW 0x1.0bfbe8p-15
#define SQRT_HALF_BITS 0x3f3504f3
#define EXP_LEAST -104
#define EXP_GREATEST 90 /* half of the exponential overflows */
#define EXPM1_LEAST -18 /* exp(x) - 1 is -1 up to this x */
#define ERF_ONE 4       /* erf is 1 from this x on */
#define TANH_ONE 10     /* and tanh */
static const real exp_terms[] = {0x1p-1,       0x1.555556p-3,  0x1.5554aep-5,
                                 0x1.11109p-7, 0x1.6d74cep-10, 0x1.a1a1bp-13};
static const real log_terms[] = {0x1.55557ap-1, 0x1.995eb6p-2, 0x1.31e35ep-2};
static const real erf_terms[] = {0x1.06eba8p-3, -0x1.81273ep-2,  0x1.ce2cf8p-4, -0x1.b7f910p-6,
                                 0x1.5405bep-8, -0x1.a3f71ep-11, 0x1.496a12p-14};
static const real log_erfc_terms[] = {-0x1.661d7cp-12, -0x1.2088eap+0, -0x1.46baecp-1,
                                      -0x1.a65340p-4,  0x1.65cb72p-6,  -0x1.825aeep-9,
                                      0x1.86dd72p-13};
#else
typedef uint64_t bits_t;
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define SMALLEST_NORMAL 0x1p-1022
#define LOG2_HIGH 0x1.62e42fefa2p-1
#define LOG2_LOW 0x1.9ef35793c7673p-41
#define SQRT_HALF_BITS 0x3fe6a09e667f3bcd
#define EXP_LEAST -746
#define EXP_GREATEST 711
#define EXPM1_LEAST -38
#define ERF_ONE 6
#define TANH_ONE 20
static const real exp_terms[] = {
    0x1.000000000000ap-1,  0x1.55555555554fap-3,  0x1.555555555087dp-5,  0x1.1111111127be7p-7,
    0x1.6c16c1842a0ffp-10, 0x1.a01a012a570b6p-13, 0x1.a0199a0c691c3p-16, 0x1.71df2553cf019p-19,
    0x1.28ad72cc49578p-22, 0x1.ad7f6c633011bp-26};
static const real log_terms[] = {0x1.555555555557cp-1, 0x1.99999999847b5p-2, 0x1.2492493fb0e02p-2,
                                 0x1.c71c52bb3f3efp-3, 0x1.746648978100bp-3, 0x1.399d154f235f8p-3,
                                 0x1.2f51c76fc9989p-3};
static const real erf_terms[] = {
    0x1.06eba8214db69p-3,  -0x1.812746b0379e6p-2,  0x1.ce2f21a042b21p-4,  -0x1.b82ce312849afp-6,
    0x1.565bcd0db0530p-8,  -0x1.c02db3d8f264ep-11, 0x1.f9a321a195b9dp-14, -0x1.f4d1df40274b3p-17,
    0x1.b9def1de3f8ebp-20, -0x1.5f1d38354a7c9p-23, 0x1.f7a41b6768ef8p-27, -0x1.386acc14bb471p-30,
    0x1.0579a08899394p-34};
static const real log_erfc_terms[] = {
    -0x1.81b2433f0065bp-23, -0x1.20dd562f6d83fp+0,  -0x1.45f42b50e6070p-1,  -0x1.a4da4e07f8187p-4,
    0x1.3893993122f1ap-6,   0x1.261be746ed1c4p-12,  -0x1.cfbb501aa620ep-10, 0x1.50283a29ba1d9p-11,
    -0x1.77fa1c074adbap-15, -0x1.2724faf542ae5p-14, 0x1.79ce223dc929ap-15,  -0x1.150f897a01e66p-16,
    0x1.2262c70799148p-18,  -0x1.c8a76a1179af9p-21, 0x1.0df40b1fff951p-23,  -0x1.d437fe8ce7cfbp-27,
    0x1.19f2fb25a5b77p-30,  -0x1.a5e04bd668111p-35, 0x1.2773d03acb44fp-40};
#endif

/* The result of a vector comparison: all bits of a lane set, or none. */
typedef mask_t mask_vec __attribute__((vector_size(sizeof(vec))));
/* The bits of the lanes of a vector, as unsigned integers. */
typedef bits_t bits_vec __attribute__((vector_size(sizeof(vec))));
#define HALF ((real)0.5)
#define LOG2_E 0x1.71547652b82fep+0
#define SIGN_BIT ((bits_t)1 << (8 * sizeof(real) - 1))
#define MANTISSA_MASK (((bits_t)1 << MANTISSA_BITS) - 1)

static inline vec choose(mask_vec condition, vec a, vec b) {
    return (vec)((condition & (mask_vec)a) | (~condition & (mask_vec)b));
}
/* The lesser or greater of two numbers; x if it is NaN. */
#if VECTOR_BYTES == 64 && defined(CNET_REAL_f32)
static inline vec at_most(vec x, vec limit) { return (vec)_mm512_min_ps((__m512)limit, (__m512)x); }
static inline vec at_least(vec x, vec limit) {
    return (vec)_mm512_max_ps((__m512)limit, (__m512)x);
}
#elif VECTOR_BYTES == 32 && defined(CNET_REAL_f32)
static inline vec at_most(vec x, vec limit) { return (vec)_mm256_min_ps((__m256)limit, (__m256)x); }
static inline vec at_least(vec x, vec limit) {
    return (vec)_mm256_max_ps((__m256)limit, (__m256)x);
}
#else
static inline vec at_most(vec x, vec limit) { return choose(limit < x, limit, x); }
static inline vec at_least(vec x, vec limit) { return choose(limit > x, limit, x); }
#endif
/* The greater of two numbers; NaN if either is NaN, because the bits of a NaN and a number together
 * are those of a NaN. */
static inline vec greater_of(vec a, vec b) {
    return (vec)((mask_vec)at_least(a, b) | (mask_vec)at_least(b, a));
}
static inline vec vec_abs(vec x) { return (vec)((bits_vec)x & ~SIGN_BIT); }
static inline vec copy_sign(vec size, vec sign) {
    return (vec)((bits_vec)size | ((bits_vec)sign & SIGN_BIT));
}
/* From this size on, all numbers are integers. */
#define ALL_INTEGERS ((real)((bits_t)1 << MANTISSA_BITS))
/* vec_rint rounds to the nearest integer, and in the middle to the even one; vec_floor down. */
#if VECTOR_BYTES == 64 && defined(CNET_REAL_f32)
#define ROUNDED(x, mode) (vec) _mm512_roundscale_ps((__m512)x, mode)
#elif VECTOR_BYTES == 64
#define ROUNDED(x, mode) (vec) _mm512_roundscale_pd((__m512d)x, mode)
#elif VECTOR_BYTES == 32 && defined(CNET_REAL_f32)
#define ROUNDED(x, mode) (vec) _mm256_round_ps((__m256)x, mode)
#elif VECTOR_BYTES == 32
#define ROUNDED(x, mode) (vec) _mm256_round_pd((__m256d)x, mode)
#endif
#if defined(ROUNDED)
static inline vec vec_rint(vec x) {
    return ROUNDED(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec vec_floor(vec x) { return ROUNDED(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
#else
static inline vec vec_rint(vec x) {
    const vec size = vec_abs(x), nearest = (size + ALL_INTEGERS) - ALL_INTEGERS;
    return copy_sign(choose(size < ALL_INTEGERS, nearest, size), x);
}
static inline vec vec_floor(vec x) {
    const vec rounded = vec_rint(x);
    return rounded - choose(rounded > x, broadcast(1), (vec){0});
}
#endif
/* a / b for numbers b of normal size, with an error of at most 1 unit in the last place: the
 * division of the longest vectors takes as long as 30 other instructions. */
static inline vec quotient(vec a, vec b) {
#if VECTOR_BYTES == 64 && defined(CNET_REAL_f32) && !defined(SAME_ON_ALL_ISAS)
    const vec estimate = (vec)_mm512_rcp14_ps((__m512)b);
    const vec inverse = estimate + estimate * (1 - b * estimate), y = a * inverse;
    return y + inverse * (a - b * y);
#else
    return a / b;
#endif
}
static inline int all_lanes(mask_vec mask) {
#if VECTOR_BYTES == 64
    return _mm512_movepi8_mask((__m512i)mask) == UINT64_MAX;
#elif VECTOR_BYTES == 32
    return _mm256_movemask_epi8((__m256i)mask) == -1;
#else
    mask_t all = -1;
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        all &= mask[lane];
    return all != 0;
#endif
}
/* clang-format off */
/* y, where the lanes that are not ready are computed by libm. They are rare, and functions of their
 * own keep them out of the loops. */
#define BY_LIBM(name, arguments, value)                                                            \
    static __attribute__((noinline)) vec name arguments {                                          \
        _Pragma("GCC unroll 1")                                                                    \
        for (ptrdiff_t lane = 0; lane < LANES; lane++)                                             \
            if (!ready[lane])                                                                      \
                y[lane] = value;                                                                   \
        return y;                                                                                  \
    }
/* clang-format on */
static inline vec vec_sqrt(vec x) {
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        x[lane] = REAL_SQRT(x[lane]);
    return x;
}

/* terms[0] + terms[1] x + ...: even and odd terms are summed independently, for shorter dependency
 * chains. */
static inline __attribute__((always_inline)) vec polynomial(vec x, const real *terms, int count) {
    const vec square = x * x;
    vec sum = broadcast(terms[count - 1]), other = broadcast(terms[count - 2]);
#pragma GCC unroll 32
    for (int i = count - 3; i >= 0; i--) {
        const vec next = sum * square + terms[i];
        sum = other;
        other = next;
    }
    return sum * x + other;
}
#define POLYNOMIAL(x, terms) polynomial(x, terms, sizeof(terms) / sizeof((terms)[0]))

/* Adding one of these numbers rounds a sum to an integer; the low bits of the second sum have the
 * form of an exponent field. */
#define ROUNDER (0x3p-1 * ((bits_t)1 << MANTISSA_BITS))
#define EXPONENT_ROUNDER (ROUNDER + EXPONENT_BIAS)
static inline vec power_of_two(vec rounded) { return (vec)((bits_vec)rounded << MANTISSA_BITS); }

/* y * 2^n, rounded once, for y near 1 and an integer n. */
static inline vec scaled(vec y, vec n) {
#if VECTOR_BYTES == 64 && defined(CNET_REAL_f32)
    return (vec)_mm512_scalef_ps((__m512)y, (__m512)n);
#elif VECTOR_BYTES == 64
    return (vec)_mm512_scalef_pd((__m512d)y, (__m512d)n);
#else
    /* 2^n may not be a normal number: multiply by two factors, the last of which rounds. */
    const vec half = n * (real)0.5 + (real)EXPONENT_ROUNDER;
    const vec rest = (n - (half - (real)EXPONENT_ROUNDER)) + (real)EXPONENT_ROUNDER;
    return y * power_of_two(half) * power_of_two(rest);
#endif
}

/* exp(r) - 1 for |r| <= log(2) / 2. */
static inline vec expm1_of_rest(vec r) { return r + r * r * POLYNOMIAL(r, exp_terms); }

/* exp(r) - 1 for x = n log 2 + r. */
static inline vec exponential_of_rest(vec x, vec *n) {
    *n = (x * (real)LOG2_E + (real)ROUNDER) - (real)ROUNDER;
    return expm1_of_rest((x - *n * (real)LOG2_HIGH) - *n * (real)LOG2_LOW);
}

static inline vec vec_exp(vec x) {
    vec n;
    const vec bounded = at_most(at_least(x, broadcast(EXP_LEAST)), broadcast(EXP_GREATEST));
    const vec y = 1 + exponential_of_rest(bounded, &n);
    return scaled(y, n);
}

static inline vec vec_expm1(vec x) {
    vec n;
    const vec bounded = at_most(at_least(x, broadcast(EXPM1_LEAST)), broadcast(EXP_GREATEST));
    const vec y = exponential_of_rest(bounded, &n);
    const vec negative = at_least(-n, broadcast(1 - EXPONENT_BIAS)); /* 2^-n is a normal number */
    const vec inverse = power_of_two(negative + (real)EXPONENT_ROUNDER);
    return copy_sign(vec_abs(scaled(y + (1 - inverse), n)), x);
}

/* x = 2^k (1 + f), with an exact f. */
static inline vec split_exponent(vec x, vec *k) {
#if LOG_NEEDS_NO_EDGES
    /* k of 0 and infinity is infinite, f of negative numbers is NaN. */
    const __m512 number = (__m512)(x + 0); /* no negative zero */
    const __m512 mantissa = _mm512_getmant_ps(number, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
    *k = (vec)(_mm512_getexp_ps(number) - _mm512_getexp_ps(mantissa));
    return (vec)mantissa - 1;
#else
    const mask_vec subnormal = x < (real)SMALLEST_NORMAL;
    const vec normal = choose(subnormal, x * (real)0x1p54, x);
    const bits_vec bits =
        (bits_vec)normal - SQRT_HALF_BITS + ((bits_t)EXPONENT_BIAS << MANTISSA_BITS);
    const vec two = broadcast((real)((bits_t)1 << MANTISSA_BITS));
    /* An integer below 2^MANTISSA_BITS becomes a number through its mantissa. */
    const vec exponent = (vec)((bits >> MANTISSA_BITS) | (bits_vec)two) - two - EXPONENT_BIAS;
    *k = exponent - (vec)(subnormal & (mask_vec)broadcast(54));
    return (vec)((bits & MANTISSA_MASK) + SQRT_HALF_BITS) - 1;
#endif
}

/* log(x) - excess, for an excess that is small compared to the logarithm. */
static inline vec logarithm(vec x, vec excess) {
    vec k;
    const vec f = split_exponent(x, &k);
    const vec s = quotient(f, 2 + f), z = s * s, h = (real)0.5 * f * f;
    const vec low = s * (h + z * POLYNOMIAL(z, log_terms)) + k * (real)LOG2_LOW - excess;
    const vec y = k * (real)LOG2_HIGH + (f - (h - low));
#if LOG_NEEDS_NO_EDGES
    return y;
#else
    const vec edge = choose(x == 0, broadcast(-REAL_INFINITY), broadcast((real)NAN));
    return choose(x == REAL_INFINITY, x, choose(x > 0, y, edge));
#endif
}

static inline vec vec_log(vec x) { return logarithm(x, (vec){0}); }

static inline vec vec_tanh(vec x) {
    const vec e = vec_expm1(at_most(2 * vec_abs(x), broadcast(2 * TANH_ONE)));
    /* The rounding error of e + 2 is corrected where it matters; 1 / (e + 2) is (1 - tanh) / 2. */
    const vec y = quotient(e, e + 2), small = at_most(e, broadcast(2));
    const vec lost = small - ((small + 2) - 2);
    return copy_sign(y - y * lost * (HALF - HALF * y), x);
}

static inline vec vec_erf(vec x) {
    const vec size = vec_abs(x), square = x * x;
    const vec bounded = at_most(size, broadcast(ERF_ONE));
    const vec near = size + size * POLYNOMIAL(square, erf_terms);
    const vec far = 1 - vec_exp(POLYNOMIAL(bounded, log_erfc_terms));
    return copy_sign(choose(size < 1, near, far), x);
}

#endif
