/* Code for pooling with channels last: chunks, and the taps of a window. */
#ifndef CNET_CHANNELS_LAST_H
#define CNET_CHANNELS_LAST_H

#include "pool/pool.h"

/* Rows of outputs, or images, in a chunk, so that it has enough work; `cells` are those of one. */
static inline ptrdiff_t per_chunk(ptrdiff_t cells) {
    return max_size(1, ELEMENTS_PER_CHUNK / max_size(1, cells));
}

static inline ptrdiff_t rows_per_chunk(const cnet_window2d *g) {
    return per_chunk(max_size(g->ow, g->sh * g->w) * g->c);
}

static inline ptrdiff_t images_per_chunk(const cnet_window2d *g) {
    return per_chunk(max_size(g->h * g->w, g->oh * g->ow) * g->c);
}

static inline range part_of(ptrdiff_t chunk, ptrdiff_t size, ptrdiff_t count) {
    return (range){chunk * size, min_size(count, chunk * size + size)};
}

/* A window: its first cell, which may lie in the padding, and its taps in the image. */
typedef struct {
    ptrdiff_t top, left;
    range rows, columns;
} window_t;

static inline window_t window_at(const cnet_window2d *g, ptrdiff_t oh, ptrdiff_t ow) {
    const ptrdiff_t top = oh * g->sh - g->ph, left = ow * g->sw - g->pw;
    return (window_t){
        .top = top,
        .left = left,
        .rows = inside(top, g->dh, g->h, g->kh),
        .columns = inside(left, g->dw, g->w, g->kw),
    };
}

/* The position in the plane of tap (i, j). */
static inline ptrdiff_t position_of(const cnet_window2d *g, const window_t *window, ptrdiff_t i,
                                    ptrdiff_t j) {
    return (window->top + i * g->dh) * g->w + window->left + j * g->dw;
}

/* Channels from `at` on, `count` of them. A vector may read the cells that follow, up to `end`. */
static inline vec channels_at(const real *x, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end) {
    return at + LANES <= end ? load(x + at) : load_run(x + at, count);
}

/* ---- Gradients with few channels, whose windows share no cell ---------------------------------
 */

static inline int shares_no_cell(const cnet_window2d *g) {
    return g->c < LANES && g->dh * (g->kh - 1) < g->sh && g->dw * (g->kw - 1) < g->sw;
}

/* The same with 0 in the other lanes. */
static inline vec few_channels_at(const real *x, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end) {
    const vec cells = channels_at(x, at, count, end);
    return select_cell(lane_numbers() < splat(count), cells, (vec){0});
}

/* What the taps of one row of a window have in common. */
typedef struct {
    vec shares, maxima;
} row_of_taps;

typedef row_of_taps row_function(const void *job, ptrdiff_t oh, ptrdiff_t ow, ptrdiff_t output);
typedef vec cell_function(const void *job, const row_of_taps *row, ptrdiff_t at);

/* Writes the gradients of some images in the order of their addresses, a vector for each cell. The
 * lanes without a channel are 0, in cells that are written later or stay 0. `output` and `at` are
 * positions of channels in the arrays. */
static inline __attribute__((always_inline)) void write_each_cell(const cnet_window2d *g,
                                                                  range images, const void *job,
                                                                  real *dx, row_function *of_row,
                                                                  cell_function *of_cell) {
    const ptrdiff_t plane = g->h * g->w * g->c, end = images.end * plane;
    memset(dx + images.begin * plane, 0,
           (size_t)((images.end - images.begin) * plane) * sizeof(real));
    for (ptrdiff_t image = images.begin; image < images.end; image++) {
        for (ptrdiff_t oh = 0; oh < g->oh; oh++) {
            const ptrdiff_t top = oh * g->sh - g->ph;
            const range rows = inside(top, g->dh, g->h, g->kh);
            for (ptrdiff_t i = rows.begin; i < rows.end; i++) {
                const ptrdiff_t first = (image * g->h + top + i * g->dh) * g->w;
                for (ptrdiff_t ow = 0; ow < g->ow; ow++) {
                    const ptrdiff_t left = ow * g->sw - g->pw;
                    const range columns = inside(left, g->dw, g->w, g->kw);
                    const ptrdiff_t output = ((image * g->oh + oh) * g->ow + ow) * g->c;
                    const row_of_taps row = of_row(job, oh, ow, output);
                    for (ptrdiff_t j = columns.begin; j < columns.end; j++) {
                        const ptrdiff_t at = (first + left + j * g->dw) * g->c;
                        const vec values = (vec){0} + of_cell(job, &row, at);
                        if (at + LANES <= end)
                            store(dx + at, values);
                        else
                            store_run(dx + at, values, g->c);
                    }
                }
            }
        }
    }
}

#endif
