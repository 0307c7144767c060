/* Batch normalisation: the statistics of channels, and the transform with its activation.
 *
 * Arrays are (n, c, size): a channel consists of n contiguous runs of `size` elements. The
 * statistics of long runs are computed in the order of memory, for some images at a time; those of
 * short runs for some channels at a time. */
#include "batch_norm.h"
#include "streams.h"

/* ---- Statistics ---- */

typedef struct {
    const real *x;
    real *mean, *var, *running_mean, *running_var;
    division d;
    image_parts parts;
    double *sums; /* mean and squares of each channel, of each part of long runs */
    double momentum;
} stats_t;

/* The mean of the first elements, rounded: the deviations from it are small, and 0 if all elements
 * are equal. */
static real shift_of(const real *x, ptrdiff_t size) {
    const double first = (double)x[0];
    const ptrdiff_t count = min_size(size, 64);
    const real shift = (real)(first + sum_run(x, first, count) / (double)count);
    return isfinite(shift) ? shift : 0;
}

/* The results of a channel, from its mean and its sum of squares around the mean. */
static void finish_channel(const stats_t *job, ptrdiff_t channel, double exact, double squares) {
    const double count = (double)job->d.g.n * (double)job->d.g.size;
    squares = squares < 0 ? 0 : squares;
    const real mean = (real)exact, var = (real)(squares / count);
    job->mean[channel] = mean;
    job->var[channel] = var;
    if (job->running_mean) {
        real *mean_so_far = job->running_mean + channel, *var_so_far = job->running_var + channel;
        const real share = (real)job->momentum, unbiased = var * (real)(count / (count - 1));
        *mean_so_far = share * mean + (1 - share) * *mean_so_far;
        *var_so_far = share * unbiased + (1 - share) * *var_so_far;
    }
}

/* ---- Statistics of short runs ---- */

/* Images whose short runs are added together, so that sums are loaded and stored once for all. */
enum { TOGETHER = 8 };

/* x - shift for `rest` elements, at most a vector; 0 for those that are missing. */
ALWAYS_INLINE wide_vec deviations(const real *x, ptrdiff_t rest, const real *shifts) {
    vec padded;
    if (rest < LANES) {
        padded = load(shifts);
        copy_run((real *)&padded, x, rest);
    }
    wide_vec d = load_as_wide(rest < LANES ? (const real *)&padded : x);
    const wide_vec shift = load_as_wide(shifts);
#pragma GCC unroll 2
    for (int i = 0; i < WIDES; i++)
        d.part[i] -= shift.part[i];
    return d;
}

ALWAYS_INLINE void add_deviations(wide_vec d, wide_vec *sums, wide_vec *squares) {
#pragma GCC unroll 2
    for (int i = 0; i < WIDES; i++) {
        sums->part[i] += d.part[i];
        squares->part[i] += d.part[i] * d.part[i];
    }
}

/* Adds x - shift and its square to the sums of a run of each of some images, `pitch` elements
 * apart, with a cell for each element of a run. */
static void add_short_runs(const real *x, ptrdiff_t images, ptrdiff_t pitch, ptrdiff_t count,
                           const real *shifts, double *first, double *second) {
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        wide_vec sums = load_sums(first + t), squares = load_sums(second + t);
        for (ptrdiff_t n = 0; n < images; n++)
            add_deviations(deviations(x + n * pitch + t, count - t, shifts + t), &sums, &squares);
        store_sums(first + t, sums);
        store_sums(second + t, squares);
    }
}

static void channels_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const stats_t *job = argument;
    const division *d = &job->d;
    const span s = span_of(d, chunk);
    real shifts[ROW_CELLS];
    cell_sums sums = {0};
    for (ptrdiff_t i = 0; i < s.count; i++)
        fill_cells(d, shifts, i, shift_of(job->x + (s.first + i) * d->g.size, d->g.size));
    const ptrdiff_t pitch = d->g.c * d->g.size;
    const real *x = job->x + s.first * d->g.size;
    for (ptrdiff_t n = 0; n < d->g.n; n += TOGETHER)
        add_short_runs(x + n * pitch, min_size(TOGETHER, d->g.n - n), pitch, s.length, shifts,
                       sums.first, sums.second);
    const double count = (double)d->g.n * (double)d->g.size;
    for (ptrdiff_t i = 0; i < s.count; i++) {
        const double sum = total_of(d, sums.first, i), squares = total_of(d, sums.second, i);
        finish_channel(job, s.first + i, (double)shifts[i * d->cells] + sum / count,
                       squares - sum * sum / count);
    }
}

/* ---- Statistics of long runs ---- */

ALWAYS_INLINE void add_squares(vec d, vec *sum, vec *squares) {
    *sum += d;
    *squares += d * d;
}

