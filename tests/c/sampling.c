/* Samples of images at given positions, and random positions with given probabilities. */
#include "tests.h"

/* ---- grid_sample -------------------------------------------------------------------------- */

/* In the order of the names in kernels/sampling.py. */
enum { BILINEAR, NEAREST, BICUBIC, MODES };
enum { ZEROS, BORDER, REFLECTION, PADDINGS };
enum { AXES = 3, MAX_TAPS = 4 };

/* n, c, d, h, w, samples, axes: around whole vectors of samples, a chunk of 1024 samples, and a
 * chunk of 8 channels. */
static const cnet_grid grids[] = {
    {1, 1, 1, 1, 1, 5, 2},   {2, 3, 1, 5, 7, 0, 2},    {0, 3, 1, 5, 7, 4, 2},
    {2, 0, 1, 5, 7, 4, 2},   {2, 3, 1, 1, 6, 63, 2},   {2, 9, 1, 5, 7, 64, 2},
    {1, 17, 1, 3, 4, 65, 2}, {2, 2, 1, 6, 5, 1100, 2}, {2, 2, 2, 3, 4, 130, 3},
    {1, 9, 3, 1, 2, 33, 3},
};
enum { GRIDS = sizeof grids / sizeof grids[0] };

typedef struct {
    cnet_grid g;
    int mode, padding, align_corners;
    const double *x, *grid, *dy;
} sampling_t;

/* A cell along one axis, its weight in a sample, and the derivative with respect to the coordinate.
 * Rounding changes the weight and the derivative by less than a few eps times their scales. */
typedef struct {
    ptrdiff_t cell;
    double weight, slope, weight_scale, slope_scale;
} tap;

static ptrdiff_t size_of(const cnet_grid *g, int axis) {
    return axis == 0 ? g->w : axis == 1 ? g->h : g->d;
}

/* Coordinates whose positions are exact in both dtypes, from far before to far behind the image;
 * some are whole numbers or halves of cells. */
static double *random_coordinates(const sampling_t *a) {
    const ptrdiff_t count = a->g.n * a->g.samples * a->g.axes;
    double *grid = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        grid[t] = ldexp((double)random_size(-640, 640), -8);
        if (a->padding != REFLECTION && random_size(0, 20) == 0)
            grid[t] = (const double[]){INFINITY, -INFINITY, NAN}[random_size(0, 2)];
    }
    return grid;
}

/* Moves a position to the image; *slope is multiplied with the derivative. */
static double moved_inside(const sampling_t *a, double x, ptrdiff_t size, double *slope) {
    const double last = (double)(size - 1), margin = a->align_corners ? 0 : 0.5;
    if (a->padding == ZEROS)
        return x;
    if (a->padding == REFLECTION && last + 2 * margin > 0) {
        for (; x < -margin || x > last + margin; *slope = -*slope)
            x = x < 0 ? -2 * margin - x : 2 * (last + margin) - x;
    }
    *slope = x > 0 && x < last ? *slope : 0;
    return fmin(fmax(x, 0), last);
}

/* A coordinate from -1 to 1 in cells; one that is not finite is outside of the image. */
static double pixels(const sampling_t *a, double coordinate, ptrdiff_t size) {
    const double x = a->align_corners ? (coordinate + 1) / 2 * (double)(size - 1)
                                      : ((coordinate + 1) * (double)size - 1) / 2;
    return isfinite(x) ? x : x > 0 ? 1e6 : -8;
}

/* The weight of a cell at the signed distance d, and its derivative: Keys' kernel, a = -3/4. */
static double cubic(double d) {
    const double a = -0.75, t = fabs(d);
    return t <= 1  ? ((a + 2) * t - (a + 3)) * t * t + 1
           : t < 2 ? a * (((t - 5) * t + 8) * t - 4)
                   : 0;
}
static double cubic_slope(double d) {
    const double a = -0.75, t = fabs(d);
    const double slope = t <= 1  ? (3 * (a + 2) * t - 2 * (a + 3)) * t
                         : t < 2 ? a * ((3 * t - 10) * t + 8)
                                 : 0;
    return d < 0 ? -slope : slope;
}

