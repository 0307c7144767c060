/* Group normalisation: the transform of groups of channels of each image, and its gradients.
 *
 * Arrays are (n, c, size), mean and var are (n, groups): an image has `groups` groups of c / groups
 * consecutive channels. batch_norm_stats of (1, n * groups, c / groups * size) computes them.
 * Layer normalisation has one group, and channels of size 1. Sums are computed in double. */
#include "sums.h"

typedef struct {
    const real *x, *grad_output, *mean, *var, *weight, *bias;
    real *y, *dx;
    double *sums; /* of dweight and dbias, 2 c for each chunk; or NULL */
    cnet_norm g;
    double eps;
    ptrdiff_t groups;
    ptrdiff_t channels; /* per group */
    ptrdiff_t rows;     /* groups of all images per chunk */
} job_t;

static void run_rows(cnet_task *task, job_t *job, const cnet_call *call) {
    job->channels = job->g.c / job->groups;
    job->rows = max_size(1, ELEMENTS_PER_CHUNK / max_size(1, job->channels * job->g.size));
    cnet_parallel(task, job, ceil_div(job->g.n * job->groups, job->rows), call->threads);
}

static ptrdiff_t last_row(const job_t *job, ptrdiff_t chunk) {
    return min_size(job->g.n * job->groups, (chunk + 1) * job->rows);
}

static real mean_of(const job_t *job, ptrdiff_t row) { return job->mean ? job->mean[row] : 0; }

static double inverse_deviation(const job_t *job, ptrdiff_t row) {
    return 1 / sqrt((double)job->var[row] + job->eps);
}

/* The mean and the variance of a row, in two passes, as batch_norm_stats computes them. */
static real statistics_of(const real *x, ptrdiff_t count, double eps, double *deviation) {
    const double first = (double)x[0], shift = isfinite(first) ? first : 0;
    const double mean = shift + sum_run(x, shift, count) / (double)count;
    const real var = (real)(sum_products(x, mean, x, mean, count) / (double)count);
    *deviation = 1 / sqrt((double)var + eps);
    return (real)mean;
}

static void transform_row(const job_t *job, ptrdiff_t row) {
    const ptrdiff_t size = job->g.size, channels = job->channels;
    const ptrdiff_t first = row % job->groups * channels;
    const real *x = job->x + row * channels * size;
    const real *weight = job->weight ? job->weight + first : NULL,
               *bias = job->bias ? job->bias + first : NULL;
    real *y = job->y + row * channels * size;
    double deviation;
    real mean;
    if (job->var) {
        deviation = inverse_deviation(job, row);
        mean = mean_of(job, row);
    } else {
        mean = statistics_of(x, channels * size, job->eps, &deviation);
    }
    const real scale = (real)deviation;
    if (size == 1) {
        for (ptrdiff_t c = 0; c < channels; c++)
            y[c] = (x[c] - mean) * (weight ? scale * weight[c] : scale) + (bias ? bias[c] : 0);
        return;
    }
    for (ptrdiff_t c = 0; c < channels; c++) {
        const real by = weight ? (real)(deviation * (double)weight[c]) : scale,
                   shift = bias ? bias[c] : 0;
        for (ptrdiff_t t = c * size; t < (c + 1) * size; t++)
            y[t] = (x[t] - mean) * by + shift;
    }
}

static void transform_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    for (ptrdiff_t row = chunk * job->rows; row < last_row(job, chunk); row++)
        transform_row(job, row);
}

/* y[n, c, t] = (x[n, c, t] - mean[n, k]) * weight[c] / sqrt(var[n, k] + eps) + bias[c], with k the
 * group of channel c.
 *
 * x and y (n, c, size), mean and var (n, groups), weight and bias (c); groups divides c. A NULL
 * weight means ones; a NULL mean or bias, zeros; without var, mean and var are those of x, as
 * batch_norm_stats computes them. Overwrites y, which may be x. Parallel over groups. */
