/* The Adam step. Compiled without contraction to FMA, so that each operation rounds as in NumPy: on
 * every CPU, a step gives the same bits as its equation in NumPy. */
#include "variant.h"

typedef struct {
    real *param, *exp_avg, *exp_avg_sq;
    const real *grad;
    ptrdiff_t count;
    real sign, weight_decay, decay, lr;
    real beta1, beta2, one_minus_beta1, one_minus_beta2, correction1, correction2, eps;
} job_t;

static void adam_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t job = *(const job_t *)argument;
    const ptrdiff_t end = min_size(job.count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t++) {
        const real param = job.param[t] * job.decay;
        const real d = job.sign * job.grad[t] + job.weight_decay * param;
        const real m = job.beta1 * job.exp_avg[t] + job.one_minus_beta1 * d;
        const real v = job.beta2 * job.exp_avg_sq[t] + job.one_minus_beta2 * (d * d);
        job.exp_avg[t] = m;
        job.exp_avg_sq[t] = v;
        const real deviation = REAL_SQRT(v / job.correction2) + job.eps;
        job.param[t] = param - job.lr * (m / job.correction1) / deviation;
    }
}

/* One step of Adam; `step` counts from 1:
 *     d = ±grad + weight_decay * param                      (minus to maximize)
 *     m = beta1 * m + (1 - beta1) * d                       exp_avg
 *     v = beta2 * v + (1 - beta2) * d^2                     exp_avg_sq
 *     param -= lr * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)
 * If decoupled (AdamW), param *= 1 - lr * weight_decay comes first, and d = ±grad.
 *
 * All arrays (count); updates param, exp_avg and exp_avg_sq in place. Parallel over elements.
 * Kingma and Ba (2015), "Adam: a method for stochastic optimization"; Loshchilov and Hutter (2019),
 * "Decoupled weight decay regularization". */
void CNET_FN(adam_step)(const cnet_call *call) {
    const cnet_adam_step_arguments *a = &call->adam_step;
    const job_t job = {
        .param = a->param,
        .grad = a->grad,
        .exp_avg = a->exp_avg,
        .exp_avg_sq = a->exp_avg_sq,
        .count = a->count,
        .sign = a->maximize ? -1 : 1,
        .weight_decay = (real)(a->decoupled ? 0 : a->weight_decay),
        .decay = (real)(a->decoupled ? 1 - a->lr * a->weight_decay : 1),
        .lr = (real)a->lr,
        .beta1 = (real)a->beta1,
        .beta2 = (real)a->beta2,
        .one_minus_beta1 = (real)(1 - a->beta1),
        .one_minus_beta2 = (real)(1 - a->beta2),
        .correction1 = (real)(1 - pow(a->beta1, (double)a->step)),
        .correction2 = (real)(1 - pow(a->beta2, (double)a->step)),
        .eps = (real)a->eps,
    };
    cnet_parallel(adam_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}
