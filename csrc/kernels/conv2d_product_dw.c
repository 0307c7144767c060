/* Gradient of a convolution's weights as a matrix product.
 *
 * The batch is split into parts, as many as the sizes ask for; the product over each part goes to
 * its own copy of dW, and the copies are added in order. */
#include "conv2d.h"
#include "product.h"
#include "taps.h"

typedef struct {
    product base;
    conv2d_arrays arrays;
    cnet_conv2d g;
    ptrdiff_t pixels;        /* outputs of one image */
    ptrdiff_t splits, depth; /* parts of the batch, and outputs in one */
} job_t;

enum { ENOUGH_PARTS = 16 };

/* Products are numbered b = group * splits + part; output q of a part. */
static run part_run(const job_t *job, ptrdiff_t b, ptrdiff_t q, ptrdiff_t limit) {
    return run_at(&job->g, b % job->splits * job->depth + q, limit);
}

static void pack_dy(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                    ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t o = b / job->splits * q->m + i;
    for (ptrdiff_t d = 0; d < depth;) {
        const ptrdiff_t at = b % job->splits * job->depth + p + d;
        const ptrdiff_t n = at / job->pixels, pixel = at % job->pixels;
        const ptrdiff_t count = min_size(depth - d, job->pixels - pixel);
        if (n < job->g.n)
            pack_strided(job->arrays.dy + (n * job->g.o + o) * job->pixels + pixel, job->pixels, 1,
                         rows, count, TILE_ROWS, to + d * TILE_ROWS);
        else
            memset(to + d * TILE_ROWS, 0, (size_t)(count * TILE_ROWS) * sizeof(real));
        d += count;
    }
}

static void pack_taps_as_columns(const product *q, ptrdiff_t b, ptrdiff_t p, ptrdiff_t depth,
                                 ptrdiff_t j, ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    if (cols < TILE_COLS)
        memset(to, 0, (size_t)(depth * TILE_COLS) * sizeof(real));
    for (ptrdiff_t d = 0; d < depth;) {
        const run r = part_run(job, b, p + d, depth - d);
        if (r.n < job->g.n) {
            tap t = tap_at(&job->g, j);
            for (ptrdiff_t s = 0; s < cols; s++, t = next_tap(&job->g, t))
                copy_taps(&job->g, job->arrays.x, b / job->splits, t, r, TILE_COLS,
                          to + d * TILE_COLS + s);
        } else {
            memset(to + d * TILE_COLS, 0, (size_t)(r.count * TILE_COLS) * sizeof(real));
        }
        d += r.count;
    }
}

static void store_dw(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                     ptrdiff_t cols, const real *tile, int first) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t group = b / job->splits, part = b % job->splits;
    const ptrdiff_t o = part * job->g.o + group * q->m + i;
    for (ptrdiff_t r = 0; r < rows; r++, tile += TILE_COLS) {
        real *dw = job->arrays.to + (o + r) * q->n + j;
        for (ptrdiff_t s = 0; s < cols; s++)
            dw[s] = first ? tile[s] : dw[s] + tile[s];
    }
}

static job_t make_job(const cnet_conv2d *g) {
    const ptrdiff_t m = g->o / g->g, taps = taps_of_group(g), pixels = g->oh * g->ow;
    const ptrdiff_t tiles = max_size(1, g->g * CNET_FN(product_tiles)(m, taps));
    const ptrdiff_t parts = max_size(1, min_size(g->n, ceil_div(ENOUGH_PARTS, tiles)));
    const ptrdiff_t images = ceil_div(g->n, parts);
    const ptrdiff_t splits = images ? ceil_div(g->n, images) : 1;
    return (job_t){
        .base = {g->g * splits, m, taps, images * pixels, pack_dy, pack_taps_as_columns, store_dw},
        .g = *g,
        .pixels = pixels,
        .splits = splits,
        .depth = images * pixels,
    };
}

/* Bytes of the copies of dW, in front of the workspace of the product. */
static size_t parts_bytes(const job_t *job) {
    const ptrdiff_t bytes = job->splits * job->g.o * job->base.n * (ptrdiff_t)sizeof(real);
    return job->splits == 1 ? 0 : (size_t)round_up(bytes, CNET_ALIGNMENT);
}

size_t CNET_FN(product_dw_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    const product *q = &job.base;
    return parts_bytes(&job) + CNET_FN(product_workspace)(q->batch, q->m, q->n, q->k, threads);
}

typedef struct {
    const real *parts;
    real *dw;
    ptrdiff_t splits, count;
} sum_job;

static void sum_parts(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const sum_job *job = argument;
    const ptrdiff_t begin = chunk * ELEMENTS_PER_CHUNK;
    const ptrdiff_t end = min_size(job->count, begin + ELEMENTS_PER_CHUNK);
    memcpy(job->dw + begin, job->parts + begin, (size_t)(end - begin) * sizeof(real));
    for (ptrdiff_t part = 1; part < job->splits; part++)
        for (ptrdiff_t t = begin; t < end; t++)
            job->dw[t] += job->parts[part * job->count + t];
}

void CNET_FN(product_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    if (job.splits > 1)
        job.arrays.to = (real *)e->workspace;
    const cnet_exec rest = {.threads = e->threads, .workspace = e->workspace + parts_bytes(&job)};
    CNET_FN(product)(&job.base, &rest);
    if (job.splits > 1) {
        const sum_job sum = {job.arrays.to, arrays->to, job.splits, g->o * job.base.n};
        cnet_parallel(sum_parts, &sum, ceil_div(sum.count, ELEMENTS_PER_CHUNK), e->threads);
    }
}
