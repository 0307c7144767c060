/* Kernels of bfloat16 images: sums within the bound of their rounding, on every instruction set,
 * with and without AMX. Arrays end where their memory ends, so that a sanitizer detects every
 * access beyond them. */
#include "narrow.h"
#include "tests.h"

#include <float.h>
#include <math.h>

static float widened(uint16_t bits) {
    const uint32_t word = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &word, sizeof x);
    return x;
}

/* The nearest bfloat16, from the distances to its neighbours. */
static uint16_t nearest(float x) {
    uint32_t word;
    memcpy(&word, &x, sizeof word);
    const uint16_t below = (uint16_t)(word >> 16);
    if (isnan(x))
        return below | 0x40;
    const uint32_t rest = word & 0xffff;
    return (uint16_t)(below + (rest > 0x8000 || (rest == 0x8000 && below % 2)));
}

static uint16_t *random_bfloat16(ptrdiff_t count, double scale) {
    float *floats = random_floats(count, scale);
    uint16_t *to = allocate((size_t)count * sizeof *to);
    for (ptrdiff_t t = 0; t < count; t++)
        to[t] = nearest(floats[t]);
    free(floats);
    return to;
}

/* ---- Conversions -------------------------------------------------------------------------- */

static void rounding_case(const void *data, int dots) {
    (void)dots;
    const ptrdiff_t *s = data, n = s[0], c = s[1], size = s[2];
    float *x = random_floats(n * c * size, 2);
    x[0] = NAN;
    if (n * c * size > 4)
        x[1] = -INFINITY, x[2] = 1 + 0x1p-8f, x[3] = 1 + 0x3p-8f, x[4] = FLT_MAX;
    uint16_t *y = allocate((size_t)(n * blocked_channels(c) * size) * sizeof *y);
    describe("n=%td c=%td size=%td", n, c, size);
    cnet_call call = {CNET_KERNEL_to_bfloat16, .to_bfloat16 = {x, y, {n, c, size}}};
    free(run(&call, THREADS));
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t k = 0; k < blocked_channels(c); k++)
            for (ptrdiff_t p = 0; p < size; p++)
                require(y[place(c, size, i, k, p)] ==
                            (k < c ? nearest(x[(i * c + k) * size + p]) : 0),
                        "a wrong number");
    free(x), free(y);
}

