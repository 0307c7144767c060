#include "conv2d_cases.h"

#include <string.h>

/* All products of a weight, a cell and an output in a convolution: the one of x, w and y that is
 * NULL is the result; the product of the other two is added to it. */
static void add_products(const cnet_conv2d *g, const double *x, const double *w, const double *y,
                         sum *to) {
    const ptrdiff_t *cells = cells_of_cols(g);
    const ptrdiff_t taps = g->c / g->g * g->kh * g->kw, pixels = g->oh * g->ow;
    for (ptrdiff_t n = 0; n < g->n; n++) {
        for (ptrdiff_t o = 0; o < g->o; o++) {
            const ptrdiff_t group = o / (g->o / g->g);
            const ptrdiff_t *cell = cells + (n * g->g + group) * taps * pixels;
            for (ptrdiff_t at_w = o * taps; at_w < (o + 1) * taps; at_w++) {
                const ptrdiff_t first = (n * g->o + o) * pixels;
                for (ptrdiff_t at_y = first; at_y < first + pixels; at_y++, cell++) {
                    if (*cell < 0)
                        continue;
                    if (!y)
                        add(&to[at_y], w[at_w] * x[*cell]);
                    else if (!w)
                        add(&to[at_w], y[at_y] * x[*cell]);
                    else
                        add(&to[*cell], w[at_w] * y[at_y]);
                }
            }
        }
    }
}

static const char *const pass_names[CNET_PASSES] = {"forward", "dx", "dw"};
static const char *const algorithm_names[] = {
    "depthwise", "winograd", "pointwise", "channels", "direct", "fold", "product", "exact", "auto"};

/* ---- The policy --------------------------------------------------------------------------- */

/* A call that computes one pass with an algorithm. */
static cnet_call pass_by(const cnet_conv2d *g, cnet_pass pass, cnet_algorithm algorithm) {
    static double wanted[1];
    if (pass == CNET_FORWARD)
        return (cnet_call){CNET_KERNEL_conv2d, .conv2d = {.g = *g, .algorithm = algorithm}};
    return (cnet_call){CNET_KERNEL_conv2d_backward,
                       .conv2d_backward = {.g = *g,
                                           .dx = pass == CNET_DX ? wanted : NULL,
                                           .dw = pass == CNET_DW ? wanted : NULL,
                                           .algorithm = algorithm}};
}

static int can(const cnet_conv2d *g, cnet_pass pass, cnet_algorithm algorithm) {
    const cnet_call call = pass_by(g, pass, algorithm);
    return is_suitable(&call);
}

/* The product can compute everything. Winograd needs 3 x 3 or 5 x 5 filters with stride 1; the
 * depthwise algorithm needs groups of one channel; pointwise filters read one pixel each. For the
 * direct algorithm and channels see check_that_little_is_staged. */
static void suits_case(const cnet_conv2d *g, cnet_pass pass, cnet_algorithm algorithm) {
    const int is_winograd = (g->kh == 3 || g->kh == 5) && g->kw == g->kh && g->sh == 1 &&
                            g->sw == 1 && g->dh == 1 && g->dw == 1 && g->g == 1 && x_count(g) &&
                            y_count(g);
    const int is_pointwise = g->kh == 1 && g->kw == 1 && g->ph == 0 && g->pw == 0 &&
                             (g->oh - 1) * g->sh < g->h && (g->ow - 1) * g->sw < g->w &&
                             x_count(g) && y_count(g);
    const int suits = can(g, pass, algorithm);
    if (algorithm == CNET_WINOGRAD)
        require(suits == is_winograd, "3 x 3 or 5 x 5 with stride 1 only");
    else if (algorithm == CNET_DEPTHWISE)
        require(!suits || g->c == g->g, "one channel a group only");
    else if (algorithm == CNET_FOLD)
        require(pass == CNET_DX || !suits, "folds gradients of inputs only");
    else if (algorithm == CNET_POINTWISE)
        require(suits == is_pointwise, "1 x 1 without padding only");
    else if (algorithm != CNET_DIRECT && algorithm != CNET_CHANNELS)
        require(suits, "suits every geometry");
}

/* An algorithm that is asked for by name is used; otherwise one that suits, and for CNET_EXACT not
 * Winograd. */
