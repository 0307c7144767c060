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

/* Prefetches the line that takes the place of line `ih` in the run below, or in the first run of
 * the next image, for the channels from c on. */
static inline void prefetch_next(const images *m, const tiling *t, ptrdiff_t n, ptrdiff_t c,
                                 ptrdiff_t ih, ptrdiff_t iw, ptrdiff_t pixels) {
    ptrdiff_t next = ih + t->tile;
    if (next >= m->h) {
        next -= t->rows * t->tile;
        n++;
    }
    if (next < 0 || next >= m->h || n == m->n)
        return;
    const range in = inside(iw, 1, m->w, pixels);
    const real *x = m->x + (((n * m->c + c) * m->h + next) * m->w + iw);
    for (ptrdiff_t r = 0; r < min_size(LANES, m->c - c); r++, x += m->h * m->w)
        for (ptrdiff_t j = in.begin; j < in.end; j += LINE_CELLS)
            __builtin_prefetch(x + j);
}

/* Whether a run lies directly below another one, so that both read the same columns. */
static inline int is_below(const tiling *t, const run *a, const run *b) {
    return a->n == b->n && a->left == b->left && a->count == b->count && a->top == b->top + t->tile;
}

/* The channels that are transformed together: they fill cache lines of `to`. */
enum { LINE_VECTORS = CNET_ALIGNMENT / VECTOR_BYTES };

/* Stages the lines of a run for a vector of channels. Those it shares with the run above are
 * already staged. */
UNROLLED void stage_run(const images *m, const tiling *t, const run *run, int is_below, ptrdiff_t c,
                        const int tile, const int rows, vec lines[][LINE_PIXELS]) {
    const ptrdiff_t pixels = tile * (run->count - 1) + rows, left = run->left - m->left;
    int staged = 0;
    for (; is_below && staged < rows - tile; staged++)
        memcpy(lines[staged], lines[staged + tile], (size_t)pixels * sizeof(vec));
    for (; staged < rows; staged++) {
        const ptrdiff_t row = run->top + staged - m->top;
        stage_line(m, run->n, c, row, left, pixels, lines[staged]);
        prefetch_next(m, t, run->n, c, row, left, pixels);
    }
}

UNROLLED void transform_tiles(const images *m, const tiling *t, ptrdiff_t first, ptrdiff_t count,
                              ptrdiff_t c0, ptrdiff_t c1, const operand *to, const int tile,
                              const int gradients) {
    vec lines[LINE_VECTORS][WINOGRAD_PATCH][LINE_PIXELS];
    const int rows = gradients ? tile : WINOGRAD_PATCH;
    for (ptrdiff_t c = c0; c < c1; c += LINE_CELLS) {
        const ptrdiff_t vectors = ceil_div(min_size(LINE_CELLS, c1 - c), LANES);
        real *x[LINE_VECTORS];
        for (ptrdiff_t v = 0, s = c; v < vectors; v++, s += LANES)
            x[v] = to->x + (s / to->width * to->panel + s % to->width);
        run above = {0};
        for (ptrdiff_t done = 0; done < count; done += above.count) {
            const run run = run_at(t, first + done, count - done);
            const int is_staged = done && is_below(t, &run, &above);
            for (ptrdiff_t v = 0; v < vectors; v++)
                stage_run(m, t, &run, is_staged, c + v * LANES, tile, rows, lines[v]);
            for (ptrdiff_t k = 0; k < run.count; k++)
                for (ptrdiff_t v = 0; v < vectors; v++) {
                    const vec *from = lines[v][0] + tile * k;
                    vec *y = (vec *)(x[v] + (done + k) * to->row);
                    if (gradients)
                        winograd_evaluate_2d(tile, NO_SCALE, from, LINE_PIXELS, y,
                                             to->plane / LANES);
                    else
                        winograd_input_2d(from, LINE_PIXELS, y, to->plane / LANES);
                }
            above = run;
        }
    }
}

/* `to` = B' d B of the patches of `count` tiles, for the channels in [c0, c1), where c0 is a
 * multiple of LANES. */
static inline void transform_images(const images *m, const tiling *t, ptrdiff_t first,
                                    ptrdiff_t count, ptrdiff_t c0, ptrdiff_t c1,
                                    const operand *to) {
    if (t->tile == 4)
        transform_tiles(m, t, first, count, c0, c1, to, 4, 0);
    else
        transform_tiles(m, t, first, count, c0, c1, to, 2, 0);
}

/* `to` = A d A' of the tiles themselves, with the same parameters. */
static inline void transform_gradients(const images *m, const tiling *t, ptrdiff_t first,
                                       ptrdiff_t count, ptrdiff_t c0, ptrdiff_t c1,
                                       const operand *to) {
    if (t->tile == 4)
        transform_tiles(m, t, first, count, c0, c1, to, 4, 1);
    else
        transform_tiles(m, t, first, count, c0, c1, to, 2, 1);
}

#endif
