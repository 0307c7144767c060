/* The blocked matrix product C = A B that matmul and the convolutions share.
 *
 * The caller decides where the operands come from and where the result goes, by three functions:
 * pack a panel of A, pack a panel of B, and store a finished tile of C. So a convolution never
 * builds its im2col matrix: it copies panels straight from the image. */
#ifndef CNET_PRODUCT_H
#define CNET_PRODUCT_H

#include "simd.h"

/* The register tile: TILE_ROWS x TILE_VECTORS accumulators, which with one row of B and a broadcast
 * fill the available registers. A strip of C is as many tiles side by side as fit into STRIP_BYTES
 * of a row; the panels of B that it needs are copied together, and it is stored as a whole. */
enum {
    TILE_ROWS = ISA_PRODUCT_ROWS,
    SHORT_ROWS = 4, /* a last tile of so few rows leaves out the others */
    TILE_VECTORS = ISA_PRODUCT_VECTORS,
    TILE_COLS = TILE_VECTORS * VECTOR_BYTES / (int)sizeof(real),
    STRIP_BYTES = 512,
    STRIP_PANELS = STRIP_BYTES / (TILE_VECTORS * VECTOR_BYTES),
    STRIP_COLS = STRIP_PANELS * TILE_COLS
};

/* Lane r of step t is at[r * lane + t * step]. */
typedef struct {
    const real *at;
    ptrdiff_t lane, step;
} strided;

/* Cells that will be needed soon: `count` of them are prefetched into the second-level cache. */
typedef struct {
    const real *at;
    ptrdiff_t step, count;
} fetch;

/* Where a register tile goes, with rows `step` apart, and whether it is added to what is there. */
typedef struct {
    real *at;
    ptrdiff_t step;
    int adds;
} target;

/* One register tile: to(r, s) = sum over t of a(r, t) * b[t * b_step + s] with a(r, t)
 * = a[r * row_step + t * depth_step], for r < rows and the first `vectors` vectors of a row.
 * Copies the rows of b to `copy`, one after the other, unless it is NULL, and prefetches `ahead`
 * meanwhile. Inlined, so that constant steps and numbers of vectors become part of the code. */
static inline __attribute__((always_inline)) void
multiply_fetching(ptrdiff_t depth, const int rows, const real *a, const ptrdiff_t row_step,
                  const ptrdiff_t depth_step, const real *b, const ptrdiff_t b_step,
                  const int vectors, real *copy, fetch ahead, target to) {
    vec sum[TILE_ROWS][TILE_VECTORS] = {0};
    for (ptrdiff_t t = 0; t < depth; t++, a += depth_step, b += b_step) {
        vec row[TILE_VECTORS];
        if (t < ahead.count)
            __builtin_prefetch(ahead.at + t * ahead.step, 0, 2);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            row[v] = load(b + v * LANES);
            if (copy)
                store(copy + (t * TILE_COLS + v * LANES), row[v]);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[r][v] += a[r * row_step] * row[v];
    }
    if (to.adds)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[r][v] += load(to.at + (r * to.step + v * LANES));
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(to.at + (r * to.step + v * LANES), sum[r][v]);
}

/* The same for as many vectors as hold `cols` columns of a panel. */
static inline __attribute__((always_inline)) void
multiply_columns(ptrdiff_t depth, const int rows, const real *a, const ptrdiff_t row_step,
                 const ptrdiff_t depth_step, const real *b, const ptrdiff_t b_step, ptrdiff_t cols,
                 fetch ahead, target to) {
    if (cols <= LANES)
        multiply_fetching(depth, rows, a, row_step, depth_step, b, b_step, 1, NULL, ahead, to);
    else if (cols <= 2 * LANES || TILE_VECTORS == 2)
        multiply_fetching(depth, rows, a, row_step, depth_step, b, b_step, 2, NULL, ahead, to);
    else
        multiply_fetching(depth, rows, a, row_step, depth_step, b, b_step, TILE_VECTORS, NULL,
                          ahead, to);
}

typedef struct product product;
struct product {
    ptrdiff_t batch, m, n, k;
    /* to[t * TILE_ROWS + r] = A[b](i + r, p + t) for r < rows, 0 for the other rows. */
    void (*pack_a)(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                   ptrdiff_t depth, real *to);
    /* Copies up to STRIP_COLS columns of B to panels of TILE_COLS * depth elements, one after the
     * other. Element t * TILE_COLS + s of the panel of column j is B[b](p + t, j + s); columns of
     * the last panel that are not copied are 0. */
    void (*pack_b)(const product *q, ptrdiff_t b, ptrdiff_t p, ptrdiff_t depth, ptrdiff_t j,
                   ptrdiff_t cols, real *to);
    /* Stores strip[r * STRIP_COLS + s], a sum over one block of the depth, to C[b](i + r, j + s)
     * for s < cols <= STRIP_COLS. The first block overwrites C, the following blocks are added;
     * after the last, C is complete. */
    void (*store)(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                  ptrdiff_t cols, const real *strip, int first, int last);
    /* Optional: operands that are read in place because that is faster than a copy: A[0] and B[0],
     * and the distances of A[b] and B[b] from them, NULL if all are the same. Such an
     * A has at least TILE_ROWS rows; such a B has contiguous rows, and partial vectors are copied
     * nevertheless. */
    strided a, b;
    ptrdiff_t (*a_distance)(const product *q, ptrdiff_t b);
    ptrdiff_t (*b_distance)(const product *q, ptrdiff_t b);
    /* Optional: where B[b](p, j) lies, so that the columns from j on can be prefetched while others
     * are multiplied, and where C[b](i, j) will be stored. Along one of the axes, lane for columns
     * and step for rows, the next elements are contiguous. */
    strided (*find_b)(const product *q, ptrdiff_t b, ptrdiff_t p, ptrdiff_t j);
    strided (*find_c)(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t j);
    /* Optional: whether whole panels of B have contiguous rows, where find_b finds them: then they
     * are copied while they are multiplied with the first rows of A. */
    int has_rows;
    /* Optional: whether `store` does nothing but write and add: then whole tiles of strips whose
     * rows are contiguous are written or added to C directly, where find_c finds it. */
    int is_direct;
    /* Optional: whether `store` streams strips that are complete after one block of the depth;
     * these are not prefetched. */
    int streams;
};

