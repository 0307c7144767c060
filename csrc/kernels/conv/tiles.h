/* Tiles of outputs, and the transforms of their input patches and gradients. Lanes are channels.
 *
 * The tiles of all images are numbered: (n, row of tiles, column of tiles). Their pixels are staged
 * for a run of neighbouring tiles at a time, transposed so that a pixel is a vector of channels,
 * with zeros outside of the image. */
#ifndef CNET_TILES_H
#define CNET_TILES_H

#include "gemm/product.h"
#include "window.h"
#include "winograd.h"

/* A staged line holds this many pixels, and the excess of a transposition. */
enum { RUN_PIXELS = 64, LINE_PIXELS = RUN_PIXELS + VECTOR_BYTES / (int)sizeof(real) };

/* Elements in a cache line. */
enum { LINE_CELLS = CNET_ALIGNMENT / (int)sizeof(real) };

/* The tiling of the outputs of a convolution. */
typedef struct {
    int tile, taps; /* per side */
    ptrdiff_t rows, columns, count;
} tiling;

static inline tiling tiling_of(const cnet_conv2d *g) {
    tiling t = {.tile = WINOGRAD_PATCH + 1 - (int)g->kh, .taps = (int)g->kh};
    t.rows = ceil_div(g->oh, t.tile);
    t.columns = ceil_div(g->ow, t.tile);
    t.count = g->n * t.rows * t.columns;
    return t;
}

/* Consecutive tiles in a row of tiles. */
typedef struct {
    ptrdiff_t n, top, left; /* image, and the first output of the first tile */
    ptrdiff_t count;
} run;

/* The run that begins at `tile`, of at most `most` tiles. */
static inline run run_at(const tiling *t, ptrdiff_t tile, ptrdiff_t most) {
    const ptrdiff_t row = tile / t->columns, column = tile % t->columns;
    const ptrdiff_t fitting = (RUN_PIXELS - WINOGRAD_PATCH) / t->tile + 1;
    return (run){row / t->rows, row % t->rows * t->tile, column * t->tile,
                 min_size(min_size(most, fitting), t->columns - column)};
}

/* Images (n, c, h, w) with padding (top, left). */
typedef struct images {
    const real *x;
    ptrdiff_t n, c, h, w, top, left;
} images;

/* A square of x: element r of columns[i] is x[first + r * step + i] for r < count; 0 for the other
 * rows and for elements beyond x[size - 1]. */
UNROLLED void load_columns(const real *x, ptrdiff_t size, ptrdiff_t first, ptrdiff_t step,
                           ptrdiff_t count, vec *columns) {
    if (count >= LANES && first + (LANES - 1) * step + LANES <= size) {
        load_transposed(x + first, step, columns);
        return;
    }
    for (ptrdiff_t r = 0; r < LANES; r++, first += step)
        columns[r] = r < count ? load_run(x + first, size - first) : (vec){0};
    transpose(columns);
}

/* line[j] = pixel (ih, iw + j) of image n, for the channels from c on: 0 outside of the image. */
static inline void stage_line(const images *m, ptrdiff_t n, ptrdiff_t c, ptrdiff_t ih, ptrdiff_t iw,
                              ptrdiff_t pixels, vec *line) {
    range in = {0, 0};
    if (ih >= 0 && ih < m->h)
        in = inside(iw, 1, m->w, pixels);
    const ptrdiff_t step = m->h * m->w, first = ((n * m->c + c) * m->h + ih) * m->w + iw;
    for (ptrdiff_t j = 0; j < in.begin; j++)
        line[j] = (vec){0};
    for (ptrdiff_t j = in.begin; j < in.end; j += LANES)
        load_columns(m->x, m->n * m->c * step, first + j, step, m->c - c, line + j);
    for (ptrdiff_t j = in.end; j < pixels; j++)
        line[j] = (vec){0};
}

/* Transformed tiles as an operand of a product: channel c of tile t is in plane p at
 *     x[p * plane + c / width * panel + t * row + c % width]
 * where all steps are multiples of LANES. */
typedef struct {
    real *x;
    ptrdiff_t plane, panel, row, width;
} operand;

/* The step between planes of `elements`, kept off powers of two: otherwise the 36 planes would
 * compete for the same cache sets. */
static inline ptrdiff_t plane_step(ptrdiff_t elements) { return round_up(elements, LANES) + LANES; }

/* `to` = B' d B of the patches of `count` tiles, for the channels in [c0, c1), where c0 is a
 * multiple of LANES. */
void CNET_FN(transform_images)(const images *m, const tiling *t, ptrdiff_t first, ptrdiff_t count,
                               ptrdiff_t c0, ptrdiff_t c1, const operand *to);

/* `to` = A d A' of the tiles themselves, with the same parameters. */
void CNET_FN(transform_gradients)(const images *m, const tiling *t, ptrdiff_t first,
                                  ptrdiff_t count, ptrdiff_t c0, ptrdiff_t c1, const operand *to);

#endif
