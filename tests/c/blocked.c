/* Kernels of blocked images. The size of a block depends on the dtype, so these tests make their
 * arrays themselves: as large as needed, so that a sanitizer detects every access beyond them. */
#include "check.h"
#include "tests.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64, THREADS = 3 };

static cnet_dtype dtype;

static size_t element(void) { return dtype == CNET_F32 ? sizeof(float) : sizeof(double); }
static ptrdiff_t lanes(void) { return BLOCK_BYTES / (ptrdiff_t)element(); }
static ptrdiff_t blocked_channels(ptrdiff_t c) { return (c + lanes() - 1) / lanes() * lanes(); }

static double get(const void *array, ptrdiff_t t) {
    return dtype == CNET_F32 ? ((const float *)array)[t] : ((const double *)array)[t];
}

static void *allocate(size_t bytes) {
    void *memory =
        aligned_alloc(CNET_ALIGNMENT, (bytes + CNET_ALIGNMENT) / CNET_ALIGNMENT * CNET_ALIGNMENT);
    require(memory != NULL, "no memory");
    return memory;
}

/* An array that begins at any element, and ends where its memory ends. */
static void *array_of(const double *values, ptrdiff_t count) {
    void *array = malloc((size_t)count * element() + 1);
    require(array != NULL, "no memory");
    for (ptrdiff_t t = 0; t < count; t++)
        if (dtype == CNET_F32)
            ((float *)array)[t] = values ? (float)values[t] : 0;
        else
            ((double *)array)[t] = values ? values[t] : 0;
    return array;
}

/* Runs a call; returns its workspace, which the caller frees. */
static char *run(cnet_call *call, int threads) {
    const cnet_implementation *kernel = cnet_active_kernels(dtype) + call->kernel;
    call->threads = threads;
    call->workspace = allocate(kernel->workspace ? kernel->workspace(call) : 0);
    kernel->run(call);
    return call->workspace;
}

static void convert(cnet_kernel kernel, void *x, void *y, ptrdiff_t n, ptrdiff_t c,
                    ptrdiff_t size) {
    cnet_call call = {kernel, .block = {x, y, {n, c, size}}};
    free(run(&call, 1));
}

/* Calls a test for every dtype and instruction set. */
static void everywhere(void (*test)(const void *), const void *data) {
    const int active = cnet_active_isa();
    for (int isa = 0; cnet_isa_name(isa); isa++) {
        if (!cnet_isa_supported(isa))
            continue;
        cnet_set_active_isa(isa);
        for (dtype = CNET_F32; dtype < CNET_DTYPES; dtype++) {
            test(data);
            release_numbers();
        }
    }
    cnet_set_active_isa(active);
}

/* ---- Conversions -------------------------------------------------------------------------- */

static void conversion_case(const void *data) {
    const ptrdiff_t *s = data, n = s[0], c = s[1], size = s[2], all = blocked_channels(c);
    double *values = numbers(n * c * size);
    for (ptrdiff_t t = 0; t < n * c * size; t++)
        values[t] = (double)(t % 1000 + 1);
    void *x = array_of(values, n * c * size), *y = array_of(NULL, n * all * size);
    void *back = array_of(NULL, n * c * size);
    describe("n=%td c=%td size=%td", n, c, size);
    convert(CNET_KERNEL_block, x, y, n, c, size);
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t k = 0; k < all; k++)
            for (ptrdiff_t p = 0; p < size; p++) {
                const ptrdiff_t at = ((i * all / lanes() + k / lanes()) * size + p) * lanes();
                const double expected = k < c ? values[(i * c + k) * size + p] : 0;
                require(get(y, at + k % lanes()) == expected, "a wrong element");
            }
    convert(CNET_KERNEL_unblock, y, back, n, c, size);
    for (ptrdiff_t t = 0; t < n * c * size; t++)
        require(get(back, t) == values[t], "a wrong element in plain images");
    free(x), free(y), free(back);
}

static void conversions(void) {
    const ptrdiff_t channels[] = {1, 3, 8, 16, 17, 40}, pixels[] = {1, 5, 16, 33};
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 4; j++) {
            const ptrdiff_t s[] = {2, channels[i], pixels[j]};
            everywhere(conversion_case, s);
        }
}

void test_block(void) { conversions(); }

/* ---- Convolution -------------------------------------------------------------------------- */

typedef struct {
    cnet_conv2d g;
    int algorithm, has_residual;
    double low, high;
} conv_case;

static double convolve(const conv_case *s, const double *x, const double *w, ptrdiff_t n,
                       ptrdiff_t o, ptrdiff_t oy, ptrdiff_t ox) {
    const cnet_conv2d *g = &s->g;
    const ptrdiff_t channels = g->c / g->g, first = o / (g->o / g->g) * channels;
    double value = 0;
    for (ptrdiff_t c = 0; c < channels; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t iy = oy * g->sh - g->ph + i * g->dh,
                                ix = ox * g->sw - g->pw + j * g->dw;
                if (iy >= 0 && iy < g->h && ix >= 0 && ix < g->w)
                    value += x[((n * g->c + first + c) * g->h + iy) * g->w + ix] *
                             w[((o * channels + c) * g->kh + i) * g->kw + j];
            }
    return value;
}

