/* Kernels of plans: layers with prepared weights, softmax, sums. */
#include "conv2d_cases.h"

/* ---- Convolution -------------------------------------------------------------------------- */

static int is_empty(const cnet_conv2d *g) { return !x_count(g) || !y_count(g); }
static int can_pool(const cnet_conv2d *g) { return g->oh >= 2 && g->ow >= 2; }

/* A convolution of small integers, whose sums are exact. */
static double *convolve(const cnet_conv2d *g, const double *x, const double *w, const double *b) {
    const ptrdiff_t *cells = cells_of_cols(g);
    const ptrdiff_t taps = g->c / g->g * g->kh * g->kw, pixels = g->oh * g->ow;
    double *y = numbers(y_count(g));
    for (ptrdiff_t plane = 0; plane < g->n * g->o; plane++) {
        const ptrdiff_t n = plane / g->o, o = plane % g->o, group = o / (g->o / g->g);
        const ptrdiff_t *cell = cells + (n * g->g + group) * taps * pixels;
        for (ptrdiff_t t = 0; t < pixels; t++)
            y[plane * pixels + t] = b ? b[o] : 0;
        for (ptrdiff_t tap = 0; tap < taps; tap++)
            for (ptrdiff_t t = 0; t < pixels; t++, cell++)
                y[plane * pixels + t] += *cell < 0 ? 0 : w[o * taps + tap] * x[*cell];
    }
    return y;
}

static void prepared_conv2d_case(const cnet_conv2d *g, int relu, int pool) {
    if (is_empty(g) || (pool && !can_pool(g)))
        return;
    const double *x = small_integers(x_count(g)), *weight = small_integers(w_count(g));
    const double *bias = random_size(0, 1) ? small_integers(g->o) : NULL;
    const double *convolved = convolve(g, x, weight, bias);
    const ptrdiff_t step = pool ? 2 : 1, height = g->oh / step, width = g->ow / step;
    const ptrdiff_t count = g->n * g->o * height * width;
    sum *y = sums(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t plane = t / (height * width), row = t / width % height, col = t % width;
        double best = relu ? 0 : -INFINITY;
        for (ptrdiff_t k = 0; k < step * step; k++) {
            const ptrdiff_t at = (plane * g->oh + row * step + k / step) * g->ow + col * step;
            best = fmax(best, convolved[at + k % step]);
        }
        y[t].value = best;
    }
    describe_geometry(g, sizeof *g);
    describe_also(", relu %d, pool %d", relu, pool);
    check(&(subject){
        .call = {CNET_KERNEL_prepared_conv2d,
                 .prepared_conv2d = {.g = *g, .relu = relu, .pool = pool}},
        .prepare = &(cnet_call){CNET_KERNEL_prepare_conv2d, .prepare_conv2d = {.g = *g}},
        .in = {{x_count(g), x}, {w_count(g), weight}, {g->o, bias}},
        .out = {{count, y, NULL}},
    });
}

static void plain_case(const cnet_conv2d *g) { prepared_conv2d_case(g, 0, 0); }
static void finished_case(const cnet_conv2d *g) {
    prepared_conv2d_case(g, 1, 0);
    prepared_conv2d_case(g, 0, 1);
    prepared_conv2d_case(g, 1, 1);
}

void test_prepare_conv2d(void) { for_each_conv2d_case(plain_case); }
void test_prepared_conv2d(void) { for_each_conv2d_case(finished_case); }

/* ---- Linear layers ------------------------------------------------------------------------ */

typedef struct {
    ptrdiff_t m, n, k;
    int relu;
} linear_arguments;

static const linear_arguments linears[] = {
    {1, 1, 1, 0},     {1, 10, 3, 1},    {1, 128, 50, 0}, {1, 129, 7, 1},   {2, 16, 9, 0},
    {3, 17, 33, 1},   {4, 8, 5, 0},     {5, 40, 20, 1},  {7, 31, 0, 1},    {8, 32, 64, 0},
    {9, 33, 10, 1},   {16, 150, 30, 0}, {17, 5, 100, 1}, {1, 1030, 12, 0}, {0, 3, 4, 0},
    {1, 700, 200, 1}, {33, 70, 400, 0},
};
enum { LINEARS = sizeof linears / sizeof linears[0] };

static void linear_case(const linear_arguments *a, int has_bias) {
    const cnet_linear g = {a->m, a->n, a->k};
    const double *x = randoms(a->m * a->k), *weight = randoms(a->n * a->k);
    const double *bias = has_bias ? randoms(a->n) : NULL;
    sum *y = sums(a->m * a->n);
    for (ptrdiff_t t = 0; t < a->m * a->n; t++) {
        for (ptrdiff_t p = 0; p < a->k; p++)
            add(&y[t], x[t / a->n * a->k + p] * weight[t % a->n * a->k + p]);
        if (bias)
            add(&y[t], bias[t % a->n]);
        if (a->relu)
            y[t].value = fmax(y[t].value, 0);
    }
    describe("m=%td n=%td k=%td, relu %d, bias %d", a->m, a->n, a->k, a->relu, has_bias);
    check(&(subject){
        .call = {CNET_KERNEL_prepared_linear, .prepared_linear = {.g = g, .relu = a->relu}},
        .prepare = &(cnet_call){CNET_KERNEL_prepare_linear, .prepare_linear = {.g = g}},
        .in = {{a->m * a->k, x}, {a->n * a->k, weight}, {a->n, bias}},
        .out = {{a->m * a->n, y, NULL}},
    });
}

