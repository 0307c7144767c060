/* The vector type of the variant, in the compiler's portable vector extension. A source that
 * defines SHORT_VECTORS gets the short vectors of the instruction set. */
#ifndef CNET_SIMD_H
#define CNET_SIMD_H

#include "variant.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

#if defined(SHORT_VECTORS)
#define VECTOR_BYTES ISA_SHORT_VECTOR_BYTES
#else
#define VECTOR_BYTES ISA_VECTOR_BYTES
#endif

/* Elements of a vector. */
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(real)))

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
/* A vector at any address: arrays from outside are aligned to their element only. */
typedef real unaligned_vec
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

static inline vec load(const real *p) { return *(const unaligned_vec *)p; }
static inline void store(real *p, vec v) { *(unaligned_vec *)p = v; }
static inline vec broadcast(real x) { return x - (vec){0}; }

/* Copies a short run, inline. A run shorter than a vector is copied as two overlapping pieces of
 * fixed size. */
static inline __attribute__((always_inline)) void copy_run(real *to, const real *from,
                                                           ptrdiff_t count) {
#define COPY_PIECES(size)                                                                          \
    if (count >= size) {                                                                           \
        memcpy(to, from, size * sizeof(real));                                                     \
        memcpy(to + count - size, from + count - size, size * sizeof(real));                       \
        return;                                                                                    \
    }
    if (count >= LANES) {
        for (ptrdiff_t s = 0; s + LANES <= count; s += LANES)
            store(to + s, load(from + s));
        store(to + count - LANES, load(from + count - LANES));
        return;
    }
    COPY_PIECES(8)
    COPY_PIECES(4)
    COPY_PIECES(2)
    COPY_PIECES(1)
#undef COPY_PIECES
}

/* load_run: the first `count` lanes of a vector, the others 0; none if count is not positive.
 * store_run stores them. Neither touches memory of other lanes. */
#if defined(__AVX512VL__)
#if VECTOR_BYTES == 64
#define VECTOR_INTRINSIC(name) CNET_JOIN(_mm512_##name, SUFFIX)
#else
#define VECTOR_INTRINSIC(name) CNET_JOIN(_mm256_##name, SUFFIX)
#endif
#if defined(CNET_REAL_f32)
#define SUFFIX ps
typedef __mmask16 lanes_t;
#else
#define SUFFIX pd
typedef __mmask8 lanes_t;
#endif
static inline lanes_t first_lanes(ptrdiff_t count) {
    return (lanes_t)_bzhi_u32(UINT32_MAX, (unsigned)max_size(0, count));
}
static inline vec load_run(const real *from, ptrdiff_t count) {
    return count >= LANES ? load(from)
                          : (vec)VECTOR_INTRINSIC(maskz_loadu)(first_lanes(count), from);
}
static inline void store_run(real *to, vec v, ptrdiff_t count) {
    if (count >= LANES)
        store(to, v);
    else
        VECTOR_INTRINSIC(mask_storeu)(to, first_lanes(count), v);
}
#else
static inline vec load_run(const real *from, ptrdiff_t count) {
    if (count >= LANES)
        return load(from);
    vec v = {0};
    copy_run((real *)&v, from, count);
    return v;
}
static inline void store_run(real *to, vec v, ptrdiff_t count) {
    if (count >= LANES)
        store(to, v);
    else
        copy_run(to, (const real *)&v, count);
}
#endif

static inline __attribute__((always_inline)) void zero_run(real *to, ptrdiff_t count) {
#define ZERO_PIECES(size)                                                                          \
    if (count >= size) {                                                                           \
        memset(to, 0, size * sizeof(real));                                                        \
        memset(to + count - size, 0, size * sizeof(real));                                         \
        return;                                                                                    \
    }
    if (count >= LANES) {
        for (ptrdiff_t s = 0; s + LANES <= count; s += LANES)
            store(to + s, (vec){0});
        store(to + count - LANES, (vec){0});
        return;
    }
    ZERO_PIECES(8)
    ZERO_PIECES(4)
    ZERO_PIECES(2)
    ZERO_PIECES(1)
#undef ZERO_PIECES
}

/* Positions for shuffles of two vectors: the even or odd elements of both; the first two or four
 * elements, repeated; the first or second halves of both, interleaved; all of one, from the last to
 * the first. Only these lists depend on the number of lanes. */
