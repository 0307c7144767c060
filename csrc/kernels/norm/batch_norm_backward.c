/* The gradients of batch normalisation and of its activation.
 *
 * The inner gradient is that with respect to the argument of the activation. Two passes: the first
 * adds up the inner gradients of a channel, the second computes dx from them.
 *
 * Long runs: a chunk has some images, so that both passes read arrays in the order of memory; the
 * sums of the chunks are added in between. The second pass computes inner gradients again, or reads
 * them from dresidual or dx.
 *
 * Short runs: a chunk has some channels of all images, takes both passes, and keeps the inner
 * gradients between them. */
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

/* dx = by_grad * inner gradient + (by_x * (x - mean) + constant), by_x only if from_batch. */
typedef struct {
    affine_cells f;
    real by_grad[ROW_CELLS], by_x[ROW_CELLS], constant[ROW_CELLS];
} chunk_cells;

typedef void add_t(const run_t *r, const chunk_cells *c, ptrdiff_t cell, ptrdiff_t mask, vec a,
                   vec b, cell_sums *sums);

/* Constants of a channel, and the array that the inner gradient is computed from. */
typedef struct {
    affine f;
    vec by_grad, by_x, constant, a, b;
} channel_vectors;
typedef void write_t(const real *grad, const real *x, const real *addend, real *dx, ptrdiff_t count,
                     ptrdiff_t ahead, const channel_vectors *c, int from_batch, int streams);

typedef struct {
    add_t *add;
    const real *grad_output, *x, *y, *addend, *mean, *var, *weight, *bias;
    real *dx, *dweight, *dbias, *dresidual;
    division d;
    ptrdiff_t pitch;
    char *workspace;
    write_t *write;   /* of long runs */
    const real *kept; /* their inner gradients, or NULL */
    image_parts parts;
    double *sums;  /* two of each channel, of each chunk of images */
    real *factors; /* three of each channel */
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
            if (has_y)
                __builtin_prefetch(r.y + i + r.ahead);
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
    const ptrdiff_t first = s->first * d->g.size, out_pitch = d->g.c * d->g.size;
    for (ptrdiff_t n = 0; n < d->g.n; n += FEW) {
        const ptrdiff_t from = n * job->pitch + first;
        const run_t run = {
            .grad = job->grad_output + from,
            .x = job->x + from,
            .y = job->y ? job->y + from : NULL,
            .dresidual = job->dresidual ? job->dresidual + n * out_pitch + first : NULL,
            .inner = inner ? inner + n * inner_pitch(s->length) : NULL,
            .count = s->length,
            .images = min_size(FEW, d->g.n - n),
            .pitch = job->pitch,
            .out_pitch = out_pitch,
            .inner_pitch = inner_pitch(s->length),
        };
        job->add(&run, c, 0, d->mask, broadcast(job->a), broadcast(job->b), sums);
    }
}

/* Where the elements at `offset` are, or NULL without an array. */
ALWAYS_INLINE const real *at(const real *array, ptrdiff_t offset) {
    return array ? array + offset : NULL;
}

/* Writes a vector of dx, `rest` elements at most. */
ALWAYS_INLINE void write_vector(vec v, const real *addend, real *dx, ptrdiff_t rest, int streams) {
    if (addend)
        v += load_run(addend, rest);
    if (streams && rest >= LANES)
        stream(dx, v);
    else
        store_run(dx, v, rest);
}

/* dx of a short run; `from_batch` is constant. */
ALWAYS_INLINE void write_run(const real *inner, const real *x, const real *addend, real *dx,
                             ptrdiff_t count, int streams, const chunk_cells *c,
                             const int from_batch) {
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        const ptrdiff_t rest = count - t;
        vec v = load(c->constant + t);
        if (from_batch)
            v += load(c->by_x + t) * (load_run(x + t, rest) - load(c->f.mean + t));
        v += load(c->by_grad + t) * load(inner + t);
        write_vector(v, at(addend, t), dx + t, rest, streams);
    }
}