void test_prepare_linear(void) {
    for (int i = 0; i < LINEARS; i++)
        linear_case(&linears[i], 0);
}
void test_prepared_linear(void) {
    for (int i = 0; i < LINEARS; i++)
        linear_case(&linears[i], 1);
}

/* ---- Softmax, sums, copies ---------------------------------------------------------------- */

static const ptrdiff_t counts[] = {0, 1, 5, 33, 100, 32768, 32769};
enum { COUNTS = sizeof counts / sizeof counts[0] };

typedef struct {
    ptrdiff_t n, c, size;
    int logarithm;
} softmax_arguments;

static ptrdiff_t softmax_count(const softmax_arguments *a) { return a->n * a->c * a->size; }

/* The first of the elements along the axis of an element. */
static ptrdiff_t softmax_first(const softmax_arguments *a, ptrdiff_t t) {
    return t / (a->c * a->size) * a->c * a->size + t % a->size;
}

static void softmax_case(const softmax_arguments *a) {
    const ptrdiff_t count = softmax_count(a);
    double *x = randoms(count);
    sum *y = sums(count);
    for (ptrdiff_t t = 0; t < count; t++)
        x[t] *= 64;
    for (ptrdiff_t t = 0; t < count; t++) {
        const double *row = x + softmax_first(a, t);
        double total = 0;
        for (ptrdiff_t p = 0; p < a->c; p++)
            total += exp(row[p * a->size] - x[t]);
        y[t] = (sum){a->logarithm ? -log(total) : 1 / total, a->logarithm ? 256 : 2, (double)a->c};
    }
    describe("%td arrays of %td x %td, logarithm %d", a->n, a->c, a->size, a->logarithm);
    check(&(subject){
        .call = {CNET_KERNEL_softmax,
                 .softmax = {.g = {a->n, a->c, a->size}, .logarithm = a->logarithm}},
        .in = {{count, x}},
        .out = {{count, y, NULL}},
    });
}

static void softmax_backward_case(const softmax_arguments *a) {
    const ptrdiff_t count = softmax_count(a);
    const double *grad = randoms(count), *y = randoms(count);
    sum *dx = sums(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t first = softmax_first(a, t);
        double total = 0, size = 0;
        for (ptrdiff_t p = 0; p < a->c; p++) {
            const ptrdiff_t at = first + p * a->size;
            const double term = a->logarithm ? grad[at] : grad[at] * y[at];
            total += term;
            size += fabs(term);
        }
        const double by = a->logarithm ? exp(y[t]) : y[t];
        dx[t] = (sum){
            a->logarithm ? grad[t] - by * total : by * (grad[t] - total),
            fabs(grad[t]) + fabs(by) * (fabs(grad[t]) + 4 * size),
            (double)a->c,
        };
    }
    describe("%td arrays of %td x %td, logarithm %d", a->n, a->c, a->size, a->logarithm);
    check(&(subject){
        .call = {CNET_KERNEL_softmax_backward,
                 .softmax_backward = {.g = {a->n, a->c, a->size}, .logarithm = a->logarithm}},
        .in = {{count, grad}, {count, y}},
        .out = {{count, dx, NULL}},
    });
}

static void softmax_cases(void (*test)(const softmax_arguments *)) {
    static const ptrdiff_t shapes[][3] = {{0, 3, 1},    {1, 1, 1},     {3, 10, 1}, {5, 1, 1},
                                          {700, 50, 1}, {3000, 20, 1}, {2, 70, 5}, {3, 4, 33},
                                          {1, 0, 3},    {50, 10, 100}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int logarithm = 0; logarithm < 2; logarithm++)
            test(&(softmax_arguments){shapes[i][0], shapes[i][1], shapes[i][2], logarithm});
}

void test_softmax(void) { softmax_cases(softmax_case); }
void test_softmax_backward(void) { softmax_cases(softmax_backward_case); }

void test_add(void) {
    for (int i = 0; i < COUNTS; i++) {
        const double *a = randoms(counts[i]), *b = randoms(counts[i]);
        sum *y = sums(counts[i]);
        for (ptrdiff_t t = 0; t < counts[i]; t++)
            y[t].value = a[t] + b[t];
        describe("%td elements", counts[i]);
        check(&(subject){
            .call = {CNET_KERNEL_add, .add = {.count = counts[i]}},
            .in = {{counts[i], a}, {counts[i], b}},
            .out = {{counts[i], y, NULL}},
        });
    }
}

void test_copy(void) {
    for (int i = 0; i < COUNTS; i++) {
        const double *x = randoms(counts[i]);
        sum *y = sums(counts[i]);
        for (ptrdiff_t t = 0; t < counts[i]; t++)
            y[t].value = x[t];
        describe("%td elements", counts[i]);
        check(&(subject){
            .call = {CNET_KERNEL_copy, .copy = {.count = counts[i]}},
            .in = {{counts[i], x}},
            .out = {{counts[i], y, NULL}},
        });
    }
}
