/* Arithmetic and copies of arrays with any strides: broadcasting, permutation, parts of arrays.
 *
 * A pair (cnet_pair) says which elements of two arrays are visited together. */
#include "streams.h"

typedef struct {
    const cnet_pair *g;
    const real *a, *b;
    real *y;
    ptrdiff_t rows;           /* runs along the last axis per chunk */
    ptrdiff_t length, pieces; /* a long run is divided into pieces, each of which is a chunk */
    int operation, streams;
} job_t;

/* The elements [from, from + count) of the runs [row, end): a chunk. */
typedef struct {
    ptrdiff_t row, end, from, count;
} span_t;

static ptrdiff_t row_count(const cnet_pair *g) { return g->n * g->s1 * g->s2 * g->s3; }

static span_t span_of(const job_t *job, ptrdiff_t chunk) {
    const ptrdiff_t row = chunk / job->pieces * job->rows, from = chunk % job->pieces * job->length;
    return (span_t){row, min_size(row_count(job->g), row + job->rows), from,
                    min_size(job->g->s4 - from, job->length)};
}

/* The offsets of element `from` of a row in both arrays. */
static void find_row(const cnet_pair *g, ptrdiff_t row, ptrdiff_t from, ptrdiff_t *a,
                     ptrdiff_t *b) {
    const ptrdiff_t i3 = row % g->s3, i2 = row / g->s3 % g->s2, i1 = row / g->s3 / g->s2 % g->s1,
                    n = row / g->s3 / g->s2 / g->s1;
    *a = g->a_first + n * g->a_n + i1 * g->a1 + i2 * g->a2 + i3 * g->a3 + from * g->a4;
    *b = g->b_first + n * g->b_n + i1 * g->b1 + i2 * g->b2 + i3 * g->b3 + from * g->b4;
}

/* The rows from `row` on that are as far from each other in both arrays, up to the row `end`. */
static ptrdiff_t regular_rows(const cnet_pair *g, ptrdiff_t row, ptrdiff_t end) {
    return min_size(end - row, g->s3 - row % g->s3);
}

#define COMPUTE(a, b)                                                                              \
    (operation == CNET_ADD   ? (a) + (b)                                                           \
     : operation == CNET_SUB ? (a) - (b)                                                           \
     : operation == CNET_MUL ? (a) * (b)                                                           \
                             : (a) / (b))

/* Constant strides and a constant operation become part of the code. */
static inline __attribute__((always_inline)) void compute_row(const real *a, const ptrdiff_t a_step,
                                                              const real *b, const ptrdiff_t b_step,
                                                              real *y, ptrdiff_t count,
                                                              const int operation) {
    ptrdiff_t t = 0;
    for (; t + LANES <= count; t += LANES) {
        const vec x = a_step ? load(a + t) : broadcast(*a),
                  z = b_step ? load(b + t) : broadcast(*b);
        store(y + t, COMPUTE(x, z));
    }
    for (; t < count; t++)
        y[t] = COMPUTE(a[t * a_step], b[t * b_step]);
}

static inline __attribute__((always_inline)) void compute_rows(const job_t *job, span_t span,
                                                               const int operation) {
    const cnet_pair *g = job->g;
    real *y = job->y + span.row * g->s4 + span.from;
    for (ptrdiff_t row = span.row; row < span.end;) {
        ptrdiff_t a_at, b_at;
        find_row(g, row, span.from, &a_at, &b_at);
        const ptrdiff_t end = row + regular_rows(g, row, span.end);
        for (; row < end; row++, a_at += g->a3, b_at += g->b3, y += g->s4) {
            const real *a = job->a + a_at, *b = job->b + b_at;
            if (g->a4 == 1 && g->b4 == 1)
                compute_row(a, 1, b, 1, y, span.count, operation);
            else if (g->a4 == 1 && g->b4 == 0)
                compute_row(a, 1, b, 0, y, span.count, operation);
            else if (g->a4 == 0 && g->b4 == 1)
                compute_row(a, 0, b, 1, y, span.count, operation);
            else
                for (ptrdiff_t t = 0; t < span.count; t++)
                    y[t] = COMPUTE(a[t * g->a4], b[t * g->b4]);
        }
    }
}