#if defined(CNET_REAL_f32) && VECTOR_BYTES == 64
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define PAIRS 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1
#define FOURS 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3
#define FIRSTS 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECONDS 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define BACKWARDS 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
#elif (defined(CNET_REAL_f32) && VECTOR_BYTES == 32) || VECTOR_BYTES == 64
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15
#define PAIRS 0, 1, 0, 1, 0, 1, 0, 1
#define FOURS 0, 1, 2, 3, 0, 1, 2, 3
#define FIRSTS 0, 8, 1, 9, 2, 10, 3, 11
#define SECONDS 4, 12, 5, 13, 6, 14, 7, 15
#define BACKWARDS 7, 6, 5, 4, 3, 2, 1, 0
#elif defined(CNET_REAL_f32) || VECTOR_BYTES == 32
#define EVENS 0, 2, 4, 6
#define ODDS 1, 3, 5, 7
#define PAIRS 0, 1, 0, 1
#define FOURS 0, 1, 2, 3
#define FIRSTS 0, 4, 1, 5
#define SECONDS 2, 6, 3, 7
#define BACKWARDS 3, 2, 1, 0
#else
#define EVENS 0, 2
#define ODDS 1, 3
#define PAIRS 0, 1
#define FIRSTS 0, 2
#define SECONDS 1, 3
#define BACKWARDS 1, 0
#endif
/* Positions within parts of 16 bytes, see transpose_parts. */
#if VECTOR_BYTES == 64
#define LOWS 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define HIGHS 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define LOW_PAIRS 0, 8, 2, 10, 4, 12, 6, 14
#define HIGH_PAIRS 1, 9, 3, 11, 5, 13, 7, 15
#elif VECTOR_BYTES == 32
#define LOWS 0, 8, 1, 9, 4, 12, 5, 13
#define HIGHS 2, 10, 3, 11, 6, 14, 7, 15
#define LOW_PAIRS 0, 4, 2, 6
#define HIGH_PAIRS 1, 5, 3, 7
#else
#define LOWS 0, 4, 1, 5
#define HIGHS 2, 6, 3, 7
#define LOW_PAIRS 0, 2
#define HIGH_PAIRS 1, 3
#endif
/* Even or odd elements in the order of the instruction set: of 32 bytes, both halves of `a` and `b`
 * take turns, as instructions move elements within 16 bytes. `ordered` puts all of `a` before `b`,
 * or back. */
#if VECTOR_BYTES == 32
#if defined(CNET_REAL_f32)
#define QUICK_EVENS 0, 2, 8, 10, 4, 6, 12, 14
#define QUICK_ODDS 1, 3, 9, 11, 5, 7, 13, 15
#else
#define QUICK_EVENS 0, 4, 2, 6
#define QUICK_ODDS 1, 5, 3, 7
#endif
static inline vec ordered(vec v) {
    typedef double pairs __attribute__((vector_size(VECTOR_BYTES)));
    return (vec)__builtin_shufflevector((pairs)v, (pairs)v, 0, 2, 1, 3);
}
#else
#define QUICK_EVENS EVENS
#define QUICK_ODDS ODDS
static inline vec ordered(vec v) { return v; }
#endif
static inline vec quick_evens(vec a, vec b) { return __builtin_shufflevector(a, b, QUICK_EVENS); }
static inline vec quick_odds(vec a, vec b) { return __builtin_shufflevector(a, b, QUICK_ODDS); }
static inline vec evens(vec a, vec b) { return ordered(quick_evens(a, b)); }
static inline vec odds(vec a, vec b) { return ordered(quick_odds(a, b)); }
static inline vec zip_first(vec a, vec b) { return __builtin_shufflevector(a, b, FIRSTS); }
static inline vec zip_second(vec a, vec b) { return __builtin_shufflevector(a, b, SECONDS); }
static inline vec reversed(vec v) { return __builtin_shufflevector(v, v, BACKWARDS); }

/* Interleaves `count` vectors, a power of two: element i of row r becomes element i * count + r of
 * the whole run. */
