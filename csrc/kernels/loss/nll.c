/* The negative log-likelihood of the target classes, its sum and mean, and its gradient. */
#include "loss/parts.h"

#include <stdatomic.h>

typedef struct {
    const cnet_nll_loss_arguments *a;
    loss_parts parts;
    _Atomic ptrdiff_t invalid;
} job_t;

static void losses_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    job_t *job = (job_t *)argument;
    const cnet_nll_loss_arguments *a = job->a;
    const real *x = a->x, *weight = a->weight;
    const int64_t *target = a->target;
    real *losses = a->losses;
    const ptrdiff_t first = chunk * job->parts.losses;
    const ptrdiff_t last = min_size(a->g.n, first + job->parts.losses);
    ptrdiff_t valid = 0, ignored = 0;
    double weights = 0;
    for (ptrdiff_t i = first; i < last; i++) {
        const int64_t j = target[i];
        losses[i] = 0;
        if (j == a->ignore_index) {
            ignored++;
        } else if (j >= 0 && j < a->g.c) {
            valid++;
            losses[i] = -x[i * a->g.c + j];
            if (weight) {
                losses[i] *= weight[j];
                weights += (double)weight[j];
            }
        }
    }
    if (valid + ignored < last - first)
        atomic_fetch_add(&job->invalid, last - first - valid - ignored);
    job->parts.sums[chunk] = sum_run(losses + first, 0, last - first);
    job->parts.divisors[chunk] = weight ? weights : (double)valid;
}

/* losses[i] = -weight[target[i]] * x[i, target[i]], loss = (sum_i losses[i]) / divisor. The divisor
 * is 1 or, if `mean` is set, the number of targets that count, or the sum of their weights.
 *
 * x (n, c), target (n), weight (c) or NULL for ones, losses (n), loss and divisor (1); overwrites
 * these three. The loss is 0 where target is ignore_index, which does not count. Sums are computed
 * in double, in up to PARTS parts; NaN if none counts. Invalid: the number of other targets outside
 * of [0, c); their losses are 0. Parallel over the parts. */
void CNET_FN(nll_loss)(const cnet_call *call) {
    const cnet_nll_loss_arguments *a = &call->nll_loss;
    job_t job = {.a = a, .parts.losses = losses_per_part(a->g.n)};
    cnet_parallel(losses_chunk, &job, ceil_div(a->g.n, job.parts.losses), call->threads);
    divide_sums(&job.parts, a->g.n, a->mean, a->loss, a->divisor);
    *call->invalid = job.invalid;
}

typedef struct {
    const cnet_nll_loss_backward_arguments *a;
    ptrdiff_t rows; /* per chunk */
    _Atomic ptrdiff_t invalid;
} gradient_t;

static void dx_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    gradient_t *job = (gradient_t *)argument;
    const cnet_nll_loss_backward_arguments *a = job->a;
    const real *grad_losses = a->grad_losses, *weight = a->weight;
    const int64_t *target = a->target;
    const ptrdiff_t c = a->g.c, end = min_size(a->g.n, (chunk + 1) * job->rows);
    for (ptrdiff_t i = chunk * job->rows; i < end; i++) {
        const int64_t j = target[i];
        real *dx = (real *)a->dx + i * c;
        memset(dx, 0, (size_t)c * sizeof(real));
        if (j == a->ignore_index)
            continue;
        if (j >= 0 && j < c)
            dx[j] = weight ? -weight[j] * grad_losses[i] : -grad_losses[i];
        else
            atomic_fetch_add(&job->invalid, 1);
    }
}

/* dx[i, j] = -weight[j] * grad_losses[i] if j == target[i], else 0.
 *
 * grad_losses and target (n), weight (c) or NULL for ones, dx (n, c); overwrites dx. Rows are 0
 * where target is ignore_index. Invalid: the number of other targets outside of [0, c); their rows
 * are 0. Parallel over i. */
void CNET_FN(nll_loss_backward)(const cnet_call *call) {
    const cnet_nll_loss_backward_arguments *a = &call->nll_loss_backward;
    gradient_t job = {.a = a, .rows = max_size(1, ELEMENTS_PER_CHUNK / max_size(1, a->g.c))};
    cnet_parallel(dx_chunk, &job, ceil_div(a->g.n, job.rows), call->threads);
    *call->invalid = job.invalid;
}
