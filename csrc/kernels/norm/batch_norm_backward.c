/* The gradients of batch normalisation and of its activation.
 *
 * The inner gradient is that with respect to the argument of the activation. A chunk takes two
 * passes: the first keeps the inner gradients of its channels and adds them up, the second computes
 * dx from them. Where they and x fit into the cache of a core, the second pass finds them there. */
#include "batch_norm.h"
#include "streams.h"

/* Arrays of the runs at the same place in some images, whose images are `pitch` and `out_pitch`
 * elements apart. y is NULL without a residual, dresidual and inner if they are not wanted. The
 * inner gradients are kept in whole vectors, with images `inner_pitch` elements apart. */
typedef struct {
    const real *grad, *x, *y;
    real *dresidual, *inner;
    ptrdiff_t count, images, pitch, out_pitch, inner_pitch;
    ptrdiff_t ahead; /* elements from the runs to those that are prefetched */
} run_t;

/* dx = by_grad * inner gradient + (by_x * (x - mean) + constant). */
typedef struct {
    affine_cells f;
    real by_grad[ROW_CELLS], by_x[ROW_CELLS], constant[ROW_CELLS];
} chunk_cells;

enum { FEW = 4 };
typedef void add_t(const run_t *r, const chunk_cells *c, ptrdiff_t cell, ptrdiff_t mask, vec a,
                   vec b, cell_sums *sums);

typedef struct {
    add_t *add;
    const real *grad_output, *x, *y, *mean, *var, *weight, *bias;
    real *dx, *dweight, *dbias, *dresidual;
    division d;
    ptrdiff_t pitch;
    char *workspace;
    double eps;
    real a, b;
    int from_batch, streams;
} job_t;

/* The inner gradient of `rest` elements from t on, at most a vector; missing elements have 0. It is
 * recomputed from x, or computed from y if there is a residual. */
ALWAYS_INLINE vec inner_gradient(const int operation, const run_t *r, ptrdiff_t t, ptrdiff_t rest,
                                 vec x, const chunk_cells *c, ptrdiff_t cell, vec a, vec b,
                                 const int has_y) {
    const vec g = load_run(r->grad + t, rest);
    if (operation == NO_OPERATION)
        return g;
    const vec z = has_y ? load_run(r->y + t, rest) : normalise(x, affine_at(&c->f, cell));
    return activation_gradient(operation, g, z, has_y ? z : activate(operation, z, a, b), a, b);
}

/* Adds the inner gradients from element `at` of the run of image n, and their products with
 * x - mean. */
ALWAYS_INLINE void add_vector_of(const int operation, const run_t *r, ptrdiff_t n, ptrdiff_t at,
                                 ptrdiff_t rest, const chunk_cells *c, ptrdiff_t cell, vec a, vec b,
                                 const int has_y, vec *sum, vec *product) {
    const ptrdiff_t t = n * r->pitch + at;
    const vec x = load_run(r->x + t, rest);
    const vec g = inner_gradient(operation, r, t, rest, x, c, cell, a, b, has_y);
    if (r->inner)
        store(r->inner + n * r->inner_pitch + at, g);
    if (r->dresidual)
        store_run(r->dresidual + n * r->out_pitch + at, g, rest);
    *sum += g;
    *product += g * (x - load(c->f.mean + cell));
}

