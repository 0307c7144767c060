/* Convolution of 8-bit and bfloat16 images in blocks of channels: the kernels, and their
 * algorithms. Linear layers are convolutions of images of one pixel. */
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

static const algorithm *algorithm_of(const cnet_conv2d *g, cnet_format format, ptrdiff_t dots) {
#if HAS_AMX
    const ptrdiff_t quads = g->kh * g->kw * quads_of(g->c / g->g, format) * qblocks_of(g->o);
    if (dots == CNET_DOTS_AMX && !is_depthwise(g) && quads >= LEAST_QUADS)
        return &amx;
#endif
    (void)g, (void)format, (void)dots;
    return &direct;
}

static size_t aligned(ptrdiff_t count) {
    return (size_t)round_up(count * (ptrdiff_t)sizeof(int32_t), CNET_ALIGNMENT);
}

/* Sets the pointers into the prepared memory; returns its size. */
static size_t find_prepared(const cnet_conv2d *g, cnet_format format, ptrdiff_t dots,
                            const char *memory, prepared *to) {
    const prepared_sizes sizes = algorithm_of(g, format, dots)->sizes(g, format);
    const ptrdiff_t panels = qblocks_of(g->o);
    const size_t of_offsets = aligned(sizes.offsets), of_outputs = aligned(panels * QBLOCK);
    to->offsets = (const int32_t *)memory;
    to->start = (const int32_t *)(memory + of_offsets);
    to->scale = (const float *)(memory + of_offsets + of_outputs);
    to->bias = (const float *)(memory + of_offsets + 2 * of_outputs);
    to->filters = memory + of_offsets + 3 * of_outputs;
    return of_offsets + 3 * of_outputs + (size_t)(panels * sizes.quads * QBLOCK * QUAD);
}

/* Sums start at 0, and scales are 0. */
static prepared prepare(const cnet_conv2d *g, cnet_format format, ptrdiff_t dots,
                        const void *weight, const float *bias, char *memory) {
    prepared to;
    find_prepared(g, format, dots, memory, &to);
    memset(memory, 0, (size_t)(to.filters - memory));
    memcpy((float *)to.bias, bias, (size_t)g->o * sizeof *bias);
    algorithm_of(g, format, dots)
        ->put(g, format, weight, (int32_t *)to.offsets, (char *)to.filters);
    return to;
}

static void run(conv_arrays *arrays, const cnet_conv2d *g, ptrdiff_t dots, const void *memory,
                const cnet_call *call) {
    find_prepared(g, arrays->format, dots, memory, &arrays->prepared);
    algorithm_of(g, arrays->format, dots)->run(arrays, g, call->threads, call->workspace);
}

/* ---- 8-bit integers ----------------------------------------------------------------------- */

size_t CNET_FN(prepare_quantized_conv2d_workspace)(cnet_call *call) {
    const cnet_prepare_quantized_conv2d_arguments *a = &call->prepare_quantized_conv2d;
    prepared to;
    return find_prepared(&a->g, CNET_INT8, a->dots, NULL, &to);
}

/* Packs filters for quantized_conv2d with the same geometry, except for n, and the same `dots`; the
 * result is the workspace.
 *
 * weight (o, c/g, kh, kw), scale (o) and bias (o); `zero` is the zero point of x. Runs on the
 * calling thread. */
void CNET_FN(prepare_quantized_conv2d)(const cnet_call *call) {
    const cnet_prepare_quantized_conv2d_arguments *a = &call->prepare_quantized_conv2d;
    const ptrdiff_t cells = a->g.c / a->g.g * a->g.kh * a->g.kw;
    const int8_t *weight = a->weight;
    const prepared to = prepare(&a->g, CNET_INT8, a->dots, weight, a->bias, call->workspace);
    memcpy((float *)to.scale, a->scale, (size_t)a->g.o * sizeof(float));
    for (ptrdiff_t o = 0; o < a->g.o; o++) {
        int32_t total = 0;
        for (ptrdiff_t t = 0; t < cells; t++)
            total += weight[o * cells + t];
        ((int32_t *)to.start)[o] = -(int32_t)a->zero * total;
    }
}

