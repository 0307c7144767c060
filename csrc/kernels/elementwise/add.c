/* Sums and copies. */
#include "streams.h"

typedef struct {
    const real *a, *b;
    real *y;
    ptrdiff_t count;
    int streams;
} job_t;

static void add_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK;
    if (job->streams)
        for (; t + LANES <= end; t += LANES)
            stream(job->y + t, load(job->a + t) + load(job->b + t));
    for (; t < end; t++)
        job->y[t] = job->a[t] + job->b[t];
    end_streams();
}

/* y[t] = a[t] + b[t].
 *
 * a, b and y (count); overwrites y, which may be a or b. Exact. Parallel over t. */
void CNET_FN(add)(const cnet_call *call) {
    const cnet_add_arguments *a = &call->add;
    const job_t job = {
        .a = a->a,
        .b = a->b,
        .y = a->y,
        .count = a->count,
        .streams = is_streamed(a->count) && a->y != a->a && a->y != a->b && takes_streams(a->y),
    };
    cnet_parallel(add_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}

/* y[t] = x[t].
 *
 * x and y (count); overwrites y. Exact. On the calling thread. */
void CNET_FN(copy)(const cnet_call *call) {
    memcpy(call->copy.y, call->copy.x, (size_t)call->copy.count * sizeof(real));
}
