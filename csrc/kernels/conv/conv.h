/* The algorithms behind conv2d and its gradients: what they share, and what policy.c knows of each.
 *
 * An algorithm is three functions for each pass that it can do: whether it suits a geometry, the
 * workspace it wants, and the work. All compute the same sums, in orders of their own. */
#ifndef CNET_CONV_H
#define CNET_CONV_H

#include "phases.h"

/* Arrays of a pass; those that it does not have are NULL. `to` is y, dx or dw. A pass backward also
 * finds all gradients that are wanted, for algorithms that compute them together. */
typedef struct {
    const real *x, *weight, *bias, *dy;
    real *to;
    real *dx, *dw, *db;
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
CNET_PASS(fold, dx)
CNET_PASS(pointwise, forward)
CNET_PASS(pointwise, dx)
CNET_PASS(pointwise, dw)
CNET_PASS(winograd, forward)
CNET_PASS(winograd, dx)
CNET_PASS(winograd, dw)
CNET_PASS(depthwise, forward)
CNET_PASS(depthwise, backward)
#undef CNET_PASS

/* conv2d_relu_pool by the direct algorithm, and what the prepared one would compute: sums for a row
 * of outputs of a group, wanted or not. */
size_t CNET_FN(direct_relu_pool_workspace)(const cnet_conv2d *g, int threads);
void CNET_FN(direct_relu_pool)(const conv2d_arrays *arrays, uint8_t *codes, const cnet_conv2d *g,
                               const cnet_exec *e);
ptrdiff_t CNET_FN(prepared_conv2d_sums)(const cnet_conv2d *g);

/* The gradient of the input is itself a convolution, of dY on the grid of the stride's phases (see
 * phases.h): with stride 1, with the filters rotated and their channels exchanged. This is its
 * geometry; with longer strides or dilation, a phase has taps at some places of the kernel only. */
static inline cnet_conv2d gradient_geometry(const cnet_conv2d *g) {
    const phase_axis rows = phase_rows(g), columns = phase_columns(g);
    cnet_conv2d d = *g;
    d.c = g->o;
    d.h = g->oh;
    d.w = g->ow;
    d.o = g->c;
    d.oh = rows.count;
    d.ow = columns.count;
    d.kh = rows.reach + 1;
    d.kw = columns.reach + 1;
    d.sh = d.sw = d.dh = d.dw = 1;
    d.ph = rows.reach - rows.first;
    d.pw = columns.reach - columns.first;
    return d;
}

/* Part of a workspace, in bytes. */
static inline size_t bytes_of(ptrdiff_t elements, size_t size) {
    return (size_t)round_up(elements * (ptrdiff_t)size, CNET_ALIGNMENT);
}

#endif
