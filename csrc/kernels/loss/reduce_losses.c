/* The sum and the mean of losses, and their gradient. */
#include "sums.h"
#include "variant.h"

enum { PARTS = 64, LOSSES_PER_PART = 1 << 13 };

typedef struct {
    const cnet_reduce_losses_arguments *a;
    ptrdiff_t losses; /* per part */
    double sums[PARTS], divisors[PARTS];
} job_t;

/* The number of targets that are not ignored, or the sum of the weights of their classes. */
static double counted(const cnet_reduce_losses_arguments *a, ptrdiff_t first, ptrdiff_t last) {
    const int64_t *target = a->target;
    const real *weight = a->weight;
    double sum = 0;
    for (ptrdiff_t i = first; i < last; i++) {
        const int64_t j = target[i];
        if (j != a->ignore_index && j >= 0 && j < a->g.c)
            sum += weight ? (double)weight[j] : 1;
    }
    return sum;
}

static void part(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    job_t *job = (job_t *)argument;
    const ptrdiff_t first = chunk * job->losses, last = min_size(job->a->g.n, first + job->losses);
    job->sums[chunk] = sum_run((const real *)job->a->losses + first, 0, last - first);
    job->divisors[chunk] = job->a->mean ? counted(job->a, first, last) : 0;
}

/* loss = (sum_i losses[i]) / divisor. The divisor is 1 or, if `mean` is set, the number of targets
 * other than ignore_index, or the sum of the weights of these classes.
 *
 * losses and target (n), weight (c) or NULL for ones, loss and divisor (1); overwrites both. Sums
 * are computed in double, in up to PARTS parts. Parallel over the parts. */
void CNET_FN(reduce_losses)(const cnet_call *call) {
    const cnet_reduce_losses_arguments *a = &call->reduce_losses;
    job_t job = {.a = a, .losses = max_size(LOSSES_PER_PART, ceil_div(a->g.n, PARTS))};
    const ptrdiff_t parts = ceil_div(a->g.n, job.losses);
    cnet_parallel(part, &job, parts, call->threads);
    double sum = 0, divisor = a->mean ? 0 : 1;
    for (ptrdiff_t i = 0; i < parts; i++) {
        sum += job.sums[i];
        divisor += job.divisors[i];
    }
    *(real *)a->divisor = (real)divisor;
    *(real *)a->loss = (real)(sum / divisor);
}

typedef struct {
    real *grad_losses;
    real share;
    ptrdiff_t n;
} fill_t;

static void fill_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const fill_t *job = argument;
    const ptrdiff_t end = min_size(job->n, (chunk + 1) * LOSSES_PER_PART);
    for (ptrdiff_t i = chunk * LOSSES_PER_PART; i < end; i++)
        job->grad_losses[i] = job->share;
}

/* grad_losses[i] = grad_loss / divisor.
 *
 * grad_loss and divisor (1), grad_losses (n); overwrites grad_losses. Parallel over i. */
void CNET_FN(reduce_losses_backward)(const cnet_call *call) {
    const cnet_reduce_losses_backward_arguments *a = &call->reduce_losses_backward;
    const real share = *(const real *)a->grad_loss / *(const real *)a->divisor;
    const fill_t job = {.grad_losses = a->grad_losses, .share = share, .n = a->g.n};
    cnet_parallel(fill_chunk, &job, ceil_div(job.n, LOSSES_PER_PART), call->threads);
}
