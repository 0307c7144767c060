/* Kernels of 8-bit images, whose results must be equal on every instruction set, with and without
 * VNNI and AMX. Arrays end where their memory ends, so that a sanitizer detects every access beyond
 * them.
 */
#include "narrow.h"
#include "tests.h"

enum { LEVELS = 255 };

/* ---- Conversions -------------------------------------------------------------------------- */

static void quantize_case(const void *data, int dots) {
    (void)dots;
    const ptrdiff_t *s = data, n = s[0], c = s[1], size = s[2];
    const float scale = 100.0f, zero = 117.0f;
    float *x = random_floats(n * c * size, 2);
    x[0] = NAN;
    if (n * c * size > 2)
        x[1] = INFINITY, x[2] = 0.005f; /* halfway */
    uint8_t *y = allocate((size_t)(n * blocked_channels(c) * size));
    describe("n=%td c=%td size=%td", n, c, size);
    cnet_call call = {CNET_KERNEL_quantize, .quantize = {x, y, {n, c, size}, scale, zero}};
    free(run(&call, THREADS));
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t k = 0; k < c; k++)
            for (ptrdiff_t p = 0; p < size; p++) {
                const float product = x[(i * c + k) * size + p] * scale;
                volatile float shifted = product;
                shifted = shifted + zero;
                float v = shifted > 0 ? shifted : 0;
                v = v < LEVELS ? v : LEVELS;
                require(y[place(c, size, i, k, p)] == (uint8_t)nearbyintf(v), "a wrong integer");
            }
    free(x), free(y);
}

