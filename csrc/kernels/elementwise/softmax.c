/* Softmax along an axis, its logarithm, and their gradients. */
#include "exponentials.h"
#include "sums.h"

typedef struct {
    const real *x, *grad_output;
    real *y;
    cnet_norm g;
    int logarithm;
    ptrdiff_t blocks; /* vectors of columns of an array */
    ptrdiff_t together;
} job_t;

/* Terms that are added one after the other, before the sum is added to that of the others. */
enum { TERMS = 64 };

static void softmax_row(const job_t *job, const real *x, real *y) {
    const ptrdiff_t c = job->g.c;
    const real greatest = greatest_of(x, c);
    const real sum = sum_of_powers(x, greatest, job->logarithm ? NULL : y, c);
    if (job->logarithm) {
        const real logarithm = REAL_LOG(sum);
        for (ptrdiff_t t = 0; t < c; t++)
            y[t] = x[t] - greatest - logarithm;
        return;
    }
    const real inverse = 1 / sum;
    for (ptrdiff_t t = 0; t < c; t += LANES)
        store_run(y + t, load_run(y + t, c - t) * inverse, c - t);
}

/* Up to a vector of columns, whose elements are `stride` apart. */
static void softmax_columns(const job_t *job, const real *x, real *y, ptrdiff_t count) {
    const ptrdiff_t c = job->g.c, stride = job->g.size;
    vec greatest = broadcast(-REAL_INFINITY), sum = {0};
    for (ptrdiff_t t = 0; t < c; t++)
        greatest = greater_of(greatest, load_run(x + t * stride, count));
    for (ptrdiff_t first = 0; first < c; first += TERMS) {
        vec part = {0};
        for (ptrdiff_t t = first; t < min_size(c, first + TERMS); t++) {
            const vec power = power_of(load_run(x + t * stride, count) - greatest);
            if (!job->logarithm)
                store_run(y + t * stride, power, count);
            part += power;
        }
        sum += part;
    }
    const vec logarithm = vec_log(sum), inverse = 1 / sum;
    for (ptrdiff_t t = 0; t < c; t++) {
        const vec at = load_run((job->logarithm ? x : y) + t * stride, count);
        const vec value = job->logarithm ? at - greatest - logarithm : at * inverse;
        store_run(y + t * stride, value, count);
    }
}

/* Rows of at most this length are transposed, and a vector of them is computed together. */
enum { SHORT_ROW = 32 };

/* Up to a vector of short rows, which follow each other. */
static void softmax_short_rows(const job_t *job, const real *x, real *y, ptrdiff_t count) {
    const ptrdiff_t c = job->g.c;
    job_t columns = *job;
    columns.g.size = LANES;
    vec part[SHORT_ROW] = {0};
    real *const numbers = (real *)part;
    for (ptrdiff_t row = 0; row < count; row++)
        for (ptrdiff_t t = 0; t < c; t++)
            numbers[t * LANES + row] = x[row * c + t];
    softmax_columns(&columns, numbers, numbers, LANES);
    for (ptrdiff_t row = 0; row < count; row++)
        for (ptrdiff_t t = 0; t < c; t++)
            y[row * c + t] = numbers[t * LANES + row];
}

static void dx_of_row(const job_t *job, const real *grad_output, const real *y, real *dx) {
    const ptrdiff_t c = job->g.c;
    const vec sum = broadcast((real)(job->logarithm ? sum_run(grad_output, 0, c)
                                                    : sum_products(grad_output, 0, y, 0, c)));
    for (ptrdiff_t t = 0; t < c; t += LANES) {
        const vec at = load_run(y + t, c - t), grad = load_run(grad_output + t, c - t);
        store_run(dx + t, job->logarithm ? grad - vec_exp(at) * sum : at * (grad - sum), c - t);
    }
}

static void dx_of_columns(const job_t *job, const real *grad_output, const real *y, real *dx,
                          ptrdiff_t count) {
    const ptrdiff_t c = job->g.c, stride = job->g.size;
    vec sum = {0};
    for (ptrdiff_t first = 0; first < c; first += TERMS) {
        vec part = {0};
        for (ptrdiff_t t = first; t < min_size(c, first + TERMS); t++) {
            const vec grad = load_run(grad_output + t * stride, count);
            part += job->logarithm ? grad : grad * load_run(y + t * stride, count);
        }
        sum += part;
    }
    for (ptrdiff_t t = 0; t < c; t++) {
        const vec at = load_run(y + t * stride, count),
                  grad = load_run(grad_output + t * stride, count);
        store_run(dx + t * stride, job->logarithm ? grad - vec_exp(at) * sum : at * (grad - sum),
                  count);
    }
}

static void softmax_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_norm g = job->g;
    const ptrdiff_t end = min_size(g.n * job->blocks, (chunk + 1) * job->together);
    const int has_short_rows = g.size == 1 && g.c <= SHORT_ROW && !job->grad_output;
    const ptrdiff_t step = has_short_rows ? LANES : 1;
    for (ptrdiff_t piece = chunk * job->together; piece < end; piece += step) {
        const ptrdiff_t column = piece % job->blocks * LANES,
                        count = min_size(LANES, g.size - column);
        const ptrdiff_t at = piece / job->blocks * g.c * g.size + column;
        const real *grad_output = job->grad_output ? job->grad_output + at : NULL;
        if (has_short_rows)
            softmax_short_rows(job, job->x + at, job->y + at, min_size(step, end - piece));
        else if (g.size == 1 && grad_output)
            dx_of_row(job, grad_output, job->x + at, job->y + at);
        else if (g.size == 1)
            softmax_row(job, job->x + at, job->y + at);
        else if (grad_output)
            dx_of_columns(job, grad_output, job->x + at, job->y + at, count);
        else
            softmax_columns(job, job->x + at, job->y + at, count);
    }
}

static void run(job_t job, int threads) {
    job.blocks = ceil_div(job.g.size, LANES);
    const ptrdiff_t elements = max_size(1, job.g.c * min_size(job.g.size, LANES));
    job.together = max_size(1, ELEMENTS_PER_CHUNK / elements);
    cnet_parallel(softmax_chunk, &job, ceil_div(job.g.n * job.blocks, job.together), threads);
}

/* y[n, i, t] = exp(x[n, i, t]) / sum over k of exp(x[n, k, t]); with `logarithm`, the logarithm of
 * that.
 *
 * x and y (n, c, size); overwrites y, which may be x. The maximum is subtracted first; exponentials
 * that would be subnormal count as 0. Where there is NaN or +inf, or only -inf, along c, all
 * results are NaN. Parallel over n and t. */
void CNET_FN(softmax)(const cnet_call *call) {
    const cnet_softmax_arguments *a = &call->softmax;
    run((job_t){.x = a->x, .y = a->y, .g = a->g, .logarithm = a->logarithm != 0}, call->threads);
}

/* dx[n, i, t] = y[n, i, t] * (grad_output[n, i, t] - sum over k of grad_output[n, k, t] *
 * y[n, k, t]); with `logarithm`, grad_output[n, i, t] - exp(y[n, i, t]) * sum over k of
 * grad_output[n, k, t].
 *
 * y is the result of softmax. grad_output, y and dx (n, c, size); overwrites dx, which may be
 * grad_output. Sums are in double if size is 1. Parallel over n and t. */
void CNET_FN(softmax_backward)(const cnet_call *call) {
    const cnet_softmax_backward_arguments *a = &call->softmax_backward;
    run((job_t){.grad_output = a->grad_output,
                .x = a->y,
                .y = a->dx,
                .g = a->g,
                .logarithm = a->logarithm != 0},
        call->threads);
}