/* Adds long runs, whose vectors have the same cells: a few are added before they are widened. */
ALWAYS_INLINE void add_run(const int operation, const run_t *run, const chunk_cells *c,
                           ptrdiff_t cell, vec a, vec b, cell_sums *sums, const int has_y) {
    const run_t r = *run;
    double *first = sums->first + cell, *second = sums->second + cell;
    wide_vec total = load_sums(first), products = load_sums(second);
    ptrdiff_t t = 0;
    for (; t + FEW * LANES <= r.count; t += FEW * LANES) {
        vec sum = {0}, product = {0};
#pragma GCC unroll 4
        for (ptrdiff_t i = t; i < t + FEW * LANES; i += LANES) {
            __builtin_prefetch(r.grad + i + r.ahead);
            __builtin_prefetch(r.x + i + r.ahead);
            add_vector_of(operation, &r, 0, i, LANES, c, cell, a, b, has_y, &sum, &product);
        }
        add_vector(sum, &total);
        add_vector(product, &products);
    }
    vec sum = {0}, product = {0};
    for (; t < r.count; t += LANES)
        add_vector_of(operation, &r, 0, t, r.count - t, c, cell, a, b, has_y, &sum, &product);
    add_vector(sum, &total);
    add_vector(product, &products);
    store_sums(first, total);
    store_sums(second, products);
}

/* Adds short runs, which have a cell for each element: the images are added before they are
 * widened. */
ALWAYS_INLINE void add_short_runs(const int operation, const run_t *run, const chunk_cells *c,
                                  vec a, vec b, cell_sums *sums, const int has_y) {
    const run_t r = *run;
    for (ptrdiff_t t = 0; t < r.count; t += LANES) {
        vec sum = {0}, product = {0};
        for (ptrdiff_t n = 0; n < r.images; n++)
            add_vector_of(operation, &r, n, t, r.count - t, c, t, a, b, has_y, &sum, &product);
        wide_vec total = load_sums(sums->first + t), products = load_sums(sums->second + t);
        add_vector(sum, &total);
        add_vector(product, &products);
        store_sums(sums->first + t, total);
        store_sums(sums->second + t, products);
    }
}

#define ADD(name, operation, has_y)                                                                \
    static void name##_add(const run_t *r, const chunk_cells *c, ptrdiff_t cell, ptrdiff_t mask,   \
                           vec a, vec b, cell_sums *sums) {                                        \
        if (mask)                                                                                  \
            add_short_runs(operation, r, c, a, b, sums, has_y);                                    \
        else                                                                                       \
            add_run(operation, r, c, cell, a, b, sums, has_y);                                     \
    }
#define ADD_OF(index, name) ADD(name, CNET_OPERATION_##name, 0)
ADD(plain, NO_OPERATION, 0)
ACTIVATIONS(ADD_OF)
ADD(relu_of_y, CNET_OPERATION_relu, 1)
ADD(hardtanh_of_y, CNET_OPERATION_hardtanh, 1)

#define ENTRY(index, name) [index] = name##_add,
static add_t *add_of(ptrdiff_t activation, int has_y) {
    static add_t *const functions[ACTIVATION_COUNT] = {plain_add, ACTIVATIONS(ENTRY)};
    if (has_y && activation == 1 + CNET_OPERATION_relu)
        return relu_of_y_add;
    if (has_y && activation == 1 + CNET_OPERATION_hardtanh)
        return hardtanh_of_y_add;
    return functions[activation_index(activation)];
}
#undef ENTRY

/* Elements from one run of kept inner gradients to the next. */
static inline ptrdiff_t inner_pitch(ptrdiff_t length) { return round_up(length, LANES); }

/* Adds all runs of a chunk to the sums, and keeps the inner gradients unless `inner` is NULL. */
static void add_runs(const job_t *job, const span *s, const chunk_cells *c, cell_sums *sums,
                     real *inner) {
    const division *d = &job->d;
    const vec a = broadcast(job->a), b = broadcast(job->b);
    const ptrdiff_t pitch = job->pitch, out_pitch = d->g.c * d->g.size, step = d->mask ? FEW : 1;
    const ptrdiff_t kept_pitch = inner_pitch(s->length);
    for (ptrdiff_t n = 0; n < d->g.n; n += step)
        for (ptrdiff_t i = 0; i < s->runs; i++) {
            const ptrdiff_t channel = (s->first + i) * d->g.size, from = n * pitch + channel;
            const run_t run = {
                .grad = job->grad_output + from,
                .x = job->x + from,
                .y = job->y ? job->y + from : NULL,
                .dresidual = job->dresidual ? job->dresidual + n * out_pitch + channel : NULL,
                .inner = inner ? inner + (n * s->runs + i) * kept_pitch : NULL,
                .count = s->length,
                .images = min_size(step, d->g.n - n),
                .pitch = pitch,
                .out_pitch = out_pitch,
                .inner_pitch = kept_pitch,
                .ahead = n + 1 < d->g.n ? pitch : 0,
            };
            job->add(&run, c, i * d->cells, d->mask, a, b, sums);
        }
}

