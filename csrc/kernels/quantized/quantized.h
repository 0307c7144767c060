/* Images of 8-bit integers in blocks of channels: (n, blocks, h, w, QBLOCK), as plans of dtype int8
 * keep them between convolutions. An element q stands for the number (q - zero) * scale.
 *
 * Channel c is element c % QBLOCK of block c / QBLOCK; the last block is filled up with channels
 * whose values do not matter. Sums are exact, and everything that follows them is rounded without
 * contraction, so that results are the same integers on every instruction set. */
#ifndef CNET_QUANTIZED_H
#define CNET_QUANTIZED_H

#include "dot.h"

enum {
    QBLOCK = 16,
    QUAD = 4, /* products that one lane of a dot adds */
    BLOCK_LANES = (int)(VECTOR_BYTES / sizeof(int32_t)),
    BLOCK_VECTORS = QBLOCK / BLOCK_LANES,
    /* Pixels of a register tile: their sums leave registers for a vector of filters and one of x.
     */
    FREE_PIXELS = (ISA_REGISTERS - 3) / BLOCK_VECTORS,
    MOST_PIXELS = FREE_PIXELS < 16 ? FREE_PIXELS : 16
};

static inline ptrdiff_t qblocks_of(ptrdiff_t channels) { return ceil_div(channels, QBLOCK); }

/* What a register tile sums for each of its pixels and each tap: the dots of
 *     TILE_DENSE     four channels of the pixel with four filters of each output; neighbouring
 *                    pixels are QBLOCK bytes apart;
 *     TILE_CHANNELS  four columns of each channel with four filters of that channel; neighbouring
 *                    pixels are QBLOCK * QUAD bytes apart. */
typedef enum { TILE_DENSE, TILE_CHANNELS, TILE_KINDS } tile_kind;

/* What happens to the sums: s * scale + bias, + residual * residual_scale, then limited to
 * [low, high], and rounded to the nearest integer unless y is of reals. */
typedef struct {
    const uint8_t *residual; /* or NULL */
    uint8_t *y;              /* unless y is of reals */
    real *real_y;
    float residual_scale, low, high;
} outputs;

/* A tile has 1, 2 or 4 rows of pixels. Offsets are in bytes, steps of y in elements. */
typedef struct {
    ptrdiff_t taps;
    const int32_t *offsets; /* of the taps in x */
    const int8_t *filters;  /* (taps, QBLOCK, QUAD) */
    const uint8_t *x;
    ptrdiff_t x_row, y_row, y_pixel;
    ptrdiff_t at; /* the first element of y, and of the residual */
    const int32_t *start;
    const float *scale, *bias;
    const outputs *outputs;
} tile;

/* Computes the tile; `rows` is 1, 2 or 4, and rows * width at most MOST_PIXELS. */
void CNET_FN(quantized_tile)(const tile *t, tile_kind kind, int vnni, int rows, int width);

#endif
