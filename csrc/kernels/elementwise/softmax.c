/* Softmax and its logarithm, row by row. */
#include "exponentials.h"

typedef struct {
    const real *x;
    real *y;
    ptrdiff_t count, c;
    int logarithm;
} job_t;

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
        real *y = job->y + row * job->c;
        const real greatest = greatest_of(x, job->c);
        const real sum = sum_of_powers(x, greatest, job->logarithm ? NULL : y, job->c);
        const real logarithm = REAL_LOG(sum);
        for (ptrdiff_t t = 0; t < job->c; t++)
            y[t] = job->logarithm ? x[t] - greatest - logarithm : y[t] / sum;
    }
}

/* y[i, j] = exp(x[i, j]) / sum over t of exp(x[i, t]); with `logarithm`, the logarithm of that.
 *
 * x and y (n, c); overwrites y, which may be x. The maximum of the row is subtracted first. A row
 * that contains NaN or +inf, or only -inf, becomes NaN. Parallel over rows. */
void CNET_FN(softmax)(const cnet_call *call) {
    const cnet_softmax_arguments *a = &call->softmax;
    const job_t job = {
        .x = a->x, .y = a->y, .count = a->g.n, .c = a->g.c, .logarithm = a->logarithm != 0};
    cnet_parallel(softmax_chunk, &job, ceil_div(a->g.n, rows_per_chunk(a->g.c)), call->threads);
}
