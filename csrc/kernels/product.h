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

/* A panel of a matrix with these strides: `count` lanes of it, padded with zeros to `width`. */
static inline void pack_strided(const real *from, ptrdiff_t lane_stride, ptrdiff_t depth_stride,
                                ptrdiff_t count, ptrdiff_t depth, const ptrdiff_t width, real *to) {
    if (count < width)
        memset(to, 0, (size_t)(depth * width) * sizeof(real));
    if (lane_stride == 1 && count == width)
        for (ptrdiff_t t = 0; t < depth; t++)
            for (ptrdiff_t s = 0; s < width; s++)
                to[t * width + s] = from[t * depth_stride + s];
    else
        for (ptrdiff_t s = 0; s < count; s++)
            for (ptrdiff_t t = 0; t < depth; t++)
                to[t * width + s] = from[t * depth_stride + s * lane_stride];
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
