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

#endif
