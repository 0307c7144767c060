#include "conv2d_cases.h"

#include <string.h>

/* All products of a weight, a cell and an output that a convolution joins: the one of x, w and
 * y that is NULL is the result, to which the product of the other two is added. */
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

/* One pass by one algorithm. */
typedef struct {
    const cnet_conv2d *g;
    cnet_pass pass;
    cnet_algorithm algorithm;
} conv2d_arguments;

static const char *const pass_names[CNET_PASSES] = {"forward", "dx", "dw"};
static const char *const algorithm_names[] = {"depthwise", "winograd", "pointwise", "direct",
                                              "fold",      "product",  "exact",     "auto"};

/* In both dtypes: how much is staged depends on the size of a number. */
static int suits(const conv2d_arguments *a) {
    int suiting = 1;
    for (cnet_dtype dtype = 0; dtype < CNET_DTYPES; dtype++)
        suiting &= cnet_active_kernels(dtype)->conv2d_suits(a->g, a->pass, a->algorithm);
    return suiting;
}

static cnet_algorithm choice(const conv2d_arguments *a) {
    return cnet_active_kernels(CNET_F32)->conv2d_choice(a->g, a->pass, a->algorithm);
}

/* `last` is CNET_AUTO for all that can be asked for, or CNET_PRODUCT for those that compute. */
static void for_each_algorithm(void (*test)(const conv2d_arguments *a), const cnet_conv2d *g,
                               cnet_pass pass, cnet_algorithm last) {
    for (cnet_algorithm algorithm = 0; algorithm <= last; algorithm++) {
        const conv2d_arguments a = {g, pass, algorithm};
        describe_geometry(g, sizeof *g);
        describe_also(", %s by %s", pass_names[pass], algorithm_names[algorithm]);
        test(&a);
    }
}

/* The product can compute everything; Winograd's filters are 3 x 3 or 5 x 5 with stride 1, and the
 * depthwise algorithm is for groups of one channel, pointwise ones see one pixel of the image each.
 */
static void suits_case(const conv2d_arguments *a) {
    const cnet_conv2d *g = a->g;
    const int is_winograd = (g->kh == 3 || g->kh == 5) && g->kw == g->kh && g->sh == 1 &&
                            g->sw == 1 && g->dh == 1 && g->dw == 1 && g->g == 1 && x_count(g) &&
                            y_count(g);
    const int is_pointwise = g->kh == 1 && g->kw == 1 && g->ph == 0 && g->pw == 0 &&
                             (g->oh - 1) * g->sh < g->h && (g->ow - 1) * g->sw < g->w &&
                             x_count(g) && y_count(g);
    if (a->algorithm == CNET_WINOGRAD)
        require(suits(a) == is_winograd, "3 x 3 or 5 x 5 with stride 1 only");
    else if (a->algorithm == CNET_DEPTHWISE)
        require(!suits(a) || g->c == g->g, "one channel a group only");
    else if (a->algorithm == CNET_FOLD)
        require(a->pass == CNET_DX || !suits(a), "folds gradients of inputs only");
    else if (a->algorithm == CNET_POINTWISE)
        require(suits(a) == is_pointwise, "1 x 1 without padding only");
    else if (a->algorithm != CNET_DIRECT)
        require(suits(a), "suits every geometry");
}

static void conv2d_suits_case(const cnet_conv2d *g) {
    for (cnet_pass pass = 0; pass < CNET_PASSES; pass++)
        for_each_algorithm(suits_case, g, pass, CNET_AUTO);
}

void test_conv2d_suits(void) { for_each_conv2d_case(conv2d_suits_case); }

/* An algorithm asked for by name runs; otherwise one that suits, for "exact" not Winograd's. */
static void choice_case(const conv2d_arguments *a) {
    const conv2d_arguments chosen = {a->g, a->pass, choice(a)};
    require(chosen.algorithm < CNET_ALGORITHMS, "is an algorithm");
    if (a->algorithm < CNET_ALGORITHMS)
        require(chosen.algorithm == a->algorithm, "is what was asked for");
    else
        require(suits(&chosen), "suits the geometry");
    require(a->algorithm != CNET_EXACT || chosen.algorithm != CNET_WINOGRAD, "is exact");
}

