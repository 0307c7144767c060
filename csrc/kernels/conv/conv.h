/* The algorithms of conv2d and its gradients: their common interface, used by policy.c.
 *
 * An algorithm has three functions for each pass that it supports: whether it suits a geometry, the
 * size of its workspace, and the computation. All algorithms compute the same sums, each in its own
 * order. */
#ifndef CNET_CONV_H
#define CNET_CONV_H

#include "phases.h"

/* The arrays of a pass; arrays that the pass does not use are NULL. `to` is y, dx or dw. A backward
 * pass also gets all gradients that the caller wants, for algorithms that compute them together. */
typedef struct {
    const real *x, *weight, *bias, *grad_output;
    real *to;
    real *dx, *dw, *db;
} conv2d_arrays;

typedef int conv2d_test(const cnet_conv2d *g);
typedef size_t conv2d_bytes(const cnet_conv2d *g, int threads);
typedef void conv2d_run(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call);

#define CNET_PASS(algorithm, pass)                                                                 \
    conv2d_bytes CNET_FN(algorithm##_##pass##_workspace);                                          \
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
CNET_PASS(channels, forward)
CNET_PASS(channels, dx)
CNET_PASS(channels, dw)
CNET_PASS(winograd, forward)
CNET_PASS(winograd, dx)
CNET_PASS(winograd, dw)
CNET_PASS(depthwise, forward)
CNET_PASS(depthwise, backward)
#undef CNET_PASS

/* The weight gradient of a 1 x 1 convolution as dot products of planes, where that is faster
 * (pointwise_dots.c). */
int CNET_FN(pointwise_dots_pay)(const cnet_conv2d *g);
conv2d_bytes CNET_FN(pointwise_dots_workspace);
conv2d_run CNET_FN(pointwise_dots);

/* The policy of a pass, asked once per call: the algorithm that computes the pass if the caller
 * asks for `wanted`, and its workspace; -1 and CNET_UNSUITABLE if it cannot compute it. */
typedef struct {
    int algorithm;
    size_t bytes;
} conv2d_choice;
conv2d_choice CNET_FN(conv2d_policy)(const cnet_conv2d *g, cnet_pass pass, cnet_algorithm wanted,
                                     int threads);
/* Computes a pass with the algorithm in call->choices. Returns whether that algorithm has computed
 * all gradients that the caller wants. */
int CNET_FN(conv2d_run_pass)(cnet_pass pass, const conv2d_arrays *arrays, const cnet_conv2d *g,
                             const cnet_call *call);

/* conv2d_relu_pool with the direct algorithm. */
size_t CNET_FN(direct_relu_pool_workspace)(const cnet_conv2d *g, int threads);
void CNET_FN(direct_relu_pool)(const conv2d_arrays *arrays, uint8_t *codes, const cnet_conv2d *g,
                               const cnet_call *call);

/* Convolution with prepared filters (prepared.c): the number of sums it computes for a row of
 * outputs of a group, including unused ones; the bytes of prepared filters; their preparation; the
 * workspace; the computation. */
ptrdiff_t CNET_FN(prepared_sums)(const cnet_conv2d *g);
size_t CNET_FN(prepared_bytes)(const cnet_conv2d *g);
void CNET_FN(prepare_filters)(const real *weight, const real *bias, void *prepared,
                              const cnet_conv2d *g);
size_t CNET_FN(prepared_scratch)(const cnet_conv2d *g, int threads);
typedef struct {
    const real *x;
    const void *prepared;
    real *y;
    uint8_t *codes; /* or NULL */
    int relu, pool;
} prepared_arrays;
void CNET_FN(convolve_prepared)(const prepared_arrays *arrays, const cnet_conv2d *g, int threads,
                                char *scratch);

/* The input gradient is itself a convolution: of grad_output on the grid of the stride's phases
 * (see phases.h), with stride 1, rotated filters and exchanged channels. This is its geometry; with
 * longer strides or dilation, a phase uses only some positions of the kernel. */
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
    d.qh = d.oh - 1 + d.kh - d.ph - d.h;
    d.qw = d.ow - 1 + d.kw - d.pw - d.w;
    return d;
}

/* The largest number of filters per channel in the depthwise algorithm, and the longest stride
 * whose phases are listed. */
enum { DEPTHWISE_MULTIPLIERS = 8, LONGEST_STRIDE = 8 };

/* Size in bytes of a part of a workspace. */
static inline size_t bytes_of(ptrdiff_t elements, size_t size) {
    return (size_t)round_up(elements * (ptrdiff_t)size, CNET_ALIGNMENT);
}

#endif
