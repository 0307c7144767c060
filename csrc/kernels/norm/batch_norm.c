/* Batch normalisation: the statistics of channels, and the transform with its activation.
 *
 * Arrays are (n, c, size): a channel consists of n contiguous runs of `size` elements. Sums over a
 * channel are computed in double, in order. */
#include "batch_norm.h"

/* ---- Statistics ---- */

typedef struct {
    const real *x;
    real *mean, *var, *running_mean, *running_var;
    cnet_norm g;
    double momentum;
} stats_t;

/* Sums d and d^2, where d = x[t] - shift. */
static void add_run(two_sums *sums, const real *x, ptrdiff_t count, real shift, ptrdiff_t next) {
    two_sums s = *sums;
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        vec v = broadcast(shift); /* missing lanes add nothing */
        if (t + LANES <= count)
            v = load(x + t);
        else
            copy_run((real *)&v, x + t, count - t);
        __builtin_prefetch(x + t + next);
        const wide_vec w = widen(v);
#pragma GCC unroll 2
        for (int i = 0; i < PIECES; i++) {
            const wide d = w.piece[i] - (double)shift;
            s.first[i] += d;
            s.second[i] += d * d;
        }
    }
    *sums = s;
}

/* The mean of the first elements, rounded: the deviations from it are small, and 0 if all elements
 * are equal. */
static real shift_of(const real *x, ptrdiff_t size) {
    const double first = (double)x[0];
    const ptrdiff_t count = min_size(size, 1024);
    const real shift = (real)(first + sum_run(x, first, count) / (double)count);
    return isfinite(shift) ? shift : 0;
}

static void stats_of_channel(const void *argument, ptrdiff_t channel, int slot) {
    (void)slot;
    const stats_t *job = argument;
    const ptrdiff_t size = job->g.size, next = job->g.c * size;
    const double count = (double)job->g.n * (double)size;
    const real *x = job->x + channel * size;
    const real shift = shift_of(x, size);
    two_sums sums = {0};
    for (ptrdiff_t n = 0; n < job->g.n; n++, x += next)
        add_run(&sums, x, size, shift, n + 1 < job->g.n ? next : 0);
    const double sum = total_of(sums.first);
    double squares = total_of(sums.second) - sum * sum / count;
    squares = squares < 0 ? 0 : squares;
    const real mean = (real)((double)shift + sum / count), var = (real)(squares / count);
    job->mean[channel] = mean;
    job->var[channel] = var;
    if (job->running_mean) {
        real *mean_so_far = job->running_mean + channel, *var_so_far = job->running_var + channel;
        const real share = (real)job->momentum, unbiased = var * (real)(count / (count - 1));
        *mean_so_far += share * (mean - *mean_so_far);
        *var_so_far += share * (unbiased - *var_so_far);
    }
}

/* mean[c] = sum of x[:, c, :] / count and var[c] = sum of (x[:, c, :] - mean[c])^2 / count, with
 * count = n * size. If running_mean and running_var are not NULL, they are moved towards mean[c]
 * and the unbiased variance: running += momentum * (batch - running).
 *
 * x (n, c, size) with n and size positive, and a count of at least 2 for running statistics; the
 * other arrays (c). Overwrites mean and var. One pass, with the deviations from the mean of the
 * first elements: a channel of equal numbers has exactly that mean and variance 0. A channel with NaN
 * or infinity has NaN in var. Parallel over channels. */
void CNET_FN(batch_norm_stats)(const cnet_call *call) {
    const cnet_batch_norm_stats_arguments *a = &call->batch_norm_stats;
    const stats_t job = {
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .running_mean = a->running_mean,
        .running_var = a->running_var,
        .g = a->g,
        .momentum = a->momentum,
    };
    const int is_small = a->g.n * a->g.c * a->g.size <= ELEMENTS_PER_CHUNK;
    cnet_parallel(stats_of_channel, &job, a->g.c, is_small ? 1 : call->threads);
}

/* ---- Transform ---- */

typedef void transform_t(const real *x, const real *residual, real *y, ptrdiff_t count,
                         const affine_t *f, vec a, vec b);

typedef struct {
    transform_t *transform;
    const real *x, *mean, *var, *weight, *bias, *residual;
    real *y;
    cnet_norm g;
    ptrdiff_t runs; /* per chunk */
    double eps;
    real a, b;
} job_t;

ALWAYS_INLINE vec transformed(const int operation, vec x, vec residual, const affine_t *f, vec a,
                              vec b, const int has_residual) {
    const vec z = normalise(x, f);
    return activate(operation, has_residual ? z + residual : z, a, b);
}

ALWAYS_INLINE void transform_run(const int operation, const real *x, const real *residual, real *y,
                                 ptrdiff_t count, const affine_t *f, vec a, vec b,
                                 const int has_residual) {
    ptrdiff_t t = 0;
    for (; t + LANES <= count; t += LANES)
        store(y + t, transformed(operation, load(x + t), has_residual ? load(residual + t) : a, f,
                                 a, b, has_residual));
    if (t < count) { /* the same instructions, so that a result does not depend on its position */
        const ptrdiff_t rest = count - t;
        const vec more = has_residual ? load_run(residual + t, rest) : a;
        store_run(y + t,
                  transformed(operation, load_run(x + t, rest), more, f, a, b, has_residual),
                  rest);
    }
}

#define TRANSFORM(name, operation)                                                                 \
    static void name##_transform(const real *x, const real *residual, real *y, ptrdiff_t count,    \
                                 const affine_t *f, vec a, vec b) {                                \
        if (residual)                                                                              \
            transform_run(operation, x, residual, y, count, f, a, b, 1);                           \
        else                                                                                       \
            transform_run(operation, x, residual, y, count, f, a, b, 0);                           \
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
    const vec a = broadcast(job->a), b = broadcast(job->b);
    const ptrdiff_t end = min_size((chunk + 1) * job->runs, job->g.n * job->g.c);
    for (ptrdiff_t run = chunk * job->runs; run < end; run++) {
        const affine_t f =
            affine_of(job->mean, job->var, job->weight, job->bias, job->eps, run % job->g.c);
        const ptrdiff_t at = run * job->g.size;
        job->transform(job->x + at, job->residual ? job->residual + at : NULL, job->y + at,
                       job->g.size, &f, a, b);
    }
}

/* y[n, c, t] = f((x[n, c, t] - mean[c]) * weight[c] / sqrt(var[c] + eps) + bias[c]
 *                + residual[n, c, t]).
 *
 * f is the operation number activation - 1 of operations.h, one of those in ACTIVATIONS, with the
 * parameters a and b; with activation 0, f(x) = x. The result has the same bits as if each
 * operation were computed by itself. x, y and residual (n, c, size), the other arrays (c). A NULL
 * weight means ones, a NULL bias or residual zeros. Overwrites y, which may be x or residual.
 * Parallel over runs. */
void CNET_FN(batch_norm)(const cnet_call *call) {
    const cnet_batch_norm_arguments *a = &call->batch_norm;
    const job_t job = {
        .transform = transforms[activation_index(a->activation)],
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .weight = a->weight,
        .bias = a->bias,
        .residual = a->residual,
        .y = a->y,
        .g = a->g,
        .runs = max_size(1, ELEMENTS_PER_CHUNK / max_size(1, a->g.size)),
        .eps = a->eps,
        .a = (real)a->a,
        .b = (real)a->b,
    };
    cnet_parallel(transform_chunk, &job, ceil_div(a->g.n * a->g.c, job.runs), call->threads);
}