static void compare(const conv_case *s, const double *const in[4], const void *y) {
    const cnet_conv2d *g = &s->g;
    const double bound = (dtype == CNET_F32 ? 2e-6 : 4e-15) *
                         (s->algorithm == CNET_WINOGRAD ? 30 : 1) *
                         (double)(g->c / g->g * g->kh * g->kw);
    for (ptrdiff_t t = 0; t < g->n * g->o * g->oh * g->ow; t++) {
        const ptrdiff_t ox = t % g->ow, oy = t / g->ow % g->oh, o = t / g->ow / g->oh % g->o;
        double expected = convolve(s, in[0], in[1], t / g->ow / g->oh / g->o, o, oy, ox) +
                          in[2][o] + (s->has_residual ? in[3][t] : 0);
        expected = expected < s->low ? s->low : expected > s->high ? s->high : expected;
        require(fabs(get(y, t) - expected) <= bound, "a wrong result");
    }
}

static void convolution_case(const void *data) {
    const conv_case *s = data;
    const cnet_conv2d *g = &s->g;
    const int is_plain = g->c < lanes() && !(g->g > 1 && g->g == g->c && g->g == g->o);
    const ptrdiff_t pixels = g->oh * g->ow, count = g->n * g->o * pixels;
    const ptrdiff_t blocked_count = g->n * blocked_channels(g->o) * pixels;
    const double *const in[] = {randoms(g->n * g->c * g->h * g->w),
                                randoms(g->o * (g->c / g->g) * g->kh * g->kw), randoms(g->o),
                                randoms(count)};
    describe_geometry(g, sizeof *g);
    void *x = array_of(in[0], g->n * g->c * g->h * g->w);
    void *weight = array_of(in[1], g->o * (g->c / g->g) * g->kh * g->kw);
    void *bias = array_of(in[2], g->o), *residual = array_of(in[3], count);
    void *blocked_x = array_of(NULL, g->n * blocked_channels(g->c) * g->h * g->w);
    void *blocked_residual = array_of(NULL, blocked_count);
    convert(CNET_KERNEL_block, x, blocked_x, g->n, g->c, g->h * g->w);
    convert(CNET_KERNEL_block, residual, blocked_residual, g->n, g->o, pixels);
    cnet_call prepare = {CNET_KERNEL_prepare_blocked_conv2d,
                         .prepare_blocked_conv2d = {weight, bias, *g, s->algorithm}};
    char *prepared = run(&prepare, 1);
    void *first = NULL;
    for (int threads = 1; threads <= THREADS; threads += THREADS - 1) {
        void *blocked_y = array_of(NULL, blocked_count), *y = array_of(NULL, count);
        cnet_call call = {CNET_KERNEL_blocked_conv2d,
                          .blocked_conv2d = {is_plain ? x : blocked_x, prepared,
                                             s->has_residual ? blocked_residual : NULL, blocked_y,
                                             *g, s->algorithm, s->low, s->high}};
        free(run(&call, threads));
        convert(CNET_KERNEL_unblock, blocked_y, y, g->n, g->o, pixels);
        compare(s, in, y);
        if (first)
            require(!memcmp(first, blocked_y, (size_t)blocked_count * element()),
                    "results depend on the number of threads");
        free(y);
        if (first)
            free(blocked_y);
        else
            first = blocked_y;
    }
    free(first), free(x), free(weight), free(bias), free(residual), free(blocked_x),
        free(blocked_residual), free(prepared);
}

/* A convolution with the same padding on all sides. */
static cnet_conv2d geometry(ptrdiff_t n, ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, ptrdiff_t o,
                            ptrdiff_t k, ptrdiff_t stride, ptrdiff_t pad, ptrdiff_t dilation,
                            ptrdiff_t groups) {
    const ptrdiff_t reach = (k - 1) * dilation + 1;
    return (cnet_conv2d){n,
                         c,
                         h,
                         w,
                         k,
                         k,
                         stride,
                         stride,
                         pad,
                         pad,
                         pad,
                         pad,
                         dilation,
                         dilation,
                         (h + 2 * pad - reach) / stride + 1,
                         (w + 2 * pad - reach) / stride + 1,
                         o,
                         groups};
}

