/* The sum and the mean of losses, and their gradient. */
#include "loss/parts.h"

typedef struct {
    const cnet_reduce_losses_arguments *a;
    loss_parts parts;
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
    const cnet_reduce_losses_arguments *a = job->a;
    const ptrdiff_t first = chunk * job->parts.losses;
    const ptrdiff_t last = min_size(a->g.n, first + job->parts.losses);
    job->parts.sums[chunk] = sum_run((const real *)a->losses + first, 0, last - first);
    job->parts.divisors[chunk] = a->mean ? counted(a, first, last) : 0;
}

/* loss = (sum_i losses[i]) / divisor. The divisor is 1 or, if `mean` is set, the number of targets
 * other than ignore_index, or the sum of the weights of these classes.
 *
 * losses and target (n), weight (c) or NULL for ones, loss and divisor (1); overwrites both. Sums
 * are computed in double, in up to PARTS parts. Parallel over the parts. */
void CNET_FN(reduce_losses)(const cnet_call *call) {
    const cnet_reduce_losses_arguments *a = &call->reduce_losses;
    job_t job = {.a = a, .parts.losses = losses_per_part(a->g.n)};
    cnet_parallel(part, &job, ceil_div(a->g.n, job.parts.losses), call->threads);
    divide_sums(&job.parts, a->g.n, a->mean, a->loss, a->divisor);
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