static void choice_case(const cnet_conv2d *g, cnet_pass pass, cnet_algorithm algorithm) {
    const cnet_call call = pass_by(g, pass, algorithm);
    if (!is_suitable(&call))
        return;
    for (cnet_dtype dtype = 0; dtype < CNET_DTYPES; dtype++) {
        const int chosen = choice_of(&call, dtype, pass);
        require(chosen >= 0 && chosen < CNET_ALGORITHMS, "is an algorithm");
        require(algorithm >= CNET_ALGORITHMS || chosen == (int)algorithm, "is what was asked for");
        require(algorithm != CNET_EXACT || chosen != CNET_WINOGRAD, "is exact");
        const cnet_call by_name = pass_by(g, pass, (cnet_algorithm)chosen);
        require(workspace_of(&call, dtype, 3) == workspace_of(&by_name, dtype, 3),
                "has the workspace of the algorithm that runs");
    }
}

static void check_policy(const cnet_conv2d *g, cnet_pass pass) {
    for (cnet_algorithm algorithm = 0; algorithm <= CNET_AUTO; algorithm++) {
        describe_geometry(g, sizeof *g);
        describe_also(", %s by %s", pass_names[pass], algorithm_names[algorithm]);
        suits_case(g, pass, algorithm);
        choice_case(g, pass, algorithm);
    }
}

/* Staging would need a hundred million cells for one output, or more than the address space. */
static void check_that_little_is_staged(void) {
    const ptrdiff_t large = (ptrdiff_t)1 << 30, half = large / 2 - 1;
    const cnet_conv2d wide[] = {
        {1, 1, 1, 1, 3, 3, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 1, 1, 1, 1},
        {1, 1, 1, 1, 2, 2, large, large, half, half, half, half, large - 3, large - 3, 1, 1, 1, 1},
    };
    const cnet_algorithm staging[] = {CNET_DIRECT, CNET_CHANNELS, CNET_DEPTHWISE};
    for (int i = 0; i < 2; i++) {
        describe_geometry(&wide[i], sizeof wide[i]);
        for (cnet_pass pass = 0; pass < CNET_PASSES; pass++)
            for (int k = 0; k < 3; k++)
                require(!can(&wide[i], pass, staging[k]), "stages too much");
    }
}

/* ---- The kernels -------------------------------------------------------------------------- */

/* Winograd's transforms combine the terms of all outputs of a tile, and round about ten times more
 * than a direct sum. */
static void allow_for_winograd(cnet_algorithm algorithm, sum *to, ptrdiff_t count) {
    double largest = 0;
    if (algorithm != CNET_WINOGRAD)
        return;
    for (ptrdiff_t t = 0; t < count; t++)
        largest = fmax(largest, to[t].scale);
    for (ptrdiff_t t = 0; t < count; t++)
        to[t].scale = 10 * largest;
}

static void forward_case(const cnet_conv2d *g, cnet_algorithm algorithm) {
    if (!can(g, CNET_FORWARD, algorithm))
        return;
    const double *x = randoms(x_count(g)), *weight = randoms(w_count(g));
    const double *bias = random_size(0, 1) ? randoms(g->o) : NULL;
    sum *y = sums(y_count(g));
    add_products(g, x, weight, NULL, y);
    for (ptrdiff_t t = 0; bias && t < y_count(g); t++)
        add(&y[t], bias[t / (g->oh * g->ow) % g->o]);
    allow_for_winograd(algorithm, y, y_count(g));
    check(&(subject){
        .call = pass_by(g, CNET_FORWARD, algorithm),
        .in = {{x_count(g), x}, {w_count(g), weight}, {g->o, bias}},
        .out = {{y_count(g), y, NULL}},
    });
}

static void conv2d_case(const cnet_conv2d *g) {
    check_policy(g, CNET_FORWARD);
    for (cnet_algorithm algorithm = 0; algorithm < CNET_ALGORITHMS; algorithm++) {
        describe_geometry(g, sizeof *g);
        describe_also(" by %s", algorithm_names[algorithm]);
        forward_case(g, algorithm);
    }
}

void test_conv2d(void) {
    check_that_little_is_staged();
    for_each_conv2d_case(conv2d_case);
}

/* The gradients to compute, and the algorithm. */
typedef struct {
    const cnet_conv2d *g;
    cnet_algorithm algorithm;
    int needs_dx, needs_dw, needs_db;
} backward_arguments;

