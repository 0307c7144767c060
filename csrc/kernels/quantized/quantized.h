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

/* Converts sums (count, QBLOCK) to the results of `count` pixels, the first of them at `at`. Of the
 * tile, only scale, bias, outputs and y_pixel are read. */
void CNET_FN(quantized_finish)(const tile *t, ptrdiff_t at, ptrdiff_t count, const int32_t *sums);

/* What prepare_quantized_conv2d makes: offsets of taps or of runs of them; for each output where
 * its sum starts, its scale and bias; for each panel its filters (quads, QBLOCK, QUAD). */
typedef struct {
    const int32_t *offsets, *start;
    const float *scale, *bias;
    const int8_t *filters;
} prepared;
typedef struct {
    ptrdiff_t offsets, quads;
} prepared_sizes;

/* Algorithms of a convolution (direct.c, amx.c), called by conv2d.c. */
typedef struct {
    const uint8_t *x;
    int zero; /* the zero point of x */
    int vnni;
    prepared prepared;
    outputs outputs;
} conv_arrays;
typedef prepared_sizes sizes_of(const cnet_conv2d *g);
typedef void put_filters(const cnet_conv2d *g, const int8_t *weight, int32_t *offsets,
                         int8_t *filters);
typedef size_t workspace_of(const cnet_conv2d *g, int threads);
typedef void run_conv(const conv_arrays *arrays, const cnet_conv2d *g, int threads,
                      char *workspace);
sizes_of CNET_FN(quantized_direct_sizes), CNET_FN(quantized_amx_sizes);
put_filters CNET_FN(quantized_direct_put), CNET_FN(quantized_amx_put);
workspace_of CNET_FN(quantized_direct_workspace), CNET_FN(quantized_amx_workspace);
run_conv CNET_FN(quantized_direct), CNET_FN(quantized_amx);

static inline ptrdiff_t quads_of(ptrdiff_t count) { return ceil_div(count, QUAD); }

static inline int is_depthwise(const cnet_conv2d *g) {
    return g->g == g->c && g->c == g->o && g->g > 1;
}

static inline int has_padding(const cnet_conv2d *g) {
    return (g->oh - 1) * g->sh + (g->kh - 1) * g->dh >= g->h || g->ph || g->pw ||
           (g->ow - 1) * g->sw + (g->kw - 1) * g->dw >= g->w;
}

/* The filters of a panel for four channels from `channel` on, at tap (i, j); zeros where there is
 * no channel. `weight` is that of the first of `outputs` outputs. Returns what follows them. */
static inline int8_t *put_quad(const cnet_conv2d *g, const int8_t *weight, ptrdiff_t outputs,
                               ptrdiff_t channel, ptrdiff_t i, ptrdiff_t j, int8_t *to) {
    const ptrdiff_t channels = g->c / g->g;
    for (ptrdiff_t lane = 0; lane < QBLOCK; lane++)
        for (ptrdiff_t c = channel; c < channel + QUAD; c++)
            *to++ = lane < outputs && c < channels
                        ? weight[((lane * channels + c) * g->kh + i) * g->kw + j]
                        : 0;
    return to;
}

#endif
