/* Batch normalisation. */
#include "tests.h"

static const cnet_norm geometries[] = {{1, 1, 1},  {4, 3, 1},  {2, 3, 15}, {2, 5, 16},
                                       {3, 2, 17}, {5, 2, 33}, {2, 9, 49}, {9, 8, 784}};
enum { GEOMETRIES = sizeof geometries / sizeof geometries[0] };
static const double eps = 0.125;

typedef struct {
    cnet_norm g;
    int affine, from_batch;
    double *x, *dy, *mean, *var, *weight, *bias;
} norm_t;

static ptrdiff_t element(const norm_t *a, ptrdiff_t n, ptrdiff_t channel, ptrdiff_t t) {
    return (n * a->g.c + channel) * a->g.size + t;
}

static ptrdiff_t count_of(const norm_t *a) { return a->g.n * a->g.c * a->g.size; }

static void for_each_norm(void (*test)(const norm_t *a)) {
    for (int i = 0; i < GEOMETRIES; i++) {
        for (int option = 0; option < 4; option++) {
            norm_t a = {.g = geometries[i], .affine = option / 2, .from_batch = option % 2};
            describe("n=%td c=%td size=%td%s%s", a.g.n, a.g.c, a.g.size,
                     a.affine ? ", weight and bias" : "", a.from_batch ? ", of the batch" : "");
            a.x = randoms(count_of(&a));
            a.dy = randoms(count_of(&a));
            a.mean = randoms(a.g.c);
            a.var = randoms(a.g.c);
            a.weight = randoms(a.g.c);
            a.bias = randoms(a.g.c);
            for (ptrdiff_t c = 0; c < a.g.c; c++)
                a.var[c] = fabs(a.var[c]);
            test(&a);
        }
    }
}

static void stats_case(const norm_t *a) {
    const ptrdiff_t count = a->g.n * a->g.size;
    sum *mean = sums(a->g.c), *var = sums(a->g.c);
    for (ptrdiff_t c = 0; c < a->g.c; c++) {
        for (ptrdiff_t n = 0; n < a->g.n; n++)
            for (ptrdiff_t t = 0; t < a->g.size; t++)
                add(&mean[c], a->x[element(a, n, c, t)] / (double)count);
        for (ptrdiff_t n = 0; n < a->g.n; n++)
            for (ptrdiff_t t = 0; t < a->g.size; t++) {
                const double difference = a->x[element(a, n, c, t)] - mean[c].value;
                add(&var[c], difference * difference / (double)count);
            }
        var[c].scale += 2 * mean[c].scale; /* |x| < 1: what the rounding of x - mean adds */
    }
    check(&(subject){
        .call = {CNET_KERNEL_batch_norm_stats, .batch_norm_stats = {.g = a->g}},
        .in = {{count_of(a), a->x}},
        .out = {{a->g.c, mean}, {a->g.c, var}},
    });
}

void test_batch_norm_stats(void) { for_each_norm(stats_case); }

static double deviation(const norm_t *a, ptrdiff_t c) { return sqrt(a->var[c] + eps); }
static double weight_of(const norm_t *a, ptrdiff_t c) { return a->affine ? a->weight[c] : 1; }

static void norm_case(const norm_t *a) {
    sum *y = sums(count_of(a));
    for (ptrdiff_t c = 0; c < a->g.c; c++)
        for (ptrdiff_t n = 0; n < a->g.n; n++)
            for (ptrdiff_t t = 0; t < a->g.size; t++) {
                sum *to = &y[element(a, n, c, t)];
                const double scale = weight_of(a, c) / deviation(a, c);
                add(to, a->x[element(a, n, c, t)] * scale);
                add(to, -a->mean[c] * scale);
                add(to, a->affine ? a->bias[c] : 0);
            }
    check(&(subject){
        .call = {CNET_KERNEL_batch_norm, .batch_norm = {.g = a->g, .eps = eps}},
        .in_place = a->from_batch,
        .in = {{count_of(a), a->x},
               {a->g.c, a->mean},
               {a->g.c, a->var},
               {a->g.c, a->affine ? a->weight : NULL},
               {a->g.c, a->affine ? a->bias : NULL}},
        .out = {{count_of(a), y, a->x}},
    });
}

void test_batch_norm(void) { for_each_norm(norm_case); }

static void norm_backward_case(const norm_t *a) {
    const double count = (double)(a->g.n * a->g.size);
    sum *dx = sums(count_of(a)), *dweight = sums(a->g.c), *dbias = sums(a->g.c);
    for (ptrdiff_t c = 0; c < a->g.c; c++) {
        for (ptrdiff_t n = 0; n < a->g.n; n++)
            for (ptrdiff_t t = 0; t < a->g.size; t++) {
                const ptrdiff_t i = element(a, n, c, t);
                add(&dbias[c], a->dy[i]);
                add(&dweight[c], a->dy[i] * (a->x[i] - a->mean[c]) / deviation(a, c));
                dweight[c].scale += 2 * fabs(a->dy[i]) / deviation(a, c); /* |x|, |mean| < 1 */
            }
        for (ptrdiff_t n = 0; n < a->g.n; n++)
            for (ptrdiff_t t = 0; t < a->g.size; t++) {
                const ptrdiff_t i = element(a, n, c, t);
                const double scale = weight_of(a, c) / deviation(a, c);
                const double h = (a->x[i] - a->mean[c]) / deviation(a, c);
                add(&dx[i], scale * a->dy[i]);
                if (!a->from_batch)
                    continue;
                add(&dx[i], -scale * dbias[c].value / count);
                add(&dx[i], -scale * h * dweight[c].value / count);
                dx[i].scale +=
                    fabs(scale) / count * (dbias[c].scale + 2 / deviation(a, c) * dweight[c].scale);
                dx[i].terms += 2 * count;
            }
    }
    check(&(subject){
        .call = {CNET_KERNEL_batch_norm_backward,
                 .batch_norm_backward = {.g = a->g, .eps = eps, .from_batch = a->from_batch}},
        .in = {{count_of(a), a->dy},
               {count_of(a), a->x},
               {a->g.c, a->mean},
               {a->g.c, a->var},
               {a->g.c, a->affine ? a->weight : NULL}},
        .out = {{count_of(a), dx}, {a->g.c, dweight}, {a->g.c, dbias}},
    });
}

void test_batch_norm_backward(void) { for_each_norm(norm_backward_case); }
