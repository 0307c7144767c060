/* Convolution of blocked images with prepared filters: the kernels, and their algorithms. */
#include "blocked.h"

typedef struct {
    blocked_bytes *prepared, *workspace;
    blocked_prepare *prepare;
    blocked_run *run;
} algorithm;

#define RUNS(name)                                                                                 \
    {CNET_FN(blocked_##name##_prepared), CNET_FN(blocked_##name##_workspace),                      \
     CNET_FN(blocked_##name##_prepare), CNET_FN(blocked_##name)}
static const algorithm algorithms[] = {RUNS(direct), RUNS(winograd)};
#undef RUNS

static const algorithm *algorithm_of(ptrdiff_t number) {
    return &algorithms[number == CNET_WINOGRAD];
}

size_t CNET_FN(prepare_blocked_conv2d_workspace)(cnet_call *call) {
    const cnet_prepare_blocked_conv2d_arguments *a = &call->prepare_blocked_conv2d;
    return algorithm_of(a->algorithm)->prepared(&a->g, 1);
}

/* Packs filters for blocked_conv2d with the same geometry, except for n, and the same algorithm,
 * CNET_DIRECT or CNET_WINOGRAD; the result is the workspace.
 *
 * weight (o, c/g, kh, kw), bias (o) or NULL for zeros. Runs on the calling thread. */
void CNET_FN(prepare_blocked_conv2d)(const cnet_call *call) {
    const cnet_prepare_blocked_conv2d_arguments *a = &call->prepare_blocked_conv2d;
    algorithm_of(a->algorithm)->prepare(a->weight, a->bias, call->workspace, &a->g);
}

size_t CNET_FN(blocked_conv2d_workspace)(cnet_call *call) {
    const cnet_blocked_conv2d_arguments *a = &call->blocked_conv2d;
    return algorithm_of(a->algorithm)->workspace(&a->g, call->threads);
}

/* y = conv2d(x, weight, bias) + residual, limited to [low, high], with weight and bias prepared by
 * prepare_blocked_conv2d.
 *
 * x (n, c, h, w), residual, which may be NULL, and y (n, o, oh, ow) are blocked (blocked.h); x is
 * plain instead if it has fewer channels than a block and the convolution is not depthwise.
 * Overwrites y. NaN stays NaN. A convolution is dense; or depthwise, with c = o = g; or in groups
 * of whole blocks of inputs and outputs. Strides of columns are 1 or 2, any if x is plain;
 * CNET_WINOGRAD takes dense 3 x 3 filters with stride 1. The geometry must not be empty. Taps are
 * summed block by block, row by row, channel by channel. */
void CNET_FN(blocked_conv2d)(const cnet_call *call) {
    const cnet_blocked_conv2d_arguments *a = &call->blocked_conv2d;
    const blocked_arrays arrays = {
        a->x, a->residual, a->prepared, a->y, {broadcast((real)a->low), broadcast((real)a->high)},
    };
    algorithm_of(a->algorithm)->run(&arrays, &a->g, call->threads, call->workspace);
}
