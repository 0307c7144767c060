/* Activations. */
#include "variant.h"

typedef struct {
    const real *x;
    real *y;
    ptrdiff_t count;
    cnet_activation function;
    real negative_slope;
} job_t;

static void activate_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t begin = chunk * ELEMENTS_PER_CHUNK;
    const ptrdiff_t end = min_size(job->count, begin + ELEMENTS_PER_CHUNK);
    const real *x = job->x;
    real *y = job->y;
    switch (job->function) {
    case CNET_LEAKY_RELU:
        for (ptrdiff_t t = begin; t < end; t++)
            y[t] = x[t] > 0 ? x[t] : x[t] * job->negative_slope;
        break;
    case CNET_SIGMOID:
        for (ptrdiff_t t = begin; t < end; t++) {
            const real decayed = REAL_EXP(x[t] < 0 ? x[t] : -x[t]); /* at most 1 */
            y[t] = (x[t] >= 0 ? 1 : decayed) / (1 + decayed);
        }
        break;
    case CNET_TANH:
        for (ptrdiff_t t = begin; t < end; t++)
            y[t] = REAL_TANH(x[t]);
        break;
    }
}

/* y[t] = function(x[t]): x where it is positive and negative_slope * x elsewhere, 1 / (1 +
 * exp(-x)), or tanh(x).
 *
 * x and y (count); overwrites y, which may be x. NaN stays. Parallel over t. */
void CNET_FN(activate)(const cnet_call *call) {
    const cnet_activate_arguments *a = &call->activate;
    const job_t job = {
        .x = a->x,
        .y = a->y,
        .count = a->count,
        .function = (cnet_activation)a->function,
        .negative_slope = (real)a->negative_slope,
    };
    cnet_parallel(activate_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}