static void conv2d_choice_case(const cnet_conv2d *g) {
    for (cnet_pass pass = 0; pass < CNET_PASSES; pass++)
        for_each_algorithm(choice_case, g, pass, CNET_AUTO);
}

/* Staging would take a hundred million cells, or more than there are addresses, for one output. */
static void check_that_little_is_staged(void) {
    const ptrdiff_t large = (ptrdiff_t)1 << 30;
    const cnet_conv2d wide[] = {
        {1, 1, 1, 1, 3, 3, 5000, 5000, 5000, 5000, 5000, 5000, 1, 1, 1, 1},
        {1, 1, 1, 1, 2, 2, large, large, large / 2 - 1, large / 2 - 1, large - 3, large - 3, 1, 1,
         1, 1},
    };
    for (int i = 0; i < 2; i++) {
        describe_geometry(&wide[i], sizeof wide[i]);
        for (cnet_dtype dtype = 0; dtype < CNET_DTYPES; dtype++) {
            const cnet_kernels *k = cnet_active_kernels(dtype);
            for (cnet_pass pass = 0; pass < CNET_PASSES; pass++)
                require(!k->conv2d_suits(&wide[i], pass, CNET_DIRECT) &&
                            !k->conv2d_suits(&wide[i], pass, CNET_DEPTHWISE),
                        "stages too much");
        }
    }
}

void test_conv2d_choice(void) {
    for_each_conv2d_case(conv2d_choice_case);
    check_that_little_is_staged();
}

static size_t conv2d_bytes(const cnet_kernels *k, const void *arguments, int threads) {
    const conv2d_arguments *a = arguments;
    return k->conv2d_workspace(a->g, a->algorithm, threads);
}

static size_t gradient_bytes(const cnet_kernels *k, const void *arguments, int threads) {
    const conv2d_arguments *a = arguments;
    return k->conv2d_backward_workspace(a->g, a->pass == CNET_DX, a->pass == CNET_DW, a->algorithm,
                                        threads);
}

static void workspace_case(const conv2d_arguments *a) {
    size_t (*bytes)(const cnet_kernels *, const void *, int) =
        a->pass == CNET_FORWARD ? conv2d_bytes : gradient_bytes;
    const conv2d_arguments chosen = {a->g, a->pass, choice(a)};
    if (!suits(a))
        return;
    check_workspace(bytes, a);
    require(bytes(cnet_active_kernels(CNET_F32), a, 3) ==
                bytes(cnet_active_kernels(CNET_F32), &chosen, 3),
            "is that of the algorithm that runs");
}

static void conv2d_workspace_case(const cnet_conv2d *g) {
    for_each_algorithm(workspace_case, g, CNET_FORWARD, CNET_AUTO);
}

void test_conv2d_workspace(void) { for_each_conv2d_case(conv2d_workspace_case); }

static void conv2d_backward_workspace_case(const cnet_conv2d *g) {
    for_each_algorithm(workspace_case, g, CNET_DX, CNET_AUTO);
    for_each_algorithm(workspace_case, g, CNET_DW, CNET_AUTO);
}

void test_conv2d_backward_workspace(void) { for_each_conv2d_case(conv2d_backward_workspace_case); }

/* Winograd's transforms join the terms of all outputs of a tile, and round some ten times more than
 * their sum. */
static void allow_for_winograd(cnet_algorithm algorithm, sum *to, ptrdiff_t count) {
    double largest = 0;
    if (algorithm != CNET_WINOGRAD)
        return;
    for (ptrdiff_t t = 0; t < count; t++)
        largest = fmax(largest, to[t].scale);
    for (ptrdiff_t t = 0; t < count; t++)
        to[t].scale = 10 * largest;
}