/* Computes dx of a chunk. */
static void write_runs(const job_t *job, const span *s, const chunk_cells *c, const real *inner) {
    const division *d = &job->d;
    for (ptrdiff_t n = 0; n < d->g.n; n++, inner += inner_pitch(s->length)) {
        const real *x = job->x + n * job->pitch + s->first * d->g.size;
        const ptrdiff_t to = (n * d->g.c + s->first) * d->g.size;
        const real *addend = at(job->addend, to);
        real *dx = job->dx + to;
        const int streams = job->streams && takes_streams(dx);
        if (job->from_batch)
            write_run(inner, x, addend, dx, s->length, streams, c, 1);
        else
            write_run(inner, x, addend, dx, s->length, streams, c, 0);
    }
}

/* Computes dbias and dweight of a channel from its sums, and the factors of its dx: by_grad, by_x
 * and the constant. The constant -0 changes no number. */
static void finish_channel(const job_t *job, ptrdiff_t channel, double dbias, double products,
                           real factors[3]) {
    const division *d = &job->d;
    const double deviation = inverse_deviation(job->var[channel], job->eps);
    const double dweight = products * deviation;
    const double scale = (job->weight ? (double)job->weight[channel] : 1) * deviation;
    const double count = (double)d->g.n * (double)d->g.size;
    if (job->dbias)
        job->dbias[channel] = (real)dbias;
    if (job->dweight)
        job->dweight[channel] = (real)dweight;
    factors[0] = (real)scale;
    factors[1] = (real)(-scale * deviation * dweight / count);
    factors[2] = job->from_batch ? (real)(-scale * dbias / count) : -(real)0;
}

/* Bytes of the inner gradients of a chunk. */
static size_t inner_bytes(const division *d) {
    const span s = span_of(d, 0);
    return (size_t)(d->g.n * s.runs * inner_pitch(s.length)) * sizeof(real);
}

/* Both passes over some channels of short runs. */
static void channels_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const span s = span_of(&job->d, chunk);
    real *inner = job->dx ? (real *)(job->workspace + (size_t)slot * inner_bytes(&job->d)) : NULL;
    chunk_cells c = {0};
    cell_sums sums = {0};
    fill_affine(&job->d, &s, job->mean, job->var, job->weight, job->bias, job->eps, &c.f);
    add_runs(job, &s, &c, &sums, inner);
    for (ptrdiff_t i = 0; i < s.count; i++) {
        real factors[3];
        finish_channel(job, s.first + i, total_of(&job->d, sums.first, i),
                       total_of(&job->d, sums.second, i), factors);
        fill_cells(&job->d, c.by_grad, i, factors[0]);
        fill_cells(&job->d, c.by_x, i, factors[1]);
        fill_cells(&job->d, c.constant, i, factors[2]);
    }
    if (job->dx)
        write_runs(job, &s, &c, inner);
    end_streams();
}

/* ---- Long runs ---- */

/* dx of a run, whose inner gradient is computed from the output gradient. */
ALWAYS_INLINE void write_long_run(const int operation, const real *grad, const real *x,
                                  const real *addend, real *dx, ptrdiff_t count, ptrdiff_t ahead,
                                  const channel_vectors *c, int from_batch, int streams) {
    const channel_vectors v = *c;
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        const ptrdiff_t rest = count - t;
        __builtin_prefetch(grad + t + ahead);
        __builtin_prefetch(x + t + ahead);
        const vec input = load_run(x + t, rest);
        vec g = load_run(grad + t, rest);
        if (operation != NO_OPERATION) {
            const vec z = normalise(input, v.f);
            g = activation_gradient(operation, g, z, activate(operation, z, v.a, v.b), v.a, v.b);
        }
        vec y = v.constant;
        if (from_batch)
            y += v.by_x * (input - v.f.mean);
        y += v.by_grad * g;
        write_vector(y, at(addend, t), dx + t, rest, streams);
    }
}
#define WRITE(name, operation)                                                                     \
    static void name##_write(const real *grad, const real *x, const real *addend, real *dx,        \
                             ptrdiff_t count, ptrdiff_t ahead, const channel_vectors *c,           \
                             int from_batch, int streams) {                                        \
        write_long_run(operation, grad, x, addend, dx, count, ahead, c, from_batch, streams);      \
    }
