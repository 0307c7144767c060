/* Input gradient of a convolution as matrix products.
 *
 * A chunk is one image and a block of channels. It processes a few outputs and taps at a time, so
 * that the unfolded gradient stays in the cache. */
#include "conv.h"
#include "gemm/product.h"
#include "taps.h"

enum { UNFOLDED_TAPS = 96, UNFOLDED_OUTPUTS = 480 };

typedef struct {
    product base;
    conv2d_arrays arrays;
    real *cols;
    cnet_conv2d g;
    ptrdiff_t pixels;           /* outputs per image */
    ptrdiff_t channels, blocks; /* channels per block; blocks per group */
    ptrdiff_t n, channel;       /* position of a chunk, */
    ptrdiff_t tap, output;      /* and of its part that is unfolded */
    char *workspace;
    size_t bytes_per_thread;
} job_t;

static void pack_weight_transposed(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows,
                                   ptrdiff_t p, ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t taps = taps_of_group(&job->g);
    const ptrdiff_t first = job->channel * job->g.kh * job->g.kw + job->tap + i;
    pack_strided(job->arrays.weight + (group * q->k + p) * taps + first, 1, taps, rows, depth,
                 TILE_ROWS, to);
}

static void pack_dy(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t depth, ptrdiff_t j,
                    ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t o = job->n * job->g.o + group * q->k + p;
    pack_columns(job->arrays.grad_output + o * job->pixels + job->output + j, 1, job->pixels, cols,
                 depth, to);
}

static void store_cols(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                       ptrdiff_t cols, const real *strip, int first, int last) {
    (void)group;
    (void)last;
    const job_t *job = (const job_t *)q;
    for (ptrdiff_t r = 0; r < rows; r++)
        put_row(job->cols + (i + r) * q->n + j, strip + r * STRIP_COLS, cols, first);
}

/* Adds the unfolded part to the planes of the block. */
static void fold(const job_t *job, real *dx) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t taps = job->base.m, outputs = job->base.n;
    tap t = tap_at(g, job->tap);
    for (ptrdiff_t k = 0; k < taps; k++, t = next_tap(g, t)) {
        const real *cols = job->cols + k * outputs;
        for (ptrdiff_t s = 0; s < outputs;) {
            const run r = run_at(g, job->output + s, outputs - s);
            const ptrdiff_t ih = r.oh * g->sh + t.i * g->dh - g->ph;
            const ptrdiff_t iw = r.ow * g->sw + t.j * g->dw - g->pw;
            if (ih >= 0 && ih < g->h) {
                const range in = inside(iw, g->sw, g->w, r.count);
                const ptrdiff_t first = (t.c * g->h + ih) * g->w + iw;
                for (ptrdiff_t at = in.begin; at < in.end; at++)
                    dx[first + at * g->sw] += cols[s + at];
            }
            s += r.count;
        }
    }
}

static size_t cols_bytes(const job_t *job) {
    return bytes_of(job->base.m * job->base.n, sizeof(real));
}

static job_t make_job(const cnet_conv2d *g) {
    const ptrdiff_t channels = g->c / g->g, window = g->kh * g->kw, pixels = g->oh * g->ow;
    const ptrdiff_t block = max_size(1, min_size(channels, UNFOLDED_TAPS / window));
    job_t job = {
        .base = {g->g, min_size(block * window, UNFOLDED_TAPS), min_size(pixels, UNFOLDED_OUTPUTS),
                 g->o / g->g, pack_weight_transposed, pack_dy, store_cols},
        .g = *g,
        .pixels = pixels,
        .channels = block,
        .blocks = ceil_div(channels, block),
    };
    const product *q = &job.base;
    job.bytes_per_thread = cols_bytes(&job) + CNET_FN(serial_product_workspace)(q->m, q->k);
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
    const ptrdiff_t taps = channels * g->kh * g->kw;
    product *q = &job.base;
    for (job.output = 0; job.output < job.pixels; job.output += UNFOLDED_OUTPUTS) {
        q->n = min_size(UNFOLDED_OUTPUTS, job.pixels - job.output);
        for (job.tap = 0; job.tap < taps; job.tap += UNFOLDED_TAPS) {
            q->m = min_size(UNFOLDED_TAPS, taps - job.tap);
            CNET_FN(serial_product)(q, group, workspace);
            fold(&job, dx);
        }
    }
}

size_t CNET_FN(product_dx_workspace)(const cnet_conv2d *g, int threads) {
    return (size_t)threads * make_job(g).bytes_per_thread;
}

void CNET_FN(product_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    job.workspace = call->workspace;
    cnet_parallel(dx_chunk, &job, g->n * g->g * job.blocks, call->threads);
}
