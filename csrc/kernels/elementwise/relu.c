/* ReLU and its gradient. */
#include "variant.h"

typedef struct {
    const real *x, *y;
    real *to;
    ptrdiff_t count;
} job_t;

static void relu_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t++) {
        const real x = job->x[t];
        job->to[t] = x <= 0 ? 0 : x;
    }
}

/* y[t] = x[t] if x[t] > 0 or is not a number, else 0.
 *
 * x and y (count); overwrites y, which may be x. Exact. Parallel over t. */
void CNET_FN(relu)(const cnet_call *call) {
    const cnet_relu_arguments *a = &call->relu;
    const job_t job = {.x = a->x, .to = a->y, .count = a->count};
    cnet_parallel(relu_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}

static void relu_backward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t++) {
        const real grad_output = job->x[t]; /* read in any case, so that the loop becomes vectors */
        job->to[t] = job->y[t] <= 0 ? 0 : grad_output;
    }
}

/* dx[t] = 0 where y[t] <= 0, else grad_output[t]; y is the result of relu.
 *
 * grad_output, y and dx (count); overwrites dx, which may be grad_output. Exact. Parallel over t.
 */
void CNET_FN(relu_backward)(const cnet_call *call) {
    const cnet_relu_backward_arguments *a = &call->relu_backward;
    const job_t job = {.x = a->grad_output, .y = a->y, .to = a->dx, .count = a->count};
    cnet_parallel(relu_backward_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}