WRITE(plain, NO_OPERATION)
WRITE(relu, CNET_OPERATION_relu)
WRITE(hardtanh, CNET_OPERATION_hardtanh)

/* How the second pass computes dx. Where inner gradients are kept, or the activation takes long, it
 * reads inner gradients. */
static write_t *write_of(ptrdiff_t activation, int is_kept) {
    if (!is_kept && activation == 1 + CNET_OPERATION_relu)
        return relu_write;
    if (!is_kept && activation == 1 + CNET_OPERATION_hardtanh)
        return hardtanh_write;
    return plain_write;
}

/* The inner gradients of a channel in some images, added up. */
static void add_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const division *d = &job->d;
    const piece p = piece_of(&job->d.g, &job->parts, chunk);
    const ptrdiff_t out_pitch = d->g.c * d->g.size;
    chunk_cells cells;
    cell_sums sums;
    for (ptrdiff_t c = p.channels.begin; c < p.channels.end; c++) {
        const span s = {c, 1, 1, d->g.size};
        memset(sums.first, 0, LANES * sizeof(double));
        memset(sums.second, 0, LANES * sizeof(double));
        fill_affine(d, &s, job->mean, job->var, job->weight, job->bias, job->eps, &cells.f);
        for (ptrdiff_t n = p.images.begin; n < p.images.end; n++) {
            const ptrdiff_t from = n * job->pitch + c * d->g.size;
            const run_t run = {
                .grad = job->grad_output + from,
                .x = job->x + from,
                .y = job->y ? job->y + from : NULL,
                .dresidual = job->kept ? (real *)job->kept + n * out_pitch + c * d->g.size : NULL,
                .count = d->g.size,
                .ahead = c + 1 < p.channels.end ? d->g.size : 0,
            };
            job->add(&run, &cells, 0, 0, broadcast(job->a), broadcast(job->b), &sums);
        }
        double *to = job->sums + 2 * (p.part * d->g.c + c);
        to[0] = total_of(d, sums.first, 0);
        to[1] = total_of(d, sums.second, 0);
    }
}

/* Adds the sums of the parts, for some channels. */
static void finish_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t channels = job->d.g.c, first = chunk * CHANNELS_PER_CHUNK;
    for (ptrdiff_t c = first; c < min_size(channels, first + CHANNELS_PER_CHUNK); c++) {
        double sum = 0, product = 0;
        for (ptrdiff_t part = 0; part < job->parts.parts; part++) {
            sum += job->sums[2 * (part * channels + c)];
            product += job->sums[2 * (part * channels + c) + 1];
        }
        finish_channel(job, c, sum, product, job->factors + 3 * c);
    }
}

static void write_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const division *d = &job->d;
    const piece p = piece_of(&job->d.g, &job->parts, chunk);
    const real *grad = job->kept ? job->kept : job->grad_output;
    const ptrdiff_t out_pitch = d->g.c * d->g.size, pitch = job->kept ? out_pitch : job->pitch;
    affine_cells f;
    for (ptrdiff_t c = p.channels.begin; c < p.channels.end; c++) {
        const span s = {c, 1, 1, d->g.size};
        fill_affine(d, &s, job->mean, job->var, job->weight, job->bias, job->eps, &f);
        const real *factors = job->factors + 3 * c;
        const channel_vectors v = {
            .f = affine_at(&f, 0),
            .by_grad = broadcast(factors[0]),
            .by_x = broadcast(factors[1]),
            .constant = broadcast(factors[2]),
            .a = broadcast(job->a),
            .b = broadcast(job->b),
        };
        for (ptrdiff_t n = p.images.begin; n < p.images.end; n++) {
            const ptrdiff_t first = c * d->g.size, to = n * out_pitch + first;
            real *dx = job->dx + to;
            job->write(grad + (n * pitch + first), job->x + (n * job->pitch + first),
                       at(job->addend, to), dx, d->g.size, c + 1 < p.channels.end ? d->g.size : 0,
                       &v, job->from_batch, job->streams && takes_streams(dx));
        }
    }
    end_streams();
}

