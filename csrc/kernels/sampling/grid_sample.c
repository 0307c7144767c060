/* Samples of images and volumes at given positions, and their gradients. */
#include "lanes.h"
#include "simd_math.h"

/* In the order of the names in kernels/sampling.py. */
enum { BILINEAR, NEAREST, BICUBIC };
enum { ZEROS, BORDER, REFLECTION };

/* Samples are computed a few vectors at a time. */
enum { AXES = 3, MAX_TAPS = 4, MAX_CELLS = 16, VECTORS = 4 };

/* How the samples are taken; sizes and strides of the images, from the last axis on. */
typedef struct {
    int mode, padding, align_corners, axes, cells;
    ptrdiff_t sizes[AXES], strides[AXES];
    int taps[MAX_CELLS][AXES]; /* of each cell of a window: its tap along each axis */
} sampling_t;

/* The cells along one axis that contribute to some samples, -1 if outside of the image; their
 * weights, and the derivatives of these with respect to the coordinate. */
typedef struct {
    ivec cells[MAX_TAPS][VECTORS];
    vec weights[MAX_TAPS][VECTORS], slopes[MAX_TAPS][VECTORS];
} taps_t;

/* The cells of an image that contribute to some samples, -1 if outside. */
typedef struct {
    taps_t along[AXES];
    ivec cells[MAX_CELLS][VECTORS];
    vec weights[MAX_CELLS][VECTORS];
} window_t;

static sampling_t sampling_of(cnet_grid g, ptrdiff_t mode, ptrdiff_t padding, ptrdiff_t align) {
    const int axes = (int)g.axes, taps = mode == NEAREST ? 1 : mode == BILINEAR ? 2 : 4;
    sampling_t p = {
        .mode = (int)mode,
        .padding = (int)padding,
        .align_corners = align != 0,
        .axes = axes,
        .cells = axes == 2 ? taps * taps : taps * taps * taps,
        .sizes = {g.w, g.h, g.d},
        .strides = {1, g.w, g.w * g.h},
    };
    for (int cell = 0; cell < p.cells; cell++) {
        const int tap[AXES] = {cell % taps, cell / taps % taps, cell / taps / taps};
        memcpy(p.taps[cell], tap, sizeof tap);
    }
    return p;
}

/* ---- Positions ---------------------------------------------------------------------------- */

/* A position at OUTSIDE is before any cell that is read, one at FAR behind the end of any image. */
static const real OUTSIDE = -8, FAR = (real)(1 << 30);

static inline vec finite(vec x) {
    return choose(x - x == 0, x, choose(x > 0, broadcast(FAR), broadcast(OUTSIDE)));
}

/* Coordinates from -1 to 1 in cells. */
static inline vec pixels(const sampling_t *p, vec coordinates, ptrdiff_t size) {
    return finite(p->align_corners ? (coordinates + 1) / 2 * (real)(size - 1)
                                   : ((coordinates + 1) * (real)size - 1) / 2);
}

/* Moves positions to the image; *slopes are multiplied with the derivatives. */
static inline vec clipped(vec x, ptrdiff_t size, vec *slopes) {
    const vec last = broadcast((real)(size - 1)), zero = {0};
    *slopes = choose((x > 0) & (x < last), *slopes, zero);
    return at_most(at_least(x, zero), last);
}

static vec reflected(const sampling_t *p, vec x, ptrdiff_t size, vec *slopes) {
    const real low = p->align_corners ? 0 : -HALF;
    const real span = (real)(p->align_corners ? size - 1 : size);
    if (span == 0) {
        *slopes = (vec){0};
        return (vec){0};
    }
    const vec distance = vec_abs(x - low), turns = vec_floor(distance / span);
    vec extra = distance;
#pragma GCC unroll 1
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        extra[lane] = REAL_FMOD(distance[lane], span);
    const mask_vec odd = turns - 2 * vec_floor(turns / 2) != 0;
    *slopes = choose((x < low) == odd, *slopes, -*slopes);
    return clipped(choose(odd, span - extra, extra) + low, size, slopes);
}

static vec moved_inside(const sampling_t *p, vec x, ptrdiff_t size, vec *slopes) {
    return p->padding == BORDER       ? clipped(x, size, slopes)
           : p->padding == REFLECTION ? reflected(p, x, size, slopes)
                                      : x;
}

