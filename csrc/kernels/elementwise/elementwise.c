/* Runs the operations of operations.h on arrays. */
#include "formulas.h"
#include "streams.h"
#include "trigonometric.h"

/* y[t] = f(from[t]), or dx[t] = g[t] f' computed from from[t], for a whole number of vectors. */
typedef void loop_t(const real *from, const real *g, real *to, ptrdiff_t count, vec a, vec b);
#define OP(name, value, saved, gradient)                                                           \
    static void name##_loop(const real *from, const real *g, real *to, ptrdiff_t count, vec a,     \
                            vec b) {                                                               \
        (void)g, (void)a, (void)b;                                                                 \
        for (ptrdiff_t t = 0; t < count; t += LANES) {                                             \
            const vec x = load(from + t);                                                          \
            store(to + t, value);                                                                  \
        }                                                                                          \
    }                                                                                              \
    static void name##_backward_loop(const real *from, const real *grad, real *to,                 \
                                     ptrdiff_t count, vec a, vec b) {                              \
        (void)a, (void)b;                                                                          \
        for (ptrdiff_t t = 0; t < count; t += LANES) {                                             \
            const vec saved = load(from + t), g = load(grad + t);                                  \
            store(to + t, gradient);                                                               \
        }                                                                                          \
    }
CNET_OPERATIONS(OP)
#undef OP
#define OP(name, value, saved, gradient) {name##_loop, name##_backward_loop},
static loop_t *const loops[][2] = {CNET_OPERATIONS(OP)};
#undef OP

typedef struct {
    loop_t *loop;
    const real *from, *g;
    real *to;
    ptrdiff_t count;
    int streams;
    real a, b;
} job_t;

/* Computes a part at a time in the cache, and streams it. */
static void stream_elements(const job_t *job, ptrdiff_t begin, ptrdiff_t count, vec a, vec b) {
    enum { PART = 1024 };
    _Alignas(VECTOR_BYTES) real part[PART];
    for (ptrdiff_t t = begin; t < begin + count; t += PART) {
        const ptrdiff_t length = min_size(PART, begin + count - t);
        job->loop(job->from + t, job->g + t, part, length, a, b);
        stream_copy(job->to + t, part, length);
    }
    end_streams();
}

static void elements_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t begin = chunk * ELEMENTS_PER_CHUNK;
    const ptrdiff_t count = min_size(job->count - begin, ELEMENTS_PER_CHUNK);
    const ptrdiff_t rest = count % LANES, end = begin + count - rest;
    const vec a = broadcast(job->a), b = broadcast(job->b);
    if (job->streams)
        stream_elements(job, begin, count - rest, a, b);
    else
        job->loop(job->from + begin, job->g + begin, job->to + begin, count - rest, a, b);
    if (rest) { /* the same instructions, so that a result does not depend on its position */
        const vec from_rest = load_run(job->from + end, rest),
                  g_rest = load_run(job->g + end, rest);
        vec to_rest;
        job->loop((const real *)&from_rest, (const real *)&g_rest, (real *)&to_rest, LANES, a, b);
        store_run(job->to + end, to_rest, rest);
    }
}

/* y[t] = f(x[t]), where f is the operation with the parameters a and b.
 *
 * x and y (count); overwrites y, which may be x. NaN stays NaN. Parallel over t. */
void CNET_FN(elementwise)(const cnet_call *call) {
    const cnet_elementwise_arguments *a = &call->elementwise;
    const job_t job = {.loop = loops[a->operation][0],
                       .from = a->x,
                       .g = a->x,
                       .to = a->y,
                       .count = a->count,
                       .streams = is_streamed(a->count) && a->y != a->x && takes_streams(a->y),
                       .a = (real)a->a,
                       .b = (real)a->b};
    cnet_parallel(elements_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}

/* dx[t] = grad_output[t] f'(x[t]), computed from saved[t], which is x or y = f(x) as listed in
 * operations.h.
 *
 * grad_output, saved and dx (count); overwrites dx, which may be grad_output. Parallel over t. */
void CNET_FN(elementwise_backward)(const cnet_call *call) {
    const cnet_elementwise_backward_arguments *a = &call->elementwise_backward;
    const job_t job = {.loop = loops[a->operation][1],
                       .from = a->saved,
                       .g = a->grad_output,
                       .to = a->dx,
                       .count = a->count,
                       .streams =
                           is_streamed(a->count) && a->dx != a->grad_output && takes_streams(a->dx),
                       .a = (real)a->a,
                       .b = (real)a->b};
    cnet_parallel(elements_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}
