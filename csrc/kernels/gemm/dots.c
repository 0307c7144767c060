/* Dot products of a few rows of A with each row of B, which is read once, in place: with few rows
 * of A, a transposed copy of B would cost as much as the product. */
#include "gemm/dots.h"
#include "lanes.h"

/* The sums of the register tile: of a few columns and four rows, or of a single row. At the edges
 * the last row or column is repeated. */
enum {
    ROWS = 4,
    SUMS = ROWS * ISA_DOTS_COLS,
    CHUNK_COLS = 3 * SUMS,
    DEPTH = 1 << 13, /* sums of more products would lose digits */
    LANE_COUNT = VECTOR_BYTES / (int)sizeof(real),
    PADDED_SUMS = (SUMS + LANE_COUNT - 1) / LANE_COUNT * LANE_COUNT
};

static inline __attribute__((always_inline)) void put(const dots *d, ptrdiff_t i, ptrdiff_t j,
                                                      int width, const real *sums) {
    static const real zeros[SUMS];
    const real *bias = d->bias ? d->bias + j : zeros;
    const real least = d->relu ? 0 : -INFINITY;
    const ptrdiff_t rows = min_size(SUMS / width, d->m - i), cols = min_size(width, d->n - j);
    for (ptrdiff_t r = 0; r < rows; r++) {
        real *c = d->c + (i + r) * d->n + j;
        const real *before = d->adds ? c : bias;
        for (ptrdiff_t s = 0; s < cols; s++) {
            const real sum = sums[r * width + s] + before[s];
            c[s] = sum <= least ? least : sum;
        }
    }
}

static inline __attribute__((always_inline)) void multiply_tile(const dots *d, ptrdiff_t i,
                                                                ptrdiff_t j, const int height) {
    const int width = SUMS / height;
    const real *a[ROWS], *b[SUMS];
    vec sum[SUMS] = {0};
    ptrdiff_t t = 0;
    for (int r = 0; r < height; r++)
        a[r] = d->a + min_size(i + r, d->m - 1) * d->a_row;
    for (int s = 0; s < width; s++)
        b[s] = d->b + min_size(j + s, d->n - 1) * d->b_row;
#define ADD_PRODUCTS(cells)                                                                        \
    {                                                                                              \
        vec x[ROWS];                                                                               \
        _Pragma("GCC unroll 4") for (int r = 0; r < height; r++) x[r] = cells(a[r]);               \
        _Pragma("GCC unroll 16") for (int s = 0; s < width; s++) {                                 \
            const vec column = cells(b[s]);                                                        \
            _Pragma("GCC unroll 4") for (int r = 0; r < height; r++) sum[r * width + s] +=         \
                x[r] * column;                                                                     \
        }                                                                                          \
    }
#define WHOLE(from) load(from + t)
#define LAST(from) (vec)((ivec)load(from + d->k - LANES) & rest)
    for (; t + LANES <= d->k; t += LANES)
        ADD_PRODUCTS(WHOLE)
    if (t < d->k) {
        const ivec rest = lane_numbers() >= splat(t + LANES - d->k);
        ADD_PRODUCTS(LAST)
    }
    vec sums[PADDED_SUMS] = {0};
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++)
        sums[s] = sum[s];
    add_lanes(sums, PADDED_SUMS);
    put(d, i, j, width, (const real *)sums);
}

static void multiply_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const dots *d = argument;
    const ptrdiff_t end = min_size(d->n, (chunk + 1) * CHUNK_COLS);
    const ptrdiff_t single = d->m % ROWS == 1, rows = d->m - single;
    for (ptrdiff_t j = chunk * CHUNK_COLS; j < end; j += ISA_DOTS_COLS)
        for (ptrdiff_t i = 0; i < rows; i += ROWS)
            multiply_tile(d, i, j, ROWS);
    for (ptrdiff_t j = chunk * CHUNK_COLS; j < end && single; j += SUMS)
        multiply_tile(d, rows, j, 1);
}

void CNET_FN(dots)(const dots *d, int threads) {
    dots block = *d;
    for (ptrdiff_t begin = 0; begin < d->k; begin += DEPTH) {
        block.a = d->a + begin;
        block.b = d->b + begin;
        block.k = min_size(DEPTH, d->k - begin);
        block.relu = d->relu && begin + block.k == d->k;
        block.adds = begin > 0;
        cnet_parallel(multiply_chunk, &block, ceil_div(d->n, CHUNK_COLS), threads);
    }
}