/* The cells along an axis that contribute to a sample; returns their number. */
static int taps_of(const sampling_t *a, int axis, const double *coordinates, tap *taps) {
    const ptrdiff_t size = size_of(&a->g, axis);
    if (axis >= a->g.axes) {
        taps[0] = (tap){.weight = 1, .weight_scale = 1};
        return 1;
    }
    double slope = (double)(a->align_corners ? size - 1 : size) / 2, ignored = 0;
    double x = pixels(a, coordinates[axis], size);
    if (a->mode != BICUBIC)
        x = moved_inside(a, x, size, &slope);
    const int count = a->mode == NEAREST ? 1 : a->mode == BILINEAR ? 2 : 4;
    for (int k = 0; k < count; k++) {
        double cell = a->mode == NEAREST ? rint(x) : floor(x) + k - (a->mode == BICUBIC);
        const double d = x - cell, scale = fabs(slope);
        if (a->mode == BICUBIC) {
            taps[k] = (tap){0, cubic(d), cubic_slope(d) * slope, fabs(cubic(d)) + 1, 4 * scale};
            cell = moved_inside(a, cell, size, &ignored);
        } else if (a->mode == BILINEAR) {
            taps[k] = (tap){0, 1 - fabs(d), k ? slope : -slope, 1 - fabs(d), scale};
        } else {
            taps[k] = (tap){.weight = 1, .weight_scale = 1};
        }
        taps[k].cell = cell >= 0 && cell < (double)size ? (ptrdiff_t)cell : -1;
    }
    return count;
}

/* A cell of the image that contributes to a sample: its number, -1 if it is outside, and the taps
 * of the axes. */
typedef struct {
    ptrdiff_t cell;
    tap along[AXES];
} window_cell;

static int window_of(const sampling_t *a, ptrdiff_t n, ptrdiff_t s, window_cell *cells) {
    tap taps[AXES][MAX_TAPS];
    int counts[AXES], count = 0;
    for (int axis = 0; axis < AXES; axis++)
        counts[axis] = taps_of(a, axis, a->grid + (n * a->g.samples + s) * a->g.axes, taps[axis]);
    for (int k = 0; k < counts[0] * counts[1] * counts[2]; k++) {
        window_cell *to = &cells[count];
        to->along[0] = taps[0][k % counts[0]];
        to->along[1] = taps[1][k / counts[0] % counts[1]];
        to->along[2] = taps[2][k / counts[0] / counts[1]];
        to->cell = (to->along[2].cell * a->g.h + to->along[1].cell) * a->g.w + to->along[0].cell;
        count += to->along[0].cell >= 0 && to->along[1].cell >= 0 && to->along[2].cell >= 0;
    }
    return count;
}

/* Adds factor * weight of the cell or, if `axis` is not AXES, its derivative along that axis. */
static void add_cell(sum *to, const window_cell *cell, double factor, int axis) {
    double value = factor, scale = fabs(factor);
    for (int i = 0; i < AXES; i++) {
        value *= i == axis ? cell->along[i].slope : cell->along[i].weight;
        scale *= i == axis ? cell->along[i].slope_scale : cell->along[i].weight_scale;
    }
    *to = (sum){to->value + value, to->scale + scale, to->terms + 1};
}

static ptrdiff_t cells_of(const sampling_t *a) { return a->g.d * a->g.h * a->g.w; }

/* Calls `test` for every cell that contributes to a sample, with the indices of the element i of x,
 * of the sample and of its first coordinate, and with the arrays of expected values. */
typedef void visit_t(const sampling_t *a, const window_cell *cell, ptrdiff_t i, ptrdiff_t out,
                     ptrdiff_t coordinates, sum *first, sum *second);
static void visit(const sampling_t *a, visit_t *test, sum *first, sum *second) {
    window_cell cells[MAX_TAPS * MAX_TAPS];
    for (ptrdiff_t n = 0; n < a->g.n; n++)
        for (ptrdiff_t s = 0; s < a->g.samples; s++) {
            const int count = window_of(a, n, s, cells);
            for (ptrdiff_t row = n * a->g.c; row < (n + 1) * a->g.c; row++)
                for (int k = 0; k < count; k++)
                    test(a, &cells[k], row * cells_of(a) + cells[k].cell, row * a->g.samples + s,
                         (n * a->g.samples + s) * a->g.axes, first, second);
        }
}

