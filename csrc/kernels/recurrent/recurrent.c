/* Recurrent layers: all steps of sequences of the same length, and their gradients.
 *
 * A cell computes the next states of a sequence from two products, of its input and of its hidden
 * state. Its gates are runs of c numbers in them. */
#include "elementwise/formulas.h"

enum { ARRAYS = 5, MOST_RUNS = 4, CELLS_PER_CHUNK = 1 << 12 };
/* Rows of all steps from which a transposed copy of the weights pays. */
enum { ENOUGH_ROWS = 16 };

/* A vector of cells: where its numbers are in each array, and the distance between runs. */
typedef struct {
    const real *in[ARRAYS];
    real *out[ARRAYS];
    ptrdiff_t run;
} cells_t;

/* What `step` reads and writes, and what `back` reads and writes. */
enum { OF_X, OF_H, BIAS, HX, CX };
enum { GATES, KEPT, HY, CY };
enum { GRAD_HY, GRAD_CY, SAVED_GATES, SAVED };
enum { GRAD_X, GRAD_H, BYPASS, GRAD_CX };

/* ---- Cells ------------------------------------------------------------------------------ */

/* Not inlined: several cells need them. */
static __attribute__((noinline)) vec sigmoid_of(vec x) { return sigmoid(x); }
static __attribute__((noinline)) vec tanh_of(vec x) { return vec_tanh(x); }

/* A run of the product of the hidden state with its bias, and of the sum of both products. */
static inline vec of_hidden(const cells_t *at, ptrdiff_t gate) {
    return load(at->in[OF_H] + gate * at->run) + load(at->in[BIAS] + gate * at->run);
}
static inline vec of_both(const cells_t *at, ptrdiff_t gate) {
    return load(at->in[OF_X] + gate * at->run) + of_hidden(at, gate);
}

static void tanh_step(const cells_t *at) { store(at->out[HY], tanh_of(of_both(at, 0))); }

static void tanh_back(const cells_t *at) {
    const vec y = load(at->in[SAVED_GATES]);
    store(at->out[GRAD_X], load(at->in[GRAD_HY]) * (1 - y * y));
}

static void relu_step(const cells_t *at) {
    const vec x = of_both(at, 0);
    store(at->out[HY], choose(x <= 0, ZERO, x));
}

static void relu_back(const cells_t *at) {
    const vec grad = load(at->in[GRAD_HY]);
    store(at->out[GRAD_X], choose(load(at->in[SAVED_GATES]) > 0, grad, ZERO));
}

/* The gates i, f, g and o; cx and tanh(cy) are kept. */
static void lstm_step(const cells_t *at) {
    vec gates[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        const vec sum = of_both(at, k);
        gates[k] = k == 2 ? tanh_of(sum) : sigmoid_of(sum);
        store(at->out[GATES] + k * at->run, gates[k]);
    }
    const vec cx = load(at->in[CX]), cy = gates[1] * cx + gates[0] * gates[2];
    const vec tanh_cy = tanh_of(cy);
    store(at->out[KEPT], cx);
    store(at->out[KEPT] + at->run, tanh_cy);
    store(at->out[CY], cy);
    store(at->out[HY], gates[3] * tanh_cy);
}

static void lstm_back(const cells_t *at) {
    const ptrdiff_t run = at->run;
    const real *gates = at->in[SAVED_GATES];
    real *to = at->out[GRAD_X];
    const vec i = load(gates), f = load(gates + run), g = load(gates + 2 * run),
              o = load(gates + 3 * run);
    const vec cx = load(at->in[SAVED]), tanh_cy = load(at->in[SAVED] + run);
    const vec dhy = load(at->in[GRAD_HY]);
    const vec dcy = load(at->in[GRAD_CY]) + dhy * o * (1 - tanh_cy * tanh_cy);
    store(to, dcy * g * (i * (1 - i)));
    store(to + run, dcy * cx * (f * (1 - f)));
    store(to + 2 * run, dcy * i * (1 - g * g));
    store(to + 3 * run, dhy * tanh_cy * (o * (1 - o)));
    store(at->out[GRAD_CX], dcy * f);
}

