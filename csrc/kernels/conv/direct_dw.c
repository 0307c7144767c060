/* Weight gradient from staged images: lanes are output channels, each accumulator is one tap, and a
 * step of the depth is one output: a vector of channels of grad_output times the cell of the tap,
 * broadcast from the staged image. For any kernel, stride, dilation and groups.
 *
 * Where a group has few outputs, lanes are (output, image): the images of a set are staged cell by
 * cell, so that the cells of one tap in all images of the set are contiguous, and each is
 * multiplied with the grad_output of its own image. Missing images of a set are zeros in x and
 * grad_output.
 *
 * The batch is split into parts, which depend on the sizes alone; each part sums into its own copy
 * of dw, and the copies are added in order. Where dw is too large for many copies, the outputs are
 * split. */
#include "conv.h"
#include "gemm/product.h"
#include "stage.h"

enum { ENOUGH_CHUNKS = 16, COPIES_BYTES = 8 << 20, ACCUMULATORS = ISA_DIRECT_ACCUMULATORS };
/* Bytes that are spread over a vector at once; the most bytes of the staged images of a set. */
enum { SPREAD_BYTES = 16, STAGED_BYTES = ISA_CORE_CACHE_BYTES };

typedef struct {
    conv2d_arrays arrays;
    real *sums;
    cnet_conv2d g;
    stage s;
    ptrdiff_t set, lanes;    /* images per set; lanes that are outputs */
    ptrdiff_t taps, vectors; /* taps of a group; vectors of its outputs */
    ptrdiff_t parts, images; /* parts of the batch; images per part, in whole sets */
    ptrdiff_t blocks, width; /* blocks of the vectors; vectors per block */
    ptrdiff_t *offsets;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* to[cell * set + image] = the staged cell of an image. Channels are written in order, so that the
 * next channel overwrites the excess of vectors. */
static inline __attribute__((always_inline)) void stage_images(const job_t *job, const real *x,
                                                               ptrdiff_t count, const int set,
                                                               real *planes, real *to) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t size = round_up(job->s.channel, LANES);
    for (ptrdiff_t c = 0; c < g->c / g->g; c++, x += g->h * g->w, to += set * job->s.channel) {
        if (set == 1) {
            stage_channel(g, &job->s, x, 0, to);
            continue;
        }
        for (ptrdiff_t n = 0; n < count; n++)
            stage_channel(g, &job->s, x + n * g->c * g->h * g->w, 0, planes + n * size);
        zero_run(planes + count * size, (set - count) * size);
        for (ptrdiff_t t = 0; t < size; t += LANES) {
            vec rows[SPREAD_BYTES / sizeof(real)];
            for (int n = 0; n < set; n++)
                rows[n] = load(planes + n * size + t);
            interleave(rows, set);
            for (int n = 0; n < set; n++)
                store(to + set * t + n * LANES, rows[n]);
        }
    }
}

/* to[pixel * LANES + lane] = grad_output of a vector of channels, for each image of the set. */
static void stage_gradients(const job_t *job, const real *grad_output, ptrdiff_t channels,
                            ptrdiff_t count, real *to) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t pixels = g->oh * g->ow;
    if (job->set == 1) {
        pack_strided(grad_output, pixels, 1, channels, pixels, LANES, to);
        return;
    }
    for (ptrdiff_t t = 0; t < pixels; t += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        for (ptrdiff_t lane = 0; lane < LANES; lane++) {
            const ptrdiff_t o = lane / job->set, n = lane % job->set;
            rows[lane] = o < channels && n < count
                             ? load_run(grad_output + (n * g->o + o) * pixels + t, pixels - t)
                             : (vec){0};
        }
        transpose(rows);
        for (ptrdiff_t r = 0; r < LANES; r++)
            store(to + (t + r) * LANES, rows[r]);
    }
}

/* Repeats the cells of a set for each output of the vector. */
static inline __attribute__((always_inline)) vec spread(const real *cells, const int set) {
    if (set == 1)
        return broadcast(*cells);
    if (set * sizeof(real) == 8) {
        typedef int64_t wide_vec __attribute__((vector_size(VECTOR_BYTES)));
        int64_t wide;
        memcpy(&wide, cells, sizeof wide);
        return (vec)(wide - (wide_vec){0});
    }
    const vec v = load(cells);
#ifdef FOURS
    if (set == 4)
        return __builtin_shufflevector(v, v, FOURS);
#endif
    return __builtin_shufflevector(v, v, PAIRS);
}

