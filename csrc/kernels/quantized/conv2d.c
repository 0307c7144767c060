/* Convolution of 8-bit images in blocks of channels: the kernels, and their algorithms. Linear
 * layers are convolutions of images of one pixel. */
#include "quantized.h"

typedef struct {
    sizes_of *sizes;
    put_filters *put;
    workspace_of *workspace;
    run_conv *run;
} algorithm;

#define RUNS(name)                                                                                 \
    {CNET_FN(quantized_##name##_sizes), CNET_FN(quantized_##name##_put),                           \
     CNET_FN(quantized_##name##_workspace), CNET_FN(quantized_##name)}
static const algorithm direct = RUNS(direct);
#if HAS_AMX
static const algorithm amx = RUNS(amx);
#endif
#undef RUNS

/* Quads of the filters of an output, times panels, from which tiles pay for their staging. */
enum { LEAST_QUADS = 32 };

static const algorithm *algorithm_of(const cnet_conv2d *g, ptrdiff_t dots) {
#if HAS_AMX
    const ptrdiff_t quads = g->kh * g->kw * quads_of(g->c / g->g) * qblocks_of(g->o);
    if (dots == CNET_DOTS_AMX && !is_depthwise(g) && quads >= LEAST_QUADS)
        return &amx;
#endif
    (void)g, (void)dots;
    return &direct;
}

static size_t aligned(ptrdiff_t count) {
    return (size_t)round_up(count * (ptrdiff_t)sizeof(int32_t), CNET_ALIGNMENT);
}

/* Sets the pointers into the prepared memory; returns its size. */
static size_t find_prepared(const cnet_conv2d *g, ptrdiff_t dots, const char *memory,
                            prepared *to) {
    const prepared_sizes sizes = algorithm_of(g, dots)->sizes(g);
    const ptrdiff_t panels = qblocks_of(g->o);
    const size_t of_offsets = aligned(sizes.offsets), of_outputs = aligned(panels * QBLOCK);
    to->offsets = (const int32_t *)memory;
    to->start = (const int32_t *)(memory + of_offsets);
    to->scale = (const float *)(memory + of_offsets + of_outputs);
    to->bias = (const float *)(memory + of_offsets + 2 * of_outputs);
    to->filters = (const int8_t *)(memory + of_offsets + 3 * of_outputs);
    return of_offsets + 3 * of_outputs + (size_t)(panels * sizes.quads * QBLOCK * QUAD);
}

size_t CNET_FN(prepare_quantized_conv2d_workspace)(cnet_call *call) {
    const cnet_prepare_quantized_conv2d_arguments *a = &call->prepare_quantized_conv2d;
    prepared to;
    return find_prepared(&a->g, a->dots, NULL, &to);
}

/* Packs filters for quantized_conv2d with the same geometry, except for n, and the same `dots`; the
 * result is the workspace.
 *
 * weight (o, c/g, kh, kw), scale (o) and bias (o); `zero` is the zero point of x. Runs on the
 * calling thread. */
void CNET_FN(prepare_quantized_conv2d)(const cnet_call *call) {
    const cnet_prepare_quantized_conv2d_arguments *a = &call->prepare_quantized_conv2d;
    const ptrdiff_t cells = a->g.c / a->g.g * a->g.kh * a->g.kw;
    const float *scale = a->scale, *bias = a->bias;
    const int8_t *weight = a->weight;
    prepared to;
    find_prepared(&a->g, a->dots, call->workspace, &to);
    for (ptrdiff_t o = 0; o < qblocks_of(a->g.o) * QBLOCK; o++) {
        int32_t total = 0;
        for (ptrdiff_t t = 0; o < a->g.o && t < cells; t++)
            total += weight[o * cells + t];
        ((int32_t *)to.start)[o] = -(int32_t)a->zero * total;
        ((float *)to.scale)[o] = o < a->g.o ? scale[o] : 0;
        ((float *)to.bias)[o] = o < a->g.o ? bias[o] : 0;
    }
    algorithm_of(&a->g, a->dots)->put(&a->g, weight, (int32_t *)to.offsets, (int8_t *)to.filters);
}

size_t CNET_FN(quantized_conv2d_workspace)(cnet_call *call) {
    const cnet_quantized_conv2d_arguments *a = &call->quantized_conv2d;
    return algorithm_of(&a->g, a->dots)->workspace(&a->g, call->threads);
}

/* y = s * scale + bias + residual * residual_scale, limited to [low, high], with the sums
 *     s = sum of (x - zero) * weight,
 * and weight, scale, bias and zero prepared by prepare_quantized_conv2d. If `quantized`, y is of
 * bytes, and these numbers are rounded to the nearest integers, halves to even: low and high must
 * be in [0, 255]. Otherwise y is of reals.
 *
 * x (n, c, h, w), y and residual (n, o, oh, ow) are blocked (quantized.h); residual may be NULL.
 * Padding is `zero`. Overwrites y. Sums are exact if |s| < 2^31. A convolution is dense; or
 * depthwise, with c = o = g, no dilation of columns, and strides of columns that divide 4; or in
 * groups of whole blocks of inputs and outputs. The geometry must not be empty. `dots` is a
 * cnet_dots that the CPU has for the instruction set; the results are the same for all. Parallel
 * over bands of rows and blocks of outputs. The workspace holds the staged rows of each thread. */
void CNET_FN(quantized_conv2d)(const cnet_call *call) {
    const cnet_quantized_conv2d_arguments *a = &call->quantized_conv2d;
    conv_arrays arrays = {
        .x = a->x,
        .zero = (int)a->zero,
        .vnni = a->dots != CNET_DOTS_PAIRS,
        .outputs = {a->residual, a->quantized ? a->y : NULL, a->quantized ? NULL : a->y,
                    (float)a->residual_scale, (float)a->low, (float)a->high},
    };
    find_prepared(&a->g, a->dots, a->prepared, &arrays.prepared);
    algorithm_of(&a->g, a->dots)->run(&arrays, &a->g, call->threads, call->workspace);
}
