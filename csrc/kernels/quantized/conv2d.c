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
#if HAS_WINOGRAD
static const algorithm winograd = RUNS(winograd);
#endif
#if HAS_AMX
static const algorithm amx = RUNS(amx);
#endif
#undef RUNS

/* Bytes of the filters of an output, times panels, from which tiles pay for their staging. */
enum { LEAST_BYTES = 128 };

static const algorithm *algorithm_of(const cnet_conv2d *g, number_format format, int has_tiles) {
#if HAS_AMX
    const ptrdiff_t bytes = g->kh * g->kw * round_up(g->c / g->g * element_bytes(format), QUAD);
    if (has_tiles && !is_depthwise(g) && bytes * qblocks_of(g->o) >= LEAST_BYTES)
        return &amx;
#endif
#if HAS_WINOGRAD
    if (format == INT8_PAIRS && CNET_FN(quantized_winograd_pays)(g))
        return &winograd;
#endif
    (void)g, (void)format, (void)has_tiles;
    return &direct;
}

static size_t aligned(ptrdiff_t count) {
    return (size_t)round_up(count * (ptrdiff_t)sizeof(int32_t), CNET_ALIGNMENT);
}

/* Sets the pointers into the prepared memory; returns its size. */
static size_t find_prepared(const cnet_conv2d *g, number_format format, int has_tiles,
                            const char *memory, prepared *to) {
    const prepared_sizes sizes = algorithm_of(g, format, has_tiles)->sizes(g, format);
    const ptrdiff_t panels = qblocks_of(g->o);
    const size_t of_offsets = aligned(sizes.offsets), of_outputs = aligned(panels * QBLOCK);
    to->offsets = (const int32_t *)memory;
    to->start = (const int32_t *)(memory + of_offsets);
    to->scale = (const float *)(memory + of_offsets + of_outputs);
    to->bias = (const float *)(memory + of_offsets + 2 * of_outputs);
    to->filters = memory + of_offsets + 3 * of_outputs;
    return of_offsets + 3 * of_outputs + (size_t)(panels * sizes.panel);
}

/* Sums start at 0, and scales are 0. */
static prepared prepare(const cnet_conv2d *g, number_format format, int has_tiles,
                        const void *weight, const float *bias, char *memory) {
    prepared to;
    find_prepared(g, format, has_tiles, memory, &to);
    memset(memory, 0, (size_t)(to.filters - memory));
    memcpy((float *)to.bias, bias, (size_t)g->o * sizeof *bias);
    algorithm_of(g, format, has_tiles)
        ->put(g, format, weight, (int32_t *)to.offsets, (char *)to.filters);
    return to;
}

static void run(conv_arrays *arrays, const cnet_conv2d *g, int has_tiles, const void *memory,
                const cnet_call *call) {
    find_prepared(g, arrays->format, has_tiles, memory, &arrays->prepared);
    algorithm_of(g, arrays->format, has_tiles)->run(arrays, g, call->threads, call->workspace);
}

/* ---- 8-bit integers ----------------------------------------------------------------------- */

static number_format format_of(ptrdiff_t dots) {
    return dots == CNET_DOTS_PAIRS ? INT8_WITHOUT_VNNI : INT8;
}

size_t CNET_FN(prepare_quantized_conv2d_workspace)(cnet_call *call) {
    const cnet_prepare_quantized_conv2d_arguments *a = &call->prepare_quantized_conv2d;
    prepared to;
    return find_prepared(&a->g, format_of(a->dots), a->dots == CNET_DOTS_AMX, NULL, &to);
}

/* Packs filters for quantized_conv2d with the same geometry, except for n, and the same `dots`; the
 * result is the workspace.
 *
 * weight (o, c/g, kh, kw), scale (o) and bias (o); `zero` is the zero point of x. The sums of
 * channels 2i and 2i + 1 of the weights must be in [-128, 128], for depthwise convolutions those of
 * columns 2i and 2i + 1: then pairs of products fit into 16 bits. Runs on the calling thread. */
void CNET_FN(prepare_quantized_conv2d)(const cnet_call *call) {
    const cnet_prepare_quantized_conv2d_arguments *a = &call->prepare_quantized_conv2d;
    const ptrdiff_t cells = a->g.c / a->g.g * a->g.kh * a->g.kw;
    const int8_t *weight = a->weight;
    const prepared to = prepare(&a->g, format_of(a->dots), a->dots == CNET_DOTS_AMX, weight,
                                a->bias, call->workspace);
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
    return algorithm_of(&a->g, format_of(a->dots), a->dots == CNET_DOTS_AMX)
        ->workspace(&a->g, format_of(a->dots), call->threads);
}