void test_quantize(void) {
    const ptrdiff_t sizes[][3] = {{1, 1, 1},  {2, 3, 37},   {1, 16, 5},  {3, 32, 1},
                                  {2, 40, 1}, {1, 3, 5000}, {2, 17, 16}, {5000, 16, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        everywhere(quantize_case, sizes[i]);
}

static void dequantize_case(const void *data, int dots) {
    (void)dots;
    const ptrdiff_t count = *(const ptrdiff_t *)data;
    uint8_t *x = random_bytes(count);
    float *y = allocate((size_t)count * sizeof *y);
    cnet_call call = {CNET_KERNEL_dequantize, .dequantize = {x, y, count, 0.25, 100}};
    free(run(&call, THREADS));
    for (ptrdiff_t t = 0; t < count; t++)
        require(y[t] == ((float)x[t] - 100) * 0.25f, "a wrong number");
    free(x), free(y);
}

void test_dequantize(void) {
    const ptrdiff_t counts[] = {1, 15, 16, 100, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        everywhere(dequantize_case, &counts[i]);
}

/* ---- Convolution -------------------------------------------------------------------------- */

typedef struct {
    cnet_conv2d g;
    int zero, has_residual, quantized;
    double low, high;
} conv_case;

/* The arrays of a case, the same for every instruction set. */
typedef struct {
    uint8_t *x, *residual;
    int8_t *weight;
    float *scale, *bias;
} arrays;

static arrays current;

static int32_t convolve(const conv_case *s, ptrdiff_t n, ptrdiff_t o, ptrdiff_t oy, ptrdiff_t ox) {
    const cnet_conv2d *g = &s->g;
    const ptrdiff_t channels = g->c / g->g, first = o / (g->o / g->g) * channels;
    int32_t value = 0;
    for (ptrdiff_t c = 0; c < channels; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t iy = oy * g->sh - g->ph + i * g->dh,
                                ix = ox * g->sw - g->pw + j * g->dw;
                if (iy >= 0 && iy < g->h && ix >= 0 && ix < g->w)
                    value += (current.x[place(g->c, g->h * g->w, n, first + c, iy * g->w + ix)] -
                              s->zero) *
                             current.weight[((o * channels + c) * g->kh + i) * g->kw + j];
            }
    return value;
}

static void compare(const conv_case *s, const void *y) {
    const cnet_conv2d *g = &s->g;
    for (ptrdiff_t t = 0; t < g->n * g->o * g->oh * g->ow; t++) {
        const ptrdiff_t ox = t % g->ow, oy = t / g->ow % g->oh, o = t / g->ow / g->oh % g->o;
        const ptrdiff_t n = t / g->ow / g->oh / g->o;
        const ptrdiff_t at = place(g->o, g->oh * g->ow, n, o, oy * g->ow + ox);
        volatile float value = (float)convolve(s, n, o, oy, ox) * current.scale[o];
        value = value + current.bias[o];
        if (s->has_residual) {
            volatile float more = (float)current.residual[at] * 0.75f;
            value = value + more;
        }
        value = value > (float)s->low ? value : (float)s->low;
        value = value < (float)s->high ? value : (float)s->high;
        if (s->quantized)
            require(((const uint8_t *)y)[at] == (uint8_t)nearbyintf(value), "a wrong integer");
        else
            require(((const float *)y)[at] == value, "a wrong number");
    }
}

static void convolution_case(const void *data, int dots) {
    const conv_case *s = data;
    const cnet_conv2d *g = &s->g;
    const size_t bytes = (size_t)(g->n * blocked_channels(g->o) * g->oh * g->ow) *
                         (s->quantized ? 1 : sizeof(float));
    describe_geometry(g, sizeof *g);
    describe_also(" dots=%d quantized=%d", dots, s->quantized);
    cnet_conv2d one = *g; /* prepared weights are for any number of images */
    one.n = 1;
    cnet_call prepare = {CNET_KERNEL_prepare_quantized_conv2d,
                         .prepare_quantized_conv2d = {current.scale, current.bias, current.weight,
                                                      one, s->zero, dots}};
    char *prepared = run(&prepare, 1);
    for (int threads = 1; threads <= THREADS; threads += THREADS - 1) {
        void *y = allocate(bytes);
        cnet_call call = {CNET_KERNEL_quantized_conv2d,
                          .quantized_conv2d = {current.x, prepared,
                                               s->has_residual ? current.residual : NULL, y, *g,
                                               s->zero, 0.75, s->low, s->high, s->quantized, dots}};
        free(run(&call, threads));
        compare(s, y);
        free(y);
    }
    free(prepared);
}

/* Neighbouring weights whose sum is too large for pairs of products get the largest one. */
static void fit_pairs(int8_t *weight, const cnet_conv2d *g) {
    const ptrdiff_t channels = g->c / g->g, cells = g->kh * g->kw;
    const int is_depthwise = g->g > 1 && g->g == g->c && g->c == g->o;
    const ptrdiff_t step = is_depthwise ? 1 : cells, count = is_depthwise ? g->kw : channels;
    for (ptrdiff_t t = 0; t < g->o * channels * cells; t++) {
        if (t / step % count % 2 == 0)
            continue;
        const int first = weight[t - step], sum = first + weight[t];
        if (sum > 128)
            weight[t] = (int8_t)(128 - first);
        if (sum < -128)
            weight[t] = (int8_t)(-128 - first);
    }
}

static void convolutions(void) {
    for (size_t i = 0; i < GEOMETRIES; i++) {
        const cnet_conv2d numbered = geometry_of(i), *g = &numbered;
        const ptrdiff_t terms = g->c / g->g * g->kh * g->kw;
        const double spread = 1.0 / (40 * sqrt((double)terms));
        current = (arrays){
            random_bytes(g->n * blocked_channels(g->c) * g->h * g->w),
            random_bytes(g->n * blocked_channels(g->o) * g->oh * g->ow),
            (int8_t *)random_bytes(g->o * terms),
            random_floats(g->o, spread),
            random_floats(g->o, 100),
        };
        fit_pairs(current.weight, g);
        current.bias[0] = 1e30f; /* no integer */
        if (g->o > 1)
            current.bias[1] = -1e30f;
        const conv_case cases[] = {
            {*g, 0, 0, 1, 0, LEVELS},
            {*g, 131, 1, 1, 20.25, 180},
            {*g, 7, 0, 0, -INFINITY, INFINITY},
            {*g, LEVELS, 1, 0, 0, INFINITY},
        };
        for (int k = 0; k < 4; k++)
            everywhere(convolution_case, &cases[k]);
        free(current.x), free(current.residual), free(current.weight), free(current.scale),
            free(current.bias);
    }
}

void test_quantized_conv2d(void) { convolutions(); }

/* ---- Pooling ------------------------------------------------------------------------------ */

static void pooling_case(const void *data, int dots) {
    (void)dots;
    const cnet_window2d *g = data;
    const ptrdiff_t pixels = g->oh * g->ow;
    uint8_t *x = random_bytes(g->n * blocked_channels(g->c) * g->h * g->w);
    uint8_t *y = allocate((size_t)(g->n * blocked_channels(g->c) * pixels));
    describe_geometry(g, sizeof *g);
    cnet_call call = {CNET_KERNEL_quantized_max_pool2d, .quantized_max_pool2d = {x, y, *g}};
    free(run(&call, THREADS));
    for (ptrdiff_t t = 0; t < g->n * g->c * pixels; t++) {
        const ptrdiff_t ox = t % g->ow, oy = t / g->ow % g->oh;
        const ptrdiff_t c = t / pixels % g->c, n = t / pixels / g->c;
        uint8_t most = 0;
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t iy = oy * g->sh - g->ph + i * g->dh,
                                ix = ox * g->sw - g->pw + j * g->dw;
                if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w)
                    continue;
                const uint8_t cell = x[place(g->c, g->h * g->w, n, c, iy * g->w + ix)];
                most = cell > most ? cell : most;
            }
        require(y[place(g->c, pixels, n, c, oy * g->ow + ox)] == most, "a wrong maximum");
    }
    free(x), free(y);
}

void test_quantized_max_pool2d(void) {
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        everywhere(pooling_case, &windows[i]);
}
