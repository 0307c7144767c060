/* Batch and group normalisation. */
#include "tests.h"

#include <string.h>

static const cnet_norm geometries[] = {{1, 1, 1},  {4, 3, 1},  {2, 3, 15}, {2, 5, 16},
                                       {3, 2, 17}, {5, 2, 33}, {2, 9, 49}, {9, 8, 784}};
enum { GEOMETRIES = sizeof geometries / sizeof geometries[0] };
static const double eps = 0.125, momentum = 0.25;

/* ---- Activations -------------------------------------------------------------------------- */

/* The bounds of hardtanh: its arguments a and b. */
static const double low = -0.5, high = 0.75;

static double identity(double x) { return x; }
static double relu(double x) { return x <= 0 ? 0 : x; }
static double hardtanh(double x) { return fmin(fmax(x, low), high); }
static double silu(double x) { return x / (1 + exp(-x)); }
static double hardswish(double x) { return x * fmin(fmax(x + 3, 0), 6) / 6; }

static double one(double x) { return x == x; }
static double relu_slope(double x) { return x > 0; }
static double hardtanh_slope(double x) { return x > low && x < high; }
static double silu_slope(double x) { return (1 + x / (1 + exp(x))) / (1 + exp(-x)); }
static double hardswish_slope(double x) { return x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1; }

/* Slopes are at most 1.5, and change by at most half of a change of x, except where they jump. */
typedef struct {
    ptrdiff_t number;
    double (*value)(double x), (*slope)(double x);
    int from_result; /* whether the slope at x is that at f(x) */
    double jumps[2];
} activation_t;
static const activation_t activations[] = {
    {0, identity, one, 1, {NAN, NAN}},
    {1 + CNET_OPERATION_relu, relu, relu_slope, 1, {0, 0}},
    {1 + CNET_OPERATION_hardtanh, hardtanh, hardtanh_slope, 1, {-0.5, 0.75}},
    {1 + CNET_OPERATION_silu, silu, silu_slope, 0, {NAN, NAN}},
    {1 + CNET_OPERATION_hardswish, hardswish, hardswish_slope, 0, {-3, 3}},
};
enum { ACTIVATIONS = sizeof activations / sizeof activations[0] };

/* ---- Batch normalisation ------------------------------------------------------------------ */

typedef struct {
    cnet_norm g;
    int affine, from_batch, with_residual;
    const activation_t *f;
    double *x, *dy, *mean, *var, *weight, *bias, *residual;
} norm_t;

static ptrdiff_t count_of(const norm_t *a) { return a->g.n * a->g.c * a->g.size; }
static ptrdiff_t channel_of(const norm_t *a, ptrdiff_t i) { return i / a->g.size % a->g.c; }

static void for_each_norm(int activation_count, void (*test)(const norm_t *a)) {
    for (int i = 0; i < GEOMETRIES * activation_count * 8; i++) {
        norm_t a = {
            .g = geometries[i / 8 % GEOMETRIES],
            .affine = i / 4 % 2,
            .from_batch = i / 2 % 2,
            .with_residual = i % 2,
            .f = &activations[i / 8 / GEOMETRIES],
        };
        describe("n=%td c=%td size=%td, activation %td%s%s%s", a.g.n, a.g.c, a.g.size,
                 a.f - activations, a.affine ? ", weight and bias" : "",
                 a.from_batch ? ", of the batch" : "", a.with_residual ? ", residual" : "");
        a.x = randoms(count_of(&a));
        a.dy = randoms(count_of(&a));
        a.residual = randoms(count_of(&a));
        a.mean = randoms(a.g.c);
        a.var = randoms(a.g.c);
        a.weight = randoms(a.g.c);
        a.bias = randoms(a.g.c);
        for (ptrdiff_t c = 0; c < a.g.c; c++)
            a.var[c] = fabs(a.var[c]);
        test(&a);
    }
}

/* factor * term, whose rounding errors are proportional to its scale. */
static void add_scaled(sum *to, sum term, double factor) {
    *to = (sum){to->value + factor * term.value, to->scale + fabs(factor) * term.scale,
                to->terms + term.terms};
}

