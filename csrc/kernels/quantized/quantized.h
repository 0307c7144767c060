/* Images of 8-bit integers or bfloat16 in blocks of channels: (n, blocks, h, w, QBLOCK), as plans
 * of these dtypes keep them between convolutions. Channel c is element c % QBLOCK of block c /
 * QBLOCK.
 *
 * Of 8-bit images, an element q stands for the number (q - zero) * scale, and the last block is
 * filled up with channels whose values do not matter. Sums are exact, and everything that follows
 * them is rounded without contraction, so that results are the same integers on every instruction
 * set.
 *
 * Of bfloat16 images, the last block is filled up with channels that are finite if the others are.
 * Sums are of float32. They are the same on every instruction set, but for those of tiles (AMX),
 * which add the products in another order. */
#ifndef CNET_QUANTIZED_H
#define CNET_QUANTIZED_H

#include "dot.h"

enum {
    QBLOCK = 16,
    QUAD = 4, /* bytes of staged x that one lane of a dot reads */
    BLOCK_LANES = (int)(VECTOR_BYTES / sizeof(int32_t)),
    BLOCK_VECTORS = QBLOCK / BLOCK_LANES,
    /* Pixels of a register tile: their sums leave registers for a vector of filters and one of x.
     */
    FREE_PIXELS = (ISA_REGISTERS - 3) / BLOCK_VECTORS,
    MOST_PIXELS = FREE_PIXELS < 16 ? FREE_PIXELS : 16,
    /* Those of INT8_PAIRS leave more of them, for pairs on their way. */
    FREE_OF_PAIRS = (ISA_REGISTERS - 7) / BLOCK_VECTORS,
    PAIRS_PIXELS = FREE_OF_PAIRS < 8 ? FREE_OF_PAIRS : 8
};

static inline ptrdiff_t qblocks_of(ptrdiff_t channels) { return ceil_div(channels, QBLOCK); }

/* The formats of images. Those of 8-bit images differ in how a lane adds products:
 *     INT8        four at once, by vpdpbusd;
 *     INT8_PAIRS  two sums of two, which fit into 16 bits;
 *     INT8_WORDS  two, of x and filters that are staged and packed as 16-bit integers. */
typedef enum { INT8, INT8_PAIRS, INT8_WORDS, BFLOAT16 } number_format;

/* What direct sums use without vpdpbusd. */
enum { INT8_WITHOUT_VNNI = HAS_QUADS ? INT8_PAIRS : INT8_WORDS };

/* Elements of a quad: four 8-bit integers, two 16-bit integers, or one bfloat16, which staged x
 * holds as float32. */
static inline ptrdiff_t quad_size(number_format format) {
    return format <= INT8_PAIRS ? 4 : format == INT8_WORDS ? 2 : 1;
}

/* Bytes of an element of an image, and of a packed filter. */
static inline ptrdiff_t element_bytes(number_format format) { return format == BFLOAT16 ? 2 : 1; }
static inline ptrdiff_t filter_bytes(number_format format) { return format <= INT8_PAIRS ? 1 : 2; }

/* Bytes of a pixel of a block: in an image, and as it is staged. */
static inline ptrdiff_t block_bytes(number_format format) { return QBLOCK * element_bytes(format); }
static inline ptrdiff_t staged_bytes(number_format format) {
    return QBLOCK * QUAD / quad_size(format);
}

/* What a register tile sums for each of its pixels and each tap: the dots of
 *     TILE_DENSE     a quad of channels of the pixel with a quad of filters of each output;
 *     TILE_CHANNELS  a quad of columns of each channel with a quad of filters of that channel. */
typedef enum { TILE_DENSE, TILE_CHANNELS, TILE_KINDS } tile_kind;

/* What happens to the sums of 8-bit images: s * scale + bias, + residual * residual_scale; and to
 * those of bfloat16: s + bias, + residual. Then they are limited to [low, high], and rounded to the
 * format unless y is of reals. */
typedef struct {
    const void *residual; /* or NULL */
    void *y;              /* unless y is of reals */
    real *real_y;
    float residual_scale, low, high;
} outputs;

/* A tile has 1, 2 or 4 rows of pixels. Tiles of one row may follow each other. Offsets are in
 * bytes, steps of y in elements. */
typedef struct {
    number_format format;
    ptrdiff_t count; /* of tiles, if the format has_count */
    ptrdiff_t taps;
    const int32_t *offsets; /* of the taps in x */
    const char *filters;    /* (taps, QBLOCK) quads */
    const uint8_t *x;
    ptrdiff_t x_row;
    const int32_t *start;
    int32_t *sums; /* (count, rows, width, QBLOCK) */
    const float *scale, *bias;
    const outputs *outputs;
    ptrdiff_t y_pixel;
} tile;

