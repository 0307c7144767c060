/* Direct convolution from staged images: rows of the register tile are output channels, lanes are
 * positions, and each step of the depth is one tap, loaded where the table of offsets says. For any
 * kernel, stride, dilation and groups; the input gradient with stride 1 is a convolution of dY with
 * the filters rotated and their channels exchanged.
 *
 * Filters are packed once. A chunk is some rows of one image in one group. */
#include "conv2d.h"
#include "lanes.h"
#include "product.h"
#include "stage.h"

enum { STAGE_BYTES = 192 << 10, ENOUGH_CHUNKS = 8 };

typedef struct job job_t;
/* Takes rows of finished sums of output channel o, `pitch` apart. */
typedef void finish(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t top, ptrdiff_t rows,
                    const real *sums);

struct job {
    conv2d_arrays arrays; /* x is what is convolved: dY, for the input gradient */
    cnet_conv2d g;
    int rotated; /* weight is (c, o / g, kh, kw), to be read backwards */
    stage s;
    ptrdiff_t taps, panels, blocks; /* taps of a group; tiles of its outputs; blocks of rows */
    real *filters;
    ptrdiff_t *offsets;
    char *workspace;
    size_t bytes_per_thread;
    finish *finish;
    uint8_t *codes; /* of finish_pooled */
};

/* Packs one tile of output channels: to[tap * TILE_ROWS + r]. */
static void pack_filters(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t window = g->kh * g->kw, inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t group = chunk / job->panels, first = chunk % job->panels * TILE_ROWS;
    real *to = job->filters + chunk * job->taps * TILE_ROWS;
    for (ptrdiff_t tap = 0; tap < job->taps; tap++) {
        const ptrdiff_t c = tap / window, t = tap % window;
        for (ptrdiff_t r = 0; r < TILE_ROWS; r++) {
            const ptrdiff_t o = first + r;
            ptrdiff_t at = ((group * outputs + o) * inputs + c) * window + t;
            if (job->rotated)
                at = ((group * inputs + c) * outputs + o) * window + window - 1 - t;
            to[tap * TILE_ROWS + r] = o < outputs ? job->arrays.weight[at] : 0;
        }
    }
}