void CNET_FN(group_norm)(const cnet_call *call) {
    const cnet_group_norm_arguments *a = &call->group_norm;
    job_t job = {
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .weight = a->weight,
        .bias = a->bias,
        .y = a->y,
        .g = a->g,
        .eps = a->eps,
        .groups = a->groups,
    };
    run_rows(transform_chunk, &job, call);
}

/* ---- Gradients ---- */

/* Chunks whose sums over images are added to dweight and dbias. */
enum { MOST_PARTS = 16 };

/* Fewer chunks if their sums would take more memory than x. */
static ptrdiff_t rows_per_part(const cnet_group_norm_backward_arguments *a) {
    const ptrdiff_t bytes = 2 * (ptrdiff_t)sizeof(double), rows = a->g.n * a->groups;
    const ptrdiff_t fitting = a->g.n * a->g.size * (ptrdiff_t)sizeof(real) / bytes;
    const ptrdiff_t least = ELEMENTS_PER_CHUNK * a->groups / max_size(1, a->g.c * a->g.size);
    return max_size(max_size(1, least), ceil_div(rows, max_size(1, min_size(MOST_PARTS, fitting))));
}

static int has_sums(const cnet_group_norm_backward_arguments *a) { return a->dweight || a->dbias; }

static ptrdiff_t parts_of(const cnet_group_norm_backward_arguments *a) {
    return ceil_div(a->g.n * a->groups, rows_per_part(a));
}

static inline void add_wide(double *to, wide v) { store_doubles(to, load_doubles(to) + v); }

/* Adds the sums of dy * weight and of dy * weight * (x - mean); and dy and scale * dy * (x - mean)
 * to each element of dbias and dweight. A NULL weight means ones, and dweight and dbias may be
 * NULL. */
static void add_sums(const real *dy, const real *x, const real *weight, double mean, double scale,
                     ptrdiff_t count, double *plain, double *centred, double *dweight,
                     double *dbias) {
    wide plain_sums[4] = {0}, centred_sums[4] = {0};
    ptrdiff_t t = 0;
    for (; t + WIDE_BLOCK <= count; t += WIDE_BLOCK)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const ptrdiff_t at = t + i * WIDE_LANES;
            const wide term = load_wide(dy + at), product = term * (load_wide(x + at) - mean);
            if (dbias) {
                add_wide(dweight + at, scale * product);
                add_wide(dbias + at, term);
            }
            plain_sums[i] += weight ? term * load_wide(weight + at) : term;
            centred_sums[i] += weight ? product * load_wide(weight + at) : product;
        }
    *plain += sum_wide(plain_sums);
    *centred += sum_wide(centred_sums);
    for (; t < count; t++) {
        const double term = (double)dy[t], product = term * ((double)x[t] - mean);
        const double factor = weight ? (double)weight[t] : 1;
        if (dbias) {
            dweight[t] += scale * product;
            dbias[t] += term;
        }
        *plain += factor * term;
        *centred += factor * product;
    }
}

/* dx of a row, and its terms of dweight and dbias, which may be NULL. */
static void gradients_of_row(const job_t *job, ptrdiff_t row, double *dweight, double *dbias) {
    const ptrdiff_t size = job->g.size, channels = job->channels;
    const ptrdiff_t first = row % job->groups * channels, count = channels * size;
    const real *x = job->x + row * count, *dy = job->grad_output + row * count;
    const real *weight = job->weight ? job->weight + first : NULL;
    const real mean = mean_of(job, row);
    const double scale = inverse_deviation(job, row);
    if (dbias)
        dweight += first, dbias += first;

    double plain = 0, centred = 0;
    if (size == 1)
        add_sums(dy, x, weight, (double)mean, scale, channels, &plain, &centred, dweight, dbias);
    else
        for (ptrdiff_t c = 0; c < channels; c++) {
            double plain_sum = 0, centred_sum = 0;
            add_sums(dy + c * size, x + c * size, NULL, (double)mean, scale, size, &plain_sum,
                     &centred_sum, NULL, NULL);
            plain += (weight ? (double)weight[c] : 1) * plain_sum;
            centred += (weight ? (double)weight[c] : 1) * centred_sum;
            if (dbias) {
                dweight[c] += scale * centred_sum;
                dbias[c] += plain_sum;
            }
        }
    if (!job->dx)
        return;

    real *dx = job->dx + row * count;
    if (count == 1 && job->mean) {
        dx[0] = 0;
        return;
    }
    const real by_dy = (real)scale;
    const real by_x = (real)(-scale * scale * scale * centred / (double)count);
    const real constant = job->mean ? (real)(-scale * plain / (double)count) : 0;
    if (size == 1) {
        for (ptrdiff_t c = 0; c < channels; c++)
            dx[c] =
                (weight ? by_dy * weight[c] : by_dy) * dy[c] + (by_x * (x[c] - mean) + constant);
        return;
    }
    for (ptrdiff_t c = 0; c < channels; c++) {
        const real by = weight ? (real)(scale * (double)weight[c]) : by_dy;
        for (ptrdiff_t t = c * size; t < (c + 1) * size; t++)
            dx[t] = by * dy[t] + (by_x * (x[t] - mean) + constant);
    }
}

