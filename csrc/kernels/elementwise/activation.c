/* Activations, softmax, sums and copies, for inference. */
#include "variant.h"

typedef struct {
    const real *x, *other;
    real *y;
    ptrdiff_t count, c;
    cnet_activation function;
    real negative_slope;
    int logarithm;
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

static ptrdiff_t rows_per_chunk(ptrdiff_t c) {
    return max_size(1, ELEMENTS_PER_CHUNK / max_size(1, c));
}

static void softmax_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t rows = rows_per_chunk(job->c);
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * rows);
    for (ptrdiff_t row = chunk * rows; row < end; row++) {
        const real *x = job->x + row * job->c;
        real *y = job->y + row * job->c, greatest = -REAL_INFINITY, sum = 0;
        for (ptrdiff_t t = 0; t < job->c; t++)
            greatest = x[t] > greatest || x[t] != x[t] ? x[t] : greatest;
        if (job->logarithm) {
            for (ptrdiff_t t = 0; t < job->c; t++)
                sum += REAL_EXP(x[t] - greatest);
            const real logarithm = REAL_LOG(sum);
            for (ptrdiff_t t = 0; t < job->c; t++)
                y[t] = x[t] - greatest - logarithm;
        } else {
            for (ptrdiff_t t = 0; t < job->c; t++) {
                y[t] = REAL_EXP(x[t] - greatest);
                sum += y[t];
            }
            for (ptrdiff_t t = 0; t < job->c; t++)
                y[t] /= sum;
        }
    }
}

/* y[i, j] = exp(x[i, j]) / sum over t of exp(x[i, t]), or the logarithm of that.
 *
 * x and y (n, c); overwrites y, which may be x. Shifted by the greatest number of a row. Parallel
 * over rows. A row that holds NaN or +inf, or only -inf, becomes NaN. */
void CNET_FN(softmax)(const cnet_call *call) {
    const cnet_softmax_arguments *a = &call->softmax;
    const job_t job = {
        .x = a->x, .y = a->y, .count = a->g.n, .c = a->g.c, .logarithm = a->logarithm != 0};
    cnet_parallel(softmax_chunk, &job, ceil_div(a->g.n, rows_per_chunk(a->g.c)), call->threads);
}

static void add_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t++)
        job->y[t] = job->x[t] + job->other[t];
}

/* y[t] = a[t] + b[t].
 *
 * a, b and y (count); overwrites y, which may be a or b. Exact. Parallel over t. */
void CNET_FN(add)(const cnet_call *call) {
    const cnet_add_arguments *a = &call->add;
    const job_t job = {.x = a->a, .other = a->b, .y = a->y, .count = a->count};
    cnet_parallel(add_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}

/* y[t] = x[t].
 *
 * x and y (count); overwrites y. Exact. On the calling thread. */
void CNET_FN(copy)(const cnet_call *call) {
    memcpy(call->copy.y, call->copy.x, (size_t)call->copy.count * sizeof(real));
}