/* TILE_ROWS channels at `vectors` vectors of positions from x; rows of `to` are `pitch` apart. */
static inline __attribute__((always_inline)) void multiply_taps(const job_t *job,
                                                                const real *filters, const real *x,
                                                                const int vectors, ptrdiff_t pitch,
                                                                real *to) {
    vec sum[TILE_ROWS][TILE_VECTORS] = {0};
    for (ptrdiff_t t = 0; t < job->taps; t++, filters += TILE_ROWS) {
        const real *from = x + job->offsets[t];
        vec cells[TILE_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            cells[v] = load(from + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[r][v] += filters[r] * cells[v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(to + r * pitch + v * LANES, sum[r][v]);
}

/* Sums of one channel, and what vectors go beyond them: pooling reads two at a time. */
static ptrdiff_t flat_pitch(const job_t *job) { return round_up(job->s.flat, LANES) + 2 * LANES; }

static void convolve(const job_t *job, const real *filters, const real *x, ptrdiff_t positions,
                     real *to) {
    const ptrdiff_t pitch = flat_pitch(job);
    ptrdiff_t at = 0;
    for (; at + TILE_COLS <= positions; at += TILE_COLS)
        multiply_taps(job, filters, x + at, TILE_VECTORS, pitch, to + at);
    if (TILE_VECTORS == 3 && positions - at > LANES) {
        multiply_taps(job, filters, x + at, 2, pitch, to + at);
        at += 2 * LANES;
    }
    for (; at < positions; at += LANES)
        multiply_taps(job, filters, x + at, 1, pitch, to + at);
}

static void finish_plain(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t top, ptrdiff_t rows,
                         const real *sums) {
    const cnet_conv2d *g = &job->g;
    const real bias = job->arrays.bias ? job->arrays.bias[o] : 0;
    real *y = job->arrays.to + ((n * g->o + o) * g->oh + top) * g->ow;
    for (ptrdiff_t row = 0; row < rows; row++, y += g->ow, sums += job->s.pitch)
        for (ptrdiff_t t = 0; t < g->ow; t++)
            y[t] = sums[t] + bias;
}

/* Bias, ReLU and the maximum of 2 x 2 outputs, with the code that the way back needs. */
static void finish_pooled(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t top, ptrdiff_t rows,
                          const real *sums) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t height = g->oh / 2, width = g->ow / 2;
    const vec bias = broadcast(job->arrays.bias ? job->arrays.bias[o] : 0);
    const ptrdiff_t first = ((n * g->o + o) * height + top / 2) * width;
    for (ptrdiff_t row = 0; row + 1 < rows; row += 2, sums += 2 * job->s.pitch) {
        real *y = job->arrays.to + first + row / 2 * width;
        uint8_t *codes = job->codes + first + row / 2 * width;
        for (ptrdiff_t t = 0; t < width; t += LANES) {
            const real *above = sums + 2 * t, *below = above + job->s.pitch;
            const vec a = load(above) + bias, b = load(above + LANES) + bias;
            const vec c = load(below) + bias, d = load(below + LANES) + bias;
            const vec cells[] = {evens(a, b), odds(a, b), evens(c, d), odds(c, d)};
            vec best = cells[0];
            ivec code = splat(0);
            for (int k = 1; k < 4; k++) {
                const ivec take = (cells[k] > best) | (cells[k] != cells[k]);
                best = select_cell(take, cells[k], best);
                code = select_index(take, splat(k), code);
            }
            const ivec dead = best <= (vec){0};
            best = select_cell(dead, (vec){0}, best);
            const lane_bytes packed =
                __builtin_convertvector(select_index(dead, splat(POOL_DEAD), code), lane_bytes);
            const ptrdiff_t count = min_size(LANES, width - t);
            store_run(y + t, best, count);
            memcpy(codes + t, &packed, (size_t)count);
        }
    }
}

static void chunk_of(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t top = chunk % job->blocks * job->s.rows;
    const ptrdiff_t rows = min_size(job->s.rows, g->oh - top);
    const ptrdiff_t group = chunk / job->blocks % g->g, n = chunk / job->blocks / g->g;
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *flat = staged + stage_size(&job->s, inputs, TILE_COLS);
    for (ptrdiff_t c = 0; c < inputs; c++)
        stage_channel(g, &job->s, job->arrays.x + (n * g->c + group * inputs + c) * g->h * g->w,
                      top, staged + c * job->s.channel);
    for (ptrdiff_t panel = 0; panel < job->panels; panel++) {
        convolve(job, job->filters + (group * job->panels + panel) * job->taps * TILE_ROWS, staged,
                 (rows - 1) * job->s.pitch + g->ow, flat);
        const ptrdiff_t first = panel * TILE_ROWS;
        for (ptrdiff_t r = 0; r < min_size(TILE_ROWS, outputs - first); r++)
            job->finish(job, n, group * outputs + first + r, top, rows, flat + r * flat_pitch(job));
    }
}

static ptrdiff_t rows_of(const cnet_conv2d *g) {
    const stage one = stage_of(g, 1), two = stage_of(g, 2);
    const ptrdiff_t bytes = g->c / g->g * (ptrdiff_t)sizeof(real);
    const ptrdiff_t base = one.channel * bytes,
                    more = max_size(1, (two.channel - one.channel) * bytes);
    ptrdiff_t rows = max_size(1, min_size(g->oh, 1 + (STAGE_BYTES - base) / more));
    while (rows > 4 && g->n * g->g * ceil_div(g->oh, rows) < ENOUGH_CHUNKS)
        rows = ceil_div(rows, 2);
    return round_up(rows, 2); /* so that pooling finds its pairs within a chunk */
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .finish = finish_plain,
        .g = *g,
        .s = stage_of(g, rows_of(g)),
        .taps = g->c / g->g * g->kh * g->kw,
        .panels = ceil_div(g->o / g->g, TILE_ROWS),
    };
    job.blocks = ceil_div(g->oh, job.s.rows);
    job.bytes_per_thread = (size_t)round_up(
        (stage_size(&job.s, g->c / g->g, TILE_COLS) + TILE_ROWS * flat_pitch(&job)) *
            (ptrdiff_t)sizeof(real),
        CNET_ALIGNMENT);
    return job;
}

static size_t offsets_bytes(const job_t *job) {
    return (size_t)round_up(job->taps * (ptrdiff_t)sizeof(ptrdiff_t), CNET_ALIGNMENT);
}
static size_t filters_bytes(const job_t *job) {
    return (size_t)round_up(
        job->g.g * job->panels * job->taps * TILE_ROWS * (ptrdiff_t)sizeof(real), CNET_ALIGNMENT);
}

static size_t workspace_of(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return offsets_bytes(&job) + filters_bytes(&job) + (size_t)threads * job.bytes_per_thread;
}

static void run_job(job_t *job, const cnet_exec *e) {
    const cnet_conv2d *g = &job->g;
    job->offsets = (ptrdiff_t *)e->workspace;
    job->filters = (real *)(e->workspace + offsets_bytes(job));
    job->workspace = e->workspace + offsets_bytes(job) + filters_bytes(job);
    for (ptrdiff_t t = 0; t < job->taps; t++)
        job->offsets[t] =
            stage_offset(g, &job->s, t / (g->kh * g->kw), t / g->kw % g->kh, t % g->kw);
    cnet_parallel(pack_filters, job, g->g * job->panels, job->taps > 256 ? e->threads : 1);
    cnet_parallel(chunk_of, job, g->n * g->g * job->blocks, e->threads);
}

size_t CNET_FN(direct_forward_workspace)(const cnet_conv2d *g, int threads) {
    return workspace_of(g, threads);
}

void CNET_FN(direct_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                             const cnet_exec *e) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    run_job(&job, e);
}

size_t CNET_FN(direct_dx_workspace)(const cnet_conv2d *g, int threads) {
    const cnet_conv2d gradient = gradient_geometry(g);
    return workspace_of(&gradient, threads);
}

void CNET_FN(direct_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    const cnet_conv2d gradient = gradient_geometry(g);
    job_t job = make_job(&gradient);
    job.arrays = (conv2d_arrays){.x = arrays->dy, .weight = arrays->weight, .to = arrays->to};
    job.rotated = 1;
    run_job(&job, e);
}

/* ---- With ReLU and pooling ------------------------------------------------------------- */

size_t CNET_FN(conv2d_relu_pool_workspace)(const cnet_conv2d *g, int threads) {
    return workspace_of(g, threads);
}

/* y = max_pool2d(relu(conv2d(x, weight, bias)), 2), bit for bit, without the arrays in between.
 *
 * x (n, c, h, w), weight (o, c/g, kh, kw), bias (o) or NULL, y and codes (n, o, oh / 2, ow / 2);
 * overwrites both. A code is the place of the maximum in its 2 x 2 outputs, 2 * row + column, or
 * POOL_DEAD where ReLU gave 0; ties and NaN as in max_pool2d. The geometry must not be empty and
 * must have two rows and columns of outputs. Parallel over (n, group, block of rows). */
void CNET_FN(conv2d_relu_pool)(const void *x, const void *weight, const void *bias, void *y,
                               uint8_t *codes, const cnet_conv2d *g, const cnet_exec *e) {
    job_t job = make_job(g);
    job.arrays = (conv2d_arrays){.x = x, .weight = weight, .bias = bias, .to = y};
    job.codes = codes;
    job.finish = finish_pooled;
    run_job(&job, e);
}
