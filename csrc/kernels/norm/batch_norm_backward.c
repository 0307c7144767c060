/* The gradients of batch normalisation and of its activation.
 *
 * A chunk takes two passes: the first computes the sums over its channels, the second, for which
 * the arrays are often still in the cache, computes dx. */
#include "batch_norm.h"
#include "streams.h"

/* Arrays of a run. y is NULL without a residual, dresidual if it is not wanted. */
typedef struct {
    const real *grad, *x, *y;
    real *dx, *dresidual;
    ptrdiff_t count;
    int streams; /* dx is streamed */
} run_t;

/* dx = by_grad * gradient + (by_x * (x - mean) + constant), with the inner gradient: that with
 * respect to the argument of the activation. */
typedef struct {
    affine_cells f;
    real by_grad[ROW_CELLS], by_x[ROW_CELLS], constant[ROW_CELLS];
} chunk_cells;

enum { FEW = 4 };
typedef void add_t(const run_t *r, const chunk_cells *c, ptrdiff_t cell, ptrdiff_t mask, vec a,
                   vec b, cell_sums *sums);
typedef void write_t(const run_t *r, const chunk_cells *c, ptrdiff_t cell, ptrdiff_t mask, vec a,
                     vec b, int from_batch);

typedef struct {
    add_t *add;
    write_t *write;
} passes_t;

typedef struct {
    passes_t passes;
    const real *grad_output, *x, *y, *mean, *var, *weight, *bias;
    real *dx, *dweight, *dbias, *dresidual;
    division d;
    ptrdiff_t pitch;
    double eps;
    real a, b;
    int from_batch, streams;
} job_t;

/* The inner gradient of the elements from t on; missing elements have 0. It is recomputed from x,
 * or computed from y if there is a residual. */
ALWAYS_INLINE vec inner_gradient(const int operation, const run_t *r, ptrdiff_t t, vec x,
                                 const chunk_cells *c, ptrdiff_t cell, vec a, vec b,
                                 const int has_y) {
    const ptrdiff_t rest = r->count - t;
    const vec g = load_run(r->grad + t, rest);
    if (operation == NO_OPERATION)
        return g;
    const vec z = has_y ? load_run(r->y + t, rest) : normalise(x, affine_at(&c->f, cell));
    return activation_gradient(operation, g, z, has_y ? z : activate(operation, z, a, b), a, b);
}

/* Adds the inner gradients, and their products with x - mean; `mask` is constant. Numbers with the
 * same cells are added as vectors, a few at a time, before they are widened. */
ALWAYS_INLINE void add_run(const int operation, const run_t *r, const chunk_cells *c,
                           ptrdiff_t cell, const ptrdiff_t mask, vec a, vec b, cell_sums *sums,
                           const int has_y) {
    const ptrdiff_t step = mask ? LANES : FEW * LANES;
    double *first = sums->first + cell, *second = sums->second + cell;
    wide_vec total = load_sums(first), products = load_sums(second);
    for (ptrdiff_t begin = 0; begin < r->count; begin += step) {
        const vec mean = load(c->f.mean + cell + (begin & mask));
        vec sum = {0}, product = {0};
        for (ptrdiff_t t = begin; t < min_size(begin + step, r->count); t += LANES) {
            const ptrdiff_t rest = r->count - t;
            const vec x = load_run(r->x + t, rest);
            const vec g = inner_gradient(operation, r, t, x, c, cell + (t & mask), a, b, has_y);
            if (r->dresidual)
                store_run(r->dresidual + t, g, rest);
            sum += g;
            product += g * (x - mean);
        }
        if (mask) {
            total = load_sums(first + begin);
            products = load_sums(second + begin);
        }
        add_vector(sum, &total);
        add_vector(product, &products);
        if (mask) {
            store_sums(first + begin, total);
            store_sums(second + begin, products);
        }
    }
    if (!mask) {
        store_sums(first, total);
        store_sums(second, products);
    }
}

/* Computes dx; dresidual, if there is one, already holds the inner gradients. */
ALWAYS_INLINE void write_run(const int operation, const run_t *r, const chunk_cells *c,
                             ptrdiff_t cell, ptrdiff_t mask, vec a, vec b, int from_batch,
                             const int has_y) {
    for (ptrdiff_t t = 0; t < r->count; t += LANES) {
        const ptrdiff_t rest = r->count - t, at = cell + (t & mask);
        const vec x = load_run(r->x + t, rest);
        vec v = load(c->by_grad + at);
        if (r->dresidual)
            v *= load_run(r->dresidual + t, rest);
        else
            v *= inner_gradient(operation, r, t, x, c, at, a, b, has_y);
        if (from_batch)
            v += load(c->by_x + at) * (x - load(c->f.mean + at)) + load(c->constant + at);
        if (r->streams && rest >= LANES)
            stream(r->dx + t, v);
        else
            store_run(r->dx + t, v, rest);
    }
}

