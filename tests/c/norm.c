/* Batch and group normalisation. */
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

typedef struct {
    cnet_norm g;
    ptrdiff_t groups;
    int affine, centred;
    double *x, *dy, *mean, *var, *weight, *bias;
} groups_t;

static const groups_t grouped[] = {
    {.g = {1, 1, 1}, .groups = 1},    {.g = {4, 6, 1}, .groups = 1},
    {.g = {5, 300, 1}, .groups = 1},  {.g = {3, 36, 1}, .groups = 2},
    {.g = {1030, 3, 1}, .groups = 3}, {.g = {2, 6, 15}, .groups = 2},
    {.g = {3, 4, 17}, .groups = 4},   {.g = {3, 4, 33}, .groups = 1},
};
enum { GROUPED = sizeof grouped / sizeof grouped[0] };

static ptrdiff_t numbers_of(const groups_t *a) { return a->g.n * a->g.c * a->g.size; }

static ptrdiff_t row_of(const groups_t *a, ptrdiff_t n, ptrdiff_t c) {
    return n * a->groups + c / (a->g.c / a->groups);
}

static void for_each_grouped(void (*test)(const groups_t *a)) {
    for (int i = 0; i < GROUPED; i++) {
        for (int option = 0; option < 4; option++) {
            groups_t a = grouped[i];
            a.affine = option / 2;
            a.centred = option % 2;
            describe("n=%td c=%td size=%td groups=%td%s%s", a.g.n, a.g.c, a.g.size, a.groups,
                     a.affine ? ", weight and bias" : "", a.centred ? ", mean" : "");
            a.x = randoms(numbers_of(&a));
            a.dy = randoms(numbers_of(&a));
            a.mean = randoms(a.g.n * a.groups);
            a.var = randoms(a.g.n * a.groups);
            a.weight = randoms(a.g.c);
            a.bias = randoms(a.g.c);
            for (ptrdiff_t row = 0; row < a.g.n * a.groups; row++) {
                a.var[row] = fabs(a.var[row]);
                a.mean[row] = a.centred ? a.mean[row] : 0;
            }
            test(&a);
        }
    }
}

static double scale_of(const groups_t *a, ptrdiff_t row) { return 1 / sqrt(a->var[row] + eps); }

static void group_norm_case(const groups_t *a) {
    sum *y = sums(numbers_of(a));
    for (ptrdiff_t i = 0; i < numbers_of(a); i++) {
        const ptrdiff_t c = i / a->g.size % a->g.c;
        const ptrdiff_t row = row_of(a, i / a->g.size / a->g.c, c);
        const double scale = scale_of(a, row) * (a->affine ? a->weight[c] : 1);
        add(&y[i], a->x[i] * scale);
        add(&y[i], -a->mean[row] * scale);
        add(&y[i], a->affine ? a->bias[c] : 0);
    }
    check(&(subject){
        .call = {CNET_KERNEL_group_norm,
                 .group_norm = {.g = a->g, .groups = a->groups, .eps = eps}},
        .in_place = a->affine,
        .in = {{numbers_of(a), a->x},
               {a->g.n * a->groups, a->centred ? a->mean : NULL},
               {a->g.n * a->groups, a->var},
               {a->g.c, a->affine ? a->weight : NULL},
               {a->g.c, a->affine ? a->bias : NULL}},
        .out = {{numbers_of(a), y, a->x}},
    });
}

void test_group_norm(void) { for_each_grouped(group_norm_case); }

static void group_norm_dx(const groups_t *a, ptrdiff_t row, sum *dx) {
    const ptrdiff_t count = a->g.c / a->groups * a->g.size;
    const ptrdiff_t first = row % a->groups * (a->g.c / a->groups);
    const double scale = scale_of(a, row);
    const double *x = a->x + row * count, *dy = a->dy + row * count;
    double plain = 0, centred = 0, magnitude = 0;
    for (ptrdiff_t t = 0; t < count; t++) {
        const double v = dy[t] * (a->affine ? a->weight[first + t / a->g.size] : 1);
        plain += v;
        centred += v * (x[t] - a->mean[row]);
        magnitude += fabs(v) * (1 + 2 * (fabs(x[t]) + fabs(a->mean[row])) * scale * scale);
    }
    for (ptrdiff_t t = 0; t < count; t++) {
        sum *to = &dx[row * count + t];
        if (count == 1 && a->centred)
            continue;
        const double h = (x[t] - a->mean[row]) * scale;
        add(to, scale * dy[t] * (a->affine ? a->weight[first + t / a->g.size] : 1));
        add(to, a->centred ? -scale * plain / (double)count : 0);
        add(to, -scale * h * scale * centred / (double)count);
        to->scale += scale * magnitude / (double)count * (1 + 2 * scale);
        to->terms += 2 * (double)count;
    }
}

static void group_norm_backward_case(const groups_t *a) {
    sum *dx = sums(numbers_of(a)), *dweight = sums(a->g.c), *dbias = sums(a->g.c);
    for (ptrdiff_t row = 0; row < a->g.n * a->groups; row++)
        group_norm_dx(a, row, dx);
    for (ptrdiff_t i = 0; i < numbers_of(a); i++) {
        const ptrdiff_t c = i / a->g.size % a->g.c;
        const ptrdiff_t row = row_of(a, i / a->g.size / a->g.c, c);
        add(&dbias[c], a->dy[i]);
        add(&dweight[c], a->dy[i] * (a->x[i] - a->mean[row]) * scale_of(a, row));
        dweight[c].scale += 2 * fabs(a->dy[i]) * scale_of(a, row); /* |x|, |mean| < 1 */
    }
    check(&(subject){
        .call = {CNET_KERNEL_group_norm_backward,
                 .group_norm_backward = {.g = a->g, .groups = a->groups, .eps = eps}},
        .in = {{numbers_of(a), a->dy},
               {numbers_of(a), a->x},
               {a->g.n * a->groups, a->centred ? a->mean : NULL},
               {a->g.n * a->groups, a->var},
               {a->g.c, a->affine ? a->weight : NULL}},
        .out = {{numbers_of(a), dx}, {a->g.c, dweight}, {a->g.c, dbias}},
    });
}

void test_group_norm_backward(void) { for_each_grouped(group_norm_backward_case); }