/* ---- Taps --------------------------------------------------------------------------------- */

/* The numbers of the cells at whole numbers, or -1. */
static ivec cells_at(vec x, ptrdiff_t size) {
    const vec bounded = at_most(at_least(x, broadcast(-1)), broadcast(FAR));
    const ivec cells = __builtin_convertvector(bounded, ivec);
    return cells | (cells >= (mask_t)size);
}

static void linear_taps(taps_t *taps, const vec *x, const vec *slopes, ptrdiff_t size, int count) {
    for (int v = 0; v < count; v++) {
        const vec first = vec_floor(x[v]), share = x[v] - first;
        taps->cells[0][v] = cells_at(first, size);
        taps->cells[1][v] = cells_at(first + 1, size);
        taps->weights[0][v] = 1 - share;
        taps->weights[1][v] = share;
        taps->slopes[0][v] = -slopes[v];
        taps->slopes[1][v] = slopes[v];
    }
}

static void nearest_taps(taps_t *taps, const vec *x, ptrdiff_t size, int count) {
    for (int v = 0; v < count; v++) {
        taps->cells[0][v] = cells_at(vec_rint(x[v]), size);
        taps->weights[0][v] = broadcast(1);
    }
}

/* Weights of Keys' cubic convolution at a distance of at most 1, and of 1 to 2. */
static const real CUBIC = (real)-0.75;
static inline vec near_weight(vec t) { return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1; }
static inline vec far_weight(vec t) { return ((t - 5) * t + 8) * t * CUBIC - 4 * CUBIC; }
static inline vec near_slope(vec t) { return (3 * (CUBIC + 2) * t - 2 * (CUBIC + 3)) * t; }
static inline vec far_slope(vec t) { return ((3 * t - 10) * t + 8) * CUBIC; }

static void cubic_taps(const sampling_t *p, taps_t *taps, const vec *x, vec slopes, ptrdiff_t size,
                       int count) {
    for (int v = 0; v < count; v++) {
        const vec first = vec_floor(x[v]), share = x[v] - first, rest = 1 - share;
        for (int k = 0; k < 4; k++) {
            vec ignored = {0};
            const vec at = moved_inside(p, first + (real)(k - 1), size, &ignored);
            taps->cells[k][v] = cells_at(vec_rint(at), size);
        }
        taps->weights[0][v] = far_weight(share + 1);
        taps->weights[1][v] = near_weight(share);
        taps->weights[2][v] = near_weight(rest);
        taps->weights[3][v] = far_weight(2 - share);
        taps->slopes[0][v] = far_slope(share + 1) * slopes;
        taps->slopes[1][v] = near_slope(share) * slopes;
        taps->slopes[2][v] = -near_slope(rest) * slopes;
        taps->slopes[3][v] = -far_slope(2 - share) * slopes;
    }
}

/* x[places[lane]]; any number where a place is negative. On many CPUs with short vectors, the
 * instructions that gather take longer than single loads. Those of AVX-512 wait for the former
 * value of the register that they write, so they get a new one. */
static inline vec gathered(const real *x, ivec places) {
#if VECTOR_BYTES == 64 && defined(CNET_REAL_f32)
    const __mmask16 inside = _mm512_cmpge_epi32_mask((__m512i)places, _mm512_setzero_si512());
    return (vec)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), inside, (__m512i)places, x,
                                         sizeof(real));
#elif VECTOR_BYTES == 64
    const __mmask8 inside = _mm512_cmpge_epi64_mask((__m512i)places, _mm512_setzero_si512());
    return (vec)_mm512_mask_i64gather_pd(_mm512_setzero_pd(), inside, (__m512i)places, x,
                                         sizeof(real));
#else
    const ivec inside = places & (places >= 0);
    mask_t at[VECTOR_BYTES / sizeof(real)];
    memcpy(at, &inside, sizeof at);
#if VECTOR_BYTES == 32 && defined(CNET_REAL_f32)
    return (vec){x[at[0]], x[at[1]], x[at[2]], x[at[3]], x[at[4]], x[at[5]], x[at[6]], x[at[7]]};
#else
    vec values;
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        values[lane] = x[at[lane]];
    return values;
#endif
#endif
}