static ptrdiff_t call_conv2d(const call_t *c) {
    const conv2d_arguments *a = c->arguments;
    cnet_exec e = *c->exec;
    e.algorithm = a->algorithm;
    c->kernels->conv2d(c->in[0], c->in[1], c->in[2], c->out[0], a->g, &e);
    return 0;
}

static void forward_case(const conv2d_arguments *a) {
    if (!suits(a))
        return;
    const cnet_conv2d *g = a->g;
    const double *x = randoms(x_count(g)), *weight = randoms(w_count(g));
    const double *bias = random_size(0, 1) ? randoms(g->o) : NULL;
    sum *y = sums(y_count(g));
    add_products(g, x, weight, NULL, y);
    for (ptrdiff_t t = 0; bias && t < y_count(g); t++)
        add(&y[t], bias[t / (g->oh * g->ow) % g->o]);
    allow_for_winograd(a->algorithm, y, y_count(g));
    check(&(subject){
        .arguments = a,
        .call = call_conv2d,
        .workspace = conv2d_bytes,
        .in = {{REAL, x_count(g), x}, {REAL, w_count(g), weight}, {REAL, g->o, bias}},
        .out = {{REAL, y_count(g), y, NULL}},
    });
}

static void conv2d_case(const cnet_conv2d *g) {
    for_each_algorithm(forward_case, g, CNET_FORWARD, CNET_PRODUCT);
}

void test_conv2d(void) { for_each_conv2d_case(conv2d_case); }

/* Some of the gradients by one algorithm. */
typedef struct {
    const cnet_conv2d *g;
    cnet_algorithm algorithm;
    int needs_dx, needs_dw, needs_db;
} backward_arguments;

static ptrdiff_t call_conv2d_backward(const call_t *c) {
    const backward_arguments *a = c->arguments;
    cnet_exec e = *c->exec;
    e.algorithm = a->algorithm;
    c->kernels->conv2d_backward(c->in[0], c->in[1], c->in[2], c->out[0], c->out[1], c->out[2], a->g,
                                &e);
    return 0;
}

static size_t backward_bytes(const cnet_kernels *k, const void *arguments, int threads) {
    const backward_arguments *a = arguments;
    return k->conv2d_backward_workspace(a->g, a->needs_dx, a->needs_dw, a->algorithm, threads);
}

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
        .arguments = a,
        .call = call_conv2d_backward,
        .workspace = backward_bytes,
        .in = {{REAL, y_count(g), dy}, {REAL, x_count(g), x}, {REAL, w_count(g), weight}},
        .out = {{REAL, x_count(g), dx, NULL}, {REAL, w_count(g), dw, NULL}, {REAL, g->o, db, NULL}},
    });
}

/* All gradients that the algorithm can compute, then some of them. */
static void backward_case(const cnet_conv2d *g, cnet_algorithm algorithm) {
    const int can_dx = suits(&(conv2d_arguments){g, CNET_DX, algorithm});
    const int can_dw = suits(&(conv2d_arguments){g, CNET_DW, algorithm});
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
    for (cnet_algorithm algorithm = 0; algorithm < CNET_ALGORITHMS; algorithm++)
        backward_case(g, algorithm);
}

void test_conv2d_backward(void) { for_each_conv2d_case(conv2d_backward_case); }

/* ---- With ReLU and pooling ---------------------------------------------------------------- */

static int can_pool(const cnet_conv2d *g) {
    return x_count(g) && y_count(g) && g->oh > 1 && g->ow > 1;
}

static size_t conv2d_relu_pool_bytes(const cnet_kernels *k, const void *arguments, int threads) {
    return k->conv2d_relu_pool_workspace(arguments, threads);
}

static void conv2d_relu_pool_workspace_case(const cnet_conv2d *g) {
    if (can_pool(g))
        check_workspace(conv2d_relu_pool_bytes, g);
}

void test_conv2d_relu_pool_workspace(void) {
    for_each_conv2d_case(conv2d_relu_pool_workspace_case);
}

