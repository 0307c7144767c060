/* Kernels of plans: layers with prepared weights, activations, softmax, sums. */
#define _POSIX_C_SOURCE 200112L
#include "conv2d_cases.h"

#include <stdlib.h>
#include <string.h>

static void *aligned(size_t bytes) {
    void *memory;
    require(posix_memalign(&memory, CNET_ALIGNMENT, bytes + 1) == 0, "memory");
    memset(memory, 0xff, bytes);
    return memory;
}

/* ---- Convolution -------------------------------------------------------------------------- */

typedef struct {
    const cnet_conv2d *g;
    int relu, pool, codes;
} prepared_arguments;

static int is_empty(const cnet_conv2d *g) { return !x_count(g) || !y_count(g); }
static int can_pool(const cnet_conv2d *g) { return g->oh >= 2 && g->ow >= 2; }

static void bytes_case(const cnet_conv2d *g) {
    for (cnet_dtype dtype = 0; !is_empty(g) && dtype < CNET_DTYPES; dtype++) {
        const size_t size = dtype == CNET_F32 ? sizeof(float) : sizeof(double);
        require(cnet_active_kernels(dtype)->prepared_conv2d_bytes(g) >=
                    (size_t)(w_count(g) + g->o) * size,
                "holds filters and bias");
    }
}

void test_prepared_conv2d_bytes(void) { for_each_conv2d_case(bytes_case); }

static size_t prepared_conv2d_bytes(const cnet_kernels *k, const void *arguments, int threads) {
    return k->prepared_conv2d_workspace(((const prepared_arguments *)arguments)->g, threads);
}

static void workspace_case(const cnet_conv2d *g) {
    const prepared_arguments arguments = {g, 0, 0, 0};
    if (!is_empty(g))
        check_workspace(prepared_conv2d_bytes, &arguments);
}

void test_prepared_conv2d_workspace(void) { for_each_conv2d_case(workspace_case); }

static ptrdiff_t call_prepared_conv2d(const call_t *c) {
    const prepared_arguments *a = c->arguments;
    void *prepared = aligned(c->kernels->prepared_conv2d_bytes(a->g));
    c->kernels->prepare_conv2d(c->in[1], c->in[2], prepared, a->g);
    c->kernels->prepared_conv2d(c->in[0], prepared, c->out[0], a->codes ? c->out[1] : NULL, a->g,
                                a->relu, a->pool, c->exec);
    free(prepared);
    return 0;
}

/* Of small integers, whose sums are exact. */
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

static void prepared_conv2d_case(const cnet_conv2d *g, int relu, int pool, int with_codes) {
    if (is_empty(g) || (pool && !can_pool(g)))
        return;
    const prepared_arguments arguments = {g, relu, pool, with_codes};
    const double *x = small_integers(x_count(g)), *weight = small_integers(w_count(g));
    const double *bias = random_size(0, 1) ? small_integers(g->o) : NULL;
    const double *convolved = convolve(g, x, weight, bias);
    const ptrdiff_t step = pool ? 2 : 1, height = g->oh / step, width = g->ow / step;
    const ptrdiff_t count = g->n * g->o * height * width;
    sum *y = sums(count), *codes = with_codes ? sums(count) : NULL;
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t plane = t / (height * width), row = t / width % height, col = t % width;
        double best = relu ? 0 : -INFINITY, code = 4;
        for (ptrdiff_t k = 0; k < step * step; k++) {
            const ptrdiff_t at = (plane * g->oh + row * step + k / step) * g->ow + col * step;
            if (convolved[at + k % step] > best) {
                best = convolved[at + k % step];
                code = (double)k;
            }
        }
        y[t].value = best;
        if (with_codes)
            codes[t].value = code;
    }
    describe_geometry(g, sizeof *g);
    describe_also(", relu %d, pool %d, codes %d", relu, pool, with_codes);
    check(&(subject){
        .arguments = &arguments,
        .call = call_prepared_conv2d,
        .workspace = prepared_conv2d_bytes,
        .in = {{REAL, x_count(g), x}, {REAL, w_count(g), weight}, {REAL, g->o, bias}},
        .out = {{REAL, count, y, NULL}, {BYTE, with_codes ? count : 0, codes, NULL}},
    });
}

