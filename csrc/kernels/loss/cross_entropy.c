/* Softmax cross-entropy and its gradient. */
#include "exponentials.h"

#include <stdatomic.h>

typedef struct {
    const real *logits, *weight, *grad_losses, *logsumexp_in;
    const int64_t *target;
    real *losses, *logsumexp, *dlogits;
    ptrdiff_t n, c, rows; /* rows per chunk */
    real label_smoothing;
    int64_t ignore_index;
    _Atomic ptrdiff_t *invalid;
} job_t;

/* A row costs one exponential per class. */
enum { EXPONENTIALS_PER_CHUNK = 1 << 12 };

static void run(cnet_task *task, job_t *job, const cnet_call *call) {
    job->rows = max_size(1, EXPONENTIALS_PER_CHUNK / max_size(1, job->c));
    cnet_parallel(task, job, ceil_div(job->n, job->rows), call->threads);
}

static real weight_of(const job_t *job, ptrdiff_t j) { return job->weight ? job->weight[j] : 1; }

/* The sum of exp(x[t] - shift), whose terms are stored in y unless that is NULL. */
static __attribute__((noinline)) real sum_of(const real *x, real shift, real *y, ptrdiff_t count) {
    return sum_of_powers(x, shift, y, count);
}

/* logsumexp - greatest, which is not rounded to the size of the logits. */
static real log_of_sum(const real *x, real greatest, ptrdiff_t count) {
    if (greatest == -REAL_INFINITY || greatest == REAL_INFINITY)
        return 0;
    return REAL_LOG(sum_of(x, greatest, NULL, count));
}

static void losses_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->n, (chunk + 1) * job->rows);
    const real label_smoothing = job->label_smoothing;
    for (ptrdiff_t i = chunk * job->rows; i < end; i++) {
        const real *x = job->logits + i * job->c;
        const int64_t target = job->target[i];
        const real greatest = greatest_of(x, job->c), rest = log_of_sum(x, greatest, job->c);
        job->logsumexp[i] = greatest + rest;
        job->losses[i] = 0;
        if (target == job->ignore_index)
            continue;
        if (target < 0 || target >= job->c) {
            atomic_fetch_add(job->invalid, 1);
            continue;
        }
        real loss = (1 - label_smoothing) * weight_of(job, target) * (greatest - x[target] + rest);
        if (label_smoothing > 0)
            for (ptrdiff_t j = 0; j < job->c; j++)
                loss +=
                    label_smoothing / (real)job->c * weight_of(job, j) * (greatest - x[j] + rest);
        job->losses[i] = loss;
    }
}

/* logsumexp[i] = log sum_j exp(logits[i, j])
 * losses[i] = sum_j q[i, j] * weight[j] * (logsumexp[i] - logits[i, j])
 * with q[i, j] = (1 - label_smoothing) * [j == target[i]] + label_smoothing / c. Differences of
 * large logits are exact: losses[i] is not computed from the rounded logsumexp[i].
 *
 * logits (n, c), target (n), weight (c) or NULL for ones, losses and logsumexp (n); overwrites
 * both. The largest logit is subtracted before the exponentials; NaN in a row makes its logsumexp
 * NaN. The loss is 0 where target is ignore_index. Invalid: the number of other targets outside of
 * [0, c); their losses are 0. Parallel over i. */
void CNET_FN(cross_entropy)(const cnet_call *call) {
    const cnet_cross_entropy_arguments *a = &call->cross_entropy;
    _Atomic ptrdiff_t invalid = 0;
    job_t job = {
        .logits = a->logits,
        .weight = a->weight,
        .target = a->target,
        .losses = a->losses,
        .logsumexp = a->logsumexp,
        .n = a->g.n,
        .c = a->g.c,
        .label_smoothing = (real)a->label_smoothing,
        .ignore_index = a->ignore_index,
        .invalid = &invalid,
    };
    run(losses_chunk, &job, call);
    *call->invalid = invalid;
}

static void dlogits_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->n, (chunk + 1) * job->rows);
    const real share = job->label_smoothing / (real)job->c;
    real weights = 0;
    for (ptrdiff_t j = 0; j < job->c; j++)
        weights += weight_of(job, j);
    for (ptrdiff_t i = chunk * job->rows; i < end; i++) {
        const real *x = job->logits + i * job->c;
        real *dx = job->dlogits + i * job->c;
        const int64_t target = job->target[i];
        if (target < 0 || target >= job->c || target == job->ignore_index) {
            memset(dx, 0, (size_t)job->c * sizeof(real));
            if (target != job->ignore_index)
                atomic_fetch_add(job->invalid, 1);
            continue;
        }
        const real grad = job->grad_losses[i], logsumexp = job->logsumexp_in[i];
        const real hit = (1 - job->label_smoothing) * weight_of(job, target);
        const real mass = hit + share * weights;
        const real factor = grad * mass / sum_of(x, logsumexp, dx, job->c);
        for (ptrdiff_t j = 0; j < job->c; j++)
            dx[j] *= factor;
        if (share > 0)
            for (ptrdiff_t j = 0; j < job->c; j++)
                dx[j] -= grad * (share * weight_of(job, j));
        dx[target] -= grad * hit;
    }
}

/* dlogits[i, k] = grad_losses[i] * (sum_j q[i, j] weight[j] * softmax(logits[i])[k]
 *                                   - q[i, k] weight[k]), with q as in cross_entropy.
 * softmax(logits[i]) = exp(logits[i] - logsumexp[i]), divided by its sum, which is 1 but for the
 * rounding of logsumexp[i].
 *
 * grad_losses and logsumexp (n), logits and dlogits (n, c), target (n), weight (c) or NULL for
 * ones; overwrites dlogits. Rows are 0 where target is ignore_index. Invalid: the number of other
 * targets outside of [0, c); their rows are 0. Parallel over i. */
void CNET_FN(cross_entropy_backward)(const cnet_call *call) {
    const cnet_cross_entropy_backward_arguments *a = &call->cross_entropy_backward;
    _Atomic ptrdiff_t invalid = 0;
    job_t job = {
        .logits = a->logits,
        .weight = a->weight,
        .grad_losses = a->grad_losses,
        .logsumexp_in = a->logsumexp,
        .target = a->target,
        .dlogits = a->dlogits,
        .n = a->g.n,
        .c = a->g.c,
        .label_smoothing = (real)a->label_smoothing,
        .ignore_index = a->ignore_index,
        .invalid = &invalid,
    };
    run(dlogits_chunk, &job, call);
    *call->invalid = invalid;
}