static size_t sums_bytes(cnet_norm g) {
    return (size_t)(2 * parts_of(g).parts * g.c) * sizeof(double);
}

static void run_long(job_t *job, const cnet_call *call, ptrdiff_t activation) {
    const int is_simple = activation == 0 || activation == 1 + CNET_OPERATION_relu ||
                          activation == 1 + CNET_OPERATION_hardtanh;
    job->kept = job->dresidual ? job->dresidual : is_simple && !job->y ? NULL : job->dx;
    job->write = write_of(activation, job->kept != NULL);
    job->parts = parts_of(job->d.g);
    job->sums = (double *)job->workspace;
    job->factors = (real *)(job->workspace + sums_bytes(job->d.g));
    job->streams &= job->kept != job->dx;
    const int is_small = job->d.g.n * job->d.g.c * job->d.g.size <= ELEMENTS_PER_CHUNK;
    const int threads = is_small ? 1 : call->threads;
    cnet_parallel(add_chunk, job, job->parts.parts * job->parts.blocks, threads);
    cnet_parallel(finish_chunk, job, ceil_div(job->d.g.c, CHANNELS_PER_CHUNK), threads);
    if (job->dx)
        cnet_parallel(write_chunk, job, job->parts.parts * job->parts.blocks, threads);
}

size_t CNET_FN(batch_norm_backward_workspace)(cnet_call *call) {
    const cnet_batch_norm_backward_arguments *a = &call->batch_norm_backward;
    if (!has_short_runs(a->g))
        return sums_bytes(a->g) + (size_t)(3 * a->g.c) * sizeof(real);
    const division d = divided_for_sums(a->g);
    return a->dx ? (size_t)call->threads * inner_bytes(&d) : 0;
}

/* With s[c] = 1 / sqrt(var[c] + eps), h = (x - mean) * s, g the gradient with respect to the
 * argument of the activation, and sums over a channel:
 *     dresidual = g        dbias[c] = sum of g        dweight[c] = sum of g * h
 *     dx = weight * s * (g - (dbias + h * dweight) / (n * size))   if from_batch, else
 *     dx = weight * s * g
 * dx is rounded, and the addend added to it, which has the bits of a separate addition.
 * from_batch says that mean and var are the statistics of x and therefore depend on it. The
 * activation, a and b are those of batch_norm. y is the result of batch_norm if there was a
 * residual, which only relu and hardtanh allow; otherwise y is NULL.
 *
 * grad_output, x, y, addend, dx and dresidual (n, c, size), the other arrays (c). The images of
 * grad_output, x and y are `pitch` elements apart, at least c * size. A NULL weight means ones, a
 * NULL bias or addend zeros. Overwrites dx, dweight, dbias and dresidual; those that are NULL are
 * not computed. Parallel over images and channels for long runs; the workspace has the sums of each
 * chunk and the factors of each channel. Parallel over channels for short runs; for dx, the
 * workspace has the inner gradients of a chunk of channels for each thread. */
void CNET_FN(batch_norm_backward)(const cnet_call *call) {
    const cnet_batch_norm_backward_arguments *a = &call->batch_norm_backward;
    job_t job = {
        .add = add_of(a->activation, a->y != NULL),
        .grad_output = a->grad_output,
        .x = a->x,
        .y = a->y,
        .addend = a->addend,
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
    if (!has_short_runs(a->g)) {
        run_long(&job, call, a->activation);
        return;
    }
    const int is_small = a->g.n * a->g.c * a->g.size <= ELEMENTS_PER_CHUNK;
    cnet_parallel(channels_chunk, &job, ceil_div(a->g.c, job.d.channels),
                  is_small ? 1 : call->threads);
}