static void plain_case(const cnet_conv2d *g) { prepared_conv2d_case(g, 0, 0, 0); }
static void finished_case(const cnet_conv2d *g) {
    prepared_conv2d_case(g, 1, 0, 0);
    prepared_conv2d_case(g, 0, 1, 0);
    prepared_conv2d_case(g, 1, 1, 0);
    prepared_conv2d_case(g, 1, 1, 1);
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

void test_prepared_linear_bytes(void) {
    for (int i = 0; i < LINEARS; i++)
        require(cnet_active_kernels(CNET_F64)->prepared_linear_bytes(linears[i].n, linears[i].k) >=
                    (size_t)(linears[i].n * (linears[i].k + 1)) * sizeof(double),
                "holds weights and bias");
}

static ptrdiff_t call_prepared_linear(const call_t *c) {
    const linear_arguments *a = c->arguments;
    void *prepared = aligned(c->kernels->prepared_linear_bytes(a->n, a->k));
    c->kernels->prepare_linear(c->in[1], c->in[2], prepared, a->n, a->k);
    c->kernels->prepared_linear(c->in[0], prepared, c->out[0], a->m, a->n, a->k, a->relu, c->exec);
    free(prepared);
    return 0;
}

static void linear_case(const linear_arguments *a, int has_bias) {
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
        .arguments = a,
        .call = call_prepared_linear,
        .in = {{REAL, a->m * a->k, x}, {REAL, a->n * a->k, weight}, {REAL, a->n, bias}},
        .out = {{REAL, a->m * a->n, y, NULL}},
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

/* ---- Activations -------------------------------------------------------------------------- */

static const ptrdiff_t counts[] = {0, 1, 5, 33, 100, 32768, 32769};
enum { COUNTS = sizeof counts / sizeof counts[0] };

typedef struct {
    ptrdiff_t count;
    cnet_activation f;
} activate_arguments;

static ptrdiff_t call_activate(const call_t *c) {
    const activate_arguments *a = c->arguments;
    c->kernels->activate(c->in[0], c->out[0], a->count, a->f, 0.25, c->exec);
    return 0;
}

static void activate_case(const activate_arguments *a) {
    double *x = randoms(a->count);
    sum *y = sums(a->count);
    for (ptrdiff_t t = 0; t < a->count; t++) {
        x[t] *= 16;
        if (a->f == CNET_LEAKY_RELU) {
            y[t].value = x[t] > 0 ? x[t] : x[t] / 4;
            continue;
        }
        y[t] = (sum){a->f == CNET_TANH ? tanh(x[t]) : 1 / (1 + exp(-x[t])), 2, 1};
    }
    describe("%td elements, activation %d", a->count, (int)a->f);
    check(&(subject){
        .arguments = a,
        .call = call_activate,
        .in = {{REAL, a->count, x}},
        .out = {{REAL, a->count, y, NULL}},
    });
}

void test_activate(void) {
    for (int i = 0; i < COUNTS; i++)
        for (cnet_activation f = CNET_LEAKY_RELU; f <= CNET_TANH; f++)
            activate_case(&(activate_arguments){counts[i], f});
}

typedef struct {
    ptrdiff_t n, c;
    int logarithm;
} softmax_arguments;

static ptrdiff_t call_softmax(const call_t *c) {
    const softmax_arguments *a = c->arguments;
    c->kernels->softmax(c->in[0], c->out[0], a->n, a->c, a->logarithm, c->exec);
    return 0;
}

static void softmax_case(const softmax_arguments *a) {
    double *x = randoms(a->n * a->c);
    sum *y = sums(a->n * a->c);
    for (ptrdiff_t t = 0; t < a->n * a->c; t++)
        x[t] *= 64;
    for (ptrdiff_t t = 0; t < a->n * a->c; t++) {
        const double *row = x + t / a->c * a->c;
        double total = 0;
        for (ptrdiff_t p = 0; p < a->c; p++)
            total += exp(row[p] - x[t]);
        y[t] = (sum){a->logarithm ? -log(total) : 1 / total, a->logarithm ? 256 : 2, (double)a->c};
    }
    describe("%td rows of %td, logarithm %d", a->n, a->c, a->logarithm);
    check(&(subject){
        .arguments = a,
        .call = call_softmax,
        .in = {{REAL, a->n * a->c, x}},
        .out = {{REAL, a->n * a->c, y, NULL}},
    });
}

void test_softmax(void) {
    static const ptrdiff_t rows[][2] = {{0, 3}, {1, 1}, {3, 10}, {5, 1}, {700, 50}, {3000, 20}};
    for (int i = 0; i < 6; i++)
        for (int logarithm = 0; logarithm < 2; logarithm++)
            softmax_case(&(softmax_arguments){rows[i][0], rows[i][1], logarithm});
}

static ptrdiff_t call_add(const call_t *c) {
    c->kernels->add(c->in[0], c->in[1], c->out[0], *(const ptrdiff_t *)c->arguments, c->exec);
    return 0;
}

void test_add(void) {
    for (int i = 0; i < COUNTS; i++) {
        const double *a = randoms(counts[i]), *b = randoms(counts[i]);
        sum *y = sums(counts[i]);
        for (ptrdiff_t t = 0; t < counts[i]; t++)
            y[t].value = a[t] + b[t];
        describe("%td elements", counts[i]);
        check(&(subject){
            .arguments = &counts[i],
            .call = call_add,
            .in = {{REAL, counts[i], a}, {REAL, counts[i], b}},
            .out = {{REAL, counts[i], y, NULL}},
        });
    }
}