static void gradients_of_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t c = job->g.c;
    double *dweight = job->sums ? job->sums + 2 * c * chunk : NULL;
    double *dbias = job->sums ? dweight + c : NULL;
    if (job->sums)
        memset(dweight, 0, 2 * (size_t)c * sizeof(double));
    for (ptrdiff_t row = chunk * job->rows; row < last_row(job, chunk); row++)
        gradients_of_row(job, row, dweight, dbias);
}

/* to[i] = the sum of sums[i] of all parts; changes those of the first part. */
static void join_parts(real *to, double *sums, ptrdiff_t c, ptrdiff_t parts) {
    for (ptrdiff_t part = 1; part < parts; part++)
        for (ptrdiff_t i = 0; i < c; i++)
            sums[i] += sums[2 * c * part + i];
    for (ptrdiff_t i = 0; i < c; i++)
        to[i] = parts ? (real)sums[i] : 0;
}

size_t CNET_FN(group_norm_backward_workspace)(cnet_call *call) {
    const cnet_group_norm_backward_arguments *a = &call->group_norm_backward;
    return has_sums(a) ? (size_t)(2 * a->g.c * parts_of(a)) * sizeof(double) : 0;
}

/* With s = 1 / sqrt(var + eps) and h = (x - mean) * s:
 *     dbias[c] = sum of grad_output            dweight[c] = sum of grad_output * h
 *     dx = s * (v - (sum of v + h * sum of v * h) / count),  v = weight * grad_output
 * The sums of dbias and dweight are over images and elements of a channel, those of dx over the
 * `count` elements of a group of an image. mean and var are the statistics of x and depend on it;
 * if a group is a single number, dx is 0. A NULL mean means zeros that do not depend on x, so that
 * the sum of v is left out.
 *
 * grad_output, x and dx (n, c, size), mean and var (n, groups), weight, dweight and dbias (c);
 * groups divides c. A NULL weight means ones. Overwrites dx, dweight and dbias; those that are NULL
 * are not computed. Workspace: the sums of up to MOST_PARTS parts of the images. Parallel over
 * groups of images. */
void CNET_FN(group_norm_backward)(const cnet_call *call) {
    const cnet_group_norm_backward_arguments *a = &call->group_norm_backward;
    job_t job = {
        .grad_output = a->grad_output,
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .weight = a->weight,
        .dx = a->dx,
        .sums = has_sums(a) ? (double *)call->workspace : NULL,
        .g = a->g,
        .eps = a->eps,
        .groups = a->groups,
        .channels = a->g.c / a->groups,
        .rows = rows_per_part(a),
    };
    const ptrdiff_t parts = parts_of(a), c = a->g.c;
    cnet_parallel(gradients_of_chunk, &job, parts, call->threads);
    if (a->dweight)
        join_parts(a->dweight, job.sums, c, parts);
    if (a->dbias)
        join_parts(a->dbias, job.sums + c, c, parts);
}
