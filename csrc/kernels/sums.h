/* Sums of long runs without loss of precision: each term is widened to double and added to one of
 * four vectors of partial sums, in a fixed order. */
#ifndef CNET_SUMS_H
#define CNET_SUMS_H

#include "simd.h"

#if defined(CNET_REAL_f32) && defined(__AVX2__)
#include <immintrin.h>
#endif

/* A vector of doubles, and a vector of as many reals, at any address. */
typedef double wide __attribute__((vector_size(VECTOR_BYTES)));
typedef real narrow __attribute__((vector_size(VECTOR_BYTES / sizeof(double) * sizeof(real)),
                                   aligned(sizeof(real)), may_alias));
enum { WIDE_LANES = VECTOR_BYTES / sizeof(double), WIDE_BLOCK = 4 * WIDE_LANES };

static inline wide load_wide(const real *p) {
#if defined(CNET_REAL_f32) && VECTOR_BYTES == 64
    return (wide)_mm512_cvtps_pd(_mm256_loadu_ps(p)); /* one instruction; the builtin takes four */
#elif defined(CNET_REAL_f32) && VECTOR_BYTES == 32
    return (wide)_mm256_cvtps_pd(_mm_loadu_ps(p));
#else
    return __builtin_convertvector(*(const narrow *)p, wide);
#endif
}

/* The first `count` lanes, fewer than all; the others are 0. */
static inline wide load_wide_run(const real *p, ptrdiff_t count) {
#if defined(CNET_REAL_f32) && defined(__AVX512VL__) && VECTOR_BYTES == 64
    return (wide)_mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8)first_lanes(count), p));
#elif defined(CNET_REAL_f32) && VECTOR_BYTES == 32
    const __m128i numbers = _mm_setr_epi32(0, 1, 2, 3);
    const __m128i is_read = _mm_cmpgt_epi32(_mm_set1_epi32((int)count), numbers);
    return (wide)_mm256_cvtps_pd(_mm_maskload_ps(p, is_read));
#else
    real lanes[WIDE_LANES] = {0};
    for (ptrdiff_t t = 0; t < count; t++)
        lanes[t] = p[t];
    return load_wide(lanes);
#endif
}

typedef double unaligned_wide
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(double)), may_alias));
static inline wide load_doubles(const double *p) { return *(const unaligned_wide *)p; }
static inline void store_doubles(double *p, wide v) { *(unaligned_wide *)p = v; }

static inline double sum_wide(const wide sums[4]) {
    const wide lanes = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    double sum = 0;
    for (int lane = 0; lane < WIDE_LANES; lane++)
        sum += lanes[lane];
    return sum;
}

/* The sum of x[t] - shift. */
static inline double sum_run(const real *x, double shift, ptrdiff_t count) {
    wide sums[4] = {0};
    ptrdiff_t t = 0;
    for (; t + WIDE_BLOCK <= count; t += WIDE_BLOCK)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            sums[i] += load_wide(x + t + i * WIDE_LANES) - shift;
    double sum = sum_wide(sums);
    for (; t < count; t++)
        sum += (double)x[t] - shift;
    return sum;
}

/* The sum of (x[t] - x_shift) * (y[t] - y_shift). */
static inline double sum_products(const real *x, double x_shift, const real *y, double y_shift,
                                  ptrdiff_t count) {
    wide sums[4] = {0};
    ptrdiff_t t = 0;
    for (; t + WIDE_BLOCK <= count; t += WIDE_BLOCK)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            sums[i] += (load_wide(x + t + i * WIDE_LANES) - x_shift) *
                       (load_wide(y + t + i * WIDE_LANES) - y_shift);
    double sum = sum_wide(sums);
    for (; t < count; t++)
        sum += ((double)x[t] - x_shift) * ((double)y[t] - y_shift);
    return sum;
}

#endif