/* sums[(r * length + j) * LANES] += sum over outputs of grad_output * x[offsets[r * length] +
 * position + j], as vectors: `rows` runs of `length` contiguous taps. */
static inline __attribute__((always_inline)) void
add_taps(const job_t *job, const real *grad_output, const real *x, const int set,
         const ptrdiff_t *offsets, const int rows, const int length, real *sums) {
    vec sum[ACCUMULATORS] = {0};
    const real *from[ACCUMULATORS];
#pragma GCC unroll 32
    for (int r = 0; r < rows; r++)
        from[r] = x + offsets[r * length] * set;
    for (ptrdiff_t oh = 0; oh < job->g.oh; oh++) {
        for (ptrdiff_t t = 0; t < job->g.ow; t++, grad_output += LANES) {
            const vec gradient = load(grad_output);
#pragma GCC unroll 32
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 32
                for (int j = 0; j < length; j++)
                    sum[r * length + j] += gradient * spread(from[r] + (t + j) * set, set);
        }
#pragma GCC unroll 32
        for (int r = 0; r < rows; r++)
            from[r] += job->s.pitch * set;
    }
#pragma GCC unroll 32
    for (int a = 0; a < rows * length; a++)
        store(sums + a * LANES, load(sums + a * LANES) + sum[a]);
}

static inline __attribute__((always_inline)) void
add_images(const job_t *job, const real *grad_output, const real *x, const int set, real *sums) {
    /* With stride 1 the taps of a row of the filter are contiguous. */
    const ptrdiff_t length = job->g.sw == 1 && job->g.dw == 1 ? job->g.kw : 1;
    ptrdiff_t t = 0;
#define RUNS(rows, size)                                                                           \
    for (; length == size && t + (rows) * size <= job->taps; t += (rows) * size)                   \
        add_taps(job, grad_output, x, set, job->offsets + t, rows, size, sums + t * LANES);
#define ALL_RUNS(size)                                                                             \
    RUNS(ACCUMULATORS / size, size)                                                                \
    RUNS((ACCUMULATORS / size + 1) / 2, size)                                                      \
    RUNS(1, size)
    ALL_RUNS(2)
    ALL_RUNS(3)
    ALL_RUNS(4)
    ALL_RUNS(5)
    ALL_RUNS(6)
    ALL_RUNS(7)
    /* Taps of longer rows, and separate taps, are computed one by one. */
#define RUNS_OF_1(rows)                                                                            \
    for (; t + (rows) <= job->taps; t += rows)                                                     \
        add_taps(job, grad_output, x, set, job->offsets + t, rows, 1, sums + t * LANES);
    RUNS_OF_1(8)
    RUNS_OF_1(4)
    RUNS_OF_1(1)
#undef RUNS_OF_1
#undef ALL_RUNS
#undef RUNS
}

/* Elements for the images of a set, and for one channel of each image. */
static ptrdiff_t staged_size(const cnet_conv2d *g, const stage *s, ptrdiff_t set) {
    return round_up(set * (g->c / g->g * s->channel + LANES), LANES);
}
static ptrdiff_t planes_size(const stage *s, ptrdiff_t set) {
    return set == 1 ? 0 : set * round_up(s->channel, LANES);
}

/* Computes one chunk. Sums have the layout (part, group, vector of outputs, tap, lane). */
static inline __attribute__((always_inline)) void add_part(const job_t *job, ptrdiff_t chunk,
                                                           const int set, real *staged) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t block = chunk % job->blocks, group = chunk / job->blocks % g->g;
    const ptrdiff_t part = chunk / job->blocks / g->g;
    const ptrdiff_t begin = block * job->width, end = min_size(job->vectors, begin + job->width);
    real *planes = staged + staged_size(g, &job->s, set);
    real *gradients = planes + planes_size(&job->s, set);
    real *sums = job->sums + (part * g->g + group) * job->vectors * job->taps * LANES;
    memset(sums + begin * job->taps * LANES, 0,
           (size_t)((end - begin) * job->taps * LANES) * sizeof(real));
    const ptrdiff_t last = min_size(g->n, (part + 1) * job->images);
    for (ptrdiff_t n = part * job->images; n < last; n += set) {
        const ptrdiff_t count = min_size(set, last - n);
        stage_images(job, job->arrays.x + (n * g->c + group * inputs) * g->h * g->w, count, set,
                     planes, staged);
        for (ptrdiff_t v = begin; v < end; v++) {
            const ptrdiff_t first = v * job->lanes;
            stage_gradients(
                job, job->arrays.grad_output + (n * g->o + group * outputs + first) * g->oh * g->ow,
                min_size(job->lanes, outputs - first), count, gradients);
            add_images(job, gradients, staged, set, sums + v * job->taps * LANES);
        }
    }
}