/* The gates r, z and n; the third run of the product of the hidden state and hx are kept. */
static void gru_step(const cells_t *at) {
    const ptrdiff_t run = at->run;
    const vec hx = load(at->in[HX]), hidden = of_hidden(at, 2);
    const vec r = sigmoid_of(of_both(at, 0)), z = sigmoid_of(of_both(at, 1));
    const vec n = tanh_of(load(at->in[OF_X] + 2 * run) + r * hidden);
    store(at->out[GATES], r);
    store(at->out[GATES] + run, z);
    store(at->out[GATES] + 2 * run, n);
    store(at->out[KEPT], hidden);
    store(at->out[KEPT] + run, hx);
    store(at->out[HY], n + z * (hx - n));
}

static void gru_back(const cells_t *at) {
    const ptrdiff_t run = at->run;
    const real *gates = at->in[SAVED_GATES];
    const vec r = load(gates), z = load(gates + run), n = load(gates + 2 * run);
    const vec hidden = load(at->in[SAVED]), hx = load(at->in[SAVED] + run);
    const vec dhy = load(at->in[GRAD_HY]), dn = dhy * (1 - z) * (1 - n * n);
    const vec of_gates[] = {dn * hidden * (r * (1 - r)), dhy * (hx - n) * (z * (1 - z)), dn};
#pragma GCC unroll 3
    for (int k = 0; k < 3; k++) {
        store(at->out[GRAD_X] + k * run, of_gates[k]);
        store(at->out[GRAD_H] + k * run, k == 2 ? dn * r : of_gates[k]);
    }
    store(at->out[BYPASS], dhy * z);
}

/* The cells in the order of kernels/recurrent.py, and the runs of their arrays: gates, numbers kept
 * for the gradients, and whether there is a cell state and a gradient that bypasses the product. */
static const struct {
    void (*step)(const cells_t *), (*back)(const cells_t *);
    ptrdiff_t gates, kept, states, bypasses;
} kinds[] = {
    {tanh_step, tanh_back, 1, 0, 0, 0},
    {relu_step, relu_back, 1, 0, 0, 0},
    {lstm_step, lstm_back, 4, 2, 1, 0},
    {gru_step, gru_back, 3, 2, 0, 1},
};

/* ---- A step of all sequences ---------------------------------------------------------------- */

typedef struct {
    void (*compute)(const cells_t *at);
    cells_t arrays;
    ptrdiff_t in_runs[ARRAYS], out_runs[ARRAYS]; /* of a sequence; 0 without an array */
    int shared;                                  /* an input that all sequences read, or -1 */
    ptrdiff_t n, c, rows;                        /* rows of a chunk */
} job_t;

static void copy_runs(real *to, ptrdiff_t to_run, const real *from, ptrdiff_t from_run,
                      ptrdiff_t runs, ptrdiff_t count) {
    for (ptrdiff_t k = 0; k < runs; k++)
        memcpy(to + k * to_run, from + k * from_run, (size_t)count * sizeof(real));
}

/* Fewer cells than a vector: the same instructions on copies of their numbers. */
static void compute_rest(const job_t *job, const cells_t *at, ptrdiff_t count) {
    _Alignas(VECTOR_BYTES) real in[ARRAYS][MOST_RUNS * LANES] = {0}, out[ARRAYS][MOST_RUNS * LANES];
    cells_t copies = {.run = LANES};
    for (int i = 0; i < ARRAYS; i++) {
        copies.in[i] = in[i];
        copies.out[i] = out[i];
        copy_runs(in[i], LANES, at->in[i], at->run, job->in_runs[i], count);
    }
    job->compute(&copies);
    for (int i = 0; i < ARRAYS; i++)
        copy_runs(at->out[i], at->run, out[i], LANES, job->out_runs[i], count);
}

