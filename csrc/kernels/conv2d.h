/* The algorithms behind conv2d and its gradients: what they share, and what conv2d.c knows of each.
 *
 * An algorithm is three functions for each pass that it can do: whether it suits a geometry, the
 * workspace it wants, and the work. All compute the same sums, in orders of their own. */
#ifndef CNET_CONV2D_H
#define CNET_CONV2D_H

#include "variant.h"

/* Arrays of a pass; those that it does not have are NULL. `to` is y, dx or dw. */
typedef struct {
    const real *x, *weight, *bias, *dy;
    real *to;
} conv2d_arrays;

typedef int conv2d_suits(const cnet_conv2d *g);
typedef size_t conv2d_workspace(const cnet_conv2d *g, int threads);
typedef void conv2d_run(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e);

#define CNET_PASS(algorithm, pass)                                                                 \
    conv2d_workspace CNET_FN(algorithm##_##pass##_workspace);                                      \
    conv2d_run CNET_FN(algorithm##_##pass);
CNET_PASS(product, forward)
CNET_PASS(product, dx)
CNET_PASS(product, dw)
CNET_PASS(direct, forward)
CNET_PASS(direct, dx)
CNET_PASS(direct, dw)
CNET_PASS(pointwise, forward)
CNET_PASS(pointwise, dx)
CNET_PASS(pointwise, dw)
CNET_PASS(winograd, forward)
CNET_PASS(winograd, dx)
CNET_PASS(winograd, dw)
#undef CNET_PASS

/* With stride 1 the gradient of the input is itself a convolution: of dY, with the filters rotated
 * and their channels exchanged. This is its geometry. */
static inline cnet_conv2d gradient_geometry(const cnet_conv2d *g) {
    cnet_conv2d d = *g;
    d.c = g->o;
    d.h = g->oh;
    d.w = g->ow;
    d.o = g->c;
    d.oh = g->h;
    d.ow = g->w;
    d.ph = g->dh * (g->kh - 1) - g->ph;
    d.pw = g->dw * (g->kw - 1) - g->pw;
    return d;
}

/* Part of a workspace, in bytes. */
static inline size_t bytes_of(ptrdiff_t elements, size_t size) {
    return (size_t)round_up(elements * (ptrdiff_t)size, CNET_ALIGNMENT);
}

#endif