/* Adds x - shift and its square to two sums. A few vectors are added before they are widened. */
static void add_run(const real *x, ptrdiff_t count, ptrdiff_t ahead, vec shift, wide_vec sums[2]) {
    ptrdiff_t t = 0;
    for (; t + FEW * LANES <= count; t += FEW * LANES) {
        vec sum = {0}, squares = {0};
#pragma GCC unroll 4
        for (ptrdiff_t i = t; i < t + FEW * LANES; i += LANES) {
            __builtin_prefetch(x + i + ahead);
            add_squares(load(x + i) - shift, &sum, &squares);
        }
        add_vector(sum, sums);
        add_vector(squares, sums + 1);
    }
    vec sum = {0}, squares = {0}, padded = shift;
    for (; t + LANES <= count; t += LANES)
        add_squares(load(x + t) - shift, &sum, &squares);
    if (t < count) {
        copy_run((real *)&padded, x + t, count - t);
        add_squares(padded - shift, &sum, &squares);
    }
    add_vector(sum, sums);
    add_vector(squares, sums + 1);
}

static double total_of_lanes(const wide_vec *sums) {
    double total = 0;
    for (int i = 0; i < WIDES; i++)
        for (int lane = 0; lane < WIDE_LANES; lane++)
            total += sums->part[i][lane];
    return total;
}

/* The mean of a part of a channel, and the squares around it. */
static void part_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const stats_t *job = argument;
    const cnet_norm *g = &job->d.g;
    const piece p = piece_of(g, &job->parts, chunk);
    const double count = (double)(p.images.end - p.images.begin) * (double)g->size;
    for (ptrdiff_t c = p.channels.begin; c < p.channels.end; c++) {
        wide_vec sums[2] = {0};
        const real *x = job->x + (p.images.begin * g->c + c) * g->size;
        const real shift = shift_of(x, g->size);
        for (ptrdiff_t n = p.images.begin; n < p.images.end; n++, x += g->c * g->size)
            add_run(x, g->size, c + 1 < p.channels.end ? g->size : 0, broadcast(shift), sums);
        const double sum = total_of_lanes(sums);
        double *to = job->sums + 2 * (p.part * g->c + c);
        to[0] = (double)shift + sum / count;
        to[1] = total_of_lanes(sums + 1) - sum * sum / count;
    }
}

/* The statistics of some channels from those of their parts. */
static void finish_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const stats_t *job = argument;
    const cnet_norm *g = &job->d.g;
    const ptrdiff_t first = chunk * CHANNELS_PER_CHUNK;
    for (ptrdiff_t c = first; c < min_size(g->c, first + CHANNELS_PER_CHUNK); c++) {
        const double *parts = job->sums + 2 * c;
        const double base = isfinite(parts[0]) ? parts[0] : 0; /* so that equal means are exact */
        double shifted = 0, squares = 0;
        for (ptrdiff_t part = 0; part < job->parts.parts; part++) {
            const ptrdiff_t images = min_size(job->parts.images, g->n - part * job->parts.images);
            shifted += (double)images * (parts[2 * part * g->c] - base);
        }
        const double mean = base + shifted / (double)g->n;
        for (ptrdiff_t part = 0; part < job->parts.parts; part++) {
            const ptrdiff_t images = min_size(job->parts.images, g->n - part * job->parts.images);
            const double d = parts[2 * part * g->c] - mean;
            squares += parts[2 * part * g->c + 1] + (double)(images * g->size) * d * d;
        }
        finish_channel(job, c, mean, squares);
    }
}

size_t CNET_FN(batch_norm_stats_workspace)(cnet_call *call) {
    const cnet_norm g = call->batch_norm_stats.g;
    return has_short_runs(g) ? 0 : (size_t)(2 * parts_of(g).parts * g.c) * sizeof(double);
}

/* mean[c] = sum of x[:, c, :] / count and var[c] = sum of (x[:, c, :] - mean[c])^2 / count, with
 * count = n * size. If running_mean and running_var are not NULL, they are moved towards mean[c]
 * and the unbiased variance: running = momentum * batch + (1 - momentum) * running, which keeps
 * infinite values.
 *
 * x (n, c, size) with n and size positive, and a count of at least 2 for running statistics; the
 * other arrays (c). Overwrites mean and var. One pass, with the deviations from the mean of a few
 * elements: a channel of equal numbers has exactly that mean and variance 0. A channel with NaN or
 * infinity has NaN in var. Parallel over images and channels for long runs, whose workspace has the
 * statistics of parts of the images; else over channels. */
void CNET_FN(batch_norm_stats)(const cnet_call *call) {
    const cnet_batch_norm_stats_arguments *a = &call->batch_norm_stats;
    stats_t job = {
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .running_mean = a->running_mean,
        .running_var = a->running_var,
        .d = divided_for_sums(a->g),
        .sums = (double *)call->workspace,
        .momentum = a->momentum,
    };
    const int is_small = a->g.n * a->g.c * a->g.size <= ELEMENTS_PER_CHUNK;
    const int threads = is_small ? 1 : call->threads;
    if (has_short_runs(a->g)) {
        cnet_parallel(channels_chunk, &job, ceil_div(a->g.c, job.d.channels), threads);
        return;
    }
    job.parts = parts_of(a->g);
    cnet_parallel(part_chunk, &job, job.parts.parts * job.parts.blocks, threads);
    cnet_parallel(finish_chunk, &job, ceil_div(a->g.c, CHANNELS_PER_CHUNK), threads);
}

