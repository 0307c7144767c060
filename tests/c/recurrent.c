/* A step of an LSTM. */
#include "tests.h"

enum { GATES = 4 };
static const cnet_rows cells[] = {{0, 3}, {3, 0}, {1, 1}, {2, 15}, {3, 16}, {5, 33}, {50, 200}};
enum { CELLS = sizeof cells / sizeof cells[0] };

static void for_each_cell(void (*test)(const cnet_rows *g)) {
    for (int i = 0; i < CELLS; i++) {
        describe("n=%td c=%td", cells[i].n, cells[i].c);
        test(&cells[i]);
    }
}

/* The place of a gate of an element of the states. */
static ptrdiff_t place(const cnet_rows *g, ptrdiff_t at, ptrdiff_t gate) {
    return (at / g->c * GATES + gate) * g->c + at % g->c;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* All terms are at most 2. */
static sum of(double value) { return (sum){value, 4, 16}; }

static void lstm_cell_case(const cnet_rows *g) {
    const ptrdiff_t count = g->n * g->c;
    const double *a = randoms(GATES * count), *b = randoms(GATES * count), *cx = randoms(count);
    sum *gates = sums(GATES * count), *cy = sums(count), *tanh_cy = sums(count), *hy = sums(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        double of_cell[GATES];
        for (ptrdiff_t k = 0; k < GATES; k++) {
            const ptrdiff_t at = place(g, t, k);
            of_cell[k] = k == 2 ? tanh(a[at] + b[at]) : sigmoid(a[at] + b[at]);
            gates[at] = of(of_cell[k]);
        }
        const double next = of_cell[1] * cx[t] + of_cell[0] * of_cell[2];
        cy[t] = of(next);
        tanh_cy[t] = of(tanh(next));
        hy[t] = of(of_cell[3] * tanh(next));
    }
    check(&(subject){
        .call = {CNET_KERNEL_lstm_cell, .lstm_cell = {.g = *g}},
        .in = {{GATES * count, a}, {GATES * count, b}, {count, cx}},
        .out = {{GATES * count, gates}, {count, cy}, {count, tanh_cy}, {count, hy}},
    });
}

void test_lstm_cell(void) { for_each_cell(lstm_cell_case); }

static void lstm_cell_backward_case(const cnet_rows *g) {
    const ptrdiff_t count = g->n * g->c;
    const double *gates = randoms(GATES * count), *cx = randoms(count), *tanh_cy = randoms(count);
    const double *dhy = randoms(count), *grad_cy = randoms(count);
    sum *dgates = sums(GATES * count), *dcx = sums(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const double i = gates[place(g, t, 0)], f = gates[place(g, t, 1)],
                     c = gates[place(g, t, 2)], o = gates[place(g, t, 3)];
        const double dcy = grad_cy[t] + dhy[t] * o * (1 - tanh_cy[t] * tanh_cy[t]);
        dgates[place(g, t, 0)] = of(dcy * c * i * (1 - i));
        dgates[place(g, t, 1)] = of(dcy * cx[t] * f * (1 - f));
        dgates[place(g, t, 2)] = of(dcy * i * (1 - c * c));
        dgates[place(g, t, 3)] = of(dhy[t] * tanh_cy[t] * o * (1 - o));
        dcx[t] = of(dcy * f);
    }
    check(&(subject){
        .call = {CNET_KERNEL_lstm_cell_backward, .lstm_cell_backward = {.g = *g}},
        .in =
            {{count, dhy}, {count, grad_cy}, {GATES * count, gates}, {count, cx}, {count, tanh_cy}},
        .out = {{GATES * count, dgates}, {count, dcx}},
    });
}

void test_lstm_cell_backward(void) { for_each_cell(lstm_cell_backward_case); }
