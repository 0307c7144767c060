/* Images staged as vectors of channels, with their padding: a cell of LANES channels holds one
 * pixel. Any tap of any output is then a fixed distance from the first cell that the output reads,
 * for every stride and dilation. */
#ifndef CNET_CHANNELS_H
#define CNET_CHANNELS_H

#include "conv.h"
#include "gemm/product.h"
#include "tiles.h"

typedef struct {
    ptrdiff_t images, height, width; /* cells: of an image, including its padding */
    ptrdiff_t row, image, vector;    /* steps from row to row, image to image, vector to vector */
} cell_grid;

/* The cells that `rows` rows of outputs of each of `images` images read. */
static inline cell_grid cells_of(const cnet_conv2d *g, ptrdiff_t images, ptrdiff_t rows) {
    cell_grid s = {
        .images = images,
        .height = (rows - 1) * g->sh + (g->kh - 1) * g->dh + 1,
        .width = (g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1,
    };
    s.row = s.width * LANES;
    s.image = s.height * s.row + LANES * LANES; /* staging writes some excess */
    s.vector = s.images * s.image;
    return s;
}

/* Elements for this many channels. */
static inline ptrdiff_t cell_elements(const cell_grid *s, ptrdiff_t channels) {
    return ceil_div(channels, LANES) * s->vector;
}

/* Stages a vector of channels, from c on, of the images from n on, for the outputs in row `top` and
 * below. */
static inline void stage_cells(const cnet_conv2d *g, const cell_grid *s, const real *x, ptrdiff_t n,
                               ptrdiff_t images, ptrdiff_t c, ptrdiff_t top, real *to) {
    const struct images from = {x, g->n, g->c, g->h, g->w, g->ph, g->pw};
    for (ptrdiff_t i = 0; i < images; i++)
        for (ptrdiff_t row = 0; row < s->height; row++)
            stage_line(&from, n + i, c, top * g->sh + row - g->ph, -g->pw, s->width,
                       (vec *)(to + i * s->image + row * s->row));
}

#endif
