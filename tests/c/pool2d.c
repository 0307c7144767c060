#include "tests.h"

/* A case in short form; strides and dilations that are not given are 1. */
typedef struct {
    ptrdiff_t x[4], kernel[2], stride[2], padding[2], dilation[2];
    ptrdiff_t extra[2]; /* padding below and to the right, beyond that above and to the left */
    int ceil_mode;
} case_t;

static const case_t cases[] = {
    {{1, 1, 1, 1}, {1, 1}},
    {{2, 3, 8, 8}, {2, 2}, {2, 2}},
    {{2, 3, 9, 7}, {2, 2}, {2, 2}, .ceil_mode = 1},
    {{2, 3, 7, 7}, {3, 3}, {2, 2}, {1, 1}},
    {{2, 3, 8, 9}, {3, 3}, .padding = {1, 1}},
    {{2, 2, 6, 7}, {6, 7}}, /* global */
    {{2, 2, 7, 9}, {3, 2}, {2, 3}, {1, 1}},
    {{1, 2, 9, 9}, {2, 2}, {4, 5}, .ceil_mode = 1},
    {{1, 2, 10, 9}, {3, 3}, {2, 2}, {1, 1}, {2, 3}, .ceil_mode = 1},
    {{1, 2, 1, 1}, {2, 2}, .padding = {1, 1}, .dilation = {2, 2}}, /* windows without a cell */
    {{2, 1, 1, 3}, {2, 2}, .padding = {1, 1}, .dilation = {2, 2}},
    {{1, 1, 0, 3}, {2, 2}, .padding = {1, 1}},
    {{0, 3, 8, 8}, {2, 2}},
    {{2, 0, 8, 8}, {2, 2}},
    {{1, 2, 5, 5}, {2, 2}, {2, 2}, {1, 1}, .ceil_mode = 1},
    {{1, 1, 3, 100}, {3, 3}, .padding = {1, 1}},
    {{1, 1, 100, 3}, {3, 3}, {2, 2}, {1, 1}},
    {{5, 16, 28, 28}, {2, 2}, {2, 2}}, /* several chunks */
    {{70, 3, 13, 13}, {3, 3}, {2, 2}, {1, 1}},
};
enum { CASES = sizeof cases / sizeof cases[0], RANDOM_CASES = 100 };

static ptrdiff_t or_one(ptrdiff_t value) { return value ? value : 1; }

static case_t random_case(void) {
    case_t c = {{random_size(1, 3), random_size(1, 4)}, .ceil_mode = random_size(0, 1) == 1};
    for (int axis = 0; axis < 2; axis++) {
        c.kernel[axis] = random_size(1, 4);
        c.stride[axis] = random_size(1, 4);
        c.padding[axis] = random_size(0, c.kernel[axis] / 2);
        c.dilation[axis] = random_size(1, 3);
        c.extra[axis] = random_size(0, 3) ? 0 : 1;
        const ptrdiff_t extent = c.dilation[axis] * (c.kernel[axis] - 1) + 1;
        const ptrdiff_t missing = extent - 2 * c.padding[axis] - c.extra[axis];
        c.x[2 + axis] = (missing > 1 ? missing : 1) + random_size(0, 40);
    }
    return c;
}

/* In ceil mode, a last window counts only if it begins in the image or in the padding before it. */
static ptrdiff_t output_size(const case_t *c, int axis) {
    const ptrdiff_t stride = or_one(c->stride[axis]), before = c->x[2 + axis] + c->padding[axis];
    const ptrdiff_t extent = or_one(c->dilation[axis]) * (c->kernel[axis] - 1) + 1;
    const ptrdiff_t room = before + c->padding[axis] + c->extra[axis] - extent;
    const int partial = c->ceil_mode && room % stride && (room / stride + 1) * stride < before;
    return room / stride + 1 + partial;
}

static cnet_window2d geometry_of(const case_t *c) {
    return (cnet_window2d){
        .n = c->x[0],
        .c = c->x[1],
        .h = c->x[2],
        .w = c->x[3],
        .kh = c->kernel[0],
        .kw = c->kernel[1],
        .sh = or_one(c->stride[0]),
        .sw = or_one(c->stride[1]),
        .ph = c->padding[0],
        .pw = c->padding[1],
        .qh = c->padding[0] + c->extra[0],
        .qw = c->padding[1] + c->extra[1],
        .dh = or_one(c->dilation[0]),
        .dw = or_one(c->dilation[1]),
        .oh = output_size(c, 0),
        .ow = output_size(c, 1),
    };
}

static void for_each_case(void (*test)(const cnet_window2d *g)) {
    for (int i = 0; i < CASES + RANDOM_CASES; i++) {
        const case_t c = i < CASES ? cases[i] : random_case();
        const cnet_window2d g = geometry_of(&c);
        describe_geometry(&g, sizeof g);
        test(&g);
    }
}