/* Lanes that are not contiguous are fetched this many vectors ahead: they are more streams than the
 * hardware follows. */
enum { PACKED_AHEAD = 4 };

/* Packs a panel of a matrix with these strides: `count` lanes, padded with zeros to `width`. */
static inline __attribute__((always_inline)) void
pack_strided(const real *from, ptrdiff_t lane_stride, ptrdiff_t depth_stride, ptrdiff_t count,
             ptrdiff_t depth, const ptrdiff_t width, real *to) {
    if (count < width)
        memset(to, 0, (size_t)(depth * width) * sizeof(real));
    if (lane_stride == 1) {
        if (count == width)
            for (ptrdiff_t t = 0; t < depth; t++)
                memcpy(to + t * width, from + t * depth_stride, (size_t)width * sizeof(real));
        else
            for (ptrdiff_t t = 0; t < depth; t++)
                copy_run(to + t * width, from + t * depth_stride, count);
        return;
    }
    ptrdiff_t t = 0;
    /* Copies a vector of lanes at a time if it fits or is the only one: rows are written in order,
     * so that the next row overwrites the excess of the previous one. */
    const ptrdiff_t fitting = width < LANES ? width : width / LANES * LANES;
    if (depth_stride == 1)
        for (; t + LANES <= depth; t += LANES)
            for (ptrdiff_t s = 0; s < min_size(count, fitting); s += LANES) {
                const real *at = from + (s * lane_stride + t);
                const ptrdiff_t lanes = min_size(count - s, LANES);
                vec rows[VECTOR_BYTES / sizeof(real)];
                for (ptrdiff_t r = 0; r < lanes; r++)
                    __builtin_prefetch(at + (r * lane_stride + PACKED_AHEAD * LANES));
                if (lanes == LANES) {
                    load_transposed(at, lane_stride, rows);
                } else {
                    for (ptrdiff_t r = 0; r < LANES; r++)
                        rows[r] = r < lanes ? load(at + r * lane_stride) : (vec){0};
                    transpose(rows);
                }
                for (ptrdiff_t r = 0; r + 1 < LANES; r++)
                    store(to + (t + r) * width + s, rows[r]);
                store_run(to + (t + LANES - 1) * width + s, rows[LANES - 1], width);
            }
    for (ptrdiff_t s = fitting; s < count; s++)
        for (ptrdiff_t at = 0; at < t; at++)
            to[at * width + s] = from[at * depth_stride + s * lane_stride];
    for (; t < depth; t++)
        for (ptrdiff_t s = 0; s < count; s++)
            to[t * width + s] = from[t * depth_stride + s * lane_stride];
}

/* Packs columns of a matrix with these strides, as `pack_b` does. */
static inline void pack_columns(const real *from, ptrdiff_t col_stride, ptrdiff_t row_stride,
                                ptrdiff_t cols, ptrdiff_t depth, real *to) {
    const ptrdiff_t whole = col_stride == 1 ? cols / TILE_COLS * TILE_COLS : 0;
    for (ptrdiff_t t = 0; t < depth && whole; t++)
        for (ptrdiff_t s = 0; s < whole; s += TILE_COLS)
#pragma GCC unroll 8
            for (int v = 0; v < TILE_VECTORS; v++)
                store(to + (s * depth + t * TILE_COLS + v * LANES),
                      load(from + (t * row_stride + s + v * LANES)));
    for (ptrdiff_t s = whole; s < cols; s += TILE_COLS)
        pack_strided(from + s * col_stride, col_stride, row_stride, min_size(TILE_COLS, cols - s),
                     depth, TILE_COLS, to + s * depth);
}

/* Adds a row of a strip to a row of C, or overwrites it if `first`. */
static inline void put_row(real *c, const real *sums, ptrdiff_t cols, int first) {
    ptrdiff_t s = 0;
    for (; s + LANES <= cols; s += LANES)
        store(c + s, first ? load(sums + s) : load(c + s) + load(sums + s));
    for (; s < cols; s++)
        c[s] = first ? sums[s] : c[s] + sums[s];
}

/* Computes the whole product on the pool. Every element of C is summed over k in ascending order
 * within blocks of a fixed depth, and over the blocks in ascending order; if the depth is very long
 * compared to C, in parts that are added in order. Parallel over tiles of C and parts. The
 * workspace is also enough for smaller k. */
size_t CNET_FN(product_workspace)(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                  int threads);
void CNET_FN(product)(const product *q, const cnet_call *call);

/* The same for one b on the calling thread, for kernels with their own chunks. Meant for m and n so
 * small that a block of the depth fits into the cache. The workspace is also enough for smaller
 * sizes. */
size_t CNET_FN(serial_product_workspace)(ptrdiff_t m, ptrdiff_t k);
void CNET_FN(serial_product)(const product *q, ptrdiff_t b, char *workspace);

#endif