/* y = s * scale + bias + residual * residual_scale, limited to [low, high], with the sums
 *     s = sum of (x - zero) * weight,
 * and weight, scale, bias and zero prepared by prepare_quantized_conv2d. If `quantized`, y is of
 * bytes, and these numbers are rounded to the nearest integers, halves to even: low and high must
 * be in [0, 255]. Otherwise y is of reals.
 *
 * x (n, c, h, w), y and residual (n, o, oh, ow) are blocked (quantized.h); residual may be NULL.
 * Padding is `zero`. Overwrites y. Sums are exact if |s| < 2^31. A convolution is dense; or
 * depthwise, with c = o = g, no dilation of columns, and strides of columns of 1 or 2; or in
 * groups of whole blocks of inputs and outputs. The geometry must not be empty. `dots` is a
 * cnet_dots that the CPU has for the instruction set; the results are the same for all. Parallel
 * over bands of rows and blocks of outputs. The workspace holds the staged rows of each thread. */
void CNET_FN(quantized_conv2d)(const cnet_call *call) {
    const cnet_quantized_conv2d_arguments *a = &call->quantized_conv2d;
    conv_arrays arrays = {
        .format = format_of(a->dots),
        .x = a->x,
        .zero = (int)a->zero,
        .outputs = {a->residual, a->quantized ? a->y : NULL, a->quantized ? NULL : a->y,
                    (float)a->residual_scale, (float)a->low, (float)a->high},
    };
    run(&arrays, &a->g, a->dots == CNET_DOTS_AMX, a->prepared, call);
}

/* ---- bfloat16 ----------------------------------------------------------------------------- */

size_t CNET_FN(prepare_bfloat16_conv2d_workspace)(cnet_call *call) {
    const cnet_prepare_bfloat16_conv2d_arguments *a = &call->prepare_bfloat16_conv2d;
    prepared to;
    return find_prepared(&a->g, BFLOAT16, (int)a->amx, NULL, &to);
}

/* Packs filters for bfloat16_conv2d with the same geometry, except for n, and the same `amx`; the
 * result is the workspace. weight (o, c/g, kh, kw) and bias (o). Runs on the calling thread. */
void CNET_FN(prepare_bfloat16_conv2d)(const cnet_call *call) {
    const cnet_prepare_bfloat16_conv2d_arguments *a = &call->prepare_bfloat16_conv2d;
    prepare(&a->g, BFLOAT16, (int)a->amx, a->weight, a->bias, call->workspace);
}

size_t CNET_FN(bfloat16_conv2d_workspace)(cnet_call *call) {
    const cnet_bfloat16_conv2d_arguments *a = &call->bfloat16_conv2d;
    return algorithm_of(&a->g, BFLOAT16, (int)a->amx)->workspace(&a->g, BFLOAT16, call->threads);
}

/* y = sum of x * weight, + bias + residual, limited to [low, high], with weight and bias prepared
 * by prepare_bfloat16_conv2d. If `rounded`, y is rounded to bfloat16, halves to even. Otherwise it
 * is of reals.
 *
 * x (n, c, h, w), y and residual (n, o, oh, ow) are blocked (quantized.h); residual may be NULL.
 * Padding is 0. Overwrites y. NaN stays NaN; infinities may become NaN if channels fill a block
 * only in part. A convolution is dense, depthwise with c = o = g, or in groups of whole blocks of
 * inputs and outputs. The geometry must not be empty.
 *
 * Sums are of float32, product by product: over blocks of channels, rows and columns of the filter,
 * and channels in the block. If `amx`, which the CPU must have for the instruction set, tiles
 * compute dense convolutions: they add the even and the odd products of up to 32 channels, then
 * both sums to the result, and treat denormal numbers as 0. Parallel over bands of rows and blocks
 * of outputs. The workspace holds the staged rows of each thread. */
void CNET_FN(bfloat16_conv2d)(const cnet_call *call) {
    const cnet_bfloat16_conv2d_arguments *a = &call->bfloat16_conv2d;
    conv_arrays arrays = {
        .format = BFLOAT16,
        .x = a->x,
        .outputs = {.residual = a->residual,
                    .y = a->rounded ? a->y : NULL,
                    .real_y = a->rounded ? NULL : a->y,
                    .low = (float)a->low,
                    .high = (float)a->high},
    };
    run(&arrays, &a->g, (int)a->amx, a->prepared, call);
}
