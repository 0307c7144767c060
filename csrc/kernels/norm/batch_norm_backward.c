/* The gradients of batch normalisation and of its activation.
 *
 * A channel takes two passes: the first computes the sums over the channel, the second, for which
 * the arrays are often still in the cache, computes dx. */
#include "batch_norm.h"

typedef struct {
    const real *grad_output, *x, *y, *mean, *var, *weight, *bias;
    real *dx, *dweight, *dbias, *dresidual;
    cnet_norm g;
    double eps;
    real a, b;
    int from_batch;
} job_t;

/* Where a run begins, and what all runs of a channel share. */
typedef struct {
    affine_t f;
    real by_grad, by_x, constant; /* dx = by_grad * grad + (by_x * (x - mean) + constant) */
    vec a, b;
    ptrdiff_t next; /* the distance to the next run of the channel, 0 for the last one */
} channel_t;

typedef void reduce_t(const job_t *job, ptrdiff_t at, const channel_t *channel, two_sums *sums);
typedef void write_t(const job_t *job, ptrdiff_t at, const channel_t *channel);

/* The gradient with respect to the argument of the activation. It is recomputed from x, or computed
 * from y if there is a residual. */
ALWAYS_INLINE vec inner_gradient(const int operation, vec g, vec x, vec y, const channel_t *c,
                                 const int has_y) {
    if (operation == NO_OPERATION)
        return g;
    const vec z = has_y ? y : normalise(x, &c->f);
    return activation_gradient(operation, g, z, has_y ? y : activate(operation, z, c->a, c->b),
                               c->a, c->b);
}

/* Adds the inner gradients, and their products with x - mean. Missing lanes have gradients of 0. */
ALWAYS_INLINE void reduce_run(const int operation, const job_t *job, ptrdiff_t at,
                              const channel_t *c, two_sums *sums, const int has_y) {
    const real *grad = job->grad_output + at, *x = job->x + at, *y = has_y ? job->y + at : NULL;
    real *dresidual = job->dresidual ? job->dresidual + at : NULL;
    two_sums s = *sums;
    for (ptrdiff_t t = 0; t < job->g.size; t += LANES) {
        const ptrdiff_t rest = job->g.size - t;
        const vec v = load_run(x + t, rest);
        const vec g = inner_gradient(operation, load_run(grad + t, rest), v,
                                     has_y ? load_run(y + t, rest) : v, c, has_y);
        __builtin_prefetch(grad + t + c->next);
        __builtin_prefetch(x + t + c->next);
        if (has_y)
            __builtin_prefetch(y + t + c->next);
        if (dresidual)
            store_run(dresidual + t, g, rest);
        const wide_vec wide_g = widen(g), wide_x = widen(v);
#pragma GCC unroll 2
        for (int i = 0; i < PIECES; i++) {
            s.first[i] += wide_g.piece[i];
            s.second[i] += wide_g.piece[i] * (wide_x.piece[i] - (double)c->f.mean);
        }
    }
    *sums = s;
}

ALWAYS_INLINE vec dx_of(vec g, vec x, const channel_t *c, int from_batch) {
    if (!from_batch)
        return c->by_grad * g;
    return c->by_grad * g + (c->by_x * (x - c->f.mean) + c->constant);
}

ALWAYS_INLINE void write_run(const int operation, const job_t *job, ptrdiff_t at,
                             const channel_t *c, const int has_y) {
    /* dresidual, if there is one, already holds the inner gradients */
    const int done = job->dresidual != NULL;
    const real *grad = (done ? job->dresidual : job->grad_output) + at, *x = job->x + at,
               *y = has_y ? job->y + at : NULL;
    real *dx = job->dx + at;
    for (ptrdiff_t t = 0; t < job->g.size; t += LANES) {
        const ptrdiff_t rest = job->g.size - t;
        const vec v = load_run(x + t, rest);
        vec g = load_run(grad + t, rest);
        if (!done)
            g = inner_gradient(operation, g, v, has_y ? load_run(y + t, rest) : v, c, has_y);
        store_run(dx + t, dx_of(g, v, c, job->from_batch), rest);
    }
}

