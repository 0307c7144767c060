/* Samples of images and volumes at given positions, and their gradients. */
#include "simd.h"

#if defined(CNET_REAL_f32)
#define REAL_FLOOR floorf
#define REAL_RINT rintf
#define REAL_FMOD fmodf
#define REAL_FABS fabsf
#else
#define REAL_FLOOR floor
#define REAL_RINT rint
#define REAL_FMOD fmod
#define REAL_FABS fabs
#endif

/* In the order of the names in kernels/sampling.py. */
enum { BILINEAR, NEAREST, BICUBIC };
enum { ZEROS, BORDER, REFLECTION };

/* Samples are computed in blocks of this length. */
enum { BLOCK = 64, AXES = 3, MAX_TAPS = 4, MAX_CELLS = 16 };

/* How the samples are taken; sizes and strides of the images, from the last axis on. */
typedef struct {
    int mode, padding, align_corners, axes, taps, cells;
    ptrdiff_t sizes[AXES], strides[AXES];
} sampling_t;

/* The cells along one axis that contribute to the samples of a block, -1 if outside of the image;
 * their weights, and the derivatives of these with respect to the coordinate. */
typedef struct {
    int32_t cells[MAX_TAPS][BLOCK];
    real weights[MAX_TAPS][BLOCK], slopes[MAX_TAPS][BLOCK];
} taps_t;

/* The cells of an image that contribute to the samples of a block, -1 if outside. */
typedef struct {
    taps_t along[AXES];
    int32_t cells[MAX_CELLS][BLOCK];
    real weights[MAX_CELLS][BLOCK];
} window_t;

static sampling_t sampling_of(cnet_grid g, ptrdiff_t mode, ptrdiff_t padding, ptrdiff_t align) {
    const int axes = (int)g.axes, taps = mode == NEAREST ? 1 : mode == BILINEAR ? 2 : 4;
    return (sampling_t){
        .mode = (int)mode,
        .padding = (int)padding,
        .align_corners = align != 0,
        .axes = axes,
        .taps = taps,
        .cells = axes == 2 ? taps * taps : taps * taps * taps,
        .sizes = {g.w, g.h, g.d},
        .strides = {1, g.w, g.w * g.h},
    };
}

/* ---- Positions ---------------------------------------------------------------------------- */

/* A position at OUTSIDE is before any cell that is read, one at FAR behind the end of any image. */
static const real OUTSIDE = -8, FAR = (real)(1 << 30);

/* The selections below are written without branches, so that loops over them are vectorized. */
static real finite(real x) {
    const real replacement = x > 0 ? FAR : OUTSIDE;
    return x - x == 0 ? x : replacement;
}

/* A coordinate from -1 to 1 in cells. */
static real pixels(const sampling_t *p, real coordinate, ptrdiff_t size) {
    return finite(p->align_corners ? (coordinate + 1) / 2 * (real)(size - 1)
                                   : ((coordinate + 1) * (real)size - 1) / 2);
}

/* Moves a position to the image; *slope is multiplied with the derivative. */
static real clipped(real x, ptrdiff_t size, real *slope) {
    const real last = (real)(size - 1);
    *slope = (x > 0) & (x < last) ? *slope : 0;
    const real above = x > 0 ? x : 0;
    return above < last ? above : last;
}

static real reflected(const sampling_t *p, real x, ptrdiff_t size, real *slope) {
    const real low = p->align_corners ? 0 : (real)-0.5;
    const real span = (real)(p->align_corners ? size - 1 : size);
    if (span == 0) {
        *slope = 0;
        return 0;
    }
    const real distance = REAL_FABS(x - low), extra = REAL_FMOD(distance, span);
    const real turns = REAL_FLOOR(distance / span);
    const int odd = turns - 2 * REAL_FLOOR(turns / 2) != 0;
    *slope = (x < low) == odd ? *slope : -*slope;
    return clipped((odd ? span - extra : extra) + low, size, slope);
}

static real moved_inside(const sampling_t *p, real x, ptrdiff_t size, real *slope) {
    return p->padding == BORDER       ? clipped(x, size, slope)
           : p->padding == REFLECTION ? reflected(p, x, size, slope)
                                      : x;
}