static void part_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    enum { MOST = SPREAD_BYTES / sizeof(real) }; /* 2 in float64 */
    if (job->set == 1)
        add_part(job, chunk, 1, staged);
    else if (MOST > 2 && job->set == 2)
        add_part(job, chunk, 2, staged);
    else
        add_part(job, chunk, MOST, staged);
}

static void sum_chunk(const void *argument, ptrdiff_t o, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t outputs = job->g.o / job->g.g, size = job->vectors * job->taps * LANES;
    const ptrdiff_t group = o / outputs, vector = o % outputs / job->lanes;
    const ptrdiff_t lane = o % outputs % job->lanes * job->set;
    const real *sums = job->sums + group * size + vector * job->taps * LANES + lane;
    for (ptrdiff_t tap = 0; tap < job->taps; tap++) {
        real sum = 0;
        for (ptrdiff_t part = 0; part < job->parts; part++)
            for (ptrdiff_t n = 0; n < job->set; n++)
                sum += sums[part * job->g.g * size + tap * LANES + n];
        job->arrays.to[o * job->taps + tap] = sum;
    }
}

/* Images that share a vector: as many as fill it, or twice as many if available and small. */
static ptrdiff_t images_of_set(const cnet_conv2d *g, const stage *s) {
    ptrdiff_t set = 1;
    while (2 * set * (g->o / g->g) <= LANES && 2 * set <= SPREAD_BYTES / (ptrdiff_t)sizeof(real) &&
           2 * set <= g->n &&
           s->channel <= STAGED_BYTES / (ptrdiff_t)sizeof(real) / (g->c / g->g) / (2 * set))
        set *= 2;
    return set;
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .s = stage_of(g, g->oh),
        .taps = g->c / g->g * g->kh * g->kw,
    };
    job.set = images_of_set(g, &job.s);
    job.lanes = LANES / job.set;
    job.vectors = ceil_div(g->o / g->g, job.lanes);
    const ptrdiff_t copies = COPIES_BYTES / (job.vectors * job.taps * VECTOR_BYTES) / g->g;
    const ptrdiff_t parts = max_size(1, min_size(copies, ceil_div(ENOUGH_CHUNKS, g->g)));
    job.images = round_up(ceil_div(g->n, parts), job.set);
    job.parts = ceil_div(g->n, job.images);
    job.width = ceil_div(job.vectors, ceil_div(ENOUGH_CHUNKS, g->g * job.parts));
    job.blocks = ceil_div(job.vectors, job.width);
    job.bytes_per_thread = bytes_of(staged_size(g, &job.s, job.set) + planes_size(&job.s, job.set) +
                                        (g->oh * g->ow + LANES) * LANES,
                                    sizeof(real));
    return job;
}

static size_t offsets_bytes(const job_t *job) {
    return (size_t)round_up(job->taps * (ptrdiff_t)sizeof(ptrdiff_t), CNET_ALIGNMENT);
}
static size_t sums_bytes(const job_t *job) {
    return (size_t)(job->parts * job->g.g * job->vectors * job->taps * LANES) * sizeof(real);
}

size_t CNET_FN(direct_dw_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return offsets_bytes(&job) + sums_bytes(&job) + (size_t)threads * job.bytes_per_thread;
}

void CNET_FN(direct_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    job.offsets = (ptrdiff_t *)call->workspace;
    job.sums = (real *)(call->workspace + offsets_bytes(&job));
    job.workspace = call->workspace + offsets_bytes(&job) + sums_bytes(&job);
    for (ptrdiff_t t = 0; t < job.taps; t++)
        job.offsets[t] = stage_offset(g, &job.s, t / (g->kh * g->kw), t / g->kw % g->kh, t % g->kw);
    cnet_parallel(part_chunk, &job, job.parts * g->g * job.blocks, call->threads);
    cnet_parallel(sum_chunk, &job, g->o, call->threads);
}
