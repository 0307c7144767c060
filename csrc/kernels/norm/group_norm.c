/* Group normalisation: the transform of groups of channels of each image, and its gradients.
 *
 * Arrays are (n, c, size), mean and var are (n, groups): an image has `groups` groups of c / groups
 * consecutive channels. batch_norm_stats of (1, n * groups, c / groups * size) computes them.
 * Layer normalisation has one group, and channels of size 1. Sums are computed in double. */
#include "sums.h"

typedef struct {
    const real *x, *grad_output, *mean, *var, *weight, *bias;
    real *y, *dx, *dweight, *dbias;
    cnet_norm g;
    double eps;
    ptrdiff_t groups;
    ptrdiff_t channels; /* per group */
    ptrdiff_t rows;     /* groups of all images per chunk */
} job_t;

/* The columns of a block of channels of size 1, whose sums over the images are computed together,
 * and the images whose terms are added one after the other. */
enum { COLUMNS = 256, IMAGES = 1024 };

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

/* Adds the sums of dy * weight and of dy * weight * (x - mean). A NULL weight means ones. */
static void add_sums(const real *dy, const real *x, const real *weight, double mean,
                     ptrdiff_t count, double *plain, double *centred) {
    wide plain_sums[4] = {0}, centred_sums[4] = {0};
    ptrdiff_t t = 0;
    for (; t + WIDE_BLOCK <= count; t += WIDE_BLOCK)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const ptrdiff_t at = t + i * WIDE_LANES;
            const wide term =
                weight ? load_wide(dy + at) * load_wide(weight + at) : load_wide(dy + at);
            plain_sums[i] += term;
            centred_sums[i] += term * (load_wide(x + at) - mean);
        }
    *plain += sum_wide(plain_sums);
    *centred += sum_wide(centred_sums);
    for (; t < count; t++) {
        const double term = (double)dy[t] * (weight ? (double)weight[t] : 1);
        *plain += term;
        *centred += term * ((double)x[t] - mean);
    }
}

static void dx_of_row(const job_t *job, ptrdiff_t row) {
    const ptrdiff_t size = job->g.size, channels = job->channels;
    const ptrdiff_t first = row % job->groups * channels, count = channels * size;
    const real *x = job->x + row * count, *dy = job->grad_output + row * count;
    const real *weight = job->weight ? job->weight + first : NULL;
    real *dx = job->dx + row * count;
    const real mean = mean_of(job, row);
    const double scale = inverse_deviation(job, row);
    if (count == 1 && job->mean) {
        dx[0] = 0;
        return;
    }

    double plain = 0, centred = 0;
    if (size == 1)
        add_sums(dy, x, weight, (double)mean, channels, &plain, &centred);
    else
        for (ptrdiff_t c = 0; c < channels; c++) {
            double plain_sum = 0, centred_sum = 0;
            add_sums(dy + c * size, x + c * size, NULL, (double)mean, size, &plain_sum,
                     &centred_sum);
            plain += (weight ? (double)weight[c] : 1) * plain_sum;
            centred += (weight ? (double)weight[c] : 1) * centred_sum;
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

static void dx_of_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    for (ptrdiff_t row = chunk * job->rows; row < last_row(job, chunk); row++)
        dx_of_row(job, row);
}

/* dweight and dbias of up to COLUMNS channels of size 1 in the same group. */
static void columns_of_block(const job_t *job, ptrdiff_t first, ptrdiff_t count) {
    const ptrdiff_t group = first / job->channels;
    double dweight[COLUMNS] = {0}, dbias[COLUMNS] = {0};
    for (ptrdiff_t start = 0; start < job->g.n; start += IMAGES) {
        double centred[COLUMNS] = {0}, plain[COLUMNS] = {0};
        for (ptrdiff_t n = start; n < min_size(job->g.n, start + IMAGES); n++) {
            const ptrdiff_t row = n * job->groups + group;
            const real *x = job->x + n * job->g.c + first,
                       *dy = job->grad_output + n * job->g.c + first;
            const double mean = (double)mean_of(job, row), scale = inverse_deviation(job, row);
            for (ptrdiff_t c = 0; c < count; c++) {
                plain[c] += (double)dy[c];
                centred[c] += (double)dy[c] * (((double)x[c] - mean) * scale);
            }
        }
        for (ptrdiff_t c = 0; c < count; c++) {
            dweight[c] += centred[c];
            dbias[c] += plain[c];
        }
    }
    for (ptrdiff_t c = 0; c < count; c++) {
        if (job->dweight)
            job->dweight[first + c] = (real)dweight[c];
        if (job->dbias)
            job->dbias[first + c] = (real)dbias[c];
    }
}

/* The blocks of a group do not reach into the next group. */
static ptrdiff_t blocks_per_group(const job_t *job) { return ceil_div(job->channels, COLUMNS); }

static void columns_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t group = chunk / blocks_per_group(job),
                    within = chunk % blocks_per_group(job) * COLUMNS;
    columns_of_block(job, group * job->channels + within,
                     min_size(COLUMNS, job->channels - within));
}

static void channel_chunk(const void *argument, ptrdiff_t channel, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t size = job->g.size;
    double dweight = 0, dbias = 0;
    for (ptrdiff_t n = 0; n < job->g.n; n++) {
        const ptrdiff_t row = n * job->groups + channel / job->channels;
        const ptrdiff_t at = (n * job->g.c + channel) * size;
        double plain = 0, centred = 0;
        add_sums(job->grad_output + at, job->x + at, NULL, (double)mean_of(job, row), size, &plain,
                 &centred);
        dweight += centred * inverse_deviation(job, row);
        dbias += plain;
    }
    if (job->dweight)
        job->dweight[channel] = (real)dweight;
    if (job->dbias)
        job->dbias[channel] = (real)dbias;
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
 * are not computed. Parallel over groups for dx, over channels for the others. */
void CNET_FN(group_norm_backward)(const cnet_call *call) {
    const cnet_group_norm_backward_arguments *a = &call->group_norm_backward;
    job_t job = {
        .grad_output = a->grad_output,
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .weight = a->weight,
        .dx = a->dx,
        .dweight = a->dweight,
        .dbias = a->dbias,
        .g = a->g,
        .eps = a->eps,
        .groups = a->groups,
        .channels = a->g.c / a->groups,
    };
    if (job.dx)
        run_rows(dx_of_chunk, &job, call);
    if (!job.dweight && !job.dbias)
        return;
    if (job.g.size == 1)
        cnet_parallel(columns_chunk, &job, job.groups * blocks_per_group(&job), call->threads);
    else
        cnet_parallel(channel_chunk, &job, job.g.c, call->threads);
}
