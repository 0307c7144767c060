/* Code for convolution of images with channels last: padded images, windows that slide over them,
 * and register tiles. */
#ifndef CNET_NHWC_H
#define CNET_NHWC_H

#include "conv.h"
#include "gemm/product.h"

enum { ENOUGH_PRODUCTS = 1 << 17 }; /* for several threads */

enum { RUN = 4 }; /* neighbouring outputs that are computed together */

/* Lanes for the channels of few filters, which are often fewer than those of longer vectors. */
#define FEW_LANES ((ptrdiff_t)(ISA_SHORT_VECTOR_BYTES / sizeof(real)))

/* Images with padding: cell (y, x) of an image lies at (top + y, left + x) of the padded one, whose
 * other cells are 0. Cells that would lie outside are left out. */
typedef struct {
    const real *from; /* (n, h, w, c) */
    ptrdiff_t h, w, c, top, left;
    ptrdiff_t height, width; /* of the padded image */
} padded;

/* A window that slides over padded images. */
typedef struct {
    padded image;
    ptrdiff_t n, kh, kw, sh, sw, dh, dw, oh, ow;
    ptrdiff_t o;                       /* filters */
    ptrdiff_t taps;                    /* of a filter */
    ptrdiff_t *places;                 /* of the taps in a padded image */
    ptrdiff_t rows, blocks;            /* output rows of a block, blocks of an image */
    int in_place;                      /* whether the images are their own padded images */
    ptrdiff_t pitch;                   /* of a row of the padded image */
    size_t image_bytes;                /* of the padded image of a block */
    const real *weights, *bias;        /* panels of TILE_COLS filters; bias may be NULL */
    real *to;                          /* the first output of all */
    ptrdiff_t to_n, to_row, to_column; /* from one image, row and output of it to the next */
    int is_dense;                      /* whether outputs follow each other, each of one panel */
    int is_few;                        /* whether the lanes of sums are channels, not filters */
    char *images;                      /* a padded image for each thread */
} window;

/* A register tile: sums of rows of an image times vectors. */
typedef vec tile_t[2 * TILE_ROWS][TILE_VECTORS];

/* Sets the sums to 0, and `at` to where the rows begin. */
static inline __attribute__((always_inline)) void begin_tile(const real *a, const ptrdiff_t *lanes,
                                                             const int runs, const int run,
                                                             const int vectors, const real **at,
                                                             tile_t sum) {
#pragma GCC unroll 16
    for (int r = 0; r < runs; r++)
        at[r] = a + lanes[r];
#pragma GCC unroll 16
    for (int r = 0; r < runs * run; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (vec){0};
}

/* Adds at[r][cell + k * step] * b[v * LANES + s] to element s of vector v of sum[r * run + k]. */
static inline __attribute__((always_inline)) void
add_products(const real *const *at, ptrdiff_t cell, const ptrdiff_t step, const int runs,
             const int run, const real *b, const int vectors, tile_t sum) {
    vec row[TILE_VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++)
        row[v] = load(b + v * LANES);
#pragma GCC unroll 8
    for (int k = 0; k < run; k++)
#pragma GCC unroll 16
        for (int r = 0; r < runs; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[r * run + k][v] += at[r][cell + k * step] * row[v];
}

/* Lists where the taps lie in a padded image. */
static inline void list_taps(const window *s, ptrdiff_t *places) {
    const ptrdiff_t c = s->image.c;
    for (ptrdiff_t i = 0; i < s->kh; i++)
        for (ptrdiff_t j = 0; j < s->kw; j++)
            for (ptrdiff_t ch = 0; ch < c; ch++)
                *places++ = i * s->dh * s->pitch + j * s->dw * c + ch;
}

/* For the places of all taps, and as many as fill a tile. */
static inline size_t places_bytes(const window *s) {
    return bytes_of(round_up(s->taps, TILE_ROWS), sizeof(ptrdiff_t));
}

/* The window over x. */
static inline window forward_window(const cnet_conv2d *g) {
    return (window){
        .image = {.h = g->h, .w = g->w, .c = g->c, .top = g->ph, .left = g->pw},
        .n = g->n,
        .kh = g->kh,
        .kw = g->kw,
        .sh = g->sh,
        .sw = g->sw,
        .dh = g->dh,
        .dw = g->dw,
        .oh = g->oh,
        .ow = g->ow,
        .o = g->o,
        .to_n = g->oh * g->ow * g->o,
        .to_row = g->ow * g->o,
        .to_column = g->o,
    };
}

/* Everything that follows from the sizes of a window. */
void CNET_FN(nhwc_complete)(window *s);

/* The padded image for the outputs of `count` rows from `first` on: where it lies. */
const real *CNET_FN(nhwc_padded_rows)(const window *s, ptrdiff_t n, ptrdiff_t first,
                                      ptrdiff_t count, int slot);

/* Runs of neighbouring outputs of a block of rows: where their taps begin in the image, and their
 * places in the block. The next run begins with output x of row y. */
typedef struct {
    ptrdiff_t rows, y, x, lane, place;
    ptrdiff_t lanes[TILE_ROWS], places[TILE_ROWS];
} outputs;

/* Lists the next runs. One that would leave its row begins earlier, and the last one of the block
 * is repeated: these outputs are computed again. Returns 0 at the end. */
static inline __attribute__((always_inline)) int list_outputs(const window *s, const int runs,
                                                              const int run, outputs *next) {
    for (int r = 0; r < runs; r++) {
        next->lanes[r] = next->lane;
        next->places[r] = next->place;
        const ptrdiff_t left = s->ow - next->x - run;
        if (left > 0) {
            const ptrdiff_t count = run == 1 ? 1 : min_size(run, left);
            next->x += count;
            next->lane += count * s->sw * s->image.c;
            next->place += count * s->to_column;
        } else if (next->y + 1 < next->rows) {
            next->y++;
            next->x = 0;
            next->lane = next->y * s->sh * s->pitch;
            next->place = next->y * s->to_row;
        } else {
            for (; r < runs; r++) {
                next->lanes[r] = next->lane;
                next->places[r] = next->place;
            }
            return 0;
        }
    }
    return 1;
}

/* Computes the outputs of a block of rows with few filters (nhwc_few.c). */
void CNET_FN(nhwc_few)(const window *s, const real *image, ptrdiff_t rows, real *to);

/* The number of threads: one for little work. */
static inline int threads_for(const window *s, int threads) {
    const double products = (double)(s->n * s->oh * s->ow) * (double)(s->taps * s->o);
    return products < ENOUGH_PRODUCTS ? 1 : threads;
}

/* The weight gradient of conv2d_nhwc_backward (nhwc_dw.c). */
size_t CNET_FN(nhwc_dw_workspace)(const cnet_conv2d *g, int threads);
void CNET_FN(nhwc_dw)(const cnet_conv2d_nhwc_backward_arguments *a, const cnet_call *call);

#endif
