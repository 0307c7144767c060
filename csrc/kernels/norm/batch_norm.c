/* Batch normalisation: the statistics of channels, the transform, and its gradients.
 *
 * Arrays are (n, c, size): a channel consists of n contiguous runs of `size` elements. Sums over a
 * channel are computed in double, run by run, in order. */
#include "sums.h"

typedef struct {
    const real *x, *grad_output, *mean, *var, *weight, *bias;
    real *y, *dx, *dweight, *dbias, *means, *variances;
    cnet_norm g;
    double eps;
    int from_batch;
} job_t;

static void run_channels(cnet_task *task, const job_t *job, const cnet_call *call) {
    const int is_small = job->g.n * job->g.c * job->g.size <= ELEMENTS_PER_CHUNK;
    cnet_parallel(task, job, job->g.c, is_small ? 1 : call->threads);
}

/* Offset of the run of image n in a channel. */
static ptrdiff_t run_of(const job_t *job, ptrdiff_t n, ptrdiff_t channel) {
    return (n * job->g.c + channel) * job->g.size;
}

/* Sums the deviations from the first element: they are small where the elements are close to each
 * other. */
static double mean_of_channel(const job_t *job, ptrdiff_t channel) {
    const double first = (double)job->x[run_of(job, 0, channel)],
                 shift = isfinite(first) ? first : 0;
    double sum = 0;
    for (ptrdiff_t n = 0; n < job->g.n; n++)
        sum += sum_run(job->x + run_of(job, n, channel), shift, job->g.size);
    return shift + sum / ((double)job->g.n * (double)job->g.size);
}

static void stats_of_channel(const void *argument, ptrdiff_t channel, int slot) {
    (void)slot;
    const job_t *job = argument;
    const double mean = mean_of_channel(job, channel);
    double squares = 0;
    for (ptrdiff_t n = 0; n < job->g.n; n++) {
        const real *x = job->x + run_of(job, n, channel);
        squares += sum_products(x, mean, x, mean, job->g.size);
    }
    job->means[channel] = (real)mean;
    job->variances[channel] = (real)(squares / ((double)job->g.n * (double)job->g.size));
}

/* mean[c] = sum of x[:, c, :] / count and var[c] = sum of (x[:, c, :] - mean[c])^2 / count, with
 * count = n * size.
 *
 * x (n, c, size) with n and size positive, mean and var (c); overwrites both. Two passes, the
 * second around the mean: a channel of equal numbers has exactly that mean and variance 0. A
 * channel with NaN or infinity has NaN in var. Parallel over channels. */
void CNET_FN(batch_norm_stats)(const cnet_call *call) {
    const cnet_batch_norm_stats_arguments *a = &call->batch_norm_stats;
    const job_t job = {.x = a->x, .means = a->mean, .variances = a->var, .g = a->g};
    run_channels(stats_of_channel, &job, call);
}

static double inverse_deviation(const job_t *job, ptrdiff_t channel) {
    return 1 / sqrt((double)job->var[channel] + job->eps);
}

static void transform_channel(const void *argument, ptrdiff_t channel, int slot) {
    (void)slot;
    const job_t *job = argument;
    const double weight = job->weight ? (double)job->weight[channel] : 1;
    const real scale = (real)(weight * inverse_deviation(job, channel));
    const real mean = job->mean[channel], bias = job->bias ? job->bias[channel] : 0;
    for (ptrdiff_t n = 0; n < job->g.n; n++) {
        const real *x = job->x + run_of(job, n, channel);
        real *y = job->y + run_of(job, n, channel);
        for (ptrdiff_t t = 0; t < job->g.size; t++)
            y[t] = (x[t] - mean) * scale + bias;
    }
}

/* y[n, c, t] = (x[n, c, t] - mean[c]) * weight[c] / sqrt(var[c] + eps) + bias[c].
 *
 * x and y (n, c, size), the other arrays (c). A NULL weight means ones, a NULL bias zeros.
 * Overwrites y, which may be x. Parallel over channels. */
void CNET_FN(batch_norm)(const cnet_call *call) {
    const cnet_batch_norm_arguments *a = &call->batch_norm;
    const job_t job = {
        .x = a->x,
        .mean = a->mean,
        .var = a->var,
        .weight = a->weight,
        .bias = a->bias,
        .y = a->y,
        .g = a->g,
        .eps = a->eps,
    };
    run_channels(transform_channel, &job, call);
}

static void gradient_of_channel(const void *argument, ptrdiff_t channel, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t size = job->g.size;
    const double deviation = inverse_deviation(job, channel);
    const double count = (double)job->g.n * (double)size;
    const real mean = job->mean[channel];
    double dbias = 0, dweight = 0;
    if (job->dbias || (job->dx && job->from_batch))
        for (ptrdiff_t n = 0; n < job->g.n; n++)
            dbias += sum_run(job->grad_output + run_of(job, n, channel), 0, size);
    if (job->dweight || (job->dx && job->from_batch))
        for (ptrdiff_t n = 0; n < job->g.n; n++) {
            const ptrdiff_t at = run_of(job, n, channel);
            dweight += sum_products(job->grad_output + at, 0, job->x + at, (double)mean, size);
        }
    dweight *= deviation;
    if (job->dbias)
        job->dbias[channel] = (real)dbias;
    if (job->dweight)
        job->dweight[channel] = (real)dweight;
    if (!job->dx)
        return;

    const double scale = (job->weight ? (double)job->weight[channel] : 1) * deviation;
    const real by_dy = (real)scale;
    const real by_x = job->from_batch ? (real)(-scale * deviation * dweight / count) : 0;
    const real constant = job->from_batch ? (real)(-scale * dbias / count) : 0;
    for (ptrdiff_t n = 0; n < job->g.n; n++) {
        const real *grad_output = job->grad_output + run_of(job, n, channel),
                   *x = job->x + run_of(job, n, channel);
        real *dx = job->dx + run_of(job, n, channel);
        if (job->from_batch)
            for (ptrdiff_t t = 0; t < size; t++)
                dx[t] = by_dy * grad_output[t] + (by_x * (x[t] - mean) + constant);
        else
            for (ptrdiff_t t = 0; t < size; t++)
                dx[t] = by_dy * grad_output[t];
    }
}

/* With s[c] = 1 / sqrt(var[c] + eps), h = (x - mean) * s, and sums over a channel:
 *     dbias[c] = sum of grad_output            dweight[c] = sum of grad_output * h
 *     dx = weight * s * (grad_output - (dbias + h * dweight) / (n * size))   if from_batch, else
 *     dx = weight * s * grad_output
 * from_batch says that mean and var are the statistics of x and therefore depend on it.
 *
 * grad_output, x and dx (n, c, size), the other arrays (c). A NULL weight means ones. Overwrites
 * dx, dweight and dbias; those that are NULL are not computed. Parallel over channels. */
void CNET_FN(batch_norm_backward)(const cnet_call *call) {
    const cnet_batch_norm_backward_arguments *a = &call->batch_norm_backward;
    const job_t job = {
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
        .from_batch = a->from_batch != 0,
    };
    run_channels(gradient_of_channel, &job, call);
}