#define PASSES(name, operation, has_y)                                                             \
    static void name##_add(const run_t *r, const chunk_cells *c, ptrdiff_t cell, ptrdiff_t mask,   \
                           vec a, vec b, cell_sums *sums) {                                        \
        if (mask)                                                                                  \
            add_run(operation, r, c, cell, -1, a, b, sums, has_y);                                 \
        else                                                                                       \
            add_run(operation, r, c, cell, 0, a, b, sums, has_y);                                  \
    }                                                                                              \
    static void name##_write(const run_t *r, const chunk_cells *c, ptrdiff_t cell, ptrdiff_t mask, \
                             vec a, vec b, int from_batch) {                                       \
        write_run(operation, r, c, cell, mask, a, b, from_batch, has_y);                           \
    }
#define PASSES_OF(index, name) PASSES(name, CNET_OPERATION_##name, 0)
PASSES(plain, NO_OPERATION, 0)
ACTIVATIONS(PASSES_OF)
PASSES(relu_of_y, CNET_OPERATION_relu, 1)
PASSES(hardtanh_of_y, CNET_OPERATION_hardtanh, 1)

#define ENTRY(index, name) [index] = {name##_add, name##_write},
static passes_t passes_of(ptrdiff_t activation, int has_y) {
    static const passes_t passes[ACTIVATION_COUNT] = {{plain_add, plain_write}, ACTIVATIONS(ENTRY)};
    if (has_y && activation == 1 + CNET_OPERATION_relu)
        return (passes_t){relu_of_y_add, relu_of_y_write};
    if (has_y && activation == 1 + CNET_OPERATION_hardtanh)
        return (passes_t){hardtanh_of_y_add, hardtanh_of_y_write};
    return passes[activation_index(activation)];
}
#undef ENTRY

/* Adds all runs of a chunk to the sums, or computes dx if `sums` is NULL. */
static void take_runs(const job_t *job, const span *s, const chunk_cells *c, cell_sums *sums) {
    const division *d = &job->d;
    const vec a = broadcast(job->a), b = broadcast(job->b);
    for (ptrdiff_t n = 0; n < d->g.n; n++)
        for (ptrdiff_t i = 0; i < s->runs; i++) {
            const ptrdiff_t channel = (s->first + i) * d->g.size;
            const ptrdiff_t from = n * job->pitch + channel, at = n * d->g.c * d->g.size + channel;
            const run_t run = {
                .grad = job->grad_output + from,
                .x = job->x + from,
                .y = job->y ? job->y + from : NULL,
                .dx = job->dx ? job->dx + at : NULL,
                .dresidual = job->dresidual ? job->dresidual + at : NULL,
                .count = s->length,
                .streams = !sums && job->streams && takes_streams(job->dx + at),
            };
            if (sums)
                job->passes.add(&run, c, i * d->cells, d->mask, a, b, sums);
            else
                job->passes.write(&run, c, i * d->cells, d->mask, a, b, job->from_batch);
        }
}

/* Computes dbias and dweight of a channel from its sums, and the factors of its dx. */
static void finish_sums(const job_t *job, ptrdiff_t i, ptrdiff_t channel, const cell_sums *sums,
                        chunk_cells *c) {
    const division *d = &job->d;
    const double deviation = inverse_deviation(job->var[channel], job->eps);
    const double dbias = total_of(d, sums->first, i);
    const double dweight = total_of(d, sums->second, i) * deviation;
    const double scale = (job->weight ? (double)job->weight[channel] : 1) * deviation;
    const double count = (double)d->g.n * (double)d->g.size;
    if (job->dbias)
        job->dbias[channel] = (real)dbias;
    if (job->dweight)
        job->dweight[channel] = (real)dweight;
    fill_cells(d, c->by_grad, i, (real)scale);
    fill_cells(d, c->by_x, i, (real)(-scale * deviation * dweight / count));
    fill_cells(d, c->constant, i, (real)(-scale * dbias / count));
}

static void gradients_of_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const span s = span_of(&job->d, chunk);
    chunk_cells c = {0};
    cell_sums sums = {0};
    fill_affine(&job->d, &s, job->mean, job->var, job->weight, job->bias, job->eps, &c.f);
    if (job->dbias || job->dweight || job->dresidual || (job->dx && job->from_batch))
        take_runs(job, &s, &c, &sums);
    for (ptrdiff_t i = 0; i < s.count; i++)
        finish_sums(job, i, s.first + i, &sums, &c);
    if (job->dx)
        take_runs(job, &s, &c, NULL);
    end_streams();
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
 * grad_output, x, y, dx and dresidual (n, c, size), the other arrays (c). The images of
 * grad_output, x and y are `pitch` elements apart, at least c * size. A NULL weight means ones, a
 * NULL bias zeros. Overwrites dx, dweight, dbias and dresidual; those that are NULL are not
 * computed. Parallel over channels. */
void CNET_FN(batch_norm_backward)(const cnet_call *call) {
    const cnet_batch_norm_backward_arguments *a = &call->batch_norm_backward;
    const job_t job = {
        .passes = passes_of(a->activation, a->y != NULL),
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
        .d = divided_for_sums(a->g),
        .pitch = a->pitch,
        .eps = a->eps,
        .a = (real)a->a,
        .b = (real)a->b,
        .from_batch = a->from_batch != 0,
        .streams = is_streamed(a->g.n * a->g.c * a->g.size),
    };
    const int is_small = a->g.n * a->g.c * a->g.size <= ELEMENTS_PER_CHUNK;
    cnet_parallel(gradients_of_chunk, &job, ceil_div(a->g.c, job.d.channels),
                  is_small ? 1 : call->threads);
}