static ptrdiff_t x_count(const cnet_window2d *g) { return g->n * g->c * g->h * g->w; }
static ptrdiff_t y_count(const cnet_window2d *g) { return g->n * g->c * g->oh * g->ow; }

/* The position of tap (i, j) of output t in its plane, or -1 outside of the image. */
static ptrdiff_t cell_of(const cnet_window2d *g, ptrdiff_t t, ptrdiff_t i, ptrdiff_t j) {
    const ptrdiff_t ih = t / g->ow % g->oh * g->sh + i * g->dh - g->ph;
    const ptrdiff_t iw = t % g->ow * g->sw + j * g->dw - g->pw;
    return ih >= 0 && ih < g->h && iw >= 0 && iw < g->w ? ih * g->w + iw : -1;
}

/* The offset of the plane of output t in x. */
static ptrdiff_t plane_of(const cnet_window2d *g, ptrdiff_t t) {
    return t / (g->oh * g->ow) * g->h * g->w;
}

/* ---- Channels last ------------------------------------------------------------------------ */

/* Whether the kernels with channels last are tested. Their arguments have the same names. */
static int channels_last;

static void for_each_case_channels_last(void (*test)(const cnet_window2d *g)) {
    channels_last = 1;
    for_each_case(test);
    channels_last = 0;
}

/* The place of element t of (n, c, cells) in the layout that is tested. */
static ptrdiff_t place_of(const cnet_window2d *g, ptrdiff_t t, ptrdiff_t cells) {
    const ptrdiff_t plane = t / cells, image = plane / g->c;
    return channels_last ? (image * cells + t % cells) * g->c + plane % g->c : t;
}

static const double *arranged(const cnet_window2d *g, const double *values, ptrdiff_t cells) {
    double *copy = numbers(g->n * g->c * cells);
    for (ptrdiff_t t = 0; t < g->n * g->c * cells; t++)
        copy[place_of(g, t, cells)] = values[t];
    return copy;
}

static const sum *arranged_sums(const cnet_window2d *g, const sum *values, ptrdiff_t cells) {
    sum *copy = sums(g->n * g->c * cells);
    for (ptrdiff_t t = 0; t < g->n * g->c * cells; t++)
        copy[place_of(g, t, cells)] = values[t];
    return copy;
}

static input of_images(const cnet_window2d *g, const double *x) {
    return (input){x_count(g), arranged(g, x, g->h * g->w)};
}
static input of_outputs(const cnet_window2d *g, const double *y) {
    return (input){y_count(g), arranged(g, y, g->oh * g->ow)};
}
static output to_images(const cnet_window2d *g, const sum *x) {
    return (output){x_count(g), arranged_sums(g, x, g->h * g->w), NULL};
}
static output to_outputs(const cnet_window2d *g, const sum *y) {
    return (output){y_count(g), arranged_sums(g, y, g->oh * g->ow), NULL};
}

#define EITHER(name) channels_last ? CNET_KERNEL_##name##_nhwc : CNET_KERNEL_##name
#define EITHER_BACKWARD(name)                                                                      \
    channels_last ? CNET_KERNEL_##name##_nhwc_backward : CNET_KERNEL_##name##_backward

/* ---- Maximum ------------------------------------------------------------------------------ */

/* Small integers with duplicates, and with some NaN and minus infinity. */
static double *cells_to_compare(ptrdiff_t count) {
    double *x = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t kind = random_size(0, 40);
        x[t] = kind == 0 ? NAN : kind < 3 ? -INFINITY : (double)random_size(-4, 4);
    }
    return x;
}

static void max_pool2d_case(const cnet_window2d *g) {
    const int with_indices = random_size(0, 3) > 0;
    const output none = {y_count(g), NULL, NULL};
    const double *x = cells_to_compare(x_count(g));
    sum *y = sums(y_count(g)), *indices = sums(y_count(g));
    for (ptrdiff_t t = 0; t < y_count(g); t++) {
        y[t].value = -INFINITY;
        indices[t].value = -1;
        for (ptrdiff_t i = 0; i < g->kh; i++) {
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t cell = cell_of(g, t, i, j);
                const double value = cell < 0 ? 0 : x[plane_of(g, t) + cell];
                if (cell >= 0 && (indices[t].value < 0 || value > y[t].value || isnan(value))) {
                    y[t].value = value;
                    indices[t].value = (double)cell;
                }
            }
        }
    }
    check(&(subject){
        .call = {EITHER(max_pool2d), .max_pool2d = {.g = *g}},
        .in = {of_images(g, x)},
        .out = {to_outputs(g, y), with_indices ? to_outputs(g, indices) : none},
    });
}

void test_max_pool2d(void) { for_each_case(max_pool2d_case); }
void test_max_pool2d_nhwc(void) { for_each_case_channels_last(max_pool2d_case); }

