/* The SGD step. Compiled without contraction to FMA, so that each operation rounds as in NumPy: on
 * every CPU, a step gives the same bits as its equation in NumPy. */
#include "variant.h"

typedef struct {
    real *param, *momentum_buffer;
    const real *grad;
    ptrdiff_t count;
    real sign, weight_decay, lr, momentum, undamped;
    int nesterov, first;
} job_t;

static void sgd_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t job = *(const job_t *)argument;
    const ptrdiff_t end = min_size(job.count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t++) {
        real d = job.sign * job.grad[t] + job.weight_decay * job.param[t];
        if (job.momentum_buffer) {
            const real v = job.first ? d : job.momentum * job.momentum_buffer[t] + job.undamped * d;
            job.momentum_buffer[t] = v;
            d = job.nesterov ? d + job.momentum * v : v;
        }
        job.param[t] -= job.lr * d;
    }
}

/* One step of stochastic gradient descent:
 *     d = ±grad + weight_decay * param          (minus to maximize)
 *     v = momentum * v + (1 - dampening) * d    (v = d on the first step)
 *     param -= lr * (nesterov ? d + momentum * v : v)
 *
 * param, grad, momentum_buffer (count). Updates param and momentum_buffer, which holds v, in place;
 * momentum_buffer is NULL for steps without momentum. Parallel over elements. Sutskever, Martens,
 * Dahl and Hinton (2013), "On the importance of initialization and momentum in deep learning". */
void CNET_FN(sgd_step)(const cnet_call *call) {
    const cnet_sgd_step_arguments *a = &call->sgd_step;
    const job_t job = {
        .param = a->param,
        .grad = a->grad,
        .momentum_buffer = a->momentum_buffer,
        .count = a->count,
        .sign = a->maximize ? -1 : 1,
        .weight_decay = (real)a->weight_decay,
        .lr = (real)a->lr,
        .momentum = (real)a->momentum,
        .undamped = (real)(1 - a->dampening),
        .nesterov = a->nesterov != 0,
        .first = a->first != 0,
    };
    cnet_parallel(sgd_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}
