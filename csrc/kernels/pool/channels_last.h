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

/* The position in the plane of the first tap of output `ow` of a row of outputs. */
static inline ptrdiff_t first_tap(const cnet_window2d *g, ptrdiff_t row, ptrdiff_t ow) {
    return (row % g->oh * g->sh - g->ph) * g->w + ow * g->sw - g->pw;
}

/* The outputs of a row whose taps lie in columns of the image. */
static inline range inner_columns(const cnet_window2d *g) {
    const range first = inside(-g->pw, g->sw, g->w, g->ow);
    const range last = inside(g->dw * (g->kw - 1) - g->pw, g->sw, g->w, g->ow);
    return (range){first.begin, max_size(first.begin, min_size(first.end, last.end))};
}

/* Those of `columns`, from inner_columns, whose taps all lie in the image, and vectors at them in
 * the images. */
static inline range inner_outputs(const cnet_window2d *g, range columns, ptrdiff_t row) {
    const ptrdiff_t image = row / g->oh, top = row % g->oh * g->sh - g->ph;
    const ptrdiff_t bottom = top + g->dh * (g->kh - 1);
    if (top < 0 || bottom >= g->h)
        return (range){columns.begin, columns.begin};
    const ptrdiff_t cells = g->n * g->h * g->w * g->c - round_up(g->c, LANES);
    const ptrdiff_t last_row = (image * g->h + bottom) * g->w;
    while (columns.end > columns.begin &&
           (last_row + (columns.end - 1) * g->sw - g->pw + g->dw * (g->kw - 1)) * g->c > cells)
        columns.end--;
    return columns;
}

/* Channels from `at` on, `count` of them. A vector may read the cells that follow, up to `end`. */
static inline vec channels_at(const real *x, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end) {
    return at + LANES <= end ? load(x + at) : load_run(x + at, count);
}

/* The same with 0 in the other lanes. */
static inline vec few_channels_at(const real *x, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end) {
    const vec cells = channels_at(x, at, count, end);
    return select_cell(lane_numbers() < splat(count), cells, (vec){0});
}

/* Stores some channels. A vector may extend into cells that are written later, up to `end`. */
static inline void store_channels(real *to, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end,
                                  vec values) {
    if (at + LANES <= end)
        store(to + at, values);
    else
        store_run(to + at, values, count);
}

#endif