/* The coordinates along an axis of a vector of `count` samples; lanes beyond repeat the first. */
static inline vec coordinates(const sampling_t *p, const real *grid, ptrdiff_t count, int axis) {
    if (p->axes == 2 && count >= LANES) {
        const vec first = load(grid), second = load(grid + LANES);
        return axis == 0 ? evens(first, second) : odds(first, second);
    }
    const ivec lanes = lane_numbers(), samples = lanes & (lanes < (mask_t)count);
    return gathered(grid + axis, samples * (mask_t)p->axes);
}

/* The taps along an axis of vectors of samples. */
static void fill_taps(const sampling_t *p, taps_t *taps, const real *grid, ptrdiff_t count,
                      int axis) {
    const ptrdiff_t size = p->sizes[axis];
    const vec slope = broadcast((real)(p->align_corners ? size - 1 : size) / 2);
    const int vectors = (int)ceil_div(count, LANES);
    vec x[VECTORS], slopes[VECTORS];
    for (int v = 0; v < vectors; v++) {
        const ptrdiff_t at = v * LANES;
        x[v] = pixels(p, coordinates(p, grid + at * p->axes, count - at, axis), size);
        slopes[v] = slope;
    }
    if (p->mode == BICUBIC) {
        cubic_taps(p, taps, x, slope, size, vectors);
        return;
    }
    if (p->padding != ZEROS)
        for (int v = 0; v < vectors; v++)
            x[v] = moved_inside(p, x[v], size, &slopes[v]);
    if (p->mode == BILINEAR)
        linear_taps(taps, x, slopes, size, vectors);
    else
        nearest_taps(taps, x, size, vectors);
}

