/* Images in blocks of channels, as plans keep them between convolutions: (n, blocks, h, w, BLOCK).
 * Channel c is element c % BLOCK of block c / BLOCK; the last block is filled up with channels
 * whose values do not matter. A pixel of a block is as long as a cache line on every instruction
 * set. */
#ifndef CNET_BLOCKED_H
#define CNET_BLOCKED_H

#include "simd_math.h"

enum {
    BLOCK = CNET_ALIGNMENT / (int)sizeof(real),
    BLOCK_VECTORS = CNET_ALIGNMENT / VECTOR_BYTES,
    /* Pixels of a register tile: their sums leave registers for the filters and one number. Half as
     * many are enough to hide the latency of a sum; float64 has no more, because each size is a
     * function of its own. */
    REGISTER_PIXELS = (ISA_REGISTERS - 3) / BLOCK_VECTORS,
    LISTED_PIXELS = sizeof(real) == 8 ? 14 : 28,
    MOST_PIXELS = REGISTER_PIXELS < LISTED_PIXELS ? REGISTER_PIXELS : LISTED_PIXELS
};

static inline ptrdiff_t blocks_of(ptrdiff_t channels) { return ceil_div(channels, BLOCK); }

/* What happens to the sums of a convolution: + bias, + residual, then limited to [low, high]. NaN
 * stays NaN. */
typedef struct {
    vec low, high;
} limits;

static inline vec limited(vec x, const limits *l) { return at_most(at_least(x, l->low), l->high); }

/* What a register tile sums: x[p] * filter for each of its pixels p and each tap, where a tap is
 *     TILE_ELEMENTS  one number of a plane, with neighbouring pixels 1 apart;
 *     TILE_BLOCKS    the numbers of a block, with neighbouring pixels BLOCK apart;
 *     TILE_STRIDED   the same with pixels 2 * BLOCK apart;
 *     TILE_SUMS      as TILE_BLOCKS, and sums are stored as they are;
 *     TILE_CHANNELS  a block of channels, each with its own filter;
 *     TILE_CHANNELS_STRIDED  the same with pixels 2 * BLOCK apart. */
typedef enum {
    TILE_ELEMENTS,
    TILE_BLOCKS,
    TILE_STRIDED,
    TILE_SUMS,
    TILE_CHANNELS,
    TILE_CHANNELS_STRIDED,
    TILE_KINDS
} tile_kind;

/* A tile, and those after it in its rows, which have the same size. A tile has 1, 2 or 4 rows of
 * pixels; rows of x and of y, and pixels of x, are a step apart. Pixels of y, and of the residual,
 * which is NULL or has the layout of y, are BLOCK apart. */
typedef struct {
    ptrdiff_t tiles;          /* sums are those of a single tile */
    ptrdiff_t taps, whole;    /* taps; those of whole blocks of channels, which come first */
    int rest;                 /* channels in the blocks of the other taps */
    const ptrdiff_t *offsets; /* of the taps in x */
    const real *filters; /* (channels of all taps, BLOCK), or (taps, BLOCK) if a tap is one number
                            or each channel has its own */
    const real *x;
    ptrdiff_t x_row, x_pixel, y_row;
    real *y;
    const real *residual, *bias;
    limits limits;
} tile;

/* Computes the tiles, and moves t behind them; `rows` is 1, 2 or 4, and rows * width at most
 * MOST_PIXELS. */
void CNET_FN(blocked_tiles)(tile *t, tile_kind kind, int rows, int width);

/* The widest tile of 1, 2 or 4 rows for images with so many columns, in even parts. */
static inline int tile_rows(ptrdiff_t columns, ptrdiff_t rows) {
    for (int r = 4; r > 1; r /= 2)
        if (columns * r <= MOST_PIXELS && rows >= r)
            return r;
    return 1;
}
static inline int tile_width(ptrdiff_t columns) {
    return (int)ceil_div(columns, ceil_div(columns, MOST_PIXELS));
}

/* Algorithms of a blocked convolution (direct.c, winograd.c), called by blocked_conv2d.c. */
typedef struct {
    const real *x, *residual;
    const void *prepared;
    real *y;
    limits limits;
} blocked_arrays;
typedef size_t blocked_bytes(const cnet_conv2d *g, int threads);
typedef void blocked_prepare(const real *weight, const real *bias, void *prepared,
                             const cnet_conv2d *g);
typedef void blocked_run(const blocked_arrays *arrays, const cnet_conv2d *g, int threads,
                         char *workspace);
blocked_bytes CNET_FN(blocked_direct_prepared), CNET_FN(blocked_direct_workspace),
    CNET_FN(blocked_winograd_prepared), CNET_FN(blocked_winograd_workspace);
blocked_prepare CNET_FN(blocked_direct_prepare), CNET_FN(blocked_winograd_prepare);
blocked_run CNET_FN(blocked_direct), CNET_FN(blocked_winograd);

/* The bias of all blocks, as the algorithms keep it: zeros for channels beyond the last. */
static inline real *put_bias(const real *bias, ptrdiff_t channels, real *to) {
    const ptrdiff_t count = blocks_of(channels) * BLOCK;
    for (ptrdiff_t o = 0; o < count; o++)
        to[o] = bias && o < channels ? bias[o] : 0;
    return to + count;
}

#endif