static void for_each_sampling(void (*test)(sampling_t *a)) {
    for (int i = 0; i < GRIDS; i++) {
        for (int option = 0; option < MODES * PADDINGS * 2; option++) {
            sampling_t a = {grids[i], option / 2 % MODES, option / 2 / MODES, option % 2};
            if (a.mode == BICUBIC && a.g.axes == AXES)
                continue;
            describe("n=%td c=%td d=%td h=%td w=%td samples=%td, mode %d, padding %d%s", a.g.n,
                     a.g.c, a.g.d, a.g.h, a.g.w, a.g.samples, a.mode, a.padding,
                     a.align_corners ? ", align_corners" : "");
            a.x = randoms(a.g.n * a.g.c * cells_of(&a));
            a.grid = random_coordinates(&a);
            a.dy = randoms(a.g.n * a.g.c * a.g.samples);
            test(&a);
        }
    }
}

static void add_sample(const sampling_t *a, const window_cell *cell, ptrdiff_t i, ptrdiff_t out,
                       ptrdiff_t coordinates, sum *y, sum *unused) {
    (void)coordinates, (void)unused;
    add_cell(&y[out], cell, a->x[i], AXES);
}

static void sample_case(sampling_t *a) {
    const ptrdiff_t outputs = a->g.n * a->g.c * a->g.samples;
    sum *y = sums(outputs);
    visit(a, add_sample, y, NULL);
    check(&(subject){
        .call = {CNET_KERNEL_grid_sample, .grid_sample = {.g = a->g,
                                                          .mode = a->mode,
                                                          .padding = a->padding,
                                                          .align_corners = a->align_corners}},
        .in = {{a->g.n * a->g.c * cells_of(a), a->x}, {a->g.n * a->g.samples * a->g.axes, a->grid}},
        .out = {{outputs, y}},
    });
}

void test_grid_sample(void) { for_each_sampling(sample_case); }

static void add_gradients(const sampling_t *a, const window_cell *cell, ptrdiff_t i, ptrdiff_t out,
                          ptrdiff_t coordinates, sum *dx, sum *dgrid) {
    add_cell(&dx[i], cell, a->dy[out], AXES);
    for (int axis = 0; axis < a->g.axes; axis++)
        add_cell(&dgrid[coordinates + axis], cell, a->dy[out] * a->x[i], axis);
}

/* Both gradients, or one of them. */
static void sample_backward_case(sampling_t *a) {
    const int wanted = (int)random_size(0, 2);
    const ptrdiff_t count = a->g.n * a->g.c * cells_of(a);
    const ptrdiff_t coordinates = a->g.n * a->g.samples * a->g.axes;
    sum *dx = sums(count), *dgrid = sums(coordinates);
    visit(a, add_gradients, dx, dgrid);
    check(&(subject){
        .call = {CNET_KERNEL_grid_sample_backward,
                 .grid_sample_backward = {.g = a->g,
                                          .mode = a->mode,
                                          .padding = a->padding,
                                          .align_corners = a->align_corners}},
        .in = {{a->g.n * a->g.c * a->g.samples, a->dy}, {count, a->x}, {coordinates, a->grid}},
        .out = {{count, wanted == 1 ? NULL : dx}, {coordinates, wanted == 2 ? NULL : dgrid}},
    });
}

void test_grid_sample_backward(void) { for_each_sampling(sample_backward_case); }

/* ---- multinomial -------------------------------------------------------------------------- */

/* n, c, samples: one chunk, and several. */
static const ptrdiff_t draws_of[][3] = {
    {0, 3, 2}, {3, 2, 0}, {1, 1, 1}, {5, 7, 3}, {9, 33, 100}, {3, 5000, 7}, {1700, 17, 40},
};
enum { DRAWS = sizeof draws_of / sizeof draws_of[0] };

/* Changes some rows so that they are no distribution; returns whether this one is changed. */
static int spoil(double *weights, ptrdiff_t count) {
    const ptrdiff_t at = random_size(0, count - 1);
    switch (random_size(0, 19)) {
    case 0:
        weights[at] = -1;
        return 1;
    case 1:
        weights[at] = NAN;
        return 1;
    case 2:
        weights[at] = INFINITY;
        return 1;
    case 3:
        for (ptrdiff_t j = 0; j < count; j++)
            weights[j] = 0;
        return 1;
    default:
        return 0;
    }
}

/* The weights of a row; every third is 0, but not all of them. */
static void fill_weights(double *weights, ptrdiff_t count) {
    for (ptrdiff_t j = 0; j < count; j++)
        weights[j] = random_size(0, 2) ? (double)random_size(1, 1000) / 1024 : 0;
    weights[random_size(0, count - 1)] = 0.5;
}