/* The windows of up to VECTORS vectors of samples. */
static void fill_window(const sampling_t *p, window_t *window, const real *grid, ptrdiff_t count) {
    const int vectors = (int)ceil_div(count, LANES);
    for (int axis = 0; axis < p->axes; axis++)
        fill_taps(p, &window->along[axis], grid, count, axis);
    for (int cell = 0; cell < p->cells; cell++) {
        const int *k = p->taps[cell];
        for (int v = 0; v < vectors; v++) {
            ivec cells = window->along[0].cells[k[0]][v];
            vec weights = window->along[0].weights[k[0]][v];
            for (int axis = 1; axis < p->axes; axis++) {
                const ivec more = window->along[axis].cells[k[axis]][v];
                cells = (cells + more * (mask_t)p->strides[axis]) | ((cells | more) < 0);
                weights *= window->along[axis].weights[k[axis]][v];
            }
            window->cells[cell][v] = cells;
            window->weights[cell][v] = weights;
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

/* A chunk of samples of one image; a chunk of its channels; the samples computed at a time. */
enum { SAMPLES = 1024, CHANNELS = 8, STEP = VECTORS * LANES };

/* factors * x[cells], where cells outside are 0. */
static inline vec products(vec factors, const real *x, ivec cells) {
    return choose(cells >= 0, factors * gathered(x, cells), (vec){0});
}

static void sample_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_grid g = job->g;
    const sampling_t *p = &job->p;
    const ptrdiff_t n = chunk / job->parts, size = g.d * g.h * g.w;
    const ptrdiff_t end = min_size(g.samples, (chunk % job->parts + 1) * SAMPLES);
    window_t window;
    for (ptrdiff_t first = chunk % job->parts * SAMPLES; first < end; first += STEP) {
        const ptrdiff_t count = min_size(STEP, end - first);
        fill_window(p, &window, job->grid + (n * g.samples + first) * p->axes, count);
        for (ptrdiff_t channel = n * g.c; channel < (n + 1) * g.c; channel++) {
            const real *x = job->x + channel * size;
            real *y = job->y + channel * g.samples + first;
            for (int v = 0; v * LANES < count; v++) {
                vec sum = products(window.weights[0][v], x, window.cells[0][v]);
                for (int cell = 1; cell < p->cells; cell++)
                    sum += products(window.weights[cell][v], x, window.cells[cell][v]);
                store_run(y + v * LANES, sum, count - v * LANES);
            }
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
    /* Where 0 is added for cells outside: at one place, each sum would wait for the last one. */
    const ivec unused = lane_numbers() & (lane_numbers() < (mask_t)size);
    window_t window;
    for (ptrdiff_t first = 0; first < g.samples; first += STEP) {
        const ptrdiff_t count = min_size(STEP, g.samples - first);
        fill_window(p, &window, job->grid + (n * g.samples + first) * p->axes, count);
        for (ptrdiff_t channel = n * g.c + c; channel < n * g.c + last; channel++) {
            const real *grad_output = job->grad_output + channel * g.samples + first;
            real *dx = job->dx + channel * size;
            for (int v = 0; v * LANES < count; v++) {
                const ptrdiff_t lanes = min_size(LANES, count - v * LANES);
                const vec grad = load_run(grad_output + v * LANES, lanes);
                for (int cell = 0; cell < p->cells; cell++) {
                    const ivec cells = window.cells[cell][v];
                    const vec terms = choose(cells >= 0, window.weights[cell][v] * grad, (vec){0});
                    const ivec places = (cells & (cells >= 0)) | (unused & (cells < 0));
                    for (ptrdiff_t lane = 0; lane < lanes; lane++)
                        dx[places[lane]] += terms[lane];
                }
            }
        }
    }
}

/* The derivatives of some samples of one image with respect to their position: 0 for the nearest
 * cells, which have no slopes. */
static void dgrid_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_grid g = job->g;
    const sampling_t *p = &job->p;
    const ptrdiff_t n = chunk / job->parts, size = g.d * g.h * g.w;
    const ptrdiff_t begin = chunk % job->parts * SAMPLES,
                    end = min_size(g.samples, begin + SAMPLES);
    if (p->mode == NEAREST) {
        real *dgrid = job->dgrid + (n * g.samples + begin) * p->axes;
        memset(dgrid, 0, (size_t)((end - begin) * p->axes) * sizeof(real));
        return;
    }
    window_t window;
    for (ptrdiff_t first = begin; first < end; first += STEP) {
        const ptrdiff_t count = min_size(STEP, end - first);
        real *dgrid = job->dgrid + (n * g.samples + first) * p->axes;
        fill_window(p, &window, job->grid + (n * g.samples + first) * p->axes, count);
        for (int v = 0; v * LANES < count; v++) {
            const ptrdiff_t lanes = min_size(LANES, count - v * LANES), at = first + v * LANES;
            vec sums[AXES] = {0};
            for (int cell = 0; cell < p->cells; cell++) {
                /* The derivative with respect to the weight of this cell, over the channels. */
                vec along = {0};
                for (ptrdiff_t channel = n * g.c; channel < (n + 1) * g.c; channel++) {
                    const vec grad = load_run(job->grad_output + channel * g.samples + at, lanes);
                    along += products(grad, job->x + channel * size, window.cells[cell][v]);
                }
                const int *k = p->taps[cell];
                for (int axis = 0; axis < p->axes; axis++) {
                    vec product = along;
                    for (int other = 0; other < p->axes; other++)
                        product *= other == axis ? window.along[other].slopes[k[other]][v]
                                                 : window.along[other].weights[k[other]][v];
                    sums[axis] += product;
                }
            }
            for (int axis = 0; axis < p->axes; axis++)
                for (ptrdiff_t lane = 0; lane < lanes; lane++)
                    dgrid[(v * LANES + lane) * p->axes + axis] = sums[axis][lane];
        }
    }
}

/* y[n, c, s] = sum over the cells around position grid[n, s] of weight * x[n, c, cell]
 *
 * x (n, c, d, h, w) with d = 1 for images, grid (n, samples, axes) with the coordinate of the last
 * axis first, y (n, c, samples); overwrites y. The weight of a cell is the product of weights along
 * the axes, which depend on the mode; cells outside are 0, or moved inside, as `padding` says.
 * Images are not empty and have less than 2^30 cells. Parallel over n and blocks of samples. */
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
 * grad_output (n, c, samples); overwrites dx and dgrid, which is 0 for nearest cells. dx is
 * parallel over n and blocks of channels, and adds samples in order; dgrid is parallel over n and
 * blocks of samples. */
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
    if (job.dgrid && job.p.mode == NEAREST) {
        memset(job.dgrid, 0, (size_t)(a->g.n * a->g.samples * a->g.axes) * sizeof(real));
    } else if (job.dgrid) {
        job.parts = ceil_div(a->g.samples, SAMPLES);
        cnet_parallel(dgrid_chunk, &job, a->g.n * job.parts, call->threads);
    }
}
