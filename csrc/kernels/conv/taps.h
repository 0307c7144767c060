/* Taps and outputs of a convolution, numbered for its matrix products.
 *
 * The taps (c, i, j) of a group have the number k = (c * kh + i) * kw + j, the outputs of all
 * images the number q = (n * oh + y) * ow + x. With X(k, q) the cell that tap k of output q reads:
 *     forward   y(o, q) = sum_k weight(o, k) X(k, q)
 *     weights   dw(o, k) = sum_q grad_output(o, q) X(k, q)
 *     input     dx = col2im of sum_o weight(o, k) grad_output(o, q) */
#ifndef CNET_TAPS_H
#define CNET_TAPS_H

#include "strided.h"
#include "window.h"

static inline ptrdiff_t taps_of_group(const cnet_conv2d *g) { return g->c / g->g * g->kh * g->kw; }

typedef struct {
    ptrdiff_t c, i, j;
} tap;

static inline tap tap_at(const cnet_conv2d *g, ptrdiff_t k) {
    return (tap){k / (g->kh * g->kw), k / g->kw % g->kh, k % g->kw};
}

static inline tap next_tap(const cnet_conv2d *g, tap t) {
    if (++t.j == g->kw) {
        t.j = 0;
        if (++t.i == g->kh) {
            t.i = 0;
            t.c++;
        }
    }
    return t;
}

/* A run of outputs in one row of one image. */
typedef struct {
    ptrdiff_t n, oh, ow, count;
} run;

static inline run run_at(const cnet_conv2d *g, ptrdiff_t q, ptrdiff_t limit) {
    const ptrdiff_t row = q / g->ow, ow = q % g->ow;
    return (run){row / g->oh, row % g->oh, ow, min_size(limit, g->ow - ow)};
}

/* Copies the cells that tap t of the outputs of r reads: to[s] for s < r.count, 0 outside of the
 * image. */
static inline void copy_taps(const cnet_conv2d *g, const real *x, ptrdiff_t group, tap t, run r,
                             real *to) {
    const ptrdiff_t ih = r.oh * g->sh + t.i * g->dh - g->ph;
    const ptrdiff_t iw = r.ow * g->sw + t.j * g->dw - g->pw;
    range in = {0, 0};
    if (ih >= 0 && ih < g->h)
        in = inside(iw, g->sw, g->w, r.count);
    const ptrdiff_t plane = r.n * g->c + group * (g->c / g->g) + t.c;
    const ptrdiff_t first = (plane * g->h + ih) * g->w + iw;
    zero_run(to, in.begin);
    gather_run(to + in.begin, x + (first + in.begin * g->sw), g->sw, in.end - in.begin);
    zero_run(to + in.end, r.count - in.end);
}

#endif