/* The first position up to which the sum is greater than the share `draw` of the total. */
static ptrdiff_t chosen(const double *weights, ptrdiff_t count, double draw) {
    double total = 0, so_far = weights[0];
    for (ptrdiff_t j = 0; j < count; j++)
        total += weights[j];
    ptrdiff_t j = 0;
    while (j < count - 1 && so_far <= draw * total)
        so_far += weights[++j];
    return j;
}

/* Numbers in [0, 1), the first and the last one of them more often. */
static double *random_draws(ptrdiff_t count) {
    double *draws = randoms(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t kind = random_size(0, 19);
        draws[t] = kind == 0 ? 0 : kind == 1 ? 1 - 0x1p-53 : (draws[t] + 1) / 2;
    }
    return draws;
}

static void multinomial_case(ptrdiff_t n, ptrdiff_t c, ptrdiff_t samples) {
    describe("n=%td c=%td samples=%td", n, c, samples);
    double *weights = numbers(n * c);
    const double *draws = random_draws(n * samples);
    sum *indices = sums(n * samples);
    ptrdiff_t invalid = 0;
    for (ptrdiff_t row = 0; row < n; row++) {
        fill_weights(weights + row * c, c);
        const int spoiled = spoil(weights + row * c, c);
        invalid += spoiled;
        for (ptrdiff_t s = row * samples; s < (row + 1) * samples; s++)
            indices[s].value = spoiled ? 0 : (double)chosen(weights + row * c, c, draws[s]);
    }
    check(&(subject){
        .call = {CNET_KERNEL_multinomial, .multinomial = {.g = {n, c}, .samples = samples}},
        .in = {{n * c, weights}, {n * samples, draws}},
        .out = {{n * samples, indices}},
        .invalid = invalid,
    });
}

void test_multinomial(void) {
    for (int i = 0; i < DRAWS; i++)
        multinomial_case(draws_of[i][0], draws_of[i][1], draws_of[i][2]);
}

/* ---- normal ------------------------------------------------------------------------------- */

/* A word with 53 random bits, which both a double and an int64_t represent. */
static double random_word(void) {
    return (double)random_size(-((ptrdiff_t)1 << 30), ((ptrdiff_t)1 << 30) - 1) * 0x1p33 +
           (double)random_size(0, (1 << 22) - 1) * 0x1p11;
}

/* The fraction of 2^64 that a word is, as an unsigned integer. */
static double fraction(double word) { return (word < 0 ? word + 0x1p64 : word) * 0x1p-64; }

/* The numbers of a word and of the angle in its low half. float64 has the angle in another word,
 * which is this half. Fractions are at least 2^-10, because float32 has fewer bits of them. */
static void normal_case(ptrdiff_t count, double mean, double std) {
    describe("count=%td mean=%g std=%g", count, mean, std);
    const ptrdiff_t half = (count + 1) / 2;
    double *words = numbers(2 * half);
    sum *y = sums(count);
    for (ptrdiff_t i = 0; i < half; i++) {
        do
            words[i] = random_word();
        while (fraction(words[i]) < 0x1p-10);
        const double low = words[i] - floor(words[i] * 0x1p-32) * 0x1p32;
        words[half + i] = low * 0x1p32 - (low >= 0x1p31 ? 0x1p64 : 0);
        const double turns = 4 * fraction(words[half + i]), quarter = floor(turns);
        const double part = turns - quarter, pi = acos(-1);
        const double angle = (part < 0.5 ? part : part - 1) * pi / 2;
        const double radius = sqrt(-2 * log(fraction(words[i]) + 0x1p-54));
        const double sine = sin(angle), cosine = quarter >= 2 ? -cos(angle) : cos(angle);
        const int exchanged = quarter == 1 || quarter == 3;
        const double first = radius * (exchanged ? sine : cosine),
                     second = radius * (exchanged ? cosine : sine);
        y[i] = (sum){mean + std * first, 1 + fabs(mean) + 4 * std, 16};
        if (half + i < count)
            y[half + i] = (sum){mean + std * second, 1 + fabs(mean) + 4 * std, 16};
    }
    check(&(subject){
        .call = {CNET_KERNEL_normal, .normal = {.count = count, .mean = mean, .std = std}},
        .in = {{2 * half, words}},
        .out = {{count, y}},
    });
}

void test_normal(void) {
    const ptrdiff_t counts[] = {0, 1, 2, 31, 64, 1001, 70001};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        normal_case(counts[i], 0, 1);
    normal_case(100, 3, 0.5);
}