static void check_backward(const backward_arguments *a) {
    const cnet_conv2d *g = a->g;
    const double *dy = randoms(y_count(g));
    const double *x = a->needs_dw ? randoms(x_count(g)) : NULL;
    const double *weight = a->needs_dx ? randoms(w_count(g)) : NULL;
    sum *dx = a->needs_dx ? sums(x_count(g)) : NULL;
    sum *dw = a->needs_dw ? sums(w_count(g)) : NULL;
    sum *db = a->needs_db ? sums(g->o) : NULL;
    if (dx) {
        add_products(g, NULL, weight, dy, dx);
        allow_for_winograd(a->algorithm, dx, x_count(g));
    }
    if (dw) {
        add_products(g, x, NULL, dy, dw);
        allow_for_winograd(a->algorithm, dw, w_count(g));
    }
    for (ptrdiff_t t = 0; db && t < y_count(g); t++)
        add(&db[t / (g->oh * g->ow) % g->o], dy[t]);
    describe_also(", to %s %s %s", dx ? "dx" : "", dw ? "dw" : "", db ? "db" : "");
    check(&(subject){
        .call = {CNET_KERNEL_conv2d_backward,
                 .conv2d_backward = {.g = *g, .algorithm = a->algorithm}},
        .in = {{y_count(g), dy}, {x_count(g), x}, {w_count(g), weight}},
        .out = {{x_count(g), dx, NULL}, {w_count(g), dw, NULL}, {g->o, db, NULL}},
    });
}

/* All gradients that the algorithm can compute, then a part of them. */
static void backward_case(const cnet_conv2d *g, cnet_algorithm algorithm) {
    const int can_dx = can(g, CNET_DX, algorithm);
    const int can_dw = can(g, CNET_DW, algorithm);
    const int needs = (int)random_size(0, 7);
    const backward_arguments subsets[] = {
        {g, algorithm, can_dx, can_dw, 1},
        {g, algorithm, can_dx && needs & 1, can_dw && needs & 2, needs >> 2},
    };
    for (int i = 0; i < 2; i++) {
        describe_geometry(g, sizeof *g);
        describe_also(" by %s", algorithm_names[algorithm]);
        check_backward(&subsets[i]);
    }
}

static void conv2d_backward_case(const cnet_conv2d *g) {
    check_policy(g, CNET_DX);
    check_policy(g, CNET_DW);
    for (cnet_algorithm algorithm = 0; algorithm < CNET_ALGORITHMS; algorithm++)
        backward_case(g, algorithm);
}

void test_conv2d_backward(void) { for_each_conv2d_case(conv2d_backward_case); }

/* ---- With channels last ------------------------------------------------------------------- */

/* The position, in images with channels first, of cell t of images with channels last. */
static ptrdiff_t channels_first(ptrdiff_t t, ptrdiff_t channels, ptrdiff_t pixels) {
    const ptrdiff_t image = t / (channels * pixels), rest = t % (channels * pixels);
    return (image * channels + rest % channels) * pixels + rest / channels;
}

/* The position in weights (o, c, kh, kw) of element t of weights (kh, kw, c, o). */
static ptrdiff_t filters_first(ptrdiff_t t, const cnet_conv2d *g) {
    return (t % g->o * g->c + t / g->o % g->c) * g->kh * g->kw + t / g->o / g->c;
}

/* Copies whose element t is the element at(t) of the original. */
#define REORDERED(type, allocate, from, count, at)                                                 \
    type *to = from ? (type *)allocate(count) : NULL;                                              \
    for (ptrdiff_t t = 0; to && t < count; t++)                                                    \
        to[t] = from[at];                                                                          \
    return to;

static const double *images_last(const double *from, ptrdiff_t count, ptrdiff_t channels,
                                 ptrdiff_t pixels) {
    REORDERED(double, randoms, from, count, channels_first(t, channels, pixels))
}

static sum *sums_last(const sum *from, ptrdiff_t count, ptrdiff_t channels, ptrdiff_t pixels) {
    REORDERED(sum, sums, from, count, channels_first(t, channels, pixels))
}

static const double *weights_last(const double *from, const cnet_conv2d *g) {
    REORDERED(double, randoms, from, w_count(g), filters_first(t, g))
}

static sum *weight_sums_last(const sum *from, const cnet_conv2d *g) {
    REORDERED(sum, sums, from, w_count(g), filters_first(t, g))
}

