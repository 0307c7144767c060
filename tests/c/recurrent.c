/* Recurrent layers. */
#include "tests.h"

#include <string.h>

enum { TANH, RELU, LSTM, GRU, MOST_GATES = 4 };
static const ptrdiff_t gates_of[] = {1, 1, 4, 3}, kept_of[] = {0, 0, 2, 2};

typedef struct {
    int cell, reversed, projects, has_bias;
    cnet_recurrent_layer g;
} layer;

static const layer layers[] = {
    {TANH, 0, 0, 1, {2, 3, 5, 5}},   {RELU, 1, 0, 1, {3, 2, 16, 16}},
    {LSTM, 0, 0, 1, {1, 1, 1, 1}},   {LSTM, 0, 0, 0, {3, 4, 17, 17}},
    {LSTM, 1, 1, 1, {2, 9, 9, 4}},   {GRU, 0, 0, 1, {2, 3, 7, 7}},
    {GRU, 1, 0, 0, {1, 17, 33, 33}}, {LSTM, 0, 1, 1, {20, 2, 8, 3}},
    {GRU, 0, 0, 1, {0, 2, 4, 4}},    {LSTM, 0, 0, 1, {50, 2, 90, 90}},
};
enum { LAYERS = sizeof layers / sizeof layers[0] };

static double *scaled(ptrdiff_t count, double scale) {
    double *x = randoms(count);
    for (ptrdiff_t t = 0; t < count; t++)
        x[t] *= scale;
    return x;
}

/* Both dtypes get the same numbers. */
static void round_all(double *x, ptrdiff_t count) {
    for (ptrdiff_t t = 0; t < count; t++)
        x[t] = rounded(x[t]);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* to (m, n) += x (m, k) w (k, n), whose elements are `row` and `column` apart. */
static void add_product(double *to, const double *x, const double *w, ptrdiff_t m, ptrdiff_t n,
                        ptrdiff_t k, ptrdiff_t row, ptrdiff_t column) {
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < n; j++)
            for (ptrdiff_t p = 0; p < k; p++)
                to[i * n + j] += x[i * k + p] * w[p * row + j * column];
}

/* The arrays of a layer, and their numbers. */
typedef struct {
    ptrdiff_t width, states, of_gates, of_kept, of_y, of_h, of_c;
    double *products, *w_hh, *b_hh, *w_hr, *hx, *cx, *gates, *kept, *y, *cy;
} arrays;

