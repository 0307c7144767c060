/* Activations of inference. */
#include "variant.h"

typedef struct {
    const real *x, *other;
    real *y;
    ptrdiff_t count, c;
    cnet_activation f;
    real slope;
    int logarithm;
} job_t;

static void activate_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t begin = chunk * ELEMENTS_PER_CHUNK;
    const ptrdiff_t end = min_size(job->count, begin + ELEMENTS_PER_CHUNK);
    const real *x = job->x;
    real *y = job->y;
    switch (job->f) {
    case CNET_LEAKY_RELU:
        for (ptrdiff_t t = begin; t < end; t++)
            y[t] = x[t] > 0 ? x[t] : x[t] * job->slope;
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

/* y[t] = f(x[t]): x where it is positive and slope * x elsewhere, 1 / (1 + exp(-x)), or tanh(x).
 *
 * x and y (count); overwrites y, which may be x. NaN stays. Parallel over t. */
void CNET_FN(activate)(const void *x, void *y, ptrdiff_t count, cnet_activation f, double slope,
                       const cnet_exec *e) {
    const job_t job = {.x = x, .y = y, .count = count, .f = f, .slope = (real)slope};
    cnet_parallel(activate_chunk, &job, ceil_div(count, ELEMENTS_PER_CHUNK), e->threads);
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
void CNET_FN(softmax)(const void *x, void *y, ptrdiff_t n, ptrdiff_t c, int logarithm,
                      const cnet_exec *e) {
    const job_t job = {.x = x, .y = y, .count = n, .c = c, .logarithm = logarithm};
    cnet_parallel(softmax_chunk, &job, ceil_div(n, rows_per_chunk(c)), e->threads);
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
void CNET_FN(add)(const void *a, const void *b, void *y, ptrdiff_t count, const cnet_exec *e) {
    const job_t job = {.x = a, .other = b, .y = y, .count = count};
    cnet_parallel(add_chunk, &job, ceil_div(count, ELEMENTS_PER_CHUNK), e->threads);
}
