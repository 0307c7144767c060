/* Dots of 8-bit and of 16-bit integers, products of bfloat16, and what else these formats need of
 * an instruction set. */
#ifndef CNET_DOT_H
#define CNET_DOT_H

#include "lanes.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

/* Whether there is code for quads of bytes, and for tiles. CPUs have vpdpbusd and tiles if they
 * have VNNI and AMX, see runtime/cpu.h. */
#if defined(__AVX2__)
#define HAS_QUADS 1
#else
#define HAS_QUADS 0
#endif
#if defined(__AVX512F__) && defined(__linux__)
#define HAS_AMX 1
#else
#define HAS_AMX 0
#endif

/* Whether there is code of Winograd's algorithm: CPUs with AVX-512 have VNNI, but for the first
 * ones, and others without AVX2 are few. */
#if defined(__AVX2__) && !defined(__AVX512F__)
#define HAS_WINOGRAD 1
#else
#define HAS_WINOGRAD 0
#endif

typedef int32_t unaligned_ivec __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef uint16_t unaligned_halves
    __attribute__((vector_size(VECTOR_BYTES / 2), aligned(2), may_alias));

static inline ivec load_ints(const void *p) { return *(const unaligned_ivec *)p; }
static inline void store_ints(int32_t *p, ivec v) { *(unaligned_ivec *)p = v; }
/* One 16-bit integer for each lane. */
static inline ivec load_halves(const uint16_t *p) {
#if defined(__AVX2__) && !defined(__AVX512F__)
    return (ivec)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
#else
    return __builtin_convertvector(*(const unaligned_halves *)p, ivec);
#endif
}
/* Lanes in [0, 65535]. */
static inline void store_halves(uint16_t *p, ivec v) {
#if defined(__AVX2__) && !defined(__AVX512F__)
    const __m256i words = _mm256_packus_epi32((__m256i)v, (__m256i)v);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(_mm256_permute4x64_epi64(words, 8)));
#else
    *(unaligned_halves *)p = __builtin_convertvector(v, unaligned_halves);
#endif
}
/* The bytes of a pixel of a block, as 16-bit integers. */
typedef int16_t halves __attribute__((vector_size(32)));
static inline halves widen_bytes(const uint8_t *p) {
#if defined(__AVX2__)
    return (halves)_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
#else
    typedef uint8_t pixel_bytes __attribute__((vector_size(16), aligned(1), may_alias));
    return __builtin_convertvector(*(const pixel_bytes *)p, halves);
#endif
}
static inline ivec shift_right(ivec x, int bits) {
    typedef uint32_t uvec __attribute__((vector_size(VECTOR_BYTES)));
    return (ivec)((uvec)x >> bits);
}

/* sum + a0 b0 + a1 b1, for the signed 16-bit integers in the lower and upper half of each lane. */
static inline ivec add_pairs(ivec sum, ivec a, ivec b) {
#if defined(__AVX512BW__)
    return sum + (ivec)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return sum + (ivec)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return sum + (ivec)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    return sum + (a >> 16) * (b >> 16) + (a << 16 >> 16) * (b << 16 >> 16);
#endif
}

#if HAS_QUADS
/* sum + x0 w0 + x1 w1 + x2 w2 + x3 w3 for the four unsigned bytes of a lane of x and the four
 * signed ones of w. Exact. */
static inline ivec add_quads(ivec sum, ivec x, ivec w) {
#if defined(__AVX512F__)
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
#else
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
#endif
    return sum;
}

/* The same without vpdpbusd. Exact if x0 w0 + x1 w1 and x2 w2 + x3 w3 fit into 16 bits. */
static inline ivec add_pairs_of_quads(ivec sum, ivec x, ivec w) {
#if defined(__AVX512F__)
    const ivec pairs = (ivec)_mm512_maddubs_epi16((__m512i)x, (__m512i)w);
#else
    const ivec pairs = (ivec)_mm256_maddubs_epi16((__m256i)x, (__m256i)w);
#endif
    return add_pairs(sum, pairs, splat(0x10001));
}
#endif

/* sum + a * b for numbers that are bfloat16, whose product is a float32 unless it is too large or
 * too small. So the sum is rounded once, with and without an instruction for that. */
static inline vec add_product(vec sum, vec a, vec b) {
#if defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif defined(__AVX2__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#else
    return sum + a * b;
#endif
}

/* The nearest bfloat16, halves to even; NaN stays NaN. */
static inline ivec bfloat16_of(vec x) {
    const ivec upper = shift_right((ivec)x, 16);
    const ivec nearest = shift_right((ivec)x + 0x7fff + (upper & 1), 16);
    return select_index(x == x, nearest, upper | 0x40);
}
static inline vec of_bfloat16(ivec x) { return (vec)(x << 16); }

/* x limited to [low, high]; NaN stays NaN. */
static inline vec limited(vec x, vec low, vec high) {
#if defined(__AVX512F__)
    return (vec)_mm512_min_ps((__m512)high, _mm512_max_ps((__m512)low, (__m512)x));
#elif defined(__AVX2__)
    return (vec)_mm256_min_ps((__m256)high, _mm256_max_ps((__m256)low, (__m256)x));
#else
    x = select_cell(x < low, low, x);
    return select_cell(x > high, high, x);
#endif
}

/* x limited to [low, high]; NaN becomes low. */
static inline vec between(vec x, vec low, vec high) {
#if defined(__AVX512F__)
    return (vec)_mm512_min_ps(_mm512_max_ps((__m512)x, (__m512)low), (__m512)high);
#elif defined(__AVX2__)
    return (vec)_mm256_min_ps(_mm256_max_ps((__m256)x, (__m256)low), (__m256)high);
#else
    x = select_cell(x > low, x, low);
    return select_cell(x < high, x, high);
#endif
}

/* The nearest integers of numbers below 2^22, halves to even: the sum has no bits for fractions. */
static inline ivec nearest(vec x) { return (ivec)(x + 0x1.8p23f) - (ivec)(broadcast(0x1.8p23f)); }

#if defined(__AVX2__)
#define HAS_PACKING 1

/* The nearest integer of min(x, high), halves to even; the least integer for NaN. */
static inline ivec nearest_below(vec x, vec high) {
#if defined(__AVX512F__)
    return (ivec)_mm512_cvtps_epi32(_mm512_min_ps((__m512)high, (__m512)x));
#else
    return (ivec)_mm256_cvtps_epi32(_mm256_min_ps((__m256)high, (__m256)x));
#endif
}

/* Stores the integers of four vectors as bytes in [low, 255]. */
static inline void store_packed(uint8_t *p, const ivec x[4], uint8_t low) {
#if defined(__AVX512F__)
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32((__m512i)x[0], (__m512i)x[1]),
                                              _mm512_packs_epi32((__m512i)x[2], (__m512i)x[3]));
    _mm512_storeu_si512(
        p, _mm512_max_epu8(_mm512_permutexvar_epi32(order, bytes), _mm512_set1_epi8((char)low)));
#else
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32((__m256i)x[0], (__m256i)x[1]),
                                              _mm256_packs_epi32((__m256i)x[2], (__m256i)x[3]));
    _mm256_storeu_si256((__m256i *)p, _mm256_max_epu8(_mm256_permutevar8x32_epi32(bytes, order),
                                                      _mm256_set1_epi8((char)low)));
#endif
}
#else
#define HAS_PACKING 0
#endif

#endif