/* A running statistic after a batch with this one. */
static sum moved(double before, sum batch) {
    return (sum){
        .value = momentum * batch.value + (1 - momentum) * before,
        .scale = fabs(before) + batch.scale,
        .terms = batch.terms + 4,
    };
}

static void stats_case(const norm_t *a) {
    const double count = (double)(a->g.n * a->g.size);
    const int with_running = a->affine && count > 1;
    sum *mean = sums(a->g.c), *var = sums(a->g.c);
    sum *running_mean = sums(a->g.c), *running_var = sums(a->g.c);
    for (ptrdiff_t i = 0; i < count_of(a); i++)
        add(&mean[channel_of(a, i)], a->x[i] / count);
    for (ptrdiff_t i = 0; i < count_of(a); i++) {
        const double difference = a->x[i] - mean[channel_of(a, i)].value;
        add(&var[channel_of(a, i)], difference * difference / count);
    }
    for (ptrdiff_t c = 0; c < a->g.c; c++) {
        var[c].scale += 2 * mean[c].scale; /* |x| < 1: what the rounding of x - mean adds */
        sum unbiased = {.terms = var[c].terms};
        add_scaled(&unbiased, var[c], count / fmax(count - 1, 1));
        running_mean[c] = moved(a->mean[c], mean[c]);
        running_var[c] = moved(a->var[c], unbiased);
    }
    check(&(subject){
        .call = {CNET_KERNEL_batch_norm_stats,
                 .batch_norm_stats = {.g = a->g, .momentum = momentum}},
        .in = {{count_of(a), a->x}},
        .out = {{a->g.c, mean},
                {a->g.c, var},
                {a->g.c, with_running ? running_mean : NULL, a->mean},
                {a->g.c, with_running ? running_var : NULL, a->var}},
    });
}

void test_batch_norm_stats(void) { for_each_norm(1, stats_case); }

static double deviation(const norm_t *a, ptrdiff_t c) { return sqrt(a->var[c] + eps); }
static double weight_of(const norm_t *a, ptrdiff_t c) { return a->affine ? a->weight[c] : 1; }

/* Element i, normalised. */
static sum normalised(const norm_t *a, ptrdiff_t i) {
    const ptrdiff_t c = channel_of(a, i);
    const double scale = weight_of(a, c) / deviation(a, c);
    sum z = {0};
    add(&z, a->x[i] * scale);
    add(&z, -a->mean[c] * scale);
    add(&z, a->affine ? a->bias[c] : 0);
    return z;
}

/* In place of x or of the residual in half of the cases. */
static void norm_case(const norm_t *a) {
    sum *y = sums(count_of(a));
    for (ptrdiff_t i = 0; i < count_of(a); i++) {
        sum z = normalised(a, i);
        add(&z, a->with_residual ? a->residual[i] : 0);
        y[i] = (sum){a->f->value(z.value), (a->f->number ? 2 : 1) * z.scale, z.terms};
    }
    check(&(subject){
        .call = {CNET_KERNEL_batch_norm,
                 .batch_norm =
                     {.g = a->g, .eps = eps, .activation = a->f->number, .a = low, .b = high}},
        .in_place = !a->from_batch     ? 0
                    : a->with_residual ? 6
                                       : 1,
        .in = {{count_of(a), a->x},
               {a->g.c, a->mean},
               {a->g.c, a->var},
               {a->g.c, a->affine ? a->weight : NULL},
               {a->g.c, a->affine ? a->bias : NULL},
               {count_of(a), a->with_residual ? a->residual : NULL}},
        .out = {{count_of(a), y, a->with_residual ? a->residual : a->x}},
    });
}

void test_batch_norm(void) { for_each_norm(ACTIVATIONS, norm_case); }

/* The gradient with respect to the argument of the activation, from the result y if there is one.
 * grad_output is set to 0 where the rounding of the argument could decide on a jump of the slope.
 */
static sum inner_gradient(const norm_t *a, const double *y, ptrdiff_t i) {
    if (y) {
        const double g = a->dy[i] * a->f->slope(y[i]);
        return (sum){g, fabs(g), 1};
    }
    const sum z = normalised(a, i);
    for (int k = 0; k < 2; k++)
        if (fabs(z.value - a->f->jumps[k]) < 1e-4)
            a->dy[i] = 0;
    const double scale = a->f->number ? 2 + z.scale : 1;
    return (sum){a->dy[i] * a->f->slope(z.value), fabs(a->dy[i]) * scale, z.terms};
}