/* ---- Transform ---- */

/* Arrays of a run; a NULL residual means zeros. */
typedef struct {
    const real *x, *residual;
    real *y;
    int streams; /* y is streamed */
} arrays_t;
typedef void transform_t(arrays_t run, ptrdiff_t count, const affine_cells *f, ptrdiff_t cell,
                         ptrdiff_t mask, vec a, vec b);

typedef struct {
    transform_t *transform;
    const real *x, *mean, *var, *weight, *bias, *residual;
    real *y;
    division d;
    ptrdiff_t images; /* per chunk */
    int streams;
    double eps;
    real a, b;
} job_t;

/* The last elements are computed by the same instructions, so that a result does not depend on its
 * position. */
ALWAYS_INLINE void transform_run(const int operation, arrays_t run, ptrdiff_t count,
                                 const affine_cells *f, ptrdiff_t cell, ptrdiff_t mask, vec a,
                                 vec b, const int has_residual) {
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        const ptrdiff_t rest = count - t;
        vec z = normalise(load_run(run.x + t, rest), affine_at(f, cell + (t & mask)));
        if (has_residual)
            z += load_run(run.residual + t, rest);
        const vec y = activate(operation, z, a, b);
        if (run.streams && rest >= LANES)
            stream(run.y + t, y);
        else
            store_run(run.y + t, y, rest);
    }
}
#define TRANSFORM(name, operation)                                                                 \
    static void name##_transform(arrays_t run, ptrdiff_t count, const affine_cells *f,             \
                                 ptrdiff_t cell, ptrdiff_t mask, vec a, vec b) {                   \
        if (run.residual)                                                                          \
            transform_run(operation, run, count, f, cell, mask, a, b, 1);                          \
        else                                                                                       \
            transform_run(operation, run, count, f, cell, mask, a, b, 0);                          \
    }
#define TRANSFORM_OF(index, name) TRANSFORM(name, CNET_OPERATION_##name)
TRANSFORM(plain, NO_OPERATION)
ACTIVATIONS(TRANSFORM_OF)
#define ENTRY(index, name) [index] = name##_transform,
static transform_t *const transforms[ACTIVATION_COUNT] = {plain_transform, ACTIVATIONS(ENTRY)};
#undef ENTRY

static void transform_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const division *d = &job->d;
    const vec a = broadcast(job->a), b = broadcast(job->b);
    const ptrdiff_t spans = ceil_div(d->g.c, d->channels), begin = chunk / spans * job->images;
    const span s = span_of(d, chunk % spans);
    affine_cells f;
    fill_affine(d, &s, job->mean, job->var, job->weight, job->bias, job->eps, &f);
    for (ptrdiff_t n = begin; n < min_size(begin + job->images, d->g.n); n++)
        for (ptrdiff_t run = 0; run < s.runs; run++) {
            const ptrdiff_t at = (n * d->g.c + s.first + run) * d->g.size;
            const arrays_t arrays = {job->x + at, job->residual ? job->residual + at : NULL,
                                     job->y + at, job->streams && takes_streams(job->y + at)};
            job->transform(arrays, s.length, &f, run * d->cells, d->mask, a, b);
        }
    end_streams();
}

/* y[n, c, t] = f((x[n, c, t] - mean[c]) * weight[c] / sqrt(var[c] + eps) + bias[c]
 *                + residual[n, c, t]).
 *
 * f is the operation number activation - 1 of operations.h, one of those in ACTIVATIONS, with the
 * parameters a and b; with activation 0, f(x) = x. The result has the same bits as if each
 * operation were computed by itself. x, y and residual (n, c, size), the other arrays (c). A NULL
 * weight means ones, a NULL bias or residual zeros. Overwrites y, which may be x or residual.
 * Parallel over channels and images. */
void CNET_FN(batch_norm)(const cnet_call *call) {
    const cnet_batch_norm_arguments *a = &call->batch_norm;
    const ptrdiff_t size = max_size(1, a->g.size);
    const division d = divided(a->g, has_short_runs(a->g) ? a->g.c : ELEMENTS_PER_CHUNK / size);
    const job_t job = {
        .transform = transforms[activation_index(a->activation)],
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .weight = a->weight,
        .bias = a->bias,
        .residual = a->residual,
        .y = a->y,
        .d = d,
        .images = max_size(1, ELEMENTS_PER_CHUNK / (d.channels * size)),
        .streams = is_streamed(a->g.n * a->g.c * size) && a->y != a->x && a->y != a->residual,
        .eps = a->eps,
        .a = (real)a->a,
        .b = (real)a->b,
    };
    if (a->g.size)
        cnet_parallel(transform_chunk, &job,
                      ceil_div(a->g.c, d.channels) * ceil_div(a->g.n, job.images), call->threads);
}