/* ---- Taps --------------------------------------------------------------------------------- */

/* The number of a cell, or -1. */
static int32_t cell_of(real x, ptrdiff_t size) {
    const real above = x >= 0 ? x : -1;
    return (int32_t)(above < (real)size ? above : -1);
}

static void linear_taps(taps_t *taps, const real *x, const real *slopes, ptrdiff_t count,
                        ptrdiff_t size) {
    for (ptrdiff_t s = 0; s < count; s++) {
        const real first = REAL_FLOOR(x[s]), share = x[s] - first;
        taps->cells[0][s] = cell_of(first, size);
        taps->cells[1][s] = cell_of(first + 1, size);
        taps->weights[0][s] = 1 - share;
        taps->weights[1][s] = share;
        taps->slopes[0][s] = -slopes[s];
        taps->slopes[1][s] = slopes[s];
    }
}

static void nearest_taps(taps_t *taps, const real *x, ptrdiff_t count, ptrdiff_t size) {
    for (ptrdiff_t s = 0; s < count; s++) {
        taps->cells[0][s] = cell_of(REAL_RINT(x[s]), size);
        taps->weights[0][s] = 1;
        taps->slopes[0][s] = 0;
    }
}

/* Weights of Keys' cubic convolution at a distance of at most 1, and of 1 to 2. */
static const real CUBIC = (real)-0.75;
static real near_weight(real t) { return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1; }
static real far_weight(real t) { return ((t - 5) * t + 8) * t * CUBIC - 4 * CUBIC; }
static real near_slope(real t) { return (3 * (CUBIC + 2) * t - 2 * (CUBIC + 3)) * t; }
static real far_slope(real t) { return ((3 * t - 10) * t + 8) * CUBIC; }

static void cubic_taps(const sampling_t *p, taps_t *taps, const real *x, const real *slopes,
                       ptrdiff_t count, ptrdiff_t size) {
    for (ptrdiff_t s = 0; s < count; s++) {
        const real first = REAL_FLOOR(x[s]), share = x[s] - first;
        for (int k = 0; k < 4; k++) {
            real ignored = 0;
            const real cell = moved_inside(p, first + (real)(k - 1), size, &ignored);
            taps->cells[k][s] = cell_of(REAL_RINT(cell), size);
        }
        const real rest = 1 - share;
        const real weights[] = {far_weight(share + 1), near_weight(share), near_weight(rest),
                                far_weight(2 - share)};
        const real derivatives[] = {far_slope(share + 1), near_slope(share), -near_slope(rest),
                                    -far_slope(2 - share)};
        for (int k = 0; k < 4; k++) {
            taps->weights[k][s] = weights[k];
            taps->slopes[k][s] = derivatives[k] * slopes[s];
        }
    }
}

static void fill_taps(const sampling_t *p, taps_t *taps, const real *grid, int axis,
                      ptrdiff_t count) {
    const ptrdiff_t size = p->sizes[axis];
    const real scale = (real)(p->align_corners ? size - 1 : size) / 2;
    real x[BLOCK], slopes[BLOCK];
    for (ptrdiff_t s = 0; s < count; s++) {
        x[s] = pixels(p, grid[s * p->axes + axis], size);
        slopes[s] = scale;
    }
    if (p->mode != BICUBIC && p->padding != ZEROS)
        for (ptrdiff_t s = 0; s < count; s++)
            x[s] = moved_inside(p, x[s], size, &slopes[s]);
    if (p->mode == BILINEAR)
        linear_taps(taps, x, slopes, count, size);
    else if (p->mode == NEAREST)
        nearest_taps(taps, x, count, size);
    else
        cubic_taps(p, taps, x, slopes, count, size);
}

/* The tap of each axis that belongs to a cell of the window. */
static void split(const sampling_t *p, int cell, int k[AXES]) {
    for (int axis = 0; axis < AXES; axis++) {
        k[axis] = axis < p->axes ? cell % p->taps : 0;
        cell /= p->taps;
    }
}

