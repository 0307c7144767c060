/* Weight gradient from staged images: lanes are output channels, each accumulator is one tap, and a
 * step of the depth is one output: dY of a vector of channels times the cell that the tap sees,
 * which is broadcast from the staged image. For any kernel, stride, dilation and groups.
 *
 * The batch is split into parts, by the sizes alone; each part sums into its own copy of dW, and
 * the copies are added in order. Where dW is too large for many copies, the outputs are split. */
#include "conv2d.h"
#include "product.h"
#include "stage.h"

enum { ENOUGH_CHUNKS = 16, COPIES_BYTES = 8 << 20, ACCUMULATORS = VECTOR_BYTES == 64 ? 25 : 12 };

typedef struct {
    conv2d_arrays arrays;
    real *sums;
    cnet_conv2d g;
    stage s;
    ptrdiff_t taps, vectors; /* taps of a group; vectors of its outputs */
    ptrdiff_t parts, images; /* parts of the batch; images in one */
    ptrdiff_t blocks, width; /* blocks of the vectors; vectors in one */
    ptrdiff_t *offsets;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* to[output * LANES + lane] = dY of a vector of channels. */
static void stage_gradient(const job_t *job, ptrdiff_t n, ptrdiff_t first, ptrdiff_t count,
                           real *to) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t pixels = g->oh * g->ow;
    pack_strided(job->arrays.dy + (n * g->o + first) * pixels, pixels, 1, count, pixels, LANES, to);
}

/* sums[(r * length + j) * tap_step] += sum over outputs of dy * x[offsets[r * length] + position +
 * j], vectors each: `rows` runs of `length` taps that lie next to each other. */
static inline __attribute__((always_inline)) void add_taps(const job_t *job, const real *dy,
                                                           const real *x, const ptrdiff_t *offsets,
                                                           const int rows, const int length,
                                                           const ptrdiff_t tap_step, real *sums) {
    vec sum[ACCUMULATORS] = {0};
    const real *from[ACCUMULATORS];
#pragma GCC unroll 32
    for (int r = 0; r < rows; r++)
        from[r] = x + offsets[r * length];
    for (ptrdiff_t oh = 0; oh < job->g.oh; oh++) {
        for (ptrdiff_t t = 0; t < job->g.ow; t++, dy += LANES) {
            const vec gradient = load(dy);
#pragma GCC unroll 32
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 32
                for (int j = 0; j < length; j++)
                    sum[r * length + j] += gradient * from[r][t + j];
        }
#pragma GCC unroll 32
        for (int r = 0; r < rows; r++)
            from[r] += job->s.pitch;
    }
#pragma GCC unroll 32
    for (int a = 0; a < rows * length; a++)
        store(sums + a * tap_step, load(sums + a * tap_step) + sum[a]);
}

static void add_image(const job_t *job, const real *dy, const real *x, ptrdiff_t tap_step,
                      real *sums) {
    /* With stride 1 the taps of a row of the filter are neighbours. */
    const ptrdiff_t length = job->g.sw == 1 && job->g.dw == 1 ? job->g.kw : 1;
    ptrdiff_t t = 0;
#define RUNS(rows, size)                                                                           \
    for (; length == size && t + (rows) * size <= job->taps; t += (rows) * size)                   \
        add_taps(job, dy, x, job->offsets + t, rows, size, tap_step, sums + t * tap_step);
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
    /* Taps of longer rows, and taps apart: one by one. */
#define RUNS_OF_1(rows)                                                                            \
    for (; t + (rows) <= job->taps; t += rows)                                                     \
        add_taps(job, dy, x, job->offsets + t, rows, 1, tap_step, sums + t * tap_step);
    RUNS_OF_1(8)
    RUNS_OF_1(4)
    RUNS_OF_1(1)
#undef RUNS_OF_1
#undef ALL_RUNS
#undef RUNS
}

/* Sums are laid out (part, group, vector of outputs, tap, lane). */
static void part_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t block = chunk % job->blocks, group = chunk / job->blocks % g->g;
    const ptrdiff_t part = chunk / job->blocks / g->g;
    const ptrdiff_t begin = block * job->width, end = min_size(job->vectors, begin + job->width);
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *gradient = staged + round_up(stage_size(&job->s, inputs, TILE_COLS), LANES);
    real *sums = job->sums + (part * g->g + group) * job->vectors * job->taps * LANES;
    memset(sums + begin * job->taps * LANES, 0,
           (size_t)((end - begin) * job->taps * LANES) * sizeof(real));
    for (ptrdiff_t n = part * job->images; n < min_size(g->n, (part + 1) * job->images); n++) {
        for (ptrdiff_t c = 0; c < inputs; c++)
            stage_channel(g, &job->s, job->arrays.x + (n * g->c + group * inputs + c) * g->h * g->w,
                          0, staged + c * job->s.channel);
        for (ptrdiff_t v = begin; v < end; v++) {
            const ptrdiff_t first = v * LANES;
            stage_gradient(job, n, group * outputs + first, min_size(LANES, outputs - first),
                           gradient);
            add_image(job, gradient, staged, LANES, sums + v * job->taps * LANES);
        }
    }
}

static void sum_chunk(const void *argument, ptrdiff_t o, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t outputs = job->g.o / job->g.g, size = job->vectors * job->taps * LANES;
    const ptrdiff_t group = o / outputs, vector = o % outputs / LANES, lane = o % outputs % LANES;
    const real *sums = job->sums + group * size + vector * job->taps * LANES + lane;
    for (ptrdiff_t tap = 0; tap < job->taps; tap++) {
        real sum = sums[tap * LANES];
        for (ptrdiff_t part = 1; part < job->parts; part++)
            sum += sums[part * job->g.g * size + tap * LANES];
        job->arrays.to[o * job->taps + tap] = sum;
    }
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .s = stage_of(g, g->oh),
        .taps = g->c / g->g * g->kh * g->kw,
        .vectors = ceil_div(g->o / g->g, LANES),
    };
    const ptrdiff_t copies = COPIES_BYTES / (job.vectors * job.taps * VECTOR_BYTES) / g->g;
    job.images = ceil_div(g->n, max_size(1, min_size(copies, ceil_div(ENOUGH_CHUNKS, g->g))));
    job.parts = ceil_div(g->n, job.images);
    job.width = ceil_div(job.vectors, ceil_div(ENOUGH_CHUNKS, g->g * job.parts));
    job.blocks = ceil_div(job.vectors, job.width);
    job.bytes_per_thread =
        (size_t)round_up((round_up(stage_size(&job.s, g->c / g->g, TILE_COLS), LANES) +
                          (g->oh * g->ow + LANES) * LANES) *
                             (ptrdiff_t)sizeof(real),
                         CNET_ALIGNMENT);
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

void CNET_FN(direct_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    job.offsets = (ptrdiff_t *)e->workspace;
    job.sums = (real *)(e->workspace + offsets_bytes(&job));
    job.workspace = e->workspace + offsets_bytes(&job) + sums_bytes(&job);
    for (ptrdiff_t t = 0; t < job.taps; t++)
        job.offsets[t] = stage_offset(g, &job.s, t / (g->kh * g->kw), t / g->kw % g->kh, t % g->kw);
    cnet_parallel(part_chunk, &job, job.parts * g->g * job.blocks, e->threads);
    cnet_parallel(sum_chunk, &job, g->o, e->threads);
}
