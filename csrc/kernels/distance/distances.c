/* Distances of all pairs of rows, and their gradient. */
#include "simd_math.h"

enum { TOGETHER = 4, TERMS_PER_CHUNK = 1 << 16 };

typedef struct {
    const real *x, *columns, *grad, *y;
    real *to;
    real p;
    cnet_distances g;
    ptrdiff_t rows; /* per chunk */
    real *workspace;
} job_t;

/* load_run for the ends of rows, and x^p for a number that is not negative: one copy of their
 * code, because it is long. */
static __attribute__((noinline)) vec load_end(const real *x, ptrdiff_t count) {
    return load_run(x, count);
}
static __attribute__((noinline)) vec general_power(vec x, real p) {
    return p == 2 ? x * x : p == HALF ? vec_sqrt(x) : vec_exp(p * vec_log(x));
}
static inline vec power(vec x, real p) {
    return __builtin_expect(p == 1, 1) ? x : general_power(x, p);
}

/* Up to TOGETHER vectors of distances of a row from the columns that begin at `columns`; of the
 * last one, `lanes` numbers. */
static inline __attribute__((always_inline)) void fill(const job_t *job, const real *x,
                                                       const real *columns, const int count,
                                                       const ptrdiff_t lanes, real *y) {
    const real p = job->p;
    vec sums[TOGETHER] = {{0}};
    for (ptrdiff_t k = 0; k < job->g.k; k++)
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) {
            const real *from = columns + k * job->g.m + i * LANES;
            const vec column = lanes == LANES ? load(from) : load_end(from, lanes);
            sums[i] += power(vec_abs(x[k] - column), p);
        }
#pragma GCC unroll 4
    for (int i = 0; i < count; i++)
        store_run(y + i * LANES, power(sums[i], 1 / p), lanes);
}

static void distances_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t k = job->g.k, m = job->g.m;
    const ptrdiff_t end = min_size(job->g.n * job->g.rows, (chunk + 1) * job->rows);
    for (ptrdiff_t row = chunk * job->rows; row < end; row++) {
        const real *x = job->x + row * k, *columns = job->columns + row / job->g.rows * k * m;
        real *y = job->to + row * m;
        ptrdiff_t j = 0;
        for (; j + TOGETHER * LANES <= m; j += TOGETHER * LANES)
            fill(job, x, columns + j, TOGETHER, LANES, y + j);
        for (; j < m; j += LANES)
            fill(job, x, columns + j, 1, min_size(LANES, m - j), y + j);
    }
}

static void run(cnet_task *task, job_t job, const cnet_call *call) {
    job.rows = max_size(1, TERMS_PER_CHUNK / max_size(1, job.g.m * job.g.k));
    job.workspace = (real *)call->workspace;
    cnet_parallel(task, &job, ceil_div(job.g.n * job.g.rows, job.rows), call->threads);
}

/* y[n, i, j] = (sum_k |x[n, i, k] - columns[n, k, j]|^p)^(1 / p)
 *
 * x (n, rows, k), columns (n, k, m), y (n, rows, m); overwrites y. p is positive and finite. NaN
 * spreads. Parallel over n and i. */
void CNET_FN(distances)(const cnet_call *call) {
    const cnet_distances_arguments *a = &call->distances;
    run(distances_chunk,
        (job_t){.x = a->x, .columns = a->columns, .to = a->y, .p = (real)a->p, .g = a->g}, call);
}

/* factors[j] = grad[j] * y[j]^(1 - p), or 0 where a distance is 0; up to a whole vector. */
static void fill_factors(const job_t *job, ptrdiff_t row, real *factors) {
    for (ptrdiff_t j = 0; j < job->g.m; j += LANES) {
        const ptrdiff_t at = row * job->g.m + j, count = min_size(LANES, job->g.m - j);
        vec factor = load_end(job->grad + at, count);
        if (job->p != 1) {
            const vec y = load_end(job->y + at, count);
            factor = choose(y == 0, (vec){0}, factor * general_power(y, 1 - job->p));
        }
        store(factors + j, factor);
    }
}

/* sign(d) * |d|^(p - 1) */
static inline vec slopes(vec d, real p) {
    vec size = broadcast(1);
    if (__builtin_expect(p != 1, 0))
        size = general_power(vec_abs(d), p - 1);
    return choose(d > 0, size, choose(d < 0, -size, d));
}

/* sum_j factors[j] * slopes(x - column[j]) */
static real sum_slopes(const real *factors, real x, const real *column, ptrdiff_t m, real p) {
    vec sums = {0};
    for (ptrdiff_t j = 0; j < m; j += LANES) {
        const vec numbers = j + LANES <= m ? load(column + j) : load_end(column + j, m - j);
        sums += load(factors + j) * slopes(x - numbers, p);
    }
    for (ptrdiff_t lanes = LANES; lanes > 1; lanes /= 2)
        sums = evens(sums, sums) + odds(sums, sums);
    return sums[0];
}

/* The same sums for all numbers of a row, where columns are too short for vectors. */
static void fill_slopes(const job_t *job, const real *factors, const real *x, const real *columns,
                        real *dx) {
    const ptrdiff_t m = job->g.m;
    for (ptrdiff_t k = 0; k < job->g.k; k += LANES) {
        const ptrdiff_t count = min_size(LANES, job->g.k - k);
        vec sums = {0}, numbers = {0};
        for (ptrdiff_t j = 0; j < m; j++) {
            for (ptrdiff_t lane = 0; lane < count; lane++)
                numbers[lane] = columns[(k + lane) * m + j];
            sums += factors[j] * slopes(load_end(x + k, count) - numbers, job->p);
        }
        store_run(dx + k, sums, count);
    }
}

static void gradients_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_distances *g = &job->g;
    const ptrdiff_t end = min_size(g->n * g->rows, (chunk + 1) * job->rows);
    real *factors = job->workspace + slot * round_up(g->m, LANES);
    for (ptrdiff_t row = chunk * job->rows; row < end; row++) {
        const real *columns = job->columns + row / g->rows * g->k * g->m;
        const real *x = job->x + row * g->k;
        real *dx = job->to + row * g->k;
        fill_factors(job, row, factors);
        if (g->m < LANES)
            fill_slopes(job, factors, x, columns, dx);
        else
            for (ptrdiff_t k = 0; k < g->k; k++)
                dx[k] = sum_slopes(factors, x[k], columns + k * g->m, g->m, job->p);
    }
}

size_t CNET_FN(distances_backward_workspace)(cnet_call *call) {
    const cnet_distances_backward_arguments *a = &call->distances_backward;
    return (size_t)call->threads * (size_t)round_up(a->g.m, LANES) * sizeof(real);
}

/* With d = x[n, i, k] - columns[n, k, j]:
 *     dx[n, i, k] = sum_j grad[n, i, j] * sign(d) * (|d| / y[n, i, j])^(p - 1)
 *
 * grad and y (n, rows, m), x and dx (n, rows, k), columns (n, k, m); overwrites dx. Terms with d or
 * y of 0 are 0. p is positive and finite. NaN spreads. Workspace: a row of factors for each thread.
 * Parallel over n and i. */
void CNET_FN(distances_backward)(const cnet_call *call) {
    const cnet_distances_backward_arguments *a = &call->distances_backward;
    run(gradients_chunk,
        (job_t){.x = a->x,
                .columns = a->columns,
                .grad = a->grad,
                .y = a->y,
                .to = a->dx,
                .p = (real)a->p,
                .g = a->g},
        call);
}
