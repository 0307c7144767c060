/* The blocked matrix product C = A B that matmul and the convolutions share.
 *
 * Where the operands lie and what becomes of the result is the caller's: three functions copy a
 * panel of A, copy a panel of B, and take a finished tile of C. So a convolution never builds its
 * im2col matrix: its panels are copied straight from the image. */
#ifndef CNET_PRODUCT_H
#define CNET_PRODUCT_H

#include "simd.h"

/* The register tile: TILE_ROWS x TILE_VECTORS accumulators, which with one row of B and a broadcast
 * fill the registers there are (32 with AVX-512, 16 otherwise). */
enum {
    TILE_ROWS = VECTOR_BYTES == 64 ? 8 : 6,
    TILE_VECTORS = VECTOR_BYTES == 64 ? 3 : 2,
    TILE_COLS = TILE_VECTORS * VECTOR_BYTES / (int)sizeof(real)
};

/* One register tile: to[r * TILE_COLS + s] = sum over t of a(r, t) * b[t * TILE_COLS + s] with
 * a(r, t) = a[r * row_step + t * depth_step], for the first `vectors` vectors of a row; b and to
 * are aligned. Inlined, so that constant steps and numbers of vectors become part of the code. */
static inline __attribute__((always_inline)) void
multiply_tile(ptrdiff_t depth, const real *a, const ptrdiff_t row_step, const ptrdiff_t depth_step,
              const real *b, const int vectors, real *to) {
    vec sum[TILE_ROWS][TILE_VECTORS] = {0};
    for (ptrdiff_t t = 0; t < depth; t++, a += depth_step, b += TILE_COLS) {
        vec row[TILE_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            row[v] = *(const vec *)(b + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[r][v] += a[r * row_step] * row[v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            *(vec *)(to + r * TILE_COLS + v * LANES) = sum[r][v];
}

/* The same for the number of vectors that hold `cols` columns. */
static inline __attribute__((always_inline)) void
multiply_columns(ptrdiff_t depth, const real *a, const ptrdiff_t row_step,
                 const ptrdiff_t depth_step, const real *b, ptrdiff_t cols, real *to) {
    if (cols <= LANES)
        multiply_tile(depth, a, row_step, depth_step, b, 1, to);
    else if (cols <= 2 * LANES || TILE_VECTORS == 2)
        multiply_tile(depth, a, row_step, depth_step, b, 2, to);
    else
        multiply_tile(depth, a, row_step, depth_step, b, TILE_VECTORS, to);
}

typedef struct product product;
struct product {
    ptrdiff_t batch, m, n, k;
    /* to[t * TILE_ROWS + r] = A[b](i + r, p + t) for r < rows, 0 for the other rows. */
    void (*pack_a)(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                   ptrdiff_t depth, real *to);
    /* to[t * TILE_COLS + s] = B[b](p + t, j + s) for s < cols, 0 for the other columns. */
    void (*pack_b)(const product *q, ptrdiff_t b, ptrdiff_t p, ptrdiff_t depth, ptrdiff_t j,
                   ptrdiff_t cols, real *to);
    /* Takes tile[r * TILE_COLS + s], a sum over one block of the depth, for C[b](i + r, j + s): the
     * first block is to be stored, the following are to be added. */
    void (*store)(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                  ptrdiff_t cols, const real *tile, int first);
};

/* A panel of a matrix with these strides: `count` lanes of it, padded with zeros to `width`. What
 * follows the panel may be overwritten, up to a vector. */
static inline __attribute__((always_inline)) void
pack_strided(const real *from, ptrdiff_t lane_stride, ptrdiff_t depth_stride, ptrdiff_t count,
             ptrdiff_t depth, const ptrdiff_t width, real *to) {
    if (count < width)
        memset(to, 0, (size_t)(depth * width) * sizeof(real));
    if (lane_stride == 1 && count == width && width % LANES == 0) {
        for (ptrdiff_t t = 0; t < depth; t++)
            for (ptrdiff_t s = 0; s < width; s += LANES)
                store(to + t * width + s, load(from + t * depth_stride + s));
        return;
    }
    ptrdiff_t t = 0;
    /* A vector of lanes at a time where it fits, or is the only one: its rows are written in order,
     * so that what one writes too much is overwritten by the next. */
    const ptrdiff_t fitting = width < LANES ? width : width / LANES * LANES;
    if (depth_stride == 1)
        for (; t + LANES <= depth; t += LANES)
            for (ptrdiff_t s = 0; s < min_size(count, fitting); s += LANES) {
                vec rows[VECTOR_BYTES / sizeof(real)];
                for (ptrdiff_t r = 0; r < LANES; r++)
                    rows[r] = s + r < count ? load(from + (s + r) * lane_stride + t) : (vec){0};
                transpose(rows);
                for (ptrdiff_t r = 0; r < LANES; r++)
                    store(to + (t + r) * width + s, rows[r]);
            }
    for (ptrdiff_t s = 0; s < count; s++)
        for (ptrdiff_t at = s < fitting ? t : 0; at < depth; at++)
            to[at * width + s] = from[at * depth_stride + s * lane_stride];
}

/* The whole product, in the pool. Every element of C is summed over k in ascending order within
 * blocks of a fixed depth, and over the blocks in ascending order. Parallel over tiles of C. */
size_t CNET_FN(product_workspace)(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                  int threads);
void CNET_FN(product)(const product *q, const cnet_exec *e);

/* The same for one b on the calling thread: what a kernel with its own chunks uses. */
size_t CNET_FN(serial_product_workspace)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k);
void CNET_FN(serial_product)(const product *q, ptrdiff_t b, char *workspace);

/* How many tiles the result is cut into before more are made for the sake of parallelism. */
ptrdiff_t CNET_FN(product_tiles)(ptrdiff_t m, ptrdiff_t n);

#endif