static void cells_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t c = job->c, end = min_size(job->n, (chunk + 1) * job->rows);
    for (ptrdiff_t row = chunk * job->rows; row < end; row++)
        for (ptrdiff_t t = 0; t < c; t += LANES) {
            cells_t at = {.run = c};
            for (int i = 0; i < ARRAYS; i++) {
                if (job->in_runs[i])
                    at.in[i] = job->arrays.in[i] +
                               ((i == job->shared ? 0 : row) * job->in_runs[i] * c + t);
                if (job->out_runs[i])
                    at.out[i] = job->arrays.out[i] + (row * job->out_runs[i] * c + t);
            }
            if (t + LANES <= c)
                job->compute(&at);
            else
                compute_rest(job, &at, c - t);
        }
}

static void compute_cells(const job_t *job, int threads) {
    cnet_parallel(cells_chunk, job, ceil_div(job->n, job->rows), threads);
}

static ptrdiff_t rows_per_chunk(ptrdiff_t c) {
    return max_size(1, CELLS_PER_CHUNK / max_size(1, c));
}

/* Prepares products of n rows of k numbers with a matrix (k, m), which is transposed if its rows
 * are not `contiguous`; returns the bytes of their workspace. */
static __attribute__((noinline)) size_t prepare_product(cnet_call *product, int threads,
                                                        ptrdiff_t n, ptrdiff_t m, ptrdiff_t k,
                                                        const real *matrix, int contiguous) {
    product->threads = threads;
    product->gemm.b = matrix;
    product->gemm.bias = NULL;
    product->gemm.relu = 0;
    product->gemm.g = (cnet_gemm){.m = n,
                                  .n = m,
                                  .k = k,
                                  .a_row = k,
                                  .a_col = 1,
                                  .b_row = contiguous ? m : 1,
                                  .b_col = contiguous ? 1 : k,
                                  .outer = 1,
                                  .inner = 1};
    return CNET_FN(gemm_workspace)(product);
}

static __attribute__((noinline)) void multiply(cnet_call *product, const real *x, real *y) {
    product->gemm.a = x;
    product->gemm.y = y;
    CNET_FN(gemm)(product);
}

/* The next `count` numbers of a workspace. */
static real *take(char *workspace, size_t *used, ptrdiff_t count) {
    real *numbers = (real *)((uintptr_t)workspace + *used);
    *used += (size_t)round_up(count * (ptrdiff_t)sizeof(real), CNET_ALIGNMENT);
    return numbers;
}

/* y = a + b */
static __attribute__((noinline)) void add(const cnet_call *call, const real *a, const real *b,
                                          ptrdiff_t count, real *y) {
    cnet_call sum;
    sum.threads = call->threads;
    sum.add = (cnet_add_arguments){a, b, y, count};
    CNET_FN(add)(&sum);
}

/* ---- All steps ------------------------------------------------------------------------------ */

/* What the steps need: the products with both weights, whose transposed copies pay in `recurrent`
 * if there are many rows; a bias; the product of a step; numbers that are not kept; states to be
 * projected.
 */
typedef struct {
    cnet_call hidden, projection;
    real *filters, *projected, *zeros, *product, *unused, *hy;
    size_t bytes; /* of the workspace */
} parts_t;