static void conv2d_nhwc_case(const cnet_conv2d *g) {
    if (g->g != 1)
        return;
    const ptrdiff_t cells = g->h * g->w, outputs = g->oh * g->ow;
    const double *x = randoms(x_count(g)), *weight = randoms(w_count(g));
    const double *bias = random_size(0, 1) ? randoms(g->o) : NULL;
    sum *y = sums(y_count(g));
    add_products(g, x, weight, NULL, y);
    for (ptrdiff_t t = 0; bias && t < y_count(g); t++)
        add(&y[t], bias[t / outputs % g->o]);
    describe_geometry(g, sizeof *g);
    check(&(subject){
        .call = {CNET_KERNEL_conv2d_nhwc, .conv2d_nhwc = {.g = *g}},
        .in = {{x_count(g), images_last(x, x_count(g), g->c, cells)},
               {w_count(g), weights_last(weight, g)},
               {g->o, bias}},
        .out = {{y_count(g), sums_last(y, y_count(g), g->o, outputs), NULL}},
    });
}

void test_conv2d_nhwc(void) { for_each_conv2d_case(conv2d_nhwc_case); }

static void conv2d_nhwc_backward_case(const cnet_conv2d *g) {
    if (g->g != 1)
        return;
    const ptrdiff_t cells = g->h * g->w, outputs = g->oh * g->ow, needs = random_size(1, 7);
    const double *dy = randoms(y_count(g)), *x = randoms(x_count(g)), *weight = randoms(w_count(g));
    sum *dx = needs & 1 ? sums(x_count(g)) : NULL, *dw = needs & 2 ? sums(w_count(g)) : NULL;
    sum *db = needs & 4 ? sums(g->o) : NULL;
    if (dx)
        add_products(g, NULL, weight, dy, dx);
    if (dw)
        add_products(g, x, NULL, dy, dw);
    for (ptrdiff_t t = 0; db && t < y_count(g); t++)
        add(&db[t / outputs % g->o], dy[t]);
    describe_geometry(g, sizeof *g);
    describe_also(", to %s %s %s", dx ? "dx" : "", dw ? "dw" : "", db ? "db" : "");
    check(&(subject){
        .call = {CNET_KERNEL_conv2d_nhwc_backward, .conv2d_nhwc_backward = {.g = *g}},
        .in = {{y_count(g), images_last(dy, y_count(g), g->o, outputs)},
               {x_count(g), dw ? images_last(x, x_count(g), g->c, cells) : NULL},
               {w_count(g), dx ? weights_last(weight, g) : NULL}},
        .out = {{x_count(g), sums_last(dx, x_count(g), g->c, cells), NULL},
                {w_count(g), weight_sums_last(dw, g), NULL},
                {g->o, db, NULL}},
    });
}

void test_conv2d_nhwc_backward(void) { for_each_conv2d_case(conv2d_nhwc_backward_case); }

/* ---- With ReLU and pooling ---------------------------------------------------------------- */

static int can_pool(const cnet_conv2d *g) {
    return x_count(g) && y_count(g) && g->oh > 1 && g->ow > 1;
}

/* The largest of 2 x 2 sums, the first of equal ones, and its position; the code 4 and the value 0
 * unless it is positive. */
static void pool_sums(const cnet_conv2d *g, const sum *sums, sum *y, sum *codes) {
    for (ptrdiff_t plane = 0; plane < g->n * g->o; plane++) {
        for (ptrdiff_t oh = 0; oh + 1 < g->oh; oh += 2) {
            for (ptrdiff_t ow = 0; ow + 1 < g->ow; ow += 2, y++, codes++) {
                const sum *cells = sums + (plane * g->oh + oh) * g->ow + ow;
                codes->value = 4;
                for (int k = 0; k < 4; k++) {
                    const double value = cells[k / 2 * g->ow + k % 2].value;
                    if (value > y->value) {
                        y->value = value;
                        codes->value = k;
                    }
                }
            }
        }
    }
}

static void conv2d_relu_pool_case(const cnet_conv2d *g) {
    if (!can_pool(g))
        return;
    const ptrdiff_t count = g->n * g->o * (g->oh / 2) * (g->ow / 2);
    const double *x = small_integers(x_count(g)), *weight = small_integers(w_count(g));
    const double *bias = random_size(0, 1) ? small_integers(g->o) : NULL;
    sum *convolved = sums(y_count(g)), *y = sums(count), *codes = sums(count);
    add_products(g, x, weight, NULL, convolved);
    for (ptrdiff_t t = 0; bias && t < y_count(g); t++)
        add(&convolved[t], bias[t / (g->oh * g->ow) % g->o]);
    pool_sums(g, convolved, y, codes);
    check(&(subject){
        .call = {CNET_KERNEL_conv2d_relu_pool, .conv2d_relu_pool = {.g = *g}},
        .in = {{x_count(g), x}, {w_count(g), weight}, {g->o, bias}},
        .out = {{count, y, NULL}, {count, codes, NULL}},
    });
}

