/* A step of an LSTM, and its gradients. A sequence has four gates, each a run of c numbers: input,
 * forget, cell and output. */
#include "elementwise/formulas.h"
#include "variant.h"

enum { GATES = 4, CELLS_PER_CHUNK = 1 << 12 };

/* `count` cells of a sequence: a vector, or the rest of a run. */
typedef void cells_t(const void *arguments, ptrdiff_t row, ptrdiff_t first, ptrdiff_t count);

static inline __attribute__((always_inline)) void
for_each_vector(cells_t *cells, const void *arguments, cnet_rows g, ptrdiff_t chunk) {
    const ptrdiff_t rows = max_size(1, CELLS_PER_CHUNK / max_size(1, g.c));
    for (ptrdiff_t row = chunk * rows; row < min_size(g.n, (chunk + 1) * rows); row++) {
        ptrdiff_t t = 0;
        for (; t + LANES <= g.c; t += LANES)
            cells(arguments, row, t, LANES);
        if (t < g.c)
            cells(arguments, row, t, g.c - t);
    }
}

static void run(cnet_task *task, const void *arguments, cnet_rows g, int threads) {
    const ptrdiff_t rows = max_size(1, CELLS_PER_CHUNK / max_size(1, g.c));
    cnet_parallel(task, arguments, ceil_div(g.n, rows), threads);
}

static inline __attribute__((always_inline)) void step_cells(const void *arguments, ptrdiff_t row,
                                                             ptrdiff_t first, ptrdiff_t count) {
    const cnet_lstm_cell_arguments *a = arguments;
    const ptrdiff_t c = a->g.c, at = row * c + first, gate = GATES * row * c + first;
    vec gates[GATES];
#pragma GCC unroll 4
    for (int k = 0; k < GATES; k++) {
        const vec sum = load_run((const real *)a->a + gate + k * c, count) +
                        load_run((const real *)a->b + gate + k * c, count);
        gates[k] = k == 2 ? vec_tanh(sum) : sigmoid(sum);
        store_run((real *)a->gates + gate + k * c, gates[k], count);
    }
    const vec cy = gates[1] * load_run((const real *)a->cx + at, count) + gates[0] * gates[2];
    const vec tanh_cy = vec_tanh(cy);
    store_run((real *)a->cy + at, cy, count);
    store_run((real *)a->tanh_cy + at, tanh_cy, count);
    store_run((real *)a->hy + at, gates[3] * tanh_cy, count);
}

static void step_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const cnet_lstm_cell_arguments *a = argument;
    for_each_vector(step_cells, a, a->g, chunk);
}

/* With the gates i, f, o = sigmoid(a + b) and g = tanh(a + b):
 *     cy = f * cx + i * g,  hy = o * tanh(cy)
 *
 * a, b and gates (n, 4, c), with the gates in the order i, f, g, o; cx, cy, tanh_cy and hy (n, c);
 * overwrites gates, cy, tanh_cy and hy. NaN stays NaN. Parallel over n. */
void CNET_FN(lstm_cell)(const cnet_call *call) {
    run(step_chunk, &call->lstm_cell, call->lstm_cell.g, call->threads);
}

static inline __attribute__((always_inline)) void
gradients_of_cells(const void *arguments, ptrdiff_t row, ptrdiff_t first, ptrdiff_t count) {
    const cnet_lstm_cell_backward_arguments *a = arguments;
    const ptrdiff_t c = a->g.c, at = row * c + first, gate = GATES * row * c + first;
    const real *gates = (const real *)a->gates + gate;
    real *dgates = (real *)a->dgates + gate;
    const vec i = load_run(gates, count), f = load_run(gates + c, count),
              g = load_run(gates + 2 * c, count), o = load_run(gates + 3 * c, count);
    const vec tanh_cy = load_run((const real *)a->tanh_cy + at, count),
              cx = load_run((const real *)a->cx + at, count),
              dhy = load_run((const real *)a->grad_hy + at, count);
    const vec dcy =
        load_run((const real *)a->grad_cy + at, count) + dhy * o * (1 - tanh_cy * tanh_cy);
    store_run(dgates, dcy * g * (i * (1 - i)), count);
    store_run(dgates + c, dcy * cx * (f * (1 - f)), count);
    store_run(dgates + 2 * c, dcy * i * (1 - g * g), count);
    store_run(dgates + 3 * c, dhy * tanh_cy * (o * (1 - o)), count);
    store_run((real *)a->dcx + at, dcy * f, count);
}

static void gradients_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const cnet_lstm_cell_backward_arguments *a = argument;
    for_each_vector(gradients_of_cells, a, a->g, chunk);
}

/* The gradients of lstm_cell with respect to a + b and cx, from its results:
 *     dcy = grad_cy + grad_hy * o * (1 - tanh(cy)^2),  dcx = dcy * f
 *     dgates = dcy * g * i (1 - i), dcy * cx * f (1 - f), dcy * i * (1 - g^2),
 *              grad_hy * tanh(cy) * o (1 - o)
 *
 * gates and dgates (n, 4, c); grad_hy, grad_cy, cx, tanh_cy and dcx (n, c); overwrites dgates and
 * dcx. Parallel over n. */
void CNET_FN(lstm_cell_backward)(const cnet_call *call) {
    run(gradients_chunk, &call->lstm_cell_backward, call->lstm_cell_backward.g, call->threads);
}
