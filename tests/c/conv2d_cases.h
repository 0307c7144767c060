/* The table of convolutions for the tests of im2col, col2im and the convolutions. */
#ifndef CONV2D_CASES_H
#define CONV2D_CASES_H

#include "tests.h"

void for_each_conv2d_case(void (*test)(const cnet_conv2d *g));

/* For every element of cols, the cell of x that it is copied from, or -1 if it lies outside. */
const ptrdiff_t *cells_of_cols(const cnet_conv2d *g);

static inline ptrdiff_t x_count(const cnet_conv2d *g) { return g->n * g->c * g->h * g->w; }
static inline ptrdiff_t w_count(const cnet_conv2d *g) {
    return g->o * (g->c / g->g) * g->kh * g->kw;
}
static inline ptrdiff_t y_count(const cnet_conv2d *g) { return g->n * g->o * g->oh * g->ow; }
static inline ptrdiff_t cols_count(const cnet_conv2d *g) {
    return g->n * g->c * g->kh * g->kw * g->oh * g->ow;
}

#endif