static void compute_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const span_t span = span_of(job, chunk);
    if (job->operation == CNET_ADD)
        compute_rows(job, span, CNET_ADD);
    else if (job->operation == CNET_SUB)
        compute_rows(job, span, CNET_SUB);
    else if (job->operation == CNET_MUL)
        compute_rows(job, span, CNET_MUL);
    else
        compute_rows(job, span, CNET_DIV);
}

/* Runs that are read backwards are prefetched so many elements ahead, in the runs that follow in
 * memory: hardware expects them at the other end. */
enum { AHEAD = 2048 };

/* Copies without memcpy, which on some CPUs takes ten times as long for long runs if y is a few
 * bytes behind x in its page. */
static void copy_row(const real *x, const ptrdiff_t x_step, real *y, const ptrdiff_t y_step,
                     ptrdiff_t count, int streams) {
    if (x_step == 1 && y_step == 1) {
        if (streams && takes_streams(y))
            stream_copy(y, x, count);
        else
            copy_run(y, x, count);
        return;
    }
    ptrdiff_t t = 0;
    if (x_step == 0 && y_step == 1) {
        const vec value = broadcast(*x); /* y could overwrite it */
        for (; t + LANES <= count; t += LANES)
            store(y + t, value);
        store_run(y + t, value, count - t);
        return;
    }
    if (x_step == -1 && y_step == 1)
        for (; t + LANES <= count; t += LANES) {
            __builtin_prefetch(x - t + AHEAD);
            store(y + t, reversed(load(x - t - (LANES - 1))));
        }
    for (; t < count; t++)
        y[t * y_step] = x[t * x_step];
}

static void copy_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_pair *g = job->g;
    const span_t span = span_of(job, chunk);
    for (ptrdiff_t row = span.row; row < span.end;) {
        ptrdiff_t x, y;
        find_row(g, row, span.from, &x, &y);
        const ptrdiff_t end = row + regular_rows(g, row, span.end);
        for (; row < end; row++, x += g->a3, y += g->b3)
            copy_row(job->a + x, g->a4, job->y + y, g->b4, span.count, job->streams);
    }
    end_streams();
}

static void run_rows(cnet_task *task, job_t job, int threads) {
    if (job.g->s4 < 1)
        return;
    job.length = min_size(job.g->s4, ELEMENTS_PER_CHUNK);
    job.pieces = ceil_div(job.g->s4, job.length);
    job.rows = ELEMENTS_PER_CHUNK / job.length; /* 1 if a run has several pieces */
    cnet_parallel(task, &job, ceil_div(row_count(job.g), job.rows) * job.pieces, threads);
}

/* y = a + b, a - b, a * b or a / b (cnet_arithmetic), element by element.
 *
 * y (n, s1, s2, s3, s4); a and b have the strides of the pair. Overwrites y, which may be an
 * operand with the strides of y. Exact. Parallel over runs along the last axis and pieces of long
 * runs. */
void CNET_FN(arithmetic)(const cnet_call *call) {
    const cnet_arithmetic_arguments *a = &call->arithmetic;
    const job_t job = {.g = &a->g, .a = a->a, .b = a->b, .y = a->y, .operation = (int)a->operation};
    run_rows(compute_chunk, job, call->threads);
}

/* Copies elements of x to y; a is x and b is y in the pair. Other elements of y are not changed.
 *
 * No element of y is visited twice. Exact. Parallel over runs along the last axis and pieces of
 * long runs. */
void CNET_FN(strided_copy)(const cnet_call *call) {
    const cnet_strided_copy_arguments *a = &call->strided_copy;
    const job_t job = {
        .g = &a->g, .a = a->x, .y = a->y, .streams = is_streamed(row_count(&a->g) * a->g.s4)};
    run_rows(copy_chunk, job, call->threads);
}