static arrays forward_of(const layer *l) {
    const cnet_recurrent_layer g = l->g;
    const int has_state = l->cell == LSTM;
    const ptrdiff_t k = gates_of[l->cell], width = k * g.c;
    arrays a = {
        .width = width,
        .of_gates = g.steps * g.n * width,
        .of_kept = g.steps * g.n * kept_of[l->cell] * g.c,
        .of_y = g.steps * g.n * g.s,
        .of_h = g.n * g.s,
        .of_c = has_state ? g.n * g.c : 0,
    };
    a.products = randoms(a.of_gates);
    a.w_hh = scaled(width * g.s, 0.125);
    a.b_hh = l->has_bias ? randoms(width) : NULL;
    a.w_hr = l->projects ? scaled(g.s * g.c, 0.25) : NULL;
    a.hx = randoms(a.of_h);
    a.cx = has_state ? randoms(a.of_c) : NULL;
    a.gates = numbers(a.of_gates);
    a.kept = numbers(a.of_kept);
    a.y = numbers(a.of_y);
    a.cy = has_state ? numbers(a.of_c) : NULL;
    const double *hx = a.hx;
    double *h = numbers(g.n * width), *hy = numbers(g.n * g.c);
    for (ptrdiff_t t = 0; t < a.of_c; t++)
        a.cy[t] = a.cx[t];
    for (ptrdiff_t step = 0; step < g.steps; step++) {
        const ptrdiff_t row = (l->reversed ? g.steps - 1 - step : step) * g.n;
        double *y = a.y + row * g.s;
        for (ptrdiff_t t = 0; t < g.n * width; t++)
            h[t] = a.b_hh ? a.b_hh[t % width] : 0;
        add_product(h, hx, a.w_hh, g.n, width, g.s, 1, g.s);
        for (ptrdiff_t i = 0; i < g.n; i++)
            for (ptrdiff_t t = 0; t < g.c; t++) {
                const double *x_at = a.products + (row + i) * width + t, *h_at = h + i * width + t;
                double *gates = a.gates + (row + i) * width + t, sums[MOST_GATES];
                double *kept = a.kept + (row + i) * kept_of[l->cell] * g.c + t;
                for (ptrdiff_t gate = 0; gate < k; gate++)
                    sums[gate] = x_at[gate * g.c] + h_at[gate * g.c];
                double *to = hy + i * g.c + t;
                if (l->cell == TANH || l->cell == RELU) {
                    *to = l->cell == TANH ? tanh(sums[0]) : fmax(sums[0], 0);
                } else if (l->cell == LSTM) {
                    double *cy = a.cy + i * g.c + t;
                    for (ptrdiff_t gate = 0; gate < k; gate++)
                        gates[gate * g.c] = gate == 2 ? tanh(sums[gate]) : sigmoid(sums[gate]);
                    kept[0] = *cy;
                    *cy = gates[g.c] * *cy + gates[0] * gates[2 * g.c];
                    kept[g.c] = tanh(*cy);
                    *to = gates[3 * g.c] * kept[g.c];
                } else {
                    gates[0] = sigmoid(sums[0]);
                    gates[g.c] = sigmoid(sums[1]);
                    kept[0] = h_at[2 * g.c];
                    kept[g.c] = hx[i * g.s + t];
                    gates[2 * g.c] = tanh(x_at[2 * g.c] + gates[0] * kept[0]);
                    *to = gates[2 * g.c] + gates[g.c] * (kept[g.c] - gates[2 * g.c]);
                }
            }
        for (ptrdiff_t t = 0; t < a.of_h; t++)
            y[t] = l->projects ? 0 : hy[t];
        if (l->projects)
            add_product(y, hy, a.w_hr, g.n, g.s, g.c, 1, g.c);
        hx = y;
    }
    return a;
}

/* Errors grow with the steps. */
static sum *rounded_sums(const layer *l, const double *values, ptrdiff_t count) {
    sum *expected = sums(count);
    const double terms = (double)(16 * l->g.steps + 2 * (l->g.c + l->g.s) * gates_of[l->cell]);
    double largest = 1;
    for (ptrdiff_t t = 0; t < count; t++)
        largest = fmax(largest, fabs(values[t]));
    for (ptrdiff_t t = 0; t < count; t++)
        expected[t] = (sum){values[t], 4 * largest, terms};
    return expected;
}

static output result(const layer *l, const double *values, ptrdiff_t count) {
    return values ? (output){count, rounded_sums(l, values, count), NULL} : (output){0, NULL, NULL};
}

static void describe_layer(const layer *l) {
    describe("cell %d, n=%td steps=%td c=%td s=%td, reversed %d, bias %d", l->cell, l->g.n,
             l->g.steps, l->g.c, l->g.s, l->reversed, l->has_bias);
}

void test_recurrent(void) {
    for (int i = 0; i < LAYERS; i++) {
        const layer *l = &layers[i];
        describe_layer(l);
        const arrays a = forward_of(l);
        const int keeps = kept_of[l->cell] > 0;
        check(&(subject){
            .call = {CNET_KERNEL_recurrent,
                     .recurrent = {.g = l->g, .cell = l->cell, .reversed = l->reversed}},
            .in = {{a.of_gates, a.products},
                   {a.width * l->g.s, a.w_hh},
                   {a.width, a.b_hh},
                   {l->g.s * l->g.c, a.w_hr},
                   {a.of_h, a.hx},
                   {a.of_c, a.cx}},
            .out = {result(l, keeps ? a.gates : NULL, a.of_gates),
                    result(l, keeps ? a.kept : NULL, a.of_kept), result(l, a.y, a.of_y),
                    result(l, a.cy, a.of_c)},
        });
    }
}