size_t CNET_FN(quantized_conv2d_workspace)(cnet_call *call) {
    const cnet_quantized_conv2d_arguments *a = &call->quantized_conv2d;
    return algorithm_of(&a->g, CNET_INT8, a->dots)->workspace(&a->g, CNET_INT8, call->threads);
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
        .format = CNET_INT8,
        .x = a->x,
        .zero = (int)a->zero,
        .fused = a->dots != CNET_DOTS_PAIRS,
        .outputs = {a->residual, a->quantized ? a->y : NULL, a->quantized ? NULL : a->y,
                    (float)a->residual_scale, (float)a->low, (float)a->high},
    };
    run(&arrays, &a->g, a->dots, a->prepared, call);
}

/* ---- bfloat16 ----------------------------------------------------------------------------- */

size_t CNET_FN(prepare_bfloat16_conv2d_workspace)(cnet_call *call) {
    const cnet_prepare_bfloat16_conv2d_arguments *a = &call->prepare_bfloat16_conv2d;
    prepared to;
    return find_prepared(&a->g, CNET_BFLOAT16, a->dots, NULL, &to);
}

/* Packs filters for bfloat16_conv2d with the same geometry, except for n, and the same `dots`; the
 * result is the workspace. weight (o, c/g, kh, kw) and bias (o). Runs on the calling thread. */
void CNET_FN(prepare_bfloat16_conv2d)(const cnet_call *call) {
    const cnet_prepare_bfloat16_conv2d_arguments *a = &call->prepare_bfloat16_conv2d;
    prepare(&a->g, CNET_BFLOAT16, a->dots, a->weight, a->bias, call->workspace);
}

size_t CNET_FN(bfloat16_conv2d_workspace)(cnet_call *call) {
    const cnet_bfloat16_conv2d_arguments *a = &call->bfloat16_conv2d;
    return algorithm_of(&a->g, CNET_BFLOAT16, a->dots)
        ->workspace(&a->g, CNET_BFLOAT16, call->threads);
}

/* y = sum of x * weight, + bias + residual, limited to [low, high], with weight and bias prepared
 * by prepare_bfloat16_conv2d. If `rounded`, y is rounded to bfloat16, halves to even. Otherwise it
 * is of reals.
 *
 * x (n, c, h, w), y and residual (n, o, oh, ow) are blocked (quantized.h); residual may be NULL.
 * Padding is 0. Overwrites y. NaN stays NaN; products with infinities may become NaN if channels
 * fill a block only in part. Sums are of float32, product by product: over blocks of channels, rows
 * and columns of the filter, and channels, of each pair the second one first. Tiles (AMX) add the
 * products in another order, in which the same bound of the error holds. AVX512-BF16 and AMX treat
 * denormal numbers as 0. A convolution is dense, depthwise with c = o = g, or in groups of whole
 * blocks of inputs and outputs. The geometry must not be empty. `dots` is a cnet_dots that the CPU
 * has for the instruction set. Parallel over bands of rows and blocks of outputs. The workspace
 * holds the staged rows of each thread. */
void CNET_FN(bfloat16_conv2d)(const cnet_call *call) {
    const cnet_bfloat16_conv2d_arguments *a = &call->bfloat16_conv2d;
    conv_arrays arrays = {
        .format = CNET_BFLOAT16,
        .x = a->x,
        .fused = a->dots != CNET_DOTS_PAIRS,
        .outputs = {.residual = a->residual,
                    .y = a->rounded ? a->y : NULL,
                    .real_y = a->rounded ? NULL : a->y,
                    .low = (float)a->low,
                    .high = (float)a->high},
    };
    run(&arrays, &a->g, a->dots, a->prepared, call);
}