static void convolutions(void) {
    const cnet_conv2d direct[] = {
        geometry(2, 3, 9, 7, 16, 3, 1, 1, 1, 1),    geometry(1, 3, 17, 30, 20, 3, 2, 1, 1, 1),
        geometry(1, 5, 12, 11, 16, 5, 3, 2, 1, 1),  geometry(3, 16, 3, 3, 33, 1, 1, 0, 1, 1),
        geometry(2, 24, 6, 9, 40, 3, 1, 1, 1, 1),   geometry(1, 17, 8, 31, 16, 3, 2, 1, 1, 1),
        geometry(2, 32, 5, 5, 32, 3, 1, 2, 2, 1),   geometry(1, 64, 29, 13, 48, 1, 1, 0, 1, 1),
        geometry(1, 20, 15, 15, 16, 1, 2, 0, 1, 1), geometry(1, 32, 7, 7, 64, 3, 1, 1, 1, 2),
        geometry(2, 20, 9, 9, 20, 3, 1, 1, 1, 20),  geometry(1, 33, 14, 40, 33, 5, 2, 2, 1, 33),
        geometry(1, 16, 3, 3, 16, 3, 1, 1, 1, 16),  geometry(2, 16, 60, 33, 16, 3, 1, 0, 1, 16),
        geometry(1, 16, 1, 1, 16, 1, 1, 0, 1, 16),  geometry(1, 16, 2, 70, 16, 3, 1, 1, 1, 1),
    };
    for (size_t i = 0; i < sizeof direct / sizeof *direct; i++) {
        const conv_case plain = {direct[i], CNET_DIRECT, 0, -INFINITY, INFINITY},
                        finished = {direct[i], CNET_DIRECT, 1, 0, 0.5};
        everywhere(convolution_case, &plain);
        everywhere(convolution_case, &finished);
    }
    const cnet_conv2d winograd[] = {
        geometry(2, 16, 8, 8, 16, 3, 1, 1, 1, 1),   geometry(1, 20, 5, 7, 33, 3, 1, 0, 1, 1),
        geometry(1, 32, 3, 3, 16, 3, 1, 1, 1, 1),   geometry(9, 16, 4, 5, 16, 3, 1, 1, 1, 1),
        geometry(1, 16, 30, 33, 17, 3, 1, 2, 1, 1),
    };
    for (size_t i = 0; i < sizeof winograd / sizeof *winograd; i++) {
        const conv_case plain = {winograd[i], CNET_WINOGRAD, 0, -INFINITY, INFINITY},
                        finished = {winograd[i], CNET_WINOGRAD, 1, 0, 0.5};
        everywhere(convolution_case, &plain);
        everywhere(convolution_case, &finished);
    }
}

void test_blocked_conv2d(void) { convolutions(); }

/* ---- Pooling ------------------------------------------------------------------------------ */

typedef struct {
    cnet_window2d g;
    int is_maximum;
} pool_case;

static void pooling_case(const void *data) {
    const pool_case *s = data;
    const cnet_window2d *g = &s->g;
    const ptrdiff_t pixels = g->oh * g->ow, count = g->n * g->c * pixels;
    const double *values = randoms(g->n * g->c * g->h * g->w);
    describe_geometry(g, sizeof *g);
    void *x = array_of(values, g->n * g->c * g->h * g->w), *y = array_of(NULL, count);
    void *blocked_x = array_of(NULL, g->n * blocked_channels(g->c) * g->h * g->w);
    void *blocked_y = array_of(NULL, g->n * blocked_channels(g->c) * pixels);
    convert(CNET_KERNEL_block, x, blocked_x, g->n, g->c, g->h * g->w);
    cnet_call call = {CNET_KERNEL_blocked_pool2d,
                      .blocked_pool2d = {blocked_x, blocked_y, *g, s->is_maximum}};
    free(run(&call, THREADS));
    convert(CNET_KERNEL_unblock, blocked_y, y, g->n, g->c, pixels);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t ox = t % g->ow, oy = t / g->ow % g->oh, plane = t / pixels;
        double most = -INFINITY, total = 0;
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t iy = oy * g->sh - g->ph + i * g->dh,
                                ix = ox * g->sw - g->pw + j * g->dw;
                if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w)
                    continue;
                const double cell = values[(plane * g->h + iy) * g->w + ix];
                most = cell > most ? cell : most;
                total += cell;
            }
        const double expected = s->is_maximum ? most : total / (double)(g->kh * g->kw);
        require(fabs(get(y, t) - expected) <= (dtype == CNET_F32 ? 1e-6 : 1e-14), "a wrong result");
    }
    free(x), free(y), free(blocked_x), free(blocked_y);
}

void test_blocked_pool2d(void) {
    const cnet_window2d windows[] = {
        {2, 17, 9, 8, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 5, 4},
        {1, 32, 14, 13, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 7, 6},
        {1, 5, 1, 300, 1, 300, 1, 300, 0, 0, 0, 0, 1, 1, 1, 1},
        {1, 16, 7, 7, 2, 3, 1, 1, 0, 0, 0, 0, 2, 2, 5, 3},
    };
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        for (int is_maximum = 0; is_maximum < 2; is_maximum++) {
            if (!is_maximum && windows[i].ph)
                continue;
            const pool_case s = {windows[i], is_maximum};
            everywhere(pooling_case, &s);
        }
}