static inline __attribute__((always_inline)) void interleave(vec *rows, const int count) {
    vec other[VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 4
    for (int round = 1; round < count; round *= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < count / 2; i++) {
            other[2 * i] = zip_first(rows[i], rows[i + count / 2]);
            other[2 * i + 1] = zip_second(rows[i], rows[i + count / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            rows[i] = other[i];
    }
}

/* Adds neighbouring lanes of pairs of vectors, which halves the number of vectors each time, until
 * each lane is the sum of one of the `count` original vectors, a multiple of LANES. */
static inline __attribute__((always_inline)) void add_lanes(vec *sums, int count) {
#pragma GCC unroll 4
    for (int lanes = (int)LANES; lanes > 1; lanes /= 2, count /= 2)
#pragma GCC unroll 16
        for (int i = 0; i < count / 2; i++)
            sums[i] = evens(sums[2 * i], sums[2 * i + 1]) + odds(sums[2 * i], sums[2 * i + 1]);
}

/* ---- Transposition. A square is loaded in parts of 16 bytes, which can be placed anywhere in a
 * vector, and each group of parts is transposed within the parts. ---- */

enum { PART = 16 / (int)sizeof(real) };

/* The parts at x, x + step, ... one after the other. By intrinsics, because the compiler combines
 * parts in registers, which only one port can do. */
static inline vec load_parts(const real *x, ptrdiff_t step) {
#define PART_AT(r) _mm_loadu_ps((const float *)(x + (r) * step))
#if VECTOR_BYTES == 64
    __m512 parts = _mm512_castps128_ps512(PART_AT(0));
    parts = _mm512_insertf32x4(parts, PART_AT(1), 1);
    parts = _mm512_insertf32x4(parts, PART_AT(2), 2);
    return (vec)_mm512_insertf32x4(parts, PART_AT(3), 3);
#elif VECTOR_BYTES == 32
    return (vec)_mm256_insertf128_ps(_mm256_castps128_ps256(PART_AT(0)), PART_AT(1), 1);
#else
    (void)step;
    return load(x);
#endif
#undef PART_AT
}

/* In each part: the first or last elements of both vectors, or pairs of 4-byte elements,
 * interleaved. */
typedef double pairs_vec __attribute__((vector_size(VECTOR_BYTES)));
static inline vec zip_low_pairs(vec a, vec b) {
    return (vec)__builtin_shufflevector((pairs_vec)a, (pairs_vec)b, LOW_PAIRS);
}
static inline vec zip_high_pairs(vec a, vec b) {
    return (vec)__builtin_shufflevector((pairs_vec)a, (pairs_vec)b, HIGH_PAIRS);
}

static inline void transpose_parts(vec rows[PART]) {
#if defined(CNET_REAL_f32)
    const vec low = __builtin_shufflevector(rows[0], rows[1], LOWS),
              high = __builtin_shufflevector(rows[0], rows[1], HIGHS),
              next_low = __builtin_shufflevector(rows[2], rows[3], LOWS),
              next_high = __builtin_shufflevector(rows[2], rows[3], HIGHS);
    rows[0] = zip_low_pairs(low, next_low);
    rows[1] = zip_high_pairs(low, next_low);
    rows[2] = zip_low_pairs(high, next_high);
    rows[3] = zip_high_pairs(high, next_high);
#else
    const vec first = rows[0];
    rows[0] = zip_low_pairs(first, rows[1]);
    rows[1] = zip_high_pairs(first, rows[1]);
#endif
}

/* A square: y[i * y_step + r] = x[r * x_step + i]. Not inlined, because a loop around it would keep
 * the address of each row, for which there are not enough registers. */
static __attribute__((noinline, unused)) void transpose_square(const real *x, ptrdiff_t x_step,
                                                               real *y, ptrdiff_t y_step) {
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += PART) {
        vec rows[PART];
#pragma GCC unroll 4
        for (int r = 0; r < PART; r++)
            rows[r] = load_parts(x + (r * x_step + i), PART * x_step);
        transpose_parts(rows);
#pragma GCC unroll 4
        for (int r = 0; r < PART; r++)
            store(y + (i + r) * y_step, rows[r]);
    }
}

/* Element r of columns[i] is x[r * step + i]. */
static inline void load_transposed(const real *x, ptrdiff_t step, vec *columns) {
    transpose_square(x, step, (real *)columns, LANES);
}

/* y[i * y_step + r] = x[r * x_step + i] for r < count and i < rows <= LANES. Reads whole vectors of
 * the `count` rows of x, and nothing after them: other threads may write there. */
static __attribute__((noinline, unused)) void store_transposed(const real *x, ptrdiff_t x_step,
                                                               ptrdiff_t count, ptrdiff_t rows,
                                                               real *y, ptrdiff_t y_step) {
    for (ptrdiff_t r = 0; r < count; r += LANES) {
        if (rows >= LANES && count >= LANES) {
            const ptrdiff_t at = min_size(r, count - LANES); /* the last squares may overlap */
            transpose_square(x + at * x_step, x_step, y + at, y_step);
            continue;
        }
        vec lines[VECTOR_BYTES / sizeof(real)], square[VECTOR_BYTES / sizeof(real)];
        for (int i = 0; i < LANES; i++)
            lines[i] = load(x + min_size(r + i, count - 1) * x_step);
        load_transposed((const real *)lines, LANES, square);
        for (ptrdiff_t i = 0; i < min_size(rows, LANES); i++)
            store_run(y + i * y_step + r, square[i], count - r);
    }
}

/* Transposes a square: element i of row r becomes element r of row i. */
static inline void transpose(vec rows[VECTOR_BYTES / sizeof(real)]) {
    vec square[VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 16
    for (int r = 0; r < LANES; r++)
        square[r] = rows[r];
    load_transposed((const real *)square, LANES, rows);
}

#endif