static void fill_window(const sampling_t *p, window_t *window, const real *grid, ptrdiff_t count) {
    for (int axis = 0; axis < p->axes; axis++)
        fill_taps(p, &window->along[axis], grid, axis, count);
    for (int cell = 0; cell < p->cells; cell++) {
        int k[AXES];
        split(p, cell, k);
        int32_t *cells = window->cells[cell];
        real *weights = window->weights[cell];
        memcpy(cells, window->along[0].cells[k[0]], (size_t)count * sizeof *cells);
        memcpy(weights, window->along[0].weights[k[0]], (size_t)count * sizeof *weights);
        for (int axis = 1; axis < p->axes; axis++) {
            const taps_t *taps = &window->along[axis];
            const int32_t *more = taps->cells[k[axis]], stride = (int32_t)p->strides[axis];
            const real *factors = taps->weights[k[axis]];
            for (ptrdiff_t s = 0; s < count; s++) {
                cells[s] = (cells[s] | more[s]) < 0 ? -1 : cells[s] + more[s] * stride;
                weights[s] *= factors[s];
            }
        }
    }
}

/* ---- The tasks ---------------------------------------------------------------------------- */

typedef struct {
    sampling_t p;
    cnet_grid g;
    const real *x, *grid, *grad_output;
    real *y, *dx, *dgrid;
    ptrdiff_t parts; /* chunks of each image */
} job_t;

/* A chunk of samples of one image. */
enum { SAMPLES = 16 * BLOCK, CHANNELS = 8 };

/* The numbers of the cells, 0 in place of -1: cell 0 can be read and written in any case. */
static inline void fill_places(int32_t *places, const int32_t *cells, ptrdiff_t count) {
    for (ptrdiff_t s = 0; s < count; s++)
        places[s] = cells[s] > 0 ? cells[s] : 0;
}

/* sums[s] += factors[s] * x[cells[s]], where cells outside are 0. The loads, which are not
 * vectorized, are apart from the arithmetic. */
static inline void add_cells(real *sums, const real *factors, const real *x, const int32_t *cells,
                             ptrdiff_t count) {
    int32_t places[BLOCK];
    real values[BLOCK];
    fill_places(places, cells, count);
    for (ptrdiff_t s = 0; s < count; s++)
        values[s] = x[places[s]];
    for (ptrdiff_t s = 0; s < count; s++)
        sums[s] += cells[s] < 0 ? 0 : factors[s] * values[s];
}

static void sample_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_grid g = job->g;
    const sampling_t *p = &job->p;
    const ptrdiff_t n = chunk / job->parts, size = g.d * g.h * g.w;
    const ptrdiff_t end = min_size(g.samples, (chunk % job->parts + 1) * SAMPLES);
    window_t window;
    for (ptrdiff_t first = chunk % job->parts * SAMPLES; first < end; first += BLOCK) {
        const ptrdiff_t count = min_size(BLOCK, end - first);
        fill_window(p, &window, job->grid + (n * g.samples + first) * p->axes, count);
        for (ptrdiff_t c = 0; c < g.c; c++) {
            const real *x = job->x + (n * g.c + c) * size;
            real sums[BLOCK] = {0};
            for (int cell = 0; cell < p->cells; cell++)
                add_cells(sums, window.weights[cell], x, window.cells[cell], count);
            memcpy(job->y + (n * g.c + c) * g.samples + first, sums, (size_t)count * sizeof *sums);
        }
    }
}

/* dx of some channels of one image: each sample adds to the cells around it. */
static void dx_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_grid g = job->g;
    const sampling_t *p = &job->p;
    const ptrdiff_t n = chunk / job->parts, size = g.d * g.h * g.w;
    const ptrdiff_t c = chunk % job->parts * CHANNELS, last = min_size(g.c, c + CHANNELS);
    memset(job->dx + (n * g.c + c) * size, 0, (size_t)((last - c) * size) * sizeof(real));
    window_t window;
    for (ptrdiff_t first = 0; first < g.samples; first += BLOCK) {
        const ptrdiff_t count = min_size(BLOCK, g.samples - first);
        fill_window(p, &window, job->grid + (n * g.samples + first) * p->axes, count);
        for (ptrdiff_t channel = n * g.c + c; channel < n * g.c + last; channel++) {
            const real *grad = job->grad_output + channel * g.samples + first;
            real *dx = job->dx + channel * size;
            for (int cell = 0; cell < p->cells; cell++) {
                const int32_t *cells = window.cells[cell];
                int32_t places[BLOCK];
                real terms[BLOCK];
                fill_places(places, cells, count);
                for (ptrdiff_t s = 0; s < count; s++)
                    terms[s] = cells[s] < 0 ? 0 : window.weights[cell][s] * grad[s];
                for (ptrdiff_t s = 0; s < count; s++)
                    dx[places[s]] += terms[s];
            }
        }
    }
}

