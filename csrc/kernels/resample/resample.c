/* Weighted sums of cells along an axis: interpolation and adaptive average pooling. */
#include "simd.h"

typedef struct {
    const cnet_resample_arguments *a;
    ptrdiff_t rows; /* per chunk */
} job_t;

enum { LINES = 4 };

/* One output for each of the terms [begin, end), from cells that are single elements. */
static inline real sum_cells(const real *x, const real *weights, const int32_t *cells,
                             ptrdiff_t begin, ptrdiff_t end) {
    real sum = weights[begin] * x[cells[begin]];
    for (ptrdiff_t t = begin + 1; t < end; t++)
        sum += weights[t] * x[cells[t]];
    return sum;
}

/* The outputs [i, end) of `lines` lines of single elements, with `terms` terms each. Several lines
 * share the loads of weights and cells. */
static inline __attribute__((always_inline)) void
uniform_lines(const cnet_resample_arguments *a, const real *x, real *y, ptrdiff_t i, ptrdiff_t end,
              const ptrdiff_t terms, const int lines) {
    const real *weights = a->weights;
    const int32_t *cells = a->cells;
    for (; i < end; i++) {
        real sums[LINES];
#pragma GCC unroll 4
        for (int r = 0; r < lines; r++)
            sums[r] = sum_cells(x + r * a->g.size, weights, cells, i * terms, (i + 1) * terms);
#pragma GCC unroll 4
        for (int r = 0; r < lines; r++)
            y[r * a->g.outputs + i] = sums[r];
    }
}

/* The outputs [i, end) of a line; of whole lines, LINES if there are so many. Returns their number.
 */
static ptrdiff_t fill_lines(const cnet_resample_arguments *a, const real *x, real *y, ptrdiff_t i,
                            ptrdiff_t end) {
    const int64_t *starts = a->starts;
    const ptrdiff_t outputs = a->g.outputs;
    if (a->terms == 2 && i == 0 && end >= LINES * outputs) {
        uniform_lines(a, x, y, 0, outputs, 2, LINES);
        return LINES * outputs;
    }
    end = min_size(end, outputs);
    if (a->terms == 1)
        uniform_lines(a, x, y, i, end, 1, 1);
    else if (a->terms == 2)
        uniform_lines(a, x, y, i, end, 2, 1);
    else if (a->terms == 4)
        uniform_lines(a, x, y, i, end, 4, 1);
    else if (a->terms == 8)
        uniform_lines(a, x, y, i, end, 8, 1);
    else
        for (ptrdiff_t at = i; at < end; at++)
            y[at] = starts[at] == starts[at + 1]
                        ? 0
                        : sum_cells(x, a->weights, a->cells, starts[at], starts[at + 1]);
    return end - i;
}

/* `count` vectors of an output, from those at the same place in its cells. A vector that is longer
 * than a cell has `lanes` elements. */
static inline __attribute__((always_inline)) void
sum_vectors(const real *x, ptrdiff_t inner, const real *weights, const int32_t *cells, real *y,
            ptrdiff_t terms, const int count, ptrdiff_t lanes) {
    vec sums[4];
#pragma GCC unroll 4
    for (int i = 0; i < count; i++)
        sums[i] = weights[0] * load_run(x + cells[0] * inner + i * LANES, lanes);
    for (ptrdiff_t t = 1; t < terms; t++)
#pragma GCC unroll 4
        for (int i = 0; i < count; i++)
            sums[i] += weights[t] * load_run(x + cells[t] * inner + i * LANES, lanes);
#pragma GCC unroll 4
    for (int i = 0; i < count; i++)
        store_run(y + i * LANES, sums[i], lanes);
}

/* One output whose cells are runs of `inner` elements. The last vector of a run begins before the
 * end of the vector before it, if the run is not shorter than a vector. */
static inline __attribute__((always_inline)) void sum_runs(const cnet_resample_arguments *a,
                                                           const real *x, real *y, ptrdiff_t begin,
                                                           ptrdiff_t terms) {
    const ptrdiff_t inner = a->g.inner, lanes = min_size(LANES, inner), last = inner - lanes;
    const real *weights = (const real *)a->weights + begin;
    const int32_t *cells = (const int32_t *)a->cells + begin;
    ptrdiff_t s = 0;
    for (; s + 4 * LANES <= inner; s += 4 * LANES)
        sum_vectors(x + s, inner, weights, cells, y + s, terms, 4, LANES);
    for (; s < inner; s += LANES) {
        const ptrdiff_t at = min_size(s, last);
        sum_vectors(x + at, inner, weights, cells, y + at, terms, 1, lanes);
    }
}

static void resample_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_resample_arguments *a = job->a;
    const cnet_resample g = a->g;
    const int64_t *starts = a->starts;
    const ptrdiff_t end = min_size(g.n * g.outputs, (chunk + 1) * job->rows);
    for (ptrdiff_t row = chunk * job->rows; row < end;) {
        const ptrdiff_t n = row / g.outputs, i = row % g.outputs;
        const real *x = (const real *)a->x + n * g.size * g.inner;
        real *y = (real *)a->y + n * g.outputs * g.inner;
        if (g.inner == 1) {
            row += fill_lines(a, x, y, i, i + end - row);
            continue;
        }
        const ptrdiff_t terms = starts[i + 1] - starts[i];
        if (terms == 0)
            memset(y + i * g.inner, 0, (size_t)g.inner * sizeof(real));
        else if (terms == 2)
            sum_runs(a, x, y + i * g.inner, starts[i], 2);
        else
            sum_runs(a, x, y + i * g.inner, starts[i], terms);
        row++;
    }
}

/* y[n, i, s] = sum over t in [starts[i], starts[i + 1]) of weights[t] * x[n, cells[t], s]
 *
 * x (n, size, inner), starts (outputs + 1), cells and weights (starts[outputs]), y (n, outputs,
 * inner); overwrites y. `terms` is the number of terms of every output, or 0 if they differ. The
 * caller checks that starts ascend and that cells are in [0, size). Terms are added in order; an
 * output without terms is 0. Parallel over (n, i). */
void CNET_FN(resample)(const cnet_call *call) {
    const cnet_resample_arguments *a = &call->resample;
    const job_t job = {a, max_size(1, ELEMENTS_PER_CHUNK / max_size(1, a->g.inner))};
    cnet_parallel(resample_chunk, &job, ceil_div(a->g.n * a->g.outputs, job.rows), call->threads);
}
