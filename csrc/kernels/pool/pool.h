/* Code that maximum and average pooling share: chunks of planes, vectors of cells, divisors. */
#ifndef CNET_POOL_H
#define CNET_POOL_H

#include "lanes.h"
#include "strided.h"
#include "window.h"

/* The positions of the maxima in a vector of outputs. */
typedef int32_t positions
    __attribute__((vector_size(VECTOR_BYTES / sizeof(real) * sizeof(int32_t))));

/* The number of planes (n, c) in a chunk, and the number of chunks. */
static inline ptrdiff_t pool_planes_per_chunk(const cnet_window2d *g) {
    return max_size(1, ELEMENTS_PER_CHUNK / max_size(1, max_size(g->h * g->w, g->oh * g->ow)));
}

static inline ptrdiff_t pool_chunks(const cnet_window2d *g) {
    return ceil_div(g->n * g->c, pool_planes_per_chunk(g));
}

static inline range planes_of(const cnet_window2d *g, ptrdiff_t chunk) {
    const ptrdiff_t planes = pool_planes_per_chunk(g), begin = chunk * planes;
    return (range){begin, min_size(g->n * g->c, begin + planes)};
}

/* The cells at + lane * stride. Vectors may read cells of other rows but nothing outside of the
 * images, which end at `end`; lanes outside are 0. */
static inline __attribute__((always_inline)) vec cells_at(const real *x, ptrdiff_t at,
                                                          const ptrdiff_t stride, ptrdiff_t end) {
    if (stride <= 2 && at >= 0 && at + stride * LANES <= end)
        return stride == 1 ? load(x + at) : evens(load(x + at), load(x + at + LANES));
    vec cells = {0};
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        if (at + lane * stride >= 0 && at + lane * stride < end)
            cells[lane] = x[at + lane * stride];
    return cells;
}

/* The number of cells by which the sum of a window is divided, along one axis: with those in the
 * padding or without. `padding` is the padding after the image. */
static inline ptrdiff_t counted(int count_include_pad, ptrdiff_t begin, ptrdiff_t length,
                                ptrdiff_t size, ptrdiff_t padding) {
    if (count_include_pad)
        return min_size(begin + length, size + padding) - begin;
    return min_size(begin + length, size) - max_size(begin, 0);
}

#endif
