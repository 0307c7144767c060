/* Kernels without a geometry: elementwise operations, loss, optimizer steps. */
#include "tests.h"

/* ---- Elementwise operations --------------------------------------------------------------- */

/* Around the lengths of vectors, and of a chunk, 2^15. */
static const ptrdiff_t counts[] = {0, 1, 3, 4, 5, 15, 16, 17, 33, 100, 32767, 32768, 32769, 100003};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static void for_each_count(void (*test)(const ptrdiff_t *count)) {
    for (int i = 0; i < COUNTS; i++) {
        describe("%td elements", counts[i]);
        test(&counts[i]);
    }
}

/* Numbers of both signs, including zeros of both signs, infinities and NaN. */
static double *activations(ptrdiff_t count) {
    static const double special[] = {0, -0.0, INFINITY, -INFINITY, NAN};
    double *x = randoms(count);
    for (ptrdiff_t t = 0; t < count; t++)
        if (random_size(0, 9) == 0)
            x[t] = special[random_size(0, 4)];
    return x;
}

/* Some operations, f(x) and g f'(x) from x or y: all others use the same code in a kernel. */
typedef struct {
    cnet_operation operation;
    double scale; /* 0: exact */
    double (*value)(double x);
    double (*gradient)(double g, double saved);
} operation_t;
static double relu(double x) { return x <= 0 ? 0 : x; }
static double relu_gradient(double g, double y) { return y <= 0 ? 0 : g; }
static double leaky_relu(double x) { return x > 0 ? x : x / 4; }
static double leaky_relu_gradient(double g, double x) { return x > 0 ? g : g / 4; }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double sigmoid_gradient(double g, double y) { return g * y * (1 - y); }
static const operation_t operations[] = {
    {CNET_OPERATION_relu, 0, relu, relu_gradient},
    {CNET_OPERATION_leaky_relu, 0, leaky_relu, leaky_relu_gradient},
    {CNET_OPERATION_sigmoid, 2, sigmoid, sigmoid_gradient},
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static sum of_scale(double value, double scale) {
    return (sum){value, scale * (1 + fabs(value)), 1};
}

static void elementwise_case(const ptrdiff_t *count) {
    for (int i = 0; i < 2 * OPERATIONS; i++) {
        const operation_t *f = &operations[i / 2];
        const double *x = activations(*count);
        sum *y = sums(*count);
        for (ptrdiff_t t = 0; t < *count; t++)
            y[t] = of_scale(f->value(x[t]), f->scale);
        check(&(subject){
            .call = {CNET_KERNEL_elementwise,
                     .elementwise = {.count = *count, .operation = f->operation, .a = 0.25}},
            .in_place = i % 2,
            .in = {{*count, x}},
            .out = {{*count, y, x}},
        });
    }
}

void test_elementwise(void) { for_each_count(elementwise_case); }

static void elementwise_backward_case(const ptrdiff_t *count) {
    for (int i = 0; i < 2 * OPERATIONS; i++) {
        const operation_t *f = &operations[i / 2];
        const double *g = randoms(*count),
                     *saved = f->scale ? randoms(*count) : activations(*count);
        sum *dx = sums(*count);
        for (ptrdiff_t t = 0; t < *count; t++)
            dx[t] = of_scale(f->gradient(g[t], saved[t]), f->scale);
        check(&(subject){
            .call = {CNET_KERNEL_elementwise_backward,
                     .elementwise_backward = {.count = *count,
                                              .operation = f->operation,
                                              .a = 0.25}},
            .in_place = i % 2,
            .in = {{*count, g}, {*count, saved}},
            .out = {{*count, dx, g}},
        });
    }
}

void test_elementwise_backward(void) { for_each_count(elementwise_backward_case); }

/* ---- Losses ------------------------------------------------------------------------------- */

typedef struct {
    ptrdiff_t n, c;
    double smoothing;
    const double *weight;
} loss_arguments;

enum { IGNORED = -100 };

/* n, c */
static const ptrdiff_t loss_sizes[][2] = {{0, 3},  {1, 1},   {1, 10},  {7, 3},    {5, 16},  {9, 17},
                                          {33, 2}, {64, 33}, {3, 500}, {2, 5000}, {700, 10}};
enum { LOSS_SIZES = sizeof loss_sizes / sizeof loss_sizes[0] };

static void for_each_loss(void (*test)(loss_arguments *a, int with_weight)) {
    for (int i = 0; i < LOSS_SIZES; i++) {
        for (int option = 0; option < 4; option++) {
            loss_arguments a = {loss_sizes[i][0], loss_sizes[i][1], option / 2 * 0.25, NULL};
            describe("n=%td c=%td smoothing=%g%s", a.n, a.c, a.smoothing,
                     option % 2 ? ", weights" : "");
            test(&a, option % 2);
        }
    }
}

static double *positive_randoms(ptrdiff_t count) {
    double *x = randoms(count);
    for (ptrdiff_t t = 0; t < count; t++)
        x[t] = fabs(x[t]);
    return x;
}

static double *random_logits(const loss_arguments *a) {
    double *x = randoms(a->n * a->c);
    for (ptrdiff_t t = 0; t < a->n * a->c; t++)
        x[t] *= 16;
    return x;
}

static int is_class(const loss_arguments *a, double target) { return target >= 0 && target < a->c; }

/* Random targets, some of them ignored, some out of range; *invalid is the number of those out of
 * range. */
static double *random_targets(const loss_arguments *a, ptrdiff_t *invalid) {
    double *target = numbers(a->n);
    *invalid = 0;
    for (ptrdiff_t i = 0; i < a->n; i++) {
        const ptrdiff_t kind = random_size(0, 9);
        target[i] = (double)(kind == 0   ? IGNORED
                             : kind == 1 ? a->c
                             : kind == 2 ? -1
                                         : random_size(0, a->c - 1));
        *invalid += kind == 1 || kind == 2;
    }
    return target;
}

/* q[j] * weight[j] of a row with this target. */
static double share_of(const loss_arguments *a, double target, ptrdiff_t j) {
    const double q = (1 - a->smoothing) * (j == (ptrdiff_t)target) + a->smoothing / (double)a->c;
    return q * (a->weight ? a->weight[j] : 1);
}

static double log_sum_exp(const double *x, ptrdiff_t count) {
    double total = 0;
    for (ptrdiff_t j = 0; j < count; j++)
        total += exp(x[j]);
    return log(total);
}

static void cross_entropy_case(loss_arguments *a, int with_weight) {
    ptrdiff_t invalid;
    const double *logits = random_logits(a), *target = random_targets(a, &invalid);
    sum *losses = sums(a->n), *lse = sums(a->n);
    a->weight = with_weight ? positive_randoms(a->c) : NULL;
    for (ptrdiff_t i = 0; i < a->n; i++) {
        const double *x = logits + i * a->c;
        const double exact = log_sum_exp(x, a->c), scale = fabs(exact) + 16;
        lse[i] = (sum){exact, scale, (double)a->c};
        for (ptrdiff_t j = 0; j < a->c && is_class(a, target[i]); j++) {
            losses[i].value += share_of(a, target[i], j) * (exact - x[j]);
            losses[i].scale += share_of(a, target[i], j) * (scale + fabs(x[j]));
            losses[i].terms++;
        }
    }
    check(&(subject){
        .call = {CNET_KERNEL_cross_entropy, .cross_entropy = {.g = {a->n, a->c},
                                                              .label_smoothing = a->smoothing,
                                                              .ignore_index = IGNORED}},
        .in = {{a->n * a->c, logits}, {a->n, target}, {a->c, a->weight}},
        .out = {{a->n, losses, NULL}, {a->n, lse, NULL}},
        .invalid = invalid,
    });
}

void test_cross_entropy(void) { for_each_loss(cross_entropy_case); }

static void cross_entropy_backward_case(loss_arguments *a, int with_weight) {
    ptrdiff_t invalid;
    const double *logits = random_logits(a), *target = random_targets(a, &invalid);
    const double *grad = randoms(a->n);
    double *lse = numbers(a->n);
    sum *dlogits = sums(a->n * a->c);
    a->weight = with_weight ? positive_randoms(a->c) : NULL;
    for (ptrdiff_t i = 0; i < a->n; i++) {
        const double *x = logits + i * a->c;
        double mass = 0;
        for (ptrdiff_t j = 0; j < a->c; j++)
            mass += share_of(a, target[i], j);
        lse[i] = rounded(log_sum_exp(x, a->c));
        /* Sums of rows with large logits are not 1, since lse[i] is rounded. */
        double whole = fabs(lse[i]) > 16 ? 0 : 1;
        for (ptrdiff_t j = 0; j < a->c && fabs(lse[i]) > 16; j++)
            whole += exp(x[j] - lse[i]);
        for (ptrdiff_t j = 0; j < a->c && is_class(a, target[i]); j++) {
            const double softmax = mass * exp(x[j] - lse[i]) / whole;
            const double share = share_of(a, target[i], j);
            dlogits[i * a->c + j] = (sum){
                .value = grad[i] * (softmax - share),
                .scale = fabs(grad[i]) * (softmax * (1 + fabs(x[j] - lse[i])) + share),
                .terms = (double)a->c,
            };
        }
    }
    check(&(subject){
        .call = {CNET_KERNEL_cross_entropy_backward,
                 .cross_entropy_backward = {.g = {a->n, a->c},
                                            .label_smoothing = a->smoothing,
                                            .ignore_index = IGNORED}},
        .in = {{a->n, grad}, {a->n * a->c, logits}, {a->n, target}, {a->n, lse}, {a->c, a->weight}},
        .out = {{a->n * a->c, dlogits, NULL}},
        .invalid = invalid,
    });
}

void test_cross_entropy_backward(void) { for_each_loss(cross_entropy_backward_case); }

static double nll_weight(const loss_arguments *a, double target) {
    return !is_class(a, target) ? 0 : a->weight ? a->weight[(ptrdiff_t)target] : 1;
}

static void nll_loss_case(loss_arguments *a, int with_weight) {
    ptrdiff_t invalid;
    const double *x = randoms(a->n * a->c), *target = random_targets(a, &invalid);
    const int mean = a->smoothing == 0;
    sum *losses = sums(a->n), *loss = sums(1), *divisor = sums(1);
    a->weight = with_weight ? positive_randoms(a->c) : NULL;
    divisor->value = divisor->scale = !mean;
    for (ptrdiff_t i = 0; i < a->n; i++) {
        const double weight = nll_weight(a, target[i]);
        const double value = weight ? -weight * x[i * a->c + (ptrdiff_t)target[i]] : 0;
        losses[i] = of_scale(value, 1);
        add(loss, value);
        if (mean && weight)
            add(divisor, weight);
    }
    loss->value /= divisor->value;
    loss->scale /= divisor->value;
    check(&(subject){
        .call = {CNET_KERNEL_nll_loss,
                 .nll_loss = {.g = {a->n, a->c}, .mean = mean, .ignore_index = IGNORED}},
        .in = {{a->n * a->c, x}, {a->n, target}, {a->c, a->weight}},
        .out = {{a->n, losses}, {1, loss}, {1, divisor}},
        .invalid = invalid,
    });
}

void test_nll_loss(void) { for_each_loss(nll_loss_case); }

static void nll_loss_backward_case(loss_arguments *a, int with_weight) {
    ptrdiff_t invalid;
    const double *grad = randoms(a->n), *target = random_targets(a, &invalid);
    sum *dx = sums(a->n * a->c);
    a->weight = with_weight ? positive_randoms(a->c) : NULL;
    for (ptrdiff_t i = 0; i < a->n; i++)
        if (is_class(a, target[i])) {
            const double value = -nll_weight(a, target[i]) * grad[i];
            dx[i * a->c + (ptrdiff_t)target[i]] = of_scale(value, 1);
        }
    check(&(subject){
        .call = {CNET_KERNEL_nll_loss_backward,
                 .nll_loss_backward = {.g = {a->n, a->c}, .ignore_index = IGNORED}},
        .in = {{a->n, grad}, {a->n, target}, {a->c, a->weight}},
        .out = {{a->n * a->c, dx}},
        .invalid = invalid,
    });
}

void test_nll_loss_backward(void) { for_each_loss(nll_loss_backward_case); }

/* A part of the sum is 2^13 losses, or more if there were over 64 parts. */
static const ptrdiff_t loss_counts[] = {0, 1, 7, 100, 8191, 8192, 8193, 70001, 600000};
enum { LOSS_COUNTS = sizeof loss_counts / sizeof loss_counts[0], CLASSES = 5 };

static void reduce_losses_case(ptrdiff_t n, int mean, int with_weight) {
    const loss_arguments a = {n, CLASSES, 0, with_weight ? positive_randoms(CLASSES) : NULL};
    ptrdiff_t ignored;
    const double *losses = randoms(n), *target = random_targets(&a, &ignored);
    sum *loss = sums(1), *divisor = sums(1);
    divisor->value = divisor->scale = !mean;
    for (ptrdiff_t i = 0; i < n; i++) {
        add(loss, losses[i]);
        if (mean && is_class(&a, target[i]))
            add(divisor, a.weight ? a.weight[(ptrdiff_t)target[i]] : 1);
    }
    loss->value /= divisor->value;
    loss->scale /= divisor->value;
    check(&(subject){
        .call = {CNET_KERNEL_reduce_losses,
                 .reduce_losses = {.g = {n, CLASSES}, .mean = mean, .ignore_index = IGNORED}},
        .in = {{n, losses}, {n, target}, {CLASSES, a.weight}},
        .out = {{1, loss}, {1, divisor}},
    });
}

void test_reduce_losses(void) {
    for (int i = 0; i < LOSS_COUNTS; i++)
        for (int option = 0; option < 4; option++) {
            describe("%td losses%s%s", loss_counts[i], option / 2 ? ", mean" : "",
                     option % 2 ? ", weights" : "");
            reduce_losses_case(loss_counts[i], option / 2, option % 2);
        }
}

void test_reduce_losses_backward(void) {
    for (int i = 0; i < LOSS_COUNTS; i++) {
        const ptrdiff_t n = loss_counts[i];
        describe("%td losses", n);
        const double *grad = randoms(1), *divisor = positive_randoms(1);
        sum *grad_losses = sums(n);
        for (ptrdiff_t t = 0; t < n; t++)
            grad_losses[t] = of_scale(*grad / *divisor, 1);
        check(&(subject){
            .call = {CNET_KERNEL_reduce_losses_backward, .reduce_losses_backward = {.g = {n, 1}}},
            .in = {{1, grad}, {1, divisor}},
            .out = {{n, grad_losses}},
        });
    }
}

/* ---- Optimizer steps ---------------------------------------------------------------------- */

typedef struct {
    ptrdiff_t count;
    int flags;
} step_arguments;

enum { MAXIMIZE = 1, MOMENTUM = 2, NESTEROV = 4, FIRST = 8, DECOUPLED = 2, LATE = 4 };
static const double lr = 0.125, weight_decay = 0.25, momentum = 0.75, dampening = 0.5;
static const double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
/* The number of roundings of an element in one step. */
enum { ROUNDINGS = 8 };

static void for_each_step(void (*test)(const step_arguments *a), int flags) {
    for (int i = 0; i < COUNTS; i++) {
        for (int set = 0; set < flags; set++) {
            describe("%td elements, flags %d", counts[i], set);
            test(&(step_arguments){counts[i], set});
        }
    }
}

static double decayed(const step_arguments *a, double grad, double param) {
    return (a->flags & MAXIMIZE ? -grad : grad) + weight_decay * param;
}

static void sgd_case(const step_arguments *a) {
    const double *grad = randoms(a->count), *param = randoms(a->count), *v = randoms(a->count);
    sum *new_param = sums(a->count);
    sum *new_v = a->flags & MOMENTUM ? sums(a->count) : NULL;
    for (ptrdiff_t t = 0; t < a->count; t++) {
        const double scale = 2 * (fabs(grad[t]) + fabs(param[t]) + fabs(v[t]));
        const double d = decayed(a, grad[t], param[t]);
        double step = d;
        if (new_v) {
            const double mean = a->flags & FIRST ? d : momentum * v[t] + (1 - dampening) * d;
            new_v[t] = (sum){mean, scale, ROUNDINGS};
            step = a->flags & NESTEROV ? d + momentum * mean : mean;
        }
        new_param[t] = (sum){param[t] - lr * step, scale, ROUNDINGS};
    }
    check(&(subject){
        .call = {CNET_KERNEL_sgd_step, .sgd_step = {.count = a->count,
                                                    .lr = lr,
                                                    .momentum = momentum,
                                                    .dampening = dampening,
                                                    .weight_decay = weight_decay,
                                                    .nesterov = a->flags & NESTEROV,
                                                    .maximize = a->flags & MAXIMIZE,
                                                    .first = a->flags & FIRST}},
        .in = {{a->count, grad}},
        .out = {{a->count, new_param, param}, {a->count, new_v, v}},
    });
}

void test_sgd_step(void) { for_each_step(sgd_case, 16); }

static int64_t step_of(const step_arguments *a) { return a->flags & LATE ? 1000 : 1; }

static void adam_case(const step_arguments *a) {
    const double *grad = randoms(a->count), *param = randoms(a->count), *m = randoms(a->count);
    const double *v = positive_randoms(a->count);
    const double step = (double)step_of(a);
    sum *new_param = sums(a->count), *new_m = sums(a->count), *new_v = sums(a->count);
    for (ptrdiff_t t = 0; t < a->count; t++) {
        const int is_decoupled = a->flags & DECOUPLED;
        const double d = is_decoupled ? decayed(a, grad[t], 0) : decayed(a, grad[t], param[t]);
        const double mean = beta1 * m[t] + (1 - beta1) * d;
        const double square = beta2 * v[t] + (1 - beta2) * d * d;
        const double rate =
            lr / (1 - pow(beta1, step)) / (sqrt(square / (1 - pow(beta2, step))) + eps);
        const double scale = fabs(m[t]) + fabs(grad[t]) + fabs(param[t]);
        const double kept = is_decoupled ? param[t] * (1 - lr * weight_decay) : param[t];
        new_m[t] = (sum){mean, scale, ROUNDINGS};
        new_v[t] = (sum){square, v[t] + scale * scale, ROUNDINGS};
        new_param[t] = (sum){kept - rate * mean, fabs(param[t]) + rate * scale, ROUNDINGS};
    }
    check(&(subject){
        .call = {CNET_KERNEL_adam_step, .adam_step = {.count = a->count,
                                                      .lr = lr,
                                                      .beta1 = beta1,
                                                      .beta2 = beta2,
                                                      .eps = eps,
                                                      .weight_decay = weight_decay,
                                                      .step = step_of(a),
                                                      .maximize = a->flags & MAXIMIZE,
                                                      .decoupled = a->flags & DECOUPLED}},
        .in = {{a->count, grad}},
        .out = {{a->count, new_param, param}, {a->count, new_m, m}, {a->count, new_v, v}},
    });
}

void test_adam_step(void) { for_each_step(adam_case, 8); }
