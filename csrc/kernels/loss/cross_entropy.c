#include "variant.h"

#include <stdatomic.h>

typedef struct {
    const real *logits, *weight, *grad_losses, *lse_in;
    const int64_t *target;
    real *losses, *lse, *dlogits;
    ptrdiff_t n, c, rows; /* rows in a chunk */
    real smoothing;
    int64_t ignore_index;
    _Atomic ptrdiff_t *bad;
} job_t;

/* A row costs an exponential for every class. */
enum { EXPONENTIALS_PER_CHUNK = 1 << 12 };

static void run(cnet_task *task, job_t *job, const cnet_exec *e) {
    job->rows = max_size(1, EXPONENTIALS_PER_CHUNK / max_size(1, job->c));
    cnet_parallel(task, job, ceil_div(job->n, job->rows), e->threads);
}

static real weight_of(const job_t *job, ptrdiff_t j) { return job->weight ? job->weight[j] : 1; }

static real log_sum_exp(const real *x, ptrdiff_t count) {
    real largest = -REAL_INFINITY, sum = 0;
    for (ptrdiff_t j = 0; j < count; j++)
        largest = x[j] > largest || x[j] != x[j] ? x[j] : largest;
    if (largest == -REAL_INFINITY || largest == REAL_INFINITY)
        return largest;
    for (ptrdiff_t j = 0; j < count; j++)
        sum += REAL_EXP(x[j] - largest);
    return largest + REAL_LOG(sum);
}

static void losses_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->n, (chunk + 1) * job->rows);
    const real smoothing = job->smoothing;
    for (ptrdiff_t i = chunk * job->rows; i < end; i++) {
        const real *x = job->logits + i * job->c;
        const int64_t target = job->target[i];
        const real lse = log_sum_exp(x, job->c);
        job->lse[i] = lse;
        job->losses[i] = 0;
        if (target == job->ignore_index)
            continue;
        if (target < 0 || target >= job->c) {
            atomic_fetch_add(job->bad, 1);
            continue;
        }
        real loss = (1 - smoothing) * weight_of(job, target) * (lse - x[target]);
        if (smoothing > 0)
            for (ptrdiff_t j = 0; j < job->c; j++)
                loss += smoothing / (real)job->c * weight_of(job, j) * (lse - x[j]);
        job->losses[i] = loss;
    }
}

/* lse[i] = log sum_j exp(logits[i, j])
 * losses[i] = sum_j q[i, j] * weight[j] * (lse[i] - logits[i, j])
 * with q[i, j] = (1 - smoothing) * [j == target[i]] + smoothing / c.
 *
 * logits (n, c), target (n), weight (c) or NULL for ones, losses and lse (n); overwrites both. The
 * largest logit is subtracted before the exponentials. The loss is 0 where target is ignore_index.
 * Returns how many other targets are not in [0, c). Parallel over i. */
ptrdiff_t CNET_FN(cross_entropy)(const void *logits, const int64_t *target, const void *weight,
                                 void *losses, void *lse, ptrdiff_t n, ptrdiff_t c,
                                 double smoothing, int64_t ignore_index, const cnet_exec *e) {
    _Atomic ptrdiff_t bad = 0;
    job_t job = {
        .logits = logits,
        .weight = weight,
        .target = target,
        .losses = losses,
        .lse = lse,
        .n = n,
        .c = c,
        .smoothing = (real)smoothing,
        .ignore_index = ignore_index,
        .bad = &bad,
    };
    run(losses_chunk, &job, e);
    return bad;
}

static void dlogits_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->n, (chunk + 1) * job->rows);
    const real share = job->smoothing / (real)job->c;
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
                atomic_fetch_add(job->bad, 1);
            continue;
        }
        const real grad = job->grad_losses[i], lse = job->lse_in[i];
        const real hit = (1 - job->smoothing) * weight_of(job, target);
        const real mass = hit + share * weights;
        for (ptrdiff_t j = 0; j < job->c; j++)
            dx[j] = grad * (mass * REAL_EXP(x[j] - lse) - share * weight_of(job, j));
        dx[target] -= grad * hit;
    }
}

/* dlogits[i, k] = grad_losses[i] * (sum_j q[i, j] weight[j] * softmax(logits[i])[k]
 *                                   - q[i, k] weight[k]), with q as in cross_entropy.
 *
 * grad_losses and lse (n), logits and dlogits (n, c), target (n), weight (c) or NULL; overwrites
 * dlogits. Rows are 0 where target is ignore_index. Returns how many other targets are not in
 * [0, c). Parallel over i. */
ptrdiff_t CNET_FN(cross_entropy_backward)(const void *grad_losses, const void *logits,
                                          const int64_t *target, const void *lse,
                                          const void *weight, void *dlogits, ptrdiff_t n,
                                          ptrdiff_t c, double smoothing, int64_t ignore_index,
                                          const cnet_exec *e) {
    _Atomic ptrdiff_t bad = 0;
    job_t job = {
        .logits = logits,
        .weight = weight,
        .grad_losses = grad_losses,
        .lse_in = lse,
        .target = target,
        .dlogits = dlogits,
        .n = n,
        .c = c,
        .smoothing = (real)smoothing,
        .ignore_index = ignore_index,
        .bad = &bad,
    };
    run(dlogits_chunk, &job, e);
    return bad;
}