/* The derivatives of some samples of one image with respect to their position. */
static void dgrid_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_grid g = job->g;
    const sampling_t *p = &job->p;
    const ptrdiff_t n = chunk / job->parts, size = g.d * g.h * g.w;
    const ptrdiff_t end = min_size(g.samples, (chunk % job->parts + 1) * SAMPLES);
    window_t window;
    for (ptrdiff_t first = chunk % job->parts * SAMPLES; first < end; first += BLOCK) {
        const ptrdiff_t count = min_size(BLOCK, end - first);
        real *dgrid = job->dgrid + (n * g.samples + first) * p->axes;
        fill_window(p, &window, job->grid + (n * g.samples + first) * p->axes, count);
        memset(dgrid, 0, (size_t)(count * p->axes) * sizeof *dgrid);
        for (int cell = 0; cell < p->cells; cell++) {
            /* The derivative with respect to the weight of this cell, summed over the channels. */
            real along[BLOCK] = {0};
            for (ptrdiff_t c = 0; c < g.c; c++) {
                const real *x = job->x + (n * g.c + c) * size;
                const real *grad = job->grad_output + (n * g.c + c) * g.samples + first;
                add_cells(along, grad, x, window.cells[cell], count);
            }
            int k[AXES];
            split(p, cell, k);
            for (int axis = 0; axis < p->axes; axis++)
                for (ptrdiff_t s = 0; s < count; s++) {
                    real product = along[s];
                    for (int other = 0; other < p->axes; other++)
                        product *= other == axis ? window.along[other].slopes[k[other]][s]
                                                 : window.along[other].weights[k[other]][s];
                    dgrid[s * p->axes + axis] += product;
                }
        }
    }
}

/* y[n, c, s] = sum over the cells around position grid[n, s] of weight * x[n, c, cell]
 *
 * x (n, c, d, h, w) with d = 1 for images, grid (n, samples, axes) with the coordinate of the last
 * axis first, y (n, c, samples); overwrites y. The weight of a cell is the product of weights along
 * the axes, which depend on the mode; cells outside are 0, or moved inside, as `padding` says.
 * Images are not empty and have less than 2^31 cells. Parallel over n and blocks of samples. */
void CNET_FN(grid_sample)(const cnet_call *call) {
    const cnet_grid_sample_arguments *a = &call->grid_sample;
    const job_t job = {
        .p = sampling_of(a->g, a->mode, a->padding, a->align_corners),
        .g = a->g,
        .x = a->x,
        .grid = a->grid,
        .y = a->y,
        .parts = ceil_div(a->g.samples, SAMPLES),
    };
    cnet_parallel(sample_chunk, &job, a->g.n * job.parts, call->threads);
}

/* The gradients of grid_sample with respect to x and to grid; either may be NULL.
 *
 * grad_output (n, c, samples); overwrites dx and dgrid. dx is parallel over n and blocks of
 * channels, and adds samples in order; dgrid is parallel over n and blocks of samples. */
void CNET_FN(grid_sample_backward)(const cnet_call *call) {
    const cnet_grid_sample_backward_arguments *a = &call->grid_sample_backward;
    job_t job = {
        .p = sampling_of(a->g, a->mode, a->padding, a->align_corners),
        .g = a->g,
        .x = a->x,
        .grid = a->grid,
        .grad_output = a->grad_output,
        .dx = a->dx,
        .dgrid = a->dgrid,
    };
    if (job.dx) {
        job.parts = ceil_div(a->g.c, CHANNELS);
        cnet_parallel(dx_chunk, &job, a->g.n * job.parts, call->threads);
    }
    if (job.dgrid) {
        job.parts = ceil_div(a->g.samples, SAMPLES);
        cnet_parallel(dgrid_chunk, &job, a->g.n * job.parts, call->threads);
    }
}