static ptrdiff_t call_conv2d_relu_pool(const call_t *c) {
    c->kernels->conv2d_relu_pool(c->in[0], c->in[1], c->in[2], c->out[0], c->out[1], c->arguments,
                                 c->exec);
    return 0;
}

/* The largest of 2 x 2 sums, the first of equal ones, and its place; a code of 4 and 0 unless it is
 * positive. */
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
        .arguments = g,
        .call = call_conv2d_relu_pool,
        .workspace = conv2d_relu_pool_bytes,
        .in = {{REAL, x_count(g), x}, {REAL, w_count(g), weight}, {REAL, g->o, bias}},
        .out = {{REAL, count, y, NULL}, {BYTE, count, codes, NULL}},
    });
}

void test_conv2d_relu_pool(void) { for_each_conv2d_case(conv2d_relu_pool_case); }

static int has_way_back(const cnet_conv2d *g) {
    int pays = can_pool(g);
    for (cnet_dtype dtype = 0; pays && dtype < CNET_DTYPES; dtype++)
        pays &= cnet_active_kernels(dtype)->conv2d_relu_pool_backward_pays(g);
    return pays;
}

static void pays_case(const cnet_conv2d *g) {
    if (!x_count(g) || !y_count(g))
        require(!cnet_active_kernels(CNET_F32)->conv2d_relu_pool_backward_pays(g), "is empty");
    else if (g->c / g->g * (g->h + 2 * g->ph + 2) * (g->w + 2 * g->pw + 2) < 500)
        require(cnet_active_kernels(CNET_F64)->conv2d_relu_pool_backward_pays(g), "is small");
}

void test_conv2d_relu_pool_backward_pays(void) {
    for_each_conv2d_case(pays_case);
    const ptrdiff_t large = (ptrdiff_t)1 << 30;
    const cnet_conv2d wide = {
        1,         1,         1, 1, 2, 2, large, large, large / 2 - 1, large / 2 - 1,
        large - 3, large - 3, 2, 2, 1, 1};
    describe_geometry(&wide, sizeof wide);
    require(!has_way_back(&wide), "stages too much");
}

typedef struct {
    const cnet_conv2d *g;
    int needs_dx, needs_dw, needs_db;
} pooled_arguments;

static size_t pooled_bytes(const cnet_kernels *k, const void *arguments, int threads) {
    const pooled_arguments *a = arguments;
    return k->conv2d_relu_pool_backward_workspace(a->g, a->needs_dx, threads);
}

static void pooled_workspace_case(const cnet_conv2d *g) {
    if (!has_way_back(g))
        return;
    check_workspace(pooled_bytes, &(pooled_arguments){g, 0, 1, 1});
    check_workspace(pooled_bytes, &(pooled_arguments){g, 1, 1, 1});
}

void test_conv2d_relu_pool_backward_workspace(void) { for_each_conv2d_case(pooled_workspace_case); }

static ptrdiff_t call_conv2d_relu_pool_backward(const call_t *c) {
    const pooled_arguments *a = c->arguments;
    c->kernels->conv2d_relu_pool_backward(c->in[0], c->in[1], c->in[2], c->in[3], c->out[0],
                                          c->out[1], c->out[2], a->g, c->exec);
    return 0;
}

/* dY of the convolution, from that of the pooled cells: zero but where a code says. */
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
    if (!has_way_back(g))
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
        .arguments = &a,
        .call = call_conv2d_relu_pool_backward,
        .workspace = pooled_bytes,
        .in = {{REAL, count, dy},
               {BYTE, count, codes},
               {REAL, x_count(g), x},
               {REAL, w_count(g), weight}},
        .out = {{REAL, x_count(g), dx, NULL}, {REAL, w_count(g), dw, NULL}, {REAL, g->o, db, NULL}},
    });
}

void test_conv2d_relu_pool_backward(void) { for_each_conv2d_case(pooled_backward_case); }
