/* Linear layers for inference: weights are prepared once as panels whose lanes are outputs. A few
 * rows of x, or one, are multiplied while the weights stream through the cache. */
#include "lanes.h"

enum {
    ROWS = ISA_LINEAR_ROWS, /* a tile is ROWS rows and two panels, */
    PANELS = 8,             /* or one row and eight */
    AHEAD = 32,             /* vectors of weights, prefetched for one row */
    MIN_CHUNK = 1 << 17     /* multiplications */
};

typedef struct {
    const real *x, *weight;
    real *y;
    ptrdiff_t m, n, k;
    int relu;
    ptrdiff_t panels; /* per chunk */
} job_t;

static ptrdiff_t panel_size(ptrdiff_t k) { return (k + 1) * LANES; }

static __attribute__((noinline)) void finish(const job_t *job, ptrdiff_t row, ptrdiff_t panel,
                                             const real *weight, vec sum) {
    sum += *(const vec *)weight;
    if (job->relu)
        sum = select_cell(sum <= 0, (vec){0}, sum);
    store_run(job->y + row * job->n + panel * LANES, sum, job->n - panel * LANES);
}

/* Multiplies up to `tall` rows with `wide` panels. At the end the last row is repeated. */
static inline __attribute__((always_inline)) void
multiply(const job_t *job, ptrdiff_t row, ptrdiff_t panel, const int tall, const int wide) {
    const ptrdiff_t k = job->k, rows = min_size(tall, job->m - row);
    const real *weight[PANELS], *x[ROWS];
    vec sum[ROWS][PANELS] = {0};
#pragma GCC unroll 8
    for (int p = 0; p < wide; p++)
        weight[p] = job->weight + (panel + p) * panel_size(k) + LANES;
#pragma GCC unroll 8
    for (int r = 0; r < tall; r++)
        x[r] = job->x + (row + min_size(r, rows - 1)) * k;
    for (ptrdiff_t t = 0; t < k; t++) {
        vec w[PANELS];
#pragma GCC unroll 8
        for (int p = 0; p < wide; p++) {
            w[p] = *(const vec *)(weight[p] + t * LANES);
            if (tall == 1)
                __builtin_prefetch(weight[p] + (t + AHEAD) * LANES);
        }
#pragma GCC unroll 8
        for (int r = 0; r < tall; r++)
#pragma GCC unroll 8
            for (int p = 0; p < wide; p++)
                sum[r][p] += x[r][t] * w[p];
    }
#pragma GCC unroll 8
    for (int r = 0; r < tall; r++)
#pragma GCC unroll 8
        for (int p = 0; p < wide; p++)
            if (r < rows)
                finish(job, row + r, panel + p, weight[p] - LANES, sum[r][p]);
}

static void multiply_row(const job_t *job, ptrdiff_t row, ptrdiff_t panel, ptrdiff_t end) {
    for (; panel + 8 <= end; panel += 8)
        multiply(job, row, panel, 1, 8);
    for (; panel + 2 <= end; panel += 2)
        multiply(job, row, panel, 1, 2);
    if (panel < end)
        multiply(job, row, panel, 1, 1);
}

static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t begin = chunk * job->panels;
    const ptrdiff_t end = min_size(begin + job->panels, ceil_div(job->n, LANES));
    if (job->m == 1) {
        multiply_row(job, 0, begin, end);
        return;
    }
    for (ptrdiff_t panel = begin; panel < end; panel += 2)
        for (ptrdiff_t row = 0; row < job->m; row += ROWS) {
            if (panel + 1 < end)
                multiply(job, row, panel, ROWS, 2);
            else
                multiply(job, row, panel, ROWS, 1);
        }
}

size_t CNET_FN(prepare_linear_workspace)(cnet_call *call) {
    const cnet_linear *g = &call->prepare_linear.g;
    return (size_t)(ceil_div(g->n, LANES) * panel_size(g->k)) * sizeof(real);
}

/* Packs the weights for prepared_linear; the result is the workspace: for each panel of outputs one
 * vector of biases, then one vector of weights per input.
 *
 * weight (n, k), bias (n) or NULL for zeros. Runs on the calling thread. */
void CNET_FN(prepare_linear)(const cnet_call *call) {
    const cnet_prepare_linear_arguments *a = &call->prepare_linear;
    const ptrdiff_t n = a->g.n, k = a->g.k;
    const real *w = a->weight, *b = a->bias;
    real *to = (real *)call->workspace;
    for (ptrdiff_t first = 0; first < n; first += LANES)
        for (ptrdiff_t t = -1; t < k; t++)
            for (ptrdiff_t o = first; o < first + LANES; o++, to++)
                *to = o >= n ? 0 : t >= 0 ? w[o * k + t] : b ? b[o] : 0;
}

/* y[i, j] = bias[j] + sum over t of x[i, t] * weight[j, t], with weight and bias prepared by
 * prepare_linear; with `relu`, results <= 0 become 0 and NaN stays.
 *
 * x (m, k), y (m, n); overwrites y. Summed in the order of t, the bias is added last. Parallel over
 * panels of outputs. */
void CNET_FN(prepared_linear)(const cnet_call *call) {
    const cnet_prepared_linear_arguments *a = &call->prepared_linear;
    job_t job = {
        .x = a->x,
        .weight = a->prepared,
        .y = a->y,
        .m = a->g.m,
        .n = a->g.n,
        .k = a->g.k,
        .relu = a->relu != 0,
    };
    const ptrdiff_t cost = max_size(1, job.m * job.k * LANES);
    job.panels = round_up(max_size(1, ceil_div(MIN_CHUNK, cost)), job.m == 1 ? 8 : 2);
    if (job.m > 0)
        cnet_parallel(run_chunk, &job, ceil_div(ceil_div(job.n, LANES), job.panels), call->threads);
}