static inline ptrdiff_t tile_pixels(number_format format) {
    return format == INT8_PAIRS ? PAIRS_PIXELS : MOST_PIXELS;
}

/* Whether small tiles follow each other in one call. */
static inline int has_count(number_format format) { return format == INT8_PAIRS; }

/* Computes the tiles; `rows` is 1, 2 or 4, and rows * width at most tile_pixels. */
void CNET_FN(quantized_tile)(const tile *t, tile_kind kind, int rows, int width);

/* Converts sums (count, QBLOCK) to the results of `count` pixels, the first of them at `at`. Of the
 * tile, only format, scale, bias, outputs and y_pixel are read. */
void CNET_FN(quantized_finish)(const tile *t, ptrdiff_t at, ptrdiff_t count, const int32_t *sums);

/* What the preparation makes: offsets of taps or of runs of them; for each output where its sum
 * starts, its scale and bias; for each panel its filters. */
typedef struct {
    const int32_t *offsets, *start;
    const float *scale, *bias;
    const char *filters;
} prepared;
typedef struct {
    ptrdiff_t offsets, panel; /* panel: bytes of the filters of one */
} prepared_sizes;

/* Algorithms of a convolution (direct.c, winograd.c, amx.c), called by conv2d.c. */
typedef struct {
    number_format format;
    const uint8_t *x;
    int zero; /* the zero point of x */
    prepared prepared;
    outputs outputs;
} conv_arrays;
typedef prepared_sizes sizes_of(const cnet_conv2d *g, number_format format);
typedef void put_filters(const cnet_conv2d *g, number_format format, const void *weight,
                         int32_t *offsets, char *filters);
typedef size_t workspace_of(const cnet_conv2d *g, number_format format, int threads);
typedef void run_conv(const conv_arrays *arrays, const cnet_conv2d *g, int threads,
                      char *workspace);
sizes_of CNET_FN(quantized_direct_sizes), CNET_FN(quantized_winograd_sizes),
    CNET_FN(quantized_amx_sizes);
put_filters CNET_FN(quantized_direct_put), CNET_FN(quantized_winograd_put),
    CNET_FN(quantized_amx_put);
workspace_of CNET_FN(quantized_direct_workspace), CNET_FN(quantized_winograd_workspace),
    CNET_FN(quantized_amx_workspace);
run_conv CNET_FN(quantized_direct), CNET_FN(quantized_winograd), CNET_FN(quantized_amx);

/* Whether winograd.c computes a convolution without vpdpbusd, in less time than direct.c. */
int CNET_FN(quantized_winograd_pays)(const cnet_conv2d *g);

#define UNROLLED static inline __attribute__((always_inline))

static inline int is_depthwise(const cnet_conv2d *g) {
    return g->g == g->c && g->c == g->o && g->g > 1;
}

static inline int has_padding(const cnet_conv2d *g) {
    return (g->oh - 1) * g->sh + (g->kh - 1) * g->dh >= g->h || g->ph || g->pw ||
           (g->ow - 1) * g->sw + (g->kw - 1) * g->dw >= g->w;
}

/* Puts the element `index` of the weights, or 0 if there is none; returns what follows it. */
static inline char *put_weight(number_format format, const void *weight, ptrdiff_t index,
                               int exists, char *to) {
    const int16_t number = !exists              ? 0
                           : format == BFLOAT16 ? ((const int16_t *)weight)[index]
                                                : ((const int8_t *)weight)[index];
    const int8_t byte = (int8_t)number;
    memcpy(to, filter_bytes(format) == 1 ? (const void *)&byte : &number,
           (size_t)filter_bytes(format));
    return to + filter_bytes(format);
}

/* The filters of a panel, from output `o` on, for `count` channels from `channel` on, at tap (i,
 * j); zeros where there is no output or channel. Returns what follows them. */
static inline char *put_quad(const cnet_conv2d *g, number_format format, const void *weight,
                             ptrdiff_t o, ptrdiff_t channel, ptrdiff_t count, ptrdiff_t i,
                             ptrdiff_t j, char *to) {
    const ptrdiff_t channels = g->c / g->g;
    for (ptrdiff_t lane = o; lane < o + QBLOCK; lane++)
        for (ptrdiff_t c = channel; c < channel + count; c++)
            to = put_weight(format, weight, ((lane * channels + c) * g->kh + i) * g->kw + j,
                            lane < g->o && c < channels, to);
    return to;
}

#endif