/* Indices up to `beyond` cells outside of the plane: nothing is written for them, and all except -1
 * are counted. */
static void scatter_case(const cnet_window2d *g, ptrdiff_t beyond) {
    const ptrdiff_t cells = g->h * g->w;
    const double *dy = randoms(y_count(g));
    double *indices = numbers(y_count(g));
    sum *dx = sums(x_count(g));
    ptrdiff_t invalid = 0;
    for (ptrdiff_t t = 0; t < y_count(g); t++) {
        const ptrdiff_t cell = random_size(-1 - beyond, cells - 1 + beyond);
        indices[t] = (double)cell;
        if (cell >= 0 && cell < cells)
            add(&dx[plane_of(g, t) + cell], dy[t]);
        else
            invalid += cell != -1;
    }
    check(&(subject){
        .call = {EITHER_BACKWARD(max_pool2d), .max_pool2d_backward = {.g = *g}},
        .in = {of_outputs(g, dy), of_outputs(g, indices)},
        .out = {to_images(g, dx)},
        .invalid = invalid,
    });
}

static void max_pool2d_backward_case(const cnet_window2d *g) {
    scatter_case(g, 0);
    scatter_case(g, 2);
}

void test_max_pool2d_backward(void) { for_each_case(max_pool2d_backward_case); }
void test_max_pool2d_nhwc_backward(void) { for_each_case_channels_last(max_pool2d_backward_case); }

/* The number of taps of output t that equal its maximum, and the number of the last of them. */
static ptrdiff_t count_maxima(const cnet_window2d *g, const double *x, const double *y, ptrdiff_t t,
                              ptrdiff_t *last) {
    ptrdiff_t count = 0;
    for (ptrdiff_t tap = 0; tap < g->kh * g->kw; tap++) {
        const ptrdiff_t cell = cell_of(g, t, tap / g->kw, tap % g->kw);
        const double value = cell < 0 ? 0 : x[plane_of(g, t) + cell];
        if (cell >= 0 && (value == y[t] || (isnan(value) && isnan(y[t])))) {
            count++;
            *last = tap;
        }
    }
    return count;
}

static void ties_case(const cnet_window2d *g, cnet_ties ties) {
    const double *x = cells_to_compare(x_count(g)), *dy = randoms(y_count(g));
    double *y = numbers(y_count(g));
    sum *dx = sums(x_count(g));
    for (ptrdiff_t t = 0; t < y_count(g); t++) {
        ptrdiff_t last = 0;
        y[t] = (double)random_size(-4, 4);
        const ptrdiff_t count = count_maxima(g, x, y, t, &last);
        for (ptrdiff_t tap = 0; tap < g->kh * g->kw; tap++) {
            const ptrdiff_t cell = cell_of(g, t, tap / g->kw, tap % g->kw);
            if (cell < 0 || x[plane_of(g, t) + cell] != y[t] ||
                (ties == CNET_TIES_LAST && tap != last))
                continue;
            add(&dx[plane_of(g, t) + cell],
                ties == CNET_TIES_SHARE ? dy[t] / (double)count : dy[t]);
        }
    }
    channels_last = 1;
    check(&(subject){
        .call = {CNET_KERNEL_max_pool2d_ties_backward,
                 .max_pool2d_ties_backward = {.g = *g, .ties = ties}},
        .in = {of_outputs(g, dy), of_images(g, x), of_outputs(g, y)},
        .out = {to_images(g, dx)},
    });
    channels_last = 0;
}

static void max_pool2d_ties_backward_case(const cnet_window2d *g) {
    ties_case(g, CNET_TIES_ALL);
    ties_case(g, CNET_TIES_SHARE);
    ties_case(g, CNET_TIES_LAST);
}

void test_max_pool2d_ties_backward(void) { for_each_case(max_pool2d_ties_backward_case); }

static cnet_window2d halved(const cnet_window2d *g) {
    cnet_window2d half = *g;
    half.oh = g->h / 2;
    half.ow = g->w / 2;
    return half;
}

/* The position in x of cell `code` of pooled cell t. */
static ptrdiff_t unpooled(const cnet_window2d *half, ptrdiff_t t, ptrdiff_t code) {
    const ptrdiff_t row = t / half->ow, column = t % half->ow;
    const ptrdiff_t top = row / half->oh * half->h + row % half->oh * 2;
    return (top + code / 2) * half->w + 2 * column + code % 2;
}

