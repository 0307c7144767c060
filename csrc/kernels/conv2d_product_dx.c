/* Gradient of a convolution's input.
 *
 * One chunk is an image and a block of channels; it goes through the rows of dY, a few at a time,
 * so that the unfolded gradient never leaves the cache. */
#include "conv2d.h"
#include "product.h"
#include "taps.h"

enum { UNFOLDED_ROWS = 96, UNFOLDED_COLS = 480 };

typedef struct {
    product base;
    conv2d_arrays arrays;
    real *cols;
    cnet_conv2d g;
    ptrdiff_t pixels;           /* outputs of one image */
    ptrdiff_t channels, blocks; /* channels in a block; blocks of a group */
    ptrdiff_t rows;             /* rows of dY at a time */
    ptrdiff_t n, channel, oh;   /* where a chunk stands */
    char *workspace;
    size_t bytes_per_thread;
} job_t;

static void pack_weight_transposed(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows,
                                   ptrdiff_t p, ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t taps = taps_of_group(&job->g);
    const ptrdiff_t tap = job->channel * job->g.kh * job->g.kw + i;
    pack_strided(job->arrays.weight + (group * q->k + p) * taps + tap, 1, taps, rows, depth,
                 TILE_ROWS, to);
}

static void pack_dy_rows(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t depth,
                         ptrdiff_t j, ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t o = job->n * job->g.o + group * q->k + p;
    pack_strided(job->arrays.dy + o * job->pixels + job->oh * job->g.ow + j, 1, job->pixels, cols,
                 depth, TILE_COLS, to);
}

static void store_cols(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                       ptrdiff_t cols, const real *tile, int first) {
    (void)group;
    const job_t *job = (const job_t *)q;
    for (ptrdiff_t r = 0; r < rows; r++, tile += TILE_COLS) {
        real *to = job->cols + (i + r) * q->n + j;
        for (ptrdiff_t s = 0; s < cols; s++)
            to[s] = first ? tile[s] : to[s] + tile[s];
    }
}

/* Adds the unfolded gradient of `rows` rows of dY to `channels` planes. */
static void fold(const job_t *job, ptrdiff_t channels, ptrdiff_t rows, real *dx) {
    const cnet_conv2d *g = &job->g;
    const real *cols = job->cols;
    for (ptrdiff_t c = 0; c < channels; c++, dx += g->h * g->w) {
        for (ptrdiff_t i = 0; i < g->kh; i++) {
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t left = j * g->dw - g->pw;
                const range in = inside(left, g->sw, g->w, g->ow);
                for (ptrdiff_t oh = job->oh; oh < job->oh + rows; oh++, cols += g->ow) {
                    const ptrdiff_t ih = oh * g->sh + i * g->dh - g->ph;
                    if (ih < 0 || ih >= g->h)
                        continue;
                    const ptrdiff_t first = ih * g->w + left;
                    for (ptrdiff_t ow = in.begin; ow < in.end; ow++)
                        dx[first + ow * g->sw] += cols[ow];
                }
            }
        }
    }
}

static size_t cols_bytes(const job_t *job) {
    const product *q = &job->base;
    return (size_t)round_up(q->m * q->n * (ptrdiff_t)sizeof(real), CNET_ALIGNMENT);
}

static job_t make_job(const cnet_conv2d *g) {
    const ptrdiff_t channels = g->c / g->g, window = g->kh * g->kw;
    const ptrdiff_t block = max_size(1, min_size(channels, UNFOLDED_ROWS / window));
    const ptrdiff_t rows = min_size(g->oh, max_size(1, UNFOLDED_COLS / max_size(1, g->ow)));
    job_t job = {
        .base = {g->g, block * window, rows * g->ow, g->o / g->g, pack_weight_transposed,
                 pack_dy_rows, store_cols},
        .g = *g,
        .pixels = g->oh * g->ow,
        .channels = block,
        .blocks = ceil_div(channels, block),
        .rows = rows,
    };
    const product *q = &job.base;
    job.bytes_per_thread = cols_bytes(&job) + CNET_FN(serial_product_workspace)(q->m, q->n, q->k);
    return job;
}

static void dx_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    job_t job = *(const job_t *)argument;
    const cnet_conv2d *g = &job.g;
    const ptrdiff_t group = chunk / job.blocks % g->g;
    char *workspace = job.workspace + (size_t)slot * job.bytes_per_thread;
    job.n = chunk / job.blocks / g->g;
    job.channel = chunk % job.blocks * job.channels;
    job.cols = (real *)workspace;
    workspace += cols_bytes(&job);

    const ptrdiff_t channels = min_size(job.channels, g->c / g->g - job.channel);
    const ptrdiff_t plane = job.n * g->c + group * (g->c / g->g) + job.channel;
    real *dx = job.arrays.to + plane * g->h * g->w;
    memset(dx, 0, (size_t)(channels * g->h * g->w) * sizeof(real));
    product *q = &job.base;
    q->m = channels * g->kh * g->kw;
    for (job.oh = 0; job.oh < g->oh; job.oh += job.rows) {
        const ptrdiff_t rows = min_size(job.rows, g->oh - job.oh);
        q->n = rows * g->ow;
        CNET_FN(serial_product)(q, group, workspace);
        fold(&job, channels, rows, dx);
    }
}

size_t CNET_FN(product_dx_workspace)(const cnet_conv2d *g, int threads) {
    return (size_t)threads * make_job(g).bytes_per_thread;
}

void CNET_FN(product_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    job.workspace = e->workspace;
    cnet_parallel(dx_chunk, &job, g->n * g->g * job.blocks, e->threads);
}