/* dx, from the inner gradients and their sums over the channels. */
static void norm_dx(const norm_t *a, const sum *g, const sum *dweight, const sum *dbias, sum *dx) {
    const double count = (double)(a->g.n * a->g.size);
    for (ptrdiff_t i = 0; i < count_of(a); i++) {
        const ptrdiff_t c = channel_of(a, i);
        const double scale = weight_of(a, c) / deviation(a, c);
        const double h = (a->x[i] - a->mean[c]) / deviation(a, c);
        add_scaled(&dx[i], g[i], scale);
        if (!a->from_batch)
            continue;
        add(&dx[i], -scale * dbias[c].value / count);
        add(&dx[i], -scale * h * dweight[c].value / count);
        dx[i].scale +=
            fabs(scale) / count * (dbias[c].scale + 2 / deviation(a, c) * dweight[c].scale);
        dx[i].terms += 2 * count;
    }
}

/* The images, `pitch` elements apart. */
static double *apart(const norm_t *a, const double *images, ptrdiff_t pitch) {
    const ptrdiff_t image = a->g.c * a->g.size;
    double *copy = randoms(a->g.n * pitch);
    for (ptrdiff_t n = 0; n < a->g.n; n++)
        memcpy(copy + n * pitch, images + n * image, (size_t)image * sizeof *copy);
    return copy;
}

/* An array of expected results, or NULL: any of them may be left out. */
static const sum *or_null(const sum *expected) { return random_size(0, 4) ? expected : NULL; }

static void norm_backward_case(const norm_t *a) {
    if (a->with_residual && !a->f->from_result)
        return release_numbers();
    sum *dx = sums(count_of(a)), *dresidual = sums(count_of(a));
    sum *dweight = sums(a->g.c), *dbias = sums(a->g.c);
    double *y = a->with_residual ? numbers(count_of(a)) : NULL;
    for (ptrdiff_t i = 0; i < count_of(a); i++) {
        const ptrdiff_t c = channel_of(a, i);
        if (y)
            y[i] = a->f->value(a->residual[i]);
        dresidual[i] = inner_gradient(a, y, i);
        add_scaled(&dbias[c], dresidual[i], 1);
        add_scaled(&dweight[c], dresidual[i], (a->x[i] - a->mean[c]) / deviation(a, c));
        dweight[c].scale += 2 * dresidual[i].scale / deviation(a, c); /* |x|, |mean| < 1 */
    }
    norm_dx(a, dresidual, dweight, dbias, dx);
    double *addend = random_size(0, 1) ? randoms(count_of(a)) : NULL;
    for (ptrdiff_t i = 0; addend && i < count_of(a); i++)
        add(&dx[i], addend[i]);
    const ptrdiff_t pitch = a->g.c * a->g.size + (a->affine ? 0 : 5), inputs = a->g.n * pitch;
    check(&(subject){
        .call = {CNET_KERNEL_batch_norm_backward,
                 .batch_norm_backward = {.g = a->g,
                                         .pitch = pitch,
                                         .eps = eps,
                                         .from_batch = a->from_batch,
                                         .activation = a->f->number,
                                         .a = low,
                                         .b = high}},
        .in = {{inputs, apart(a, a->dy, pitch)},
               {inputs, apart(a, a->x, pitch)},
               {a->g.c, a->mean},
               {a->g.c, a->var},
               {a->g.c, a->affine ? a->weight : NULL},
               {a->g.c, a->affine ? a->bias : NULL},
               {inputs, y ? apart(a, y, pitch) : NULL},
               {count_of(a), addend}},
        .out = {{count_of(a), or_null(dx)},
                {a->g.c, or_null(dweight)},
                {a->g.c, or_null(dbias)},
                {count_of(a), or_null(dresidual)}},
    });
}

void test_batch_norm_backward(void) { for_each_norm(ACTIVATIONS, norm_backward_case); }

/* ---- Group normalisation ------------------------------------------------------------------ */

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
