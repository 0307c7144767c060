/* Random positions with given probabilities. */
#include "variant.h"

#include <stdatomic.h>

typedef struct {
    const cnet_multinomial_arguments *a;
    double *bounds; /* a row for each thread */
    ptrdiff_t rows; /* per chunk */
    _Atomic ptrdiff_t *invalid;
} job_t;

/* The sums of the first weights; returns whether they are the bounds of a distribution. */
static int fill_bounds(double *bounds, const real *weights, ptrdiff_t count) {
    double sum = 0;
    int valid = 1;
    for (ptrdiff_t j = 0; j < count; j++) {
        valid &= weights[j] >= 0;
        sum += (double)weights[j];
        bounds[j] = sum;
    }
    return valid && sum > 0 && sum - sum == 0;
}

/* The first position whose bound is greater than `target`, or is the last bound. */
static ptrdiff_t find(const double *bounds, ptrdiff_t count, double target) {
    const double last = bounds[count - 1];
    ptrdiff_t begin = 0;
    while (count > 1) {
        const ptrdiff_t half = count / 2;
        const double bound = bounds[begin + half - 1];
        begin += bound > target || bound == last ? 0 : half;
        count = bound > target || bound == last ? half : count - half;
    }
    return begin;
}

static void multinomial_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_multinomial_arguments *a = job->a;
    const ptrdiff_t samples = a->samples, count = a->g.c;
    const ptrdiff_t end = min_size(a->g.n, (chunk + 1) * job->rows);
    double *bounds = job->bounds + slot * count;
    for (ptrdiff_t n = chunk * job->rows; n < end; n++) {
        const double *draws = (const double *)a->draws + n * samples;
        int64_t *indices = (int64_t *)a->indices + n * samples;
        if (!fill_bounds(bounds, (const real *)a->weights + n * count, count)) {
            atomic_fetch_add(job->invalid, 1);
            memset(indices, 0, (size_t)samples * sizeof *indices);
            continue;
        }
        for (ptrdiff_t s = 0; s < samples; s++)
            indices[s] = find(bounds, count, draws[s] * bounds[count - 1]);
    }
}

size_t CNET_FN(multinomial_workspace)(cnet_call *call) {
    return (size_t)call->threads * (size_t)call->multinomial.g.c * sizeof(double);
}

/* indices[n, s] = the least j with draws[n, s] * sum(weights[n]) < weights[n, 0] + ... +
 * weights[n, j]
 *
 * weights (n, c), draws (n, samples) in [0, 1), indices (n, samples); overwrites indices. Sums are
 * in double, one weight after the other; a weight 0 is never chosen. Invalid: the number of rows
 * with a negative weight, a sum that is not finite, or a sum of 0; their indices are 0. c is at
 * least 1. Parallel over n. */
void CNET_FN(multinomial)(const cnet_call *call) {
    const cnet_multinomial_arguments *a = &call->multinomial;
    _Atomic ptrdiff_t invalid = 0;
    const job_t job = {
        .a = a,
        .bounds = (double *)call->workspace,
        .rows = max_size(1, ELEMENTS_PER_CHUNK / (a->g.c + a->samples)),
        .invalid = &invalid,
    };
    cnet_parallel(multinomial_chunk, &job, ceil_div(a->g.n, job.rows), call->threads);
    *call->invalid = invalid;
}
