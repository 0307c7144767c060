/* Dot products of a few rows of A with each row of B, which is read once, in place: with few rows
 * of A, a transposed copy of B would cost as much as the product. */
#include "gemm/dots.h"

/* The register tile; at the edges its last row or column is repeated. */
enum {
    ROWS = 4,
    COLS = ISA_DOTS_COLS,
    CHUNK_COLS = 12 * COLS,
    LANE_COUNT = VECTOR_BYTES / sizeof(real)
};
/* Sums of a tile, and unused ones up to a multiple of the lanes. */
enum { SUMS = (ROWS * COLS + LANE_COUNT - 1) / LANE_COUNT * LANE_COUNT };

static void put(const dots *d, ptrdiff_t i, ptrdiff_t j, const real *sums) {
    const ptrdiff_t rows = min_size(ROWS, d->m - i), cols = min_size(COLS, d->n - j);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t s = 0; s < cols; s++) {
            const real sum = sums[r * COLS + s] + (d->bias ? d->bias[j + s] : 0);
            d->c[(i + r) * d->n + j + s] = d->relu && sum <= 0 ? 0 : sum;
        }
}

static inline __attribute__((always_inline)) void multiply_tile(const dots *d, ptrdiff_t i,
                                                                ptrdiff_t j, const int height) {
    const real *a[ROWS], *b[COLS];
    vec sum[ROWS][COLS] = {0};
    ptrdiff_t t = 0;
    for (int r = 0; r < height; r++)
        a[r] = d->a + min_size(i + r, d->m - 1) * d->a_row;
    for (int s = 0; s < COLS; s++)
        b[s] = d->b + min_size(j + s, d->n - 1) * d->b_row;
#define ADD_PRODUCTS(cells)                                                                        \
    {                                                                                              \
        vec row[COLS];                                                                             \
        _Pragma("GCC unroll 4") for (int s = 0; s < COLS; s++) row[s] = cells(b[s]);               \
        _Pragma("GCC unroll 4") for (int r = 0; r < height; r++) {                                 \
            const vec x = cells(a[r]);                                                             \
            _Pragma("GCC unroll 4") for (int s = 0; s < COLS; s++) sum[r][s] += x * row[s];        \
        }                                                                                          \
    }
#define WHOLE(from) load(from + t)
#define REST(from) load_run(from + t, d->k - t)
    for (; t + LANES <= d->k; t += LANES)
        ADD_PRODUCTS(WHOLE)
    if (t < d->k)
        ADD_PRODUCTS(REST)
    vec sums[SUMS] = {0};
#pragma GCC unroll 4
    for (int r = 0; r < height; r++)
#pragma GCC unroll 4
        for (int s = 0; s < COLS; s++)
            sums[r * COLS + s] = sum[r][s];
    add_lanes(sums, SUMS);
    put(d, i, j, (const real *)sums);
}

static void multiply_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const dots *d = argument;
    const ptrdiff_t end = min_size(d->n, (chunk + 1) * CHUNK_COLS);
    for (ptrdiff_t j = chunk * CHUNK_COLS; j < end; j += COLS)
        for (ptrdiff_t i = 0; i < d->m; i += ROWS) {
            if (d->m - i == 1)
                multiply_tile(d, i, j, 1);
            else
                multiply_tile(d, i, j, ROWS);
        }
}

void CNET_FN(dots)(const dots *d, int threads) {
    cnet_parallel(multiply_chunk, d, ceil_div(d->n, CHUNK_COLS), threads);
}