static __attribute__((noinline)) parts_t parts_of(const cnet_call *call,
                                                  const cnet_recurrent_layer *g, ptrdiff_t cell,
                                                  const real *w_hh, const real *w_hr,
                                                  int is_backward) {
    const ptrdiff_t width = kinds[cell].gates * g->c;
    const ptrdiff_t from = is_backward ? width : g->s, to = is_backward ? g->s : width;
    const int copies = !is_backward && g->n * g->steps >= ENOUGH_ROWS;
    parts_t parts;
    parts.bytes = 0;
    parts.filters = take(call->workspace, &parts.bytes, copies ? width * g->s : 0);
    parts.projected = take(call->workspace, &parts.bytes, copies && w_hr ? g->c * g->s : 0);
    parts.zeros = take(call->workspace, &parts.bytes, width);
    parts.product = take(call->workspace, &parts.bytes, g->n * to);
    parts.unused = take(call->workspace, &parts.bytes, g->n * kinds[cell].kept * g->c);
    parts.hy = take(call->workspace, &parts.bytes, w_hr ? g->n * g->c : 0);
    const int contiguous = is_backward || copies;
    const size_t of_hidden = prepare_product(&parts.hidden, call->threads, g->n, to, from,
                                             copies ? parts.filters : w_hh, contiguous);
    const size_t of_projection =
        prepare_product(&parts.projection, call->threads, g->n, is_backward ? g->c : g->s,
                        is_backward ? g->s : g->c, copies ? parts.projected : w_hr, contiguous);
    parts.hidden.workspace = parts.projection.workspace =
        (char *)take(call->workspace, &parts.bytes, 0);
    parts.bytes += of_hidden > of_projection ? of_hidden : of_projection;
    return parts;
}

size_t CNET_FN(recurrent_workspace)(cnet_call *call) {
    const cnet_recurrent_arguments *a = &call->recurrent;
    return parts_of(call, &a->g, a->cell, a->w_hh, a->w_hr, 0).bytes;
}

/* y (columns, rows) = the transposed matrix x (rows, columns). */
static __attribute__((noinline)) void transpose_matrix(const cnet_call *call, const real *x,
                                                       ptrdiff_t rows, ptrdiff_t columns, real *y) {
    cnet_call copy;
    copy.threads = call->threads;
    copy.transpose = (cnet_transpose_arguments){x, y, {1, rows, columns}};
    CNET_FN(transpose)(&copy);
}

/* For each step t, in descending order if `reversed`, from the product `x` of the inputs, with hx
 * and cx as the states before the first step:
 *     h = hx w_hh^T + b_hh
 *     tanh, relu: hy = tanh(x + h), or max(x + h, 0)
 *     lstm: i, f, o = sigmoid(x + h), g = tanh(x + h), cy = f cx + i g, hy = o tanh(cy)
 *     gru:  r, z = sigmoid(x + h), n = tanh(x + r h), hy = n + z (hx - n)
 *     y[t] = hy, or hy w_hr^T if w_hr is not NULL, which is hx of the next step
 *
 * products (steps, n, gates, c), w_hh (gates c, s), b_hh (gates c) or NULL, w_hr (s, c) or NULL
 * (then s = c), hx (n, s), y (steps, n, s); cx and cy (n, c), NULL except for lstm. gates (steps,
 * n, gates, c) and kept (steps, n, 2, c) are for the gradients and may be NULL; cells with one gate
 * have neither. Overwrites gates, kept, y and cy, the cell state after the last step. NaN stays
 * NaN. Products are summed as by gemm; parallel within a step, over what gemm says and over n.
 * Workspace: transposed weights, and the products and states of a step. */
void CNET_FN(recurrent)(const cnet_call *call) {
    const cnet_recurrent_arguments *a = &call->recurrent;
    const cnet_recurrent_layer g = a->g;
    const ptrdiff_t gates = kinds[a->cell].gates, width = gates * g.c, kept = kinds[a->cell].kept;
    parts_t parts = parts_of(call, &g, a->cell, a->w_hh, a->w_hr, 0);
    if (parts.hidden.gemm.b == parts.filters)
        transpose_matrix(call, a->w_hh, width, g.s, parts.filters);
    if (a->w_hr && parts.projection.gemm.b == parts.projected)
        transpose_matrix(call, a->w_hr, g.s, g.c, parts.projected);
    job_t job = {
        .compute = kinds[a->cell].step,
        .in_runs = {gates, gates, gates, kinds[a->cell].bypasses, kinds[a->cell].states},
        .shared = BIAS,
        .out_runs = {kept ? gates : 0, kept, 1, kinds[a->cell].states},
        .n = g.n,
        .c = g.c,
        .rows = rows_per_chunk(g.c),
    };
    memset(parts.zeros, 0, (size_t)width * sizeof(real));
    const real *hx = a->hx, *cx = a->cx, *bias = a->b_hh ? a->b_hh : parts.zeros;
    for (ptrdiff_t step = 0; step < g.steps; step++) {
        const ptrdiff_t row = (a->reversed ? g.steps - 1 - step : step) * g.n;
        real *y = (real *)a->y + row * g.s;
        multiply(&parts.hidden, hx, parts.product);
        job.arrays = (cells_t){
            .in = {(const real *)a->products + row * width, parts.product, bias, hx, cx},
            .out = {a->gates ? (real *)a->gates + row * width : parts.product,
                    a->kept ? (real *)a->kept + row * kept * g.c : parts.unused,
                    a->w_hr ? parts.hy : y, a->cy},
        };
        compute_cells(&job, call->threads);
        if (a->w_hr)
            multiply(&parts.projection, parts.hy, y);
        hx = y;
        cx = a->cy;
    }
}

