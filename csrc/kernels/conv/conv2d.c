/* Convolution and its gradients. */
#include "conv.h"
#include "sums.h"

size_t CNET_FN(conv2d_workspace)(cnet_call *call) {
    const cnet_conv2d_arguments *a = &call->conv2d;
    const conv2d_choice choice =
        CNET_FN(conv2d_policy)(&a->g, CNET_FORWARD, (cnet_algorithm)a->algorithm, call->threads);
    call->choices[CNET_FORWARD] = choice.algorithm;
    return choice.bytes;
}

/* y[n, o, oh, ow] = bias[o] + sum over c, i, j of
 *                   weight[o, c, i, j] * x[n, c0 + c, oh*sh + i*dh - ph, ow*sw + j*dw - pw]
 * with x = 0 outside of the image and c0 the first channel of the group of o.
 *
 * x (n, c, h, w), weight (o, c/g, kh, kw), bias (o) or NULL, y (n, o, oh, ow); overwrites y. Order
 * of summation, parallel axis and workspace depend on the algorithm, which is
 * choices[CNET_FORWARD]. Unsuitable if an algorithm that is asked for by name cannot compute the
 * geometry. NaN and infinity propagate as in the sum, except with Winograd (see winograd.h), and
 * except that channels and depthwise may leave out the taps of a weight that lie outside of the
 * image. */
void CNET_FN(conv2d)(const cnet_call *call) {
    const cnet_conv2d_arguments *a = &call->conv2d;
    const conv2d_arrays arrays = {.x = a->x, .weight = a->weight, .bias = a->bias, .to = a->y};
    CNET_FN(conv2d_run_pass)(CNET_FORWARD, &arrays, &a->g, call);
}

/* ---- Gradients ------------------------------------------------------------------------- */

size_t CNET_FN(conv2d_backward_workspace)(cnet_call *call) {
    const cnet_conv2d_backward_arguments *a = &call->conv2d_backward;
    const void *wanted[CNET_PASSES] = {[CNET_DX] = a->dx, [CNET_DW] = a->dw};
    size_t bytes = 0;
    for (cnet_pass pass = CNET_DX; pass <= CNET_DW; pass++) {
        if (!wanted[pass])
            continue;
        const conv2d_choice choice =
            CNET_FN(conv2d_policy)(&a->g, pass, (cnet_algorithm)a->algorithm, call->threads);
        call->choices[pass] = choice.algorithm;
        bytes = choice.bytes > bytes ? choice.bytes : bytes;
    }
    return bytes;
}

typedef struct {
    const real *grad_output;
    real *db;
    const cnet_conv2d *g;
} job_t;

static void sum_channel(const void *argument, ptrdiff_t o, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t pixels = job->g->oh * job->g->ow;
    double sum = 0;
    for (ptrdiff_t n = 0; n < job->g->n; n++)
        sum += sum_run(job->grad_output + (n * job->g->o + o) * pixels, 0, pixels);
    job->db[o] = (real)sum;
}

/* dx[n, c, ih, iw] = sum of weight[o, c, i, j] * grad_output[n, o, oh, ow] over all (o, i, j, oh,
 *                    ow) with ih = oh*sh + i*dh - ph and iw = ow*sw + j*dw - pw
 * dw[o, c, i, j] = sum over n, oh, ow of grad_output[n, o, oh, ow] * x[n, ...] as in conv2d
 * db[o] = sum over n, oh, ow of grad_output[n, o, oh, ow].
 *
 * grad_output (n, o, oh, ow), x (n, c, h, w), weight (o, c/g, kh, kw); dx, dw and db have the
 * shapes of x, weight and bias. Overwrites dx, dw and db; those that are NULL are not computed. x
 * may be NULL without dw, weight may be NULL without dx. Orders of summation, parallel axes and
 * workspace depend on the algorithms, which are choices[CNET_DX] and choices[CNET_DW]; db is
 * parallel over o. Unsuitable as in conv2d. */
void CNET_FN(conv2d_backward)(const cnet_call *call) {
    const cnet_conv2d_backward_arguments *a = &call->conv2d_backward;
    conv2d_arrays arrays = {.grad_output = a->grad_output,
                            .x = a->x,
                            .weight = a->weight,
                            .dx = a->dx,
                            .dw = a->dw,
                            .db = a->db};
    for (cnet_pass pass = CNET_DX; pass <= CNET_DW; pass++) {
        arrays.to = pass == CNET_DX ? a->dx : a->dw;
        if (arrays.to && CNET_FN(conv2d_run_pass)(pass, &arrays, &a->g, call))
            return; /* that algorithm computes all gradients */
    }
    if (a->db) {
        const job_t job = {a->grad_output, a->db, &a->g};
        cnet_parallel(sum_channel, &job, a->g.o, call->threads);
    }
}