void test_conv2d_relu_pool(void) { for_each_conv2d_case(conv2d_relu_pool_case); }

static int can_pool_backward(const cnet_conv2d *g) {
    const cnet_call call = {CNET_KERNEL_conv2d_relu_pool_backward,
                            .conv2d_relu_pool_backward = {.g = *g}};
    return is_suitable(&call);
}

/* The kernel must be suitable for small images, where it is faster, and not for empty ones. */
static void pays_case(const cnet_conv2d *g) {
    if (!x_count(g) || !y_count(g))
        require(!can_pool_backward(g), "is empty");
    else if (g->c / g->g * (g->h + g->ph + g->qh + 2) * (g->w + g->pw + g->qw + 2) < 500)
        require(can_pool_backward(g), "is small");
}

static void check_that_little_is_pooled(void) {
    const ptrdiff_t large = (ptrdiff_t)1 << 30, half = large / 2 - 1;
    const cnet_conv2d wide = {1,    1,    1,    1,         2,         2, large, large, half,
                              half, half, half, large - 3, large - 3, 2, 2,     1,     1};
    describe_geometry(&wide, sizeof wide);
    require(!can_pool_backward(&wide), "stages too much");
}

typedef struct {
    const cnet_conv2d *g;
    int needs_dx, needs_dw, needs_db;
} pooled_arguments;

/* The output gradient of the convolution from that of the pooled cells: zero except at the
 * positions that the codes give. */
static const double *unpooled(const cnet_conv2d *g, const double *dy, const double *codes) {
    double *full = numbers(y_count(g));
    const ptrdiff_t width = g->ow / 2, cells = g->oh / 2 * width;
    memset(full, 0, (size_t)y_count(g) * sizeof(double));
    for (ptrdiff_t t = 0; t < g->n * g->o * cells; t++) {
        const ptrdiff_t row = 2 * (t % cells / width), column = 2 * (t % width);
        const int code = (int)codes[t];
        if (code < 4)
            full[(t / cells * g->oh + row + code / 2) * g->ow + column + code % 2] = dy[t];
    }
    return full;
}

static void pooled_backward_case(const cnet_conv2d *g) {
    pays_case(g);
    if (!can_pool(g) || !can_pool_backward(g))
        return;
    const ptrdiff_t count = g->n * g->o * (g->oh / 2) * (g->ow / 2);
    const int needs = (int)random_size(1, 7);
    const pooled_arguments a = {g, needs & 1, needs >> 1 & 1, needs >> 2};
    const double *dy = randoms(count), *x = randoms(x_count(g)), *weight = randoms(w_count(g));
    double *codes = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++)
        codes[t] = (double)(random_size(0, 20) ? random_size(0, 4) : random_size(5, 255));
    const double *full = unpooled(g, dy, codes);
    sum *dx = a.needs_dx ? sums(x_count(g)) : NULL, *dw = a.needs_dw ? sums(w_count(g)) : NULL;
    sum *db = a.needs_db ? sums(g->o) : NULL;
    if (dx)
        add_products(g, NULL, weight, full, dx);
    if (dw)
        add_products(g, x, NULL, full, dw);
    for (ptrdiff_t t = 0; db && t < y_count(g); t++)
        add(&db[t / (g->oh * g->ow) % g->o], full[t]);
    describe_also(", to %s %s %s", dx ? "dx" : "", dw ? "dw" : "", db ? "db" : "");
    check(&(subject){
        .call = {CNET_KERNEL_conv2d_relu_pool_backward, .conv2d_relu_pool_backward = {.g = *g}},
        .in = {{count, dy}, {count, codes}, {x_count(g), x}, {w_count(g), weight}},
        .out = {{x_count(g), dx, NULL}, {w_count(g), dw, NULL}, {g->o, db, NULL}},
    });
}

void test_conv2d_relu_pool_backward(void) {
    check_that_little_is_pooled();
    for_each_conv2d_case(pooled_backward_case);
}
