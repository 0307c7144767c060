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
void CNET_FN(relu)(const void *x, void *y, ptrdiff_t count, const cnet_exec *e) {
    const job_t job = {.x = x, .to = y, .count = count};
    cnet_parallel(relu_chunk, &job, ceil_div(count, ELEMENTS_PER_CHUNK), e->threads);
}

static void relu_backward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t++) {
        const real dy = job->x[t]; /* read in any case, so that the loop becomes vectors */
        job->to[t] = job->y[t] <= 0 ? 0 : dy;
    }
}

/* dx[t] = 0 where y[t] <= 0, else dy[t]; y is the result of relu.
 *
 * dy, y and dx (count); overwrites dx, which may be dy. Exact. Parallel over t. */
void CNET_FN(relu_backward)(const void *dy, const void *y, void *dx, ptrdiff_t count,
                            const cnet_exec *e) {
    const job_t job = {.x = dy, .y = y, .to = dx, .count = count};
    cnet_parallel(relu_backward_chunk, &job, ceil_div(count, ELEMENTS_PER_CHUNK), e->threads);
}