void test_to_bfloat16(void) {
    const ptrdiff_t sizes[][3] = {{1, 1, 1},  {2, 3, 37},   {1, 16, 5},  {3, 32, 1},
                                  {2, 40, 1}, {1, 3, 5000}, {2, 17, 16}, {5000, 16, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        everywhere(rounding_case, sizes[i]);
}

static void widening_case(const void *data, int dots) {
    (void)dots;
    const ptrdiff_t count = *(const ptrdiff_t *)data;
    uint16_t *x = random_bfloat16(count, 100);
    float *y = allocate((size_t)count * sizeof *y);
    cnet_call call = {CNET_KERNEL_from_bfloat16, .from_bfloat16 = {x, y, count}};
    free(run(&call, THREADS));
    for (ptrdiff_t t = 0; t < count; t++)
        require(y[t] == widened(x[t]), "a wrong number");
    free(x), free(y);
}

void test_from_bfloat16(void) {
    const ptrdiff_t counts[] = {1, 15, 16, 100, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        everywhere(widening_case, &counts[i]);
}

/* ---- Convolution -------------------------------------------------------------------------- */

typedef struct {
    cnet_conv2d g;
    int has_residual, rounded;
    double low, high;
} conv_case;

/* The arrays of a case, the same for every instruction set. */
typedef struct {
    uint16_t *x, *residual, *weight;
    float *bias;
} arrays;

static arrays current;

static sum convolved(const conv_case *s, ptrdiff_t n, ptrdiff_t o, ptrdiff_t oy, ptrdiff_t ox) {
    const cnet_conv2d *g = &s->g;
    const ptrdiff_t channels = g->c / g->g, first = o / (g->o / g->g) * channels;
    sum all = {0};
    for (ptrdiff_t c = 0; c < channels; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t iy = oy * g->sh - g->ph + i * g->dh,
                                ix = ox * g->sw - g->pw + j * g->dw;
                if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w)
                    continue;
                const ptrdiff_t at = place(g->c, g->h * g->w, n, first + c, iy * g->w + ix);
                const ptrdiff_t tap = ((o * channels + c) * g->kh + i) * g->kw + j;
                add(&all, (double)widened(current.x[at]) * widened(current.weight[tap]));
            }
    return all;
}

static void compare(const conv_case *s, const void *y) {
    const cnet_conv2d *g = &s->g;
    for (ptrdiff_t t = 0; t < g->n * g->o * g->oh * g->ow; t++) {
        const ptrdiff_t ox = t % g->ow, oy = t / g->ow % g->oh, o = t / g->ow / g->oh % g->o;
        const ptrdiff_t n = t / g->ow / g->oh / g->o;
        const ptrdiff_t at = place(g->o, g->oh * g->ow, n, o, oy * g->ow + ox);
        sum all = convolved(s, n, o, oy, ox);
        add(&all, current.bias[o]);
        add(&all, s->has_residual ? widened(current.residual[at]) : 0);
        const double value = fmin(fmax(all.value, s->low), s->high);
        const double actual =
            s->rounded ? widened(((const uint16_t *)y)[at]) : ((const float *)y)[at];
        const double bound =
            2 * sqrt(all.terms) * FLT_EPSILON * all.scale + (s->rounded ? 0x1p-8 * fabs(value) : 0);
        require(fabs(actual - value) <= bound, "a wrong number");
    }
}

static void convolution_case(const void *data, int dots) {
    const conv_case *s = data;
    const cnet_conv2d *g = &s->g;
    const int amx = dots == CNET_DOTS_AMX;
    if (dots == CNET_DOTS_VNNI)
        return; /* for 8-bit integers */
    const size_t bytes = (size_t)(g->n * blocked_channels(g->o) * g->oh * g->ow) *
                         (s->rounded ? sizeof(uint16_t) : sizeof(float));
    describe_geometry(g, sizeof *g);
    describe_also(" amx=%d rounded=%d", amx, s->rounded);
    cnet_conv2d one = *g; /* prepared weights are for any number of images */
    one.n = 1;
    cnet_call prepare = {CNET_KERNEL_prepare_bfloat16_conv2d,
                         .prepare_bfloat16_conv2d = {current.bias, current.weight, one, amx}};
    char *prepared = run(&prepare, 1);
    void *first = NULL;
    for (int threads = 1; threads <= THREADS; threads += THREADS - 1) {
        void *y = allocate(bytes);
        cnet_call call = {CNET_KERNEL_bfloat16_conv2d,
                          .bfloat16_conv2d = {current.x, prepared,
                                              s->has_residual ? current.residual : NULL, y, *g,
                                              s->low, s->high, s->rounded, amx}};
        free(run(&call, threads));
        if (!first)
            compare(s, first = y);
        else
            require(!memcmp(y, first, bytes), "other bits with more threads");
        if (y != first)
            free(y);
    }
    free(first), free(prepared);
}

static void convolutions(void) {
    for (size_t i = 0; i < GEOMETRIES; i++) {
        const cnet_conv2d numbered = geometry_of(i), *g = &numbered;
        const ptrdiff_t terms = g->c / g->g * g->kh * g->kw;
        current = (arrays){
            random_bfloat16(g->n * blocked_channels(g->c) * g->h * g->w, 1),
            random_bfloat16(g->n * blocked_channels(g->o) * g->oh * g->ow, 1),
            random_bfloat16(g->o * terms, 1),
            random_floats(g->o, 1),
        };
        const conv_case cases[] = {
            {*g, 0, 1, -INFINITY, INFINITY},
            {*g, 1, 1, -0.25, 2},
            {*g, 0, 0, 0, INFINITY},
            {*g, 1, 0, -INFINITY, 1},
        };
        for (int k = 0; k < 4; k++)
            everywhere(convolution_case, &cases[k]);
        free(current.x), free(current.residual), free(current.weight), free(current.bias);
    }
}

void test_bfloat16_conv2d(void) { convolutions(); }

/* ---- Pooling ------------------------------------------------------------------------------ */

static void pooling_case(const void *data, int dots) {
    (void)dots;
    const cnet_window2d *g = data;
    const ptrdiff_t pixels = g->oh * g->ow;
    uint16_t *x = random_bfloat16(g->n * blocked_channels(g->c) * g->h * g->w, 1);
    uint16_t *y = allocate((size_t)(g->n * blocked_channels(g->c) * pixels) * sizeof *y);
    x[0] = 0x7fc0, x[17] = 0xff80; /* NaN, an infinity */
    describe_geometry(g, sizeof *g);
    cnet_call call = {CNET_KERNEL_bfloat16_max_pool2d, .bfloat16_max_pool2d = {x, y, *g}};
    free(run(&call, THREADS));
    for (ptrdiff_t t = 0; t < g->n * g->c * pixels; t++) {
        const ptrdiff_t ox = t % g->ow, oy = t / g->ow % g->oh;
        const ptrdiff_t c = t / pixels % g->c, n = t / pixels / g->c;
        uint16_t most = 0xff80;
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t iy = oy * g->sh - g->ph + i * g->dh,
                                ix = ox * g->sw - g->pw + j * g->dw;
                if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w)
                    continue;
                const uint16_t cell = x[place(g->c, g->h * g->w, n, c, iy * g->w + ix)];
                if (!isnan(widened(most)) && !(widened(cell) <= widened(most)))
                    most = cell;
            }
        require(y[place(g->c, pixels, n, c, oy * g->ow + ox)] == most, "a wrong maximum");
    }
    free(x), free(y);
}

void test_bfloat16_max_pool2d(void) {
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        everywhere(pooling_case, &windows[i]);
}