/* Windows are 2 x 2, whatever the windows of the case. */
static void relu_pool_case(const cnet_window2d *g) {
    const cnet_window2d half = halved(g);
    const ptrdiff_t count = y_count(&half);
    const double *x = cells_to_compare(x_count(g));
    sum *y = sums(count), *codes = sums(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        codes[t].value = 4;
        for (int code = 0; code < 4; code++) {
            const double cell = x[unpooled(&half, t, code)];
            if (cell > y[t].value || isnan(cell)) {
                y[t].value = cell;
                codes[t].value = code;
            }
        }
    }
    check(&(subject){
        .call = {CNET_KERNEL_relu_pool, .relu_pool = {.g = half}},
        .in = {{x_count(g), x}},
        .out = {{count, y, NULL}, {count, codes, NULL}},
    });
}

void test_relu_pool(void) { for_each_case(relu_pool_case); }

/* Codes are positions in a 2 x 2 window, or 4 for none, whatever the windows of the case. */
static void relu_pool_backward_case(const cnet_window2d *g) {
    const cnet_window2d half = halved(g);
    const ptrdiff_t count = y_count(&half);
    const double *dy = randoms(count);
    double *codes = numbers(count);
    sum *dx = sums(x_count(g));
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t code = random_size(0, 4);
        codes[t] = (double)code;
        if (code < 4)
            dx[unpooled(&half, t, code)].value = dy[t];
    }
    check(&(subject){
        .call = {CNET_KERNEL_relu_pool_backward, .relu_pool_backward = {.g = half}},
        .in = {{count, dy}, {count, codes}},
        .out = {{x_count(g), dx, NULL}},
    });
}

void test_relu_pool_backward(void) { for_each_case(relu_pool_backward_case); }

/* ---- Average ------------------------------------------------------------------------------ */

typedef struct {
    const cnet_window2d *g;
    int count_include_pad;
    ptrdiff_t divisor;
} average_arguments;

/* The reciprocal of the divisor of output t. */
static double share_of(const average_arguments *a, ptrdiff_t t) {
    const cnet_window2d *g = a->g;
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < g->kh; i++) {
        for (ptrdiff_t j = 0; j < g->kw; j++) {
            const ptrdiff_t ih = t / g->ow % g->oh * g->sh + i, iw = t % g->ow * g->sw + j;
            const int is_padded_image = ih < g->h + g->ph + g->qh && iw < g->w + g->pw + g->qw;
            count += a->count_include_pad ? is_padded_image : cell_of(g, t, i, j) >= 0;
        }
    }
    return 1.0 / (double)(a->divisor ? a->divisor : count);
}

static void for_each_average(const cnet_window2d *g, void (*test)(const average_arguments *a)) {
    static const ptrdiff_t divisors[] = {0, 7, -2};
    if (g->dh > 1 || g->dw > 1)
        return;
    for (int i = 0; i < 3; i++)
        for (int count_include_pad = 0; count_include_pad < 2; count_include_pad++)
            test(&(average_arguments){g, count_include_pad, divisors[i]});
}

static void average_case(const average_arguments *a) {
    const cnet_window2d *g = a->g;
    const double *x = randoms(x_count(g));
    sum *y = sums(y_count(g));
    for (ptrdiff_t t = 0; t < y_count(g); t++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++)
                if (cell_of(g, t, i, j) >= 0)
                    add(&y[t], x[plane_of(g, t) + cell_of(g, t, i, j)] * share_of(a, t));
    check(&(subject){
        .call = {EITHER(avg_pool2d), .avg_pool2d = {.g = *g,
                                                    .count_include_pad = a->count_include_pad,
                                                    .divisor_override = a->divisor}},
        .in = {of_images(g, x)},
        .out = {to_outputs(g, y)},
    });
}

static void avg_pool2d_case(const cnet_window2d *g) { for_each_average(g, average_case); }
void test_avg_pool2d(void) { for_each_case(avg_pool2d_case); }
void test_avg_pool2d_nhwc(void) { for_each_case_channels_last(avg_pool2d_case); }

static void spread_case(const average_arguments *a) {
    const cnet_window2d *g = a->g;
    const double *dy = randoms(y_count(g));
    sum *dx = sums(x_count(g));
    for (ptrdiff_t t = 0; t < y_count(g); t++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++)
                if (cell_of(g, t, i, j) >= 0)
                    add(&dx[plane_of(g, t) + cell_of(g, t, i, j)], dy[t] * share_of(a, t));
    check(&(subject){
        .call = {EITHER_BACKWARD(avg_pool2d),
                 .avg_pool2d_backward = {.g = *g,
                                         .count_include_pad = a->count_include_pad,
                                         .divisor_override = a->divisor}},
        .in = {of_outputs(g, dy)},
        .out = {to_images(g, dx)},
    });
}

static void avg_pool2d_backward_case(const cnet_window2d *g) { for_each_average(g, spread_case); }
void test_avg_pool2d_backward(void) { for_each_case(avg_pool2d_backward_case); }
void test_avg_pool2d_nhwc_backward(void) { for_each_case_channels_last(avg_pool2d_backward_case); }