size_t CNET_FN(recurrent_backward_workspace)(cnet_call *call) {
    const cnet_recurrent_backward_arguments *a = &call->recurrent_backward;
    return parts_of(call, &a->g, a->cell, a->w_hh, a->w_hr, 1).bytes;
}

/* The gradients of recurrent: dx of `products`, dh of h, dy of y, and of hx and cx, from the
 * gradients of all y, of y after the last step, and of cy. The steps are visited in the opposite
 * order: with dy[t] = grad_y[t] + the gradient of hx of the step after it, and dhy = dy[t] w_hr or
 * dy[t], the gradients of the equations of recurrent, and
 *     dhx = dh w_hh, for gru + dhy z
 *
 * grad_y and dy (steps, n, s), grad_hy and dhx (n, s), grad_cy and dcx (n, c), dx and dh (steps, n,
 * gates, c); dh is NULL except for gru, where it differs from dx. gates and kept are those of
 * recurrent; for cells with one gate, gates is y. Overwrites all results. NaN stays NaN. Parallel
 * as recurrent. Workspace: products of a step. */
void CNET_FN(recurrent_backward)(const cnet_call *call) {
    const cnet_recurrent_backward_arguments *a = &call->recurrent_backward;
    const cnet_recurrent_layer g = a->g;
    const ptrdiff_t gates = kinds[a->cell].gates, width = gates * g.c, kept = kinds[a->cell].kept;
    const ptrdiff_t states = kinds[a->cell].states, bypasses = kinds[a->cell].bypasses;
    parts_t parts = parts_of(call, &g, a->cell, a->w_hh, a->w_hr, 1);
    job_t job = {
        .compute = kinds[a->cell].back,
        .in_runs = {1, states, gates, kept},
        .shared = -1,
        .out_runs = {gates, bypasses ? gates : 0, bypasses, states},
        .n = g.n,
        .c = g.c,
        .rows = rows_per_chunk(g.c),
    };
    const real *after = a->grad_hy, *grad_cy = a->grad_cy;
    for (ptrdiff_t step = g.steps - 1; step >= 0; step--) {
        const ptrdiff_t row = (a->reversed ? g.steps - 1 - step : step) * g.n;
        real *dy = (real *)a->dy + row * g.s, *dx = (real *)a->dx + row * width;
        real *dh = bypasses ? (real *)a->dh + row * width : dx;
        add(call, (const real *)a->grad_y + row * g.s, after, g.n * g.s, dy);
        if (a->w_hr)
            multiply(&parts.projection, dy, parts.hy);
        job.arrays = (cells_t){
            .in = {a->w_hr ? parts.hy : dy, grad_cy, (const real *)a->gates + row * width,
                   (const real *)a->kept + row * kept * g.c},
            .out = {dx, dh, a->dhx, a->dcx},
        };
        compute_cells(&job, call->threads);
        multiply(&parts.hidden, dh, bypasses ? parts.product : a->dhx);
        if (bypasses)
            add(call, a->dhx, parts.product, g.n * g.s, a->dhx);
        after = a->dhx;
        grad_cy = a->dcx;
    }
}