void test_recurrent_backward(void) {
    for (int i = 0; i < LAYERS; i++) {
        const layer *l = &layers[i];
        const cnet_recurrent_layer g = l->g;
        describe_layer(l);
        const arrays a = forward_of(l);
        round_all(a.gates, a.of_gates);
        round_all(a.kept, a.of_kept);
        round_all(a.y, a.of_y);
        const double *grad_y = randoms(a.of_y), *grad_hy = randoms(a.of_h);
        const double *grad_cy = a.cx ? randoms(a.of_c) : NULL;
        const double *gates = kept_of[l->cell] ? a.gates : a.y;
        double *dx = numbers(a.of_gates), *dh = numbers(a.of_gates), *dy = numbers(a.of_y);
        double *dhx = numbers(a.of_h), *dcx = a.cx ? numbers(a.of_c) : NULL;
        double *dhy = numbers(g.n * g.c);
        memcpy(dhx, grad_hy, (size_t)a.of_h * sizeof *dhx);
        for (ptrdiff_t t = 0; t < a.of_c; t++)
            dcx[t] = grad_cy[t];
        for (ptrdiff_t step = g.steps - 1; step >= 0; step--) {
            const ptrdiff_t row = (l->reversed ? g.steps - 1 - step : step) * g.n;
            for (ptrdiff_t t = 0; t < a.of_h; t++)
                dy[row * g.s + t] = grad_y[row * g.s + t] + dhx[t];
            for (ptrdiff_t t = 0; t < g.n * g.c; t++)
                dhy[t] = l->projects ? 0 : dy[row * g.s + t];
            if (l->projects)
                add_product(dhy, dy + row * g.s, a.w_hr, g.n, g.c, g.s, g.c, 1);
            memset(dhx, 0, (size_t)a.of_h * sizeof *dhx);
            for (ptrdiff_t t = 0; t < g.n * g.c; t++) {
                const ptrdiff_t sequence = row + t / g.c, at = t % g.c;
                const double *v = gates + sequence * a.width + at, d = dhy[t];
                const double *kept = a.kept + sequence * kept_of[l->cell] * g.c + at;
                double *to = dx + sequence * a.width + at, *also = dh + sequence * a.width + at;
                if (l->cell == TANH || l->cell == RELU) {
                    *to = *also = l->cell == TANH ? d * (1 - v[0] * v[0]) : v[0] > 0 ? d : 0;
                } else if (l->cell == LSTM) {
                    const double in = v[0], f = v[g.c], c = v[2 * g.c], o = v[3 * g.c];
                    const double dcy = dcx[t] + d * o * (1 - kept[g.c] * kept[g.c]);
                    const double of[] = {dcy * c * in * (1 - in), dcy * kept[0] * f * (1 - f),
                                         dcy * in * (1 - c * c), d * kept[g.c] * o * (1 - o)};
                    for (ptrdiff_t gate = 0; gate < 4; gate++)
                        to[gate * g.c] = also[gate * g.c] = of[gate];
                    dcx[t] = dcy * f;
                } else {
                    const double r = v[0], z = v[g.c], n = v[2 * g.c];
                    const double dn = d * (1 - z) * (1 - n * n);
                    to[0] = also[0] = dn * kept[0] * r * (1 - r);
                    to[g.c] = also[g.c] = d * (kept[g.c] - n) * z * (1 - z);
                    to[2 * g.c] = dn;
                    also[2 * g.c] = dn * r;
                    dhx[t] = d * z;
                }
            }
            add_product(dhx, dh + row * a.width, a.w_hh, g.n, g.s, a.width, g.s, 1);
        }
        check(&(subject){
            .call = {CNET_KERNEL_recurrent_backward,
                     .recurrent_backward = {.g = g, .cell = l->cell, .reversed = l->reversed}},
            .in = {{a.of_y, grad_y},
                   {a.of_h, grad_hy},
                   {a.of_c, grad_cy},
                   {a.of_gates, gates},
                   {a.of_kept, kept_of[l->cell] ? a.kept : NULL},
                   {a.width * g.s, a.w_hh},
                   {g.s * g.c, a.w_hr}},
            .out = {result(l, dx, a.of_gates), result(l, l->cell == GRU ? dh : NULL, a.of_gates),
                    result(l, dy, a.of_y), result(l, dhx, a.of_h), result(l, dcx, a.of_c)},
        });
    }
}