/* dx of a run; `mask` and `from_batch` are constant. */
ALWAYS_INLINE void write_run(const real *inner, const real *x, real *dx, ptrdiff_t count,
                             int streams, const chunk_cells *c, ptrdiff_t cell,
                             const ptrdiff_t mask, const int from_batch) {
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        const ptrdiff_t rest = count - t, at = cell + (t & mask);
        vec v = load(c->by_grad + at) * load(inner + t);
        if (from_batch) {
            const vec centred = load_run(x + t, rest) - load(c->f.mean + at);
            v += load(c->by_x + at) * centred + load(c->constant + at);
        }
        if (streams && rest >= LANES)
            stream(dx + t, v);
        else
            store_run(dx + t, v, rest);
    }
}

/* Computes dx of a chunk. */
static void write_runs(const job_t *job, const span *s, const chunk_cells *c, const real *inner) {
    const division *d = &job->d;
    for (ptrdiff_t n = 0; n < d->g.n; n++)
        for (ptrdiff_t i = 0; i < s->runs; i++, inner += inner_pitch(s->length)) {
            const ptrdiff_t channel = (s->first + i) * d->g.size;
            const real *x = job->x + n * job->pitch + channel;
            real *dx = job->dx + n * d->g.c * d->g.size + channel;
            const int streams = job->streams && takes_streams(dx);
            if (!job->from_batch)
                write_run(inner, x, dx, s->length, streams, c, i * d->cells, d->mask, 0);
            else if (d->mask)
                write_run(inner, x, dx, s->length, streams, c, 0, -1, 1);
            else
                write_run(inner, x, dx, s->length, streams, c, i * d->cells, 0, 1);
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

/* Bytes of the inner gradients of a chunk. */
static size_t inner_bytes(const division *d) {
    const span s = span_of(d, 0);
    return (size_t)(d->g.n * s.runs * inner_pitch(s.length)) * sizeof(real);
}

static void gradients_of_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const span s = span_of(&job->d, chunk);
    real *inner = job->dx ? (real *)(job->workspace + (size_t)slot * inner_bytes(&job->d)) : NULL;
    chunk_cells c = {0};
    cell_sums sums = {0};
    fill_affine(&job->d, &s, job->mean, job->var, job->weight, job->bias, job->eps, &c.f);
    add_runs(job, &s, &c, &sums, inner);
    for (ptrdiff_t i = 0; i < s.count; i++)
        finish_sums(job, i, s.first + i, &sums, &c);
    if (job->dx)
        write_runs(job, &s, &c, inner);
    end_streams();
}

size_t CNET_FN(batch_norm_backward_workspace)(cnet_call *call) {
    const cnet_batch_norm_backward_arguments *a = &call->batch_norm_backward;
    const division d = divided_for_sums(a->g);
    return a->dx ? (size_t)call->threads * inner_bytes(&d) : 0;
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
 * computed. Parallel over channels; for dx, the workspace has the inner gradients of a chunk of
 * channels for each thread. */
void CNET_FN(batch_norm_backward)(const cnet_call *call) {
    const cnet_batch_norm_backward_arguments *a = &call->batch_norm_backward;
    const job_t job = {
        .add = add_of(a->activation, a->y != NULL),
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
        .workspace = call->workspace,
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
