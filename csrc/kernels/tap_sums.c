#include "tap_sums.h"

/* The register tiles, rows x vectors of accumulators: with a vector of cells for each column and a
 * broadcast they fill the registers there are (32 with AVX-512, 16 otherwise). */
#if VECTOR_BYTES == 64
#define TILES(TILE) TILE(4, 6) TILE(5, 5) TILE(6, 4) TILE(7, 3) TILE(9, 3) TILE(8, 3)
#else
#define TILES(TILE) TILE(4, 3) TILE(5, 2) TILE(6, 2)
#endif
enum { MOST_ROWS = 9, MOST_VECTORS = 6 };

static inline __attribute__((always_inline)) void sum_tile(const int rows, const int vectors,
                                                           ptrdiff_t depth, const real *weights,
                                                           const ptrdiff_t *offsets, const real *x,
                                                           ptrdiff_t pitch, real *to) {
    vec sum[MOST_ROWS][MOST_VECTORS] = {0};
    for (ptrdiff_t t = 0; t < depth; t++, weights += rows) {
        const real *from = x + offsets[t];
        vec cells[MOST_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            cells[v] = load(from + v * LANES);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[r][v] += weights[r] * cells[v];
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(to + r * pitch + v * LANES, sum[r][v]);
}

/* Vectors of positions, as many at a time as a tile has; the last two tiles share theirs evenly. */
#define SUM_TILE(rows, vectors, size)                                                              \
    case size:                                                                                     \
        if (size <= vectors)                                                                       \
            sum_tile(rows, size, depth, weights, offsets, x + at, pitch, to + at);                 \
        break;
#define SUM_ROWS(rows, vectors)                                                                    \
    static void sum_##rows##_rows(ptrdiff_t depth, const real *weights, const ptrdiff_t *offsets,  \
                                  const real *x, ptrdiff_t positions, ptrdiff_t pitch, real *to) { \
        ptrdiff_t at = 0, left = ceil_div(positions, LANES);                                       \
        while (left > 0) {                                                                         \
            const ptrdiff_t size =                                                                 \
                left <= vectors || left >= 2 * vectors ? min_size(left, vectors) : (left + 1) / 2; \
            switch (size) {                                                                        \
                SUM_TILE(rows, vectors, 1)                                                         \
                SUM_TILE(rows, vectors, 2)                                                         \
                SUM_TILE(rows, vectors, 3)                                                         \
                SUM_TILE(rows, vectors, 4)                                                         \
                SUM_TILE(rows, vectors, 5)                                                         \
                SUM_TILE(rows, vectors, 6)                                                         \
            }                                                                                      \
            at += size * LANES;                                                                    \
            left -= size;                                                                          \
        }                                                                                          \
    }
TILES(SUM_ROWS)

ptrdiff_t CNET_FN(tap_sums_rows)(ptrdiff_t filters) {
    ptrdiff_t best = 0;
#define BETTER(rows, vectors)                                                                      \
    if (best == 0 || round_up(filters, rows) <= round_up(filters, best))                           \
        best = rows;
    TILES(BETTER)
    return best;
}

void CNET_FN(tap_sums)(ptrdiff_t rows, ptrdiff_t depth, const real *weights,
                       const ptrdiff_t *offsets, const real *x, ptrdiff_t positions,
                       ptrdiff_t pitch, real *to) {
    switch (rows) {
#define RUN_ROWS(rows, vectors)                                                                    \
    case rows:                                                                                     \
        sum_##rows##_rows(depth, weights, offsets, x, positions, pitch, to);                       \
        break;
        TILES(RUN_ROWS)
    }
}
