/* Convolution, ReLU and 2 x 2 maximum pooling in one kernel for training, with the tiles of
 * tap_sums.h, whose lanes are positions, or those of prepared.c, whose lanes are output channels.
 * Both sum the taps in the same order. */
#include "conv.h"
#include "stage.h"
#include "tap_sums.h"

/* Both layouts compute unused sums: between rows of the image, or beyond its channels and columns.
 * Lanes of channels are chosen where they compute fewer sums; pooling then also stays in registers.
 * A tile that is long enough needs 32 registers. */
static int lanes_are_channels(const cnet_conv2d *g) {
    const ptrdiff_t outputs = g->o / g->g;
    const ptrdiff_t rows = round_up(outputs, CNET_FN(tap_sums_tile)(outputs));
    return ISA_REGISTERS >= 32 && CNET_FN(prepared_sums)(g) < rows * stage_of(g, 1).pitch;
}

/* A geometry without cells cannot be staged. */
static int is_suitable(const cnet_conv2d *g) {
    return !(g->c && g->h && g->w) ||
           CNET_FN(conv2d_policy)(g, CNET_FORWARD, CNET_DIRECT, 1).algorithm == CNET_DIRECT;
}

size_t CNET_FN(conv2d_relu_pool_workspace)(cnet_call *call) {
    const cnet_conv2d *g = &call->conv2d_relu_pool.g;
    if (!is_suitable(g))
        return CNET_UNSUITABLE;
    call->choices[0] = lanes_are_channels(g);
    return call->choices[0]
               ? CNET_FN(prepared_bytes)(g) + CNET_FN(prepared_scratch)(g, call->threads)
               : CNET_FN(direct_relu_pool_workspace)(g, call->threads);
}

/* y = max_pool2d(relu(conv2d(x, weight, bias)), 2), bit for bit, without the intermediate arrays.
 *
 * x (n, c, h, w), weight (o, c/g, kh, kw), bias (o) or NULL, y and codes (n, o, oh / 2, ow / 2);
 * overwrites both. A code is the position of the maximum in its 2 x 2 outputs, 2 * row + column, or
 * POOL_DEAD where ReLU gives 0; ties and NaN as in max_pool2d. oh and ow must be at least 2.
 * Unsuitable where the direct algorithm is unsuitable. choices[0] is whether lanes are channels.
 * Workspace: packed filters, and one staged image per thread, with lanes of positions also its
 * sums. Parallel over (n, group, block of rows). */
void CNET_FN(conv2d_relu_pool)(const cnet_call *call) {
    const cnet_conv2d_relu_pool_arguments *a = &call->conv2d_relu_pool;
    const cnet_conv2d *g = &a->g;
    if (!call->choices[0]) {
        const conv2d_arrays arrays = {.x = a->x, .weight = a->weight, .bias = a->bias, .to = a->y};
        CNET_FN(direct_relu_pool)(&arrays, a->codes, g, call);
        return;
    }
    void *prepared = call->workspace;
    const prepared_arrays arrays = {a->x, prepared, a->y, a->codes, 1, 1};
    CNET_FN(prepare_filters)(a->weight, a->bias, prepared, g);
    CNET_FN(convolve_prepared)(&arrays, g, call->threads,
                               call->workspace + CNET_FN(prepared_bytes)(g));
}
