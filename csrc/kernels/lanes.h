/* Integer vectors, and selection by lane. */
#ifndef CNET_LANES_H
#define CNET_LANES_H

#include "simd.h"

/* One integer of the size of a real per lane. */
typedef mask_t ivec __attribute__((vector_size(VECTOR_BYTES)));

/* The code of a pooled output that ReLU set to 0; other codes are positions in the window. */
enum { POOL_DEAD = 4 };

static inline ivec lane_numbers(void) {
    ivec numbers;
    for (int lane = 0; lane < LANES; lane++)
        numbers[lane] = lane;
    return numbers;
}

static inline ivec splat(ptrdiff_t x) { return (mask_t)x - (ivec){0}; }

static inline ivec select_index(ivec mask, ivec a, ivec b) { return (mask & a) | (~mask & b); }

static inline vec select_cell(ivec mask, vec a, vec b) {
    return (vec)select_index(mask, (ivec)a, (ivec)b);
}

/* Conversions from and to one byte per lane. By intrinsics where the compiler converts lane by
 * lane. */
typedef uint8_t lane_bytes
    __attribute__((vector_size(VECTOR_BYTES / sizeof(real)), aligned(1), may_alias));

static inline ivec load_bytes(const uint8_t *p) {
#if defined(CNET_REAL_f32) && VECTOR_BYTES == 64
    return (ivec)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif defined(CNET_REAL_f32) && VECTOR_BYTES == 32
    return (ivec)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#else
    return __builtin_convertvector(*(const lane_bytes *)p, ivec);
#endif
}

/* Lanes in [0, 255]. */
static inline void store_bytes(uint8_t *p, ivec v) {
#if defined(CNET_REAL_f32) && ISA_VECTOR_BYTES == 32
    const __m256i words = _mm256_packus_epi32((__m256i)v, (__m256i)v);
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    _mm_storel_epi64((__m128i *)p, _mm_unpacklo_epi32(low, high));
#else
    *(lane_bytes *)p = __builtin_convertvector(v, lane_bytes);
#endif
}

/* The first `count` lanes only. */
static inline ivec load_bytes_run(const uint8_t *p, ptrdiff_t count) {
    uint8_t bytes[LANES] = {0};
    memcpy(bytes, p, (size_t)count);
    return load_bytes(bytes);
}

static inline void store_bytes_run(uint8_t *p, ivec v, ptrdiff_t count) {
    uint8_t bytes[LANES];
    store_bytes(bytes, v);
    memcpy(p, bytes, (size_t)count);
}

#endif
