/* The vector type of the variant, in the compiler's portable vector extension. A source that
 * defines SHORT_VECTORS gets the short vectors of the instruction set. */
#ifndef CNET_SIMD_H
#define CNET_SIMD_H

#include "variant.h"

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

/* The first `count` lanes of a vector, the others 0; none if count is not positive. */
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
 * elements, repeated; the first or second halves of both, interleaved. Only these lists depend on
 * the number of lanes. */
#if defined(CNET_REAL_f32) && VECTOR_BYTES == 64
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define PAIRS 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1
#define FOURS 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3
#define FIRSTS 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECONDS 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif (defined(CNET_REAL_f32) && VECTOR_BYTES == 32) || VECTOR_BYTES == 64
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15
#define PAIRS 0, 1, 0, 1, 0, 1, 0, 1
#define FOURS 0, 1, 2, 3, 0, 1, 2, 3
#define FIRSTS 0, 8, 1, 9, 2, 10, 3, 11
#define SECONDS 4, 12, 5, 13, 6, 14, 7, 15
#elif defined(CNET_REAL_f32) || VECTOR_BYTES == 32
#define EVENS 0, 2, 4, 6
#define ODDS 1, 3, 5, 7
#define PAIRS 0, 1, 0, 1
#define FOURS 0, 1, 2, 3
#define FIRSTS 0, 4, 1, 5
#define SECONDS 2, 6, 3, 7
#else
#define EVENS 0, 2
#define ODDS 1, 3
#define PAIRS 0, 1
#define FIRSTS 0, 2
#define SECONDS 1, 3
#endif
static inline vec evens(vec a, vec b) { return __builtin_shufflevector(a, b, EVENS); }
static inline vec odds(vec a, vec b) { return __builtin_shufflevector(a, b, ODDS); }
static inline vec zip_first(vec a, vec b) { return __builtin_shufflevector(a, b, FIRSTS); }
static inline vec zip_second(vec a, vec b) { return __builtin_shufflevector(a, b, SECONDS); }

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

/* Transposes a square: element i of row r becomes element r of row i. */
static inline void transpose(vec rows[VECTOR_BYTES / sizeof(real)]) {
    interleave(rows, (int)LANES);
}

#endif