#define PASSES(name, operation)                                                                    \
    static void name##_reduce(const job_t *job, ptrdiff_t at, const channel_t *channel,            \
                              two_sums *sums) {                                                    \
        if (job->y)                                                                                \
            reduce_run(operation, job, at, channel, sums, 1);                                      \
        else                                                                                       \
            reduce_run(operation, job, at, channel, sums, 0);                                      \
    }                                                                                              \
    static void name##_write(const job_t *job, ptrdiff_t at, const channel_t *channel) {           \
        if (job->y)                                                                                \
            write_run(operation, job, at, channel, 1);                                             \
        else                                                                                       \
            write_run(operation, job, at, channel, 0);                                             \
    }
#define PASSES_OF(index, name) PASSES(name, CNET_OPERATION_##name)
PASSES(plain, NO_OPERATION)
ACTIVATIONS(PASSES_OF)

typedef struct {
    reduce_t *reduce;
    write_t *write;
} passes_t;
#define ENTRY(index, name) [index] = {name##_reduce, name##_write},
static const passes_t passes[ACTIVATION_COUNT] = {{plain_reduce, plain_write}, ACTIVATIONS(ENTRY)};
#undef ENTRY

typedef struct {
    job_t job;
    passes_t passes;
} work_t;

static void gradients_of_channel(const void *argument, ptrdiff_t channel, int slot) {
    (void)slot;
    const work_t *work = argument;
    const job_t *job = &work->job;
    const ptrdiff_t stride = job->g.c * job->g.size, begin = channel * job->g.size,
                    end = begin + job->g.n * stride;
    const double deviation = inverse_deviation(job->var[channel], job->eps);
    channel_t c = {
        .f = affine_of(job->mean, job->var, job->weight, job->bias, job->eps, channel),
        .a = broadcast(job->a),
        .b = broadcast(job->b),
    };
    two_sums sums = {0};
    if (job->dbias || job->dweight || job->dresidual || (job->dx && job->from_batch))
        for (ptrdiff_t at = begin; at < end; at += stride) {
            c.next = at + stride < end ? stride : 0;
            work->passes.reduce(job, at, &c, &sums);
        }
    const double dbias = total_of(sums.first), dweight = total_of(sums.second) * deviation;
    if (job->dbias)
        job->dbias[channel] = (real)dbias;
    if (job->dweight)
        job->dweight[channel] = (real)dweight;
    if (!job->dx)
        return;
    const double scale = (job->weight ? (double)job->weight[channel] : 1) * deviation;
    const double count = (double)job->g.n * (double)job->g.size;
    c.by_grad = (real)scale;
    c.by_x = (real)(-scale * deviation * dweight / count);
    c.constant = (real)(-scale * dbias / count);
    for (ptrdiff_t at = begin; at < end; at += stride)
        work->passes.write(job, at, &c);
}

/* With s[c] = 1 / sqrt(var[c] + eps), h = (x - mean) * s, g the gradient with respect to the
 * argument of the activation, and sums over a channel:
 *     dresidual = g        dbias[c] = sum of g        dweight[c] = sum of g * h
 *     dx = weight * s * (g - (dbias + h * dweight) / (n * size))   if from_batch, else
 *     dx = weight * s * g
 * from_batch says that mean and var are the statistics of x and therefore depend on it. The
 * activation, a and b are those of batch_norm. y is the result of batch_norm if there was a
 * residual, which only relu and hardtanh allow; otherwise y is NULL.
 *
 * grad_output, x, y, dx and dresidual (n, c, size), the other arrays (c). A NULL weight means ones,
 * a NULL bias zeros. Overwrites dx, dweight, dbias and dresidual; those that are NULL are not
 * computed. Parallel over channels. */
void CNET_FN(batch_norm_backward)(const cnet_call *call) {
    const cnet_batch_norm_backward_arguments *a = &call->batch_norm_backward;
    const work_t work = {
        .job =
            {
                .grad_output = a->grad_output,
                .x = a->x,
                .y = a->y,
                .mean = a->mean,
                .var = a->var,
                .weight = a->weight,
                .bias = a->bias,
                .dx = a->dx,
                .dweight = a->dweight,
                .dbias = a->dbias,
                .dresidual = a->dresidual,
                .g = a->g,
                .eps = a->eps,
                .a = (real)a->a,
                .b = (real)a->b,
                .from_batch = a->from_batch != 0,
            },
        .passes = passes[activation_index(a->activation)],
    };
    const int is_small = a->g.n * a->g.c * a->g.size <= ELEMENTS_PER_CHUNK;
    cnet_parallel(gradients_of_channel, &work, a->g.c, is_small ? 1 : call->threads);
}
