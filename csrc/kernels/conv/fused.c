/* Convolution, ReLU and 2 x 2 maximum in one kernel for training: by the tiles of tap_sums.h, whose
 * lanes are positions, or by those of prepared.c, whose lanes are output channels. Both sum
 * the taps in the same order. */
#include "conv.h"
#include "stage.h"
#include "tap_sums.h"

/* Both compute sums that nobody wants, between rows of the image or beyond its channels and
 * columns. Where these are as many, lanes of channels are the better ones, as pooling stays in the
 * registers; but it takes 32 of those for a tile that is long enough. */
static int lanes_are_channels(const cnet_conv2d *g) {
    const ptrdiff_t outputs = g->o / g->g;
    const ptrdiff_t rows = round_up(outputs, CNET_FN(tap_sums_tile)(outputs));
    return VECTOR_BYTES == 64 && CNET_FN(prepared_conv2d_sums)(g) < rows * stage_of(g, 1).pitch;
}

size_t CNET_FN(conv2d_relu_pool_workspace)(const cnet_conv2d *g, int threads) {
    return lanes_are_channels(g)
               ? CNET_FN(prepared_conv2d_bytes)(g) + CNET_FN(prepared_conv2d_workspace)(g, threads)
               : CNET_FN(direct_relu_pool_workspace)(g, threads);
}

/* y = max_pool2d(relu(conv2d(x, weight, bias)), 2), bit for bit, without the arrays in between.
 *
 * x (n, c, h, w), weight (o, c/g, kh, kw), bias (o) or NULL, y and codes (n, o, oh / 2, ow / 2);
 * overwrites both. A code is the place of the maximum in its 2 x 2 outputs, 2 * row + column, or
 * POOL_DEAD where ReLU gave 0; ties and NaN as in max_pool2d. The geometry must not be empty and
 * must have two rows and columns of outputs. Parallel over (n, group, block of rows). */
void CNET_FN(conv2d_relu_pool)(const void *x, const void *weight, const void *bias, void *y,
                               uint8_t *codes, const cnet_conv2d *g, const cnet_exec *e) {
    if (!lanes_are_channels(g)) {
        const conv2d_arrays arrays = {.x = x, .weight = weight, .bias = bias, .to = y};
        CNET_FN(direct_relu_pool)(&arrays, codes, g, e);
        return;
    }
    void *prepared = e->workspace;
    cnet_exec rest = *e;
    rest.workspace = (char *)prepared + CNET_FN(prepared_conv2d_bytes)(g);
    CNET_FN(prepare_conv2d)(weight, bias, prepared, g);
    CNET_FN(prepared_conv2d)(x, prepared, y, codes, g, 1, 1, &rest);
}
