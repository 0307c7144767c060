/* A step of an LSTM, and its gradients. A sequence has four gates, each a run of c numbers: input,
 * forget, cell and output. */
#include "elementwise/formulas.h"

enum { GATES = 4, INPUTS = 5, OUTPUTS = 4, CELLS_PER_CHUNK = 1 << 12 };

/* A vector of cells: where its numbers are in each array, and the distance between the gates. */
typedef struct {
    const real *in[INPUTS];
    real *out[OUTPUTS];
    ptrdiff_t gate;
} cells_t;

typedef struct {
    void (*compute)(const cells_t *cells);
    cells_t arrays;
    int in_runs[INPUTS], out_runs[OUTPUTS]; /* of a sequence: GATES or 1, or 0 without an array */
    cnet_rows g;
    ptrdiff_t rows; /* per chunk */
} job_t;

static void copy_runs(real *to, ptrdiff_t to_step, const real *from, ptrdiff_t from_step, int runs,
                      ptrdiff_t count) {
    for (int k = 0; k < runs; k++)
        memcpy(to + k * to_step, from + k * from_step, (size_t)count * sizeof(real));
}

/* Fewer cells than a vector: the same instructions on copies of their numbers. */
static void compute_rest(const job_t *job, const cells_t *cells, ptrdiff_t count) {
    _Alignas(VECTOR_BYTES) real in[INPUTS][GATES * LANES] = {0}, out[OUTPUTS][GATES * LANES];
    cells_t copies = {.gate = LANES};
    for (int i = 0; i < INPUTS; i++) {
        copies.in[i] = in[i];
        copy_runs(in[i], LANES, cells->in[i], cells->gate, job->in_runs[i], count);
    }
    for (int i = 0; i < OUTPUTS; i++)
        copies.out[i] = out[i];
    job->compute(&copies);
    for (int i = 0; i < OUTPUTS; i++)
        copy_runs(cells->out[i], cells->gate, out[i], LANES, job->out_runs[i], count);
}

static void cells_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t c = job->g.c, end = min_size(job->g.n, (chunk + 1) * job->rows);
    for (ptrdiff_t row = chunk * job->rows; row < end; row++)
        for (ptrdiff_t t = 0; t < c; t += LANES) {
            cells_t cells = {.gate = c};
            for (int i = 0; i < INPUTS; i++)
                if (job->in_runs[i])
                    cells.in[i] = job->arrays.in[i] + row * job->in_runs[i] * c + t;
            for (int i = 0; i < OUTPUTS; i++)
                if (job->out_runs[i])
                    cells.out[i] = job->arrays.out[i] + row * job->out_runs[i] * c + t;
            if (t + LANES <= c)
                job->compute(&cells);
            else
                compute_rest(job, &cells, c - t);
        }
}

static void run(job_t job, int threads) {
    job.rows = max_size(1, CELLS_PER_CHUNK / max_size(1, job.g.c));
    cnet_parallel(cells_chunk, &job, ceil_div(job.g.n, job.rows), threads);
}

static void step(const cells_t *cells) {
    vec gates[GATES];
#pragma GCC unroll 4
    for (int k = 0; k < GATES; k++) {
        const ptrdiff_t at = k * cells->gate;
        const vec sum = load(cells->in[0] + at) + load(cells->in[1] + at);
        gates[k] = k == 2 ? vec_tanh(sum) : sigmoid(sum);
        store(cells->out[0] + at, gates[k]);
    }
    const vec cy = gates[1] * load(cells->in[2]) + gates[0] * gates[2], tanh_cy = vec_tanh(cy);
    store(cells->out[1], cy);
    store(cells->out[2], tanh_cy);
    store(cells->out[3], gates[3] * tanh_cy);
}

/* With the gates i, f, o = sigmoid(a + b) and g = tanh(a + b):
 *     cy = f * cx + i * g,  hy = o * tanh(cy)
 *
 * a, b and gates (n, 4, c), with the gates in the order i, f, g, o; cx, cy, tanh_cy and hy (n, c);
 * overwrites gates, cy, tanh_cy and hy. NaN stays NaN. Parallel over n. */
void CNET_FN(lstm_cell)(const cnet_call *call) {
    const cnet_lstm_cell_arguments *a = &call->lstm_cell;
    run((job_t){.compute = step,
                .arrays = {.in = {a->a, a->b, a->cx}, .out = {a->gates, a->cy, a->tanh_cy, a->hy}},
                .in_runs = {GATES, GATES, 1},
                .out_runs = {GATES, 1, 1, 1},
                .g = a->g},
        call->threads);
}

static void step_backward(const cells_t *cells) {
    const ptrdiff_t gate = cells->gate;
    const real *gates = cells->in[2];
    real *dgates = cells->out[0];
    const vec i = load(gates), f = load(gates + gate), g = load(gates + 2 * gate),
              o = load(gates + 3 * gate);
    const vec dhy = load(cells->in[0]), cx = load(cells->in[3]), tanh_cy = load(cells->in[4]);
    const vec dcy = load(cells->in[1]) + dhy * o * (1 - tanh_cy * tanh_cy);
    store(dgates, dcy * g * (i * (1 - i)));
    store(dgates + gate, dcy * cx * (f * (1 - f)));
    store(dgates + 2 * gate, dcy * i * (1 - g * g));
    store(dgates + 3 * gate, dhy * tanh_cy * (o * (1 - o)));
    store(cells->out[1], dcy * f);
}

/* The gradients of lstm_cell with respect to a + b and cx, from its results:
 *     dcy = grad_cy + grad_hy * o * (1 - tanh(cy)^2),  dcx = dcy * f
 *     dgates = dcy * g * i (1 - i), dcy * cx * f (1 - f), dcy * i * (1 - g^2),
 *              grad_hy * tanh(cy) * o (1 - o)
 *
 * gates and dgates (n, 4, c); grad_hy, grad_cy, cx, tanh_cy and dcx (n, c); overwrites dgates and
 * dcx. NaN stays NaN. Parallel over n. */
void CNET_FN(lstm_cell_backward)(const cnet_call *call) {
    const cnet_lstm_cell_backward_arguments *a = &call->lstm_cell_backward;
    run((job_t){.compute = step_backward,
                .arrays = {.in = {a->grad_hy, a->grad_cy, a->gates, a->cx, a->tanh_cy},
                           .out = {a->dgates, a->dcx}},
                .in_runs = {1, 1, GATES, 1, 1},
                .out_runs = {GATES, 1},
                .g = a->g},
        call->threads);
}
