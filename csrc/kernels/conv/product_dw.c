/* Weight gradient of a convolution as one matrix product, summed over the outputs of all images.
 * Order of summation, parallel axis and workspace as in product.h. */
#include "conv.h"
#include "gemm/product.h"
#include "taps.h"

typedef struct {
    product base;
    conv2d_arrays arrays;
    cnet_conv2d g;
    ptrdiff_t pixels; /* outputs per image */
} job_t;

static void pack_dy(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                    ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    for (ptrdiff_t d = 0; d < depth;) {
        const ptrdiff_t n = (p + d) / job->pixels, pixel = (p + d) % job->pixels;
        const ptrdiff_t count = min_size(depth - d, job->pixels - pixel);
        const ptrdiff_t o = n * job->g.o + group * q->m + i;
        pack_strided(job->arrays.grad_output + o * job->pixels + pixel, job->pixels, 1, rows, count,
                     TILE_ROWS, to + d * TILE_ROWS);
        d += count;
    }
}

/* Taps are copied as rows of several outputs, then transposed. */
enum { STAGED_OUTPUTS = 64, STAGED_PITCH = STAGED_OUTPUTS + 16 };

static void pack_taps_as_panel(const job_t *job, ptrdiff_t group, ptrdiff_t p, ptrdiff_t depth,
                               ptrdiff_t j, ptrdiff_t cols, real *to) {
    for (ptrdiff_t d = 0; d < depth;) {
        real staged[TILE_COLS * STAGED_PITCH];
        const ptrdiff_t outputs = min_size(depth - d, STAGED_OUTPUTS);
        for (ptrdiff_t at = 0; at < outputs;) {
            const run r = run_at(&job->g, p + d + at, outputs - at);
            tap t = tap_at(&job->g, j);
            for (ptrdiff_t s = 0; s < cols; s++, t = next_tap(&job->g, t))
                copy_taps(&job->g, job->arrays.x, group, t, r, staged + s * STAGED_PITCH + at);
            at += r.count;
        }
        pack_strided(staged, STAGED_PITCH, 1, cols, outputs, TILE_COLS, to + d * TILE_COLS);
        d += outputs;
    }
}

static void pack_taps_as_columns(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t depth,
                                 ptrdiff_t j, ptrdiff_t cols, real *to) {
    for (ptrdiff_t s = 0; s < cols; s += TILE_COLS)
        pack_taps_as_panel((const job_t *)q, group, p, depth, j + s, min_size(TILE_COLS, cols - s),
                           to + s * depth);
}

static void store_dw(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                     ptrdiff_t cols, const real *strip, int first, int last) {
    (void)last;
    const job_t *job = (const job_t *)q;
    for (ptrdiff_t r = 0; r < rows; r++)
        put_row(job->arrays.to + ((group * q->m + i + r) * q->n + j), strip + r * STRIP_COLS, cols,
                first);
}

static job_t make_job(const cnet_conv2d *g) {
    const ptrdiff_t pixels = g->oh * g->ow;
    return (job_t){
        .base = {g->g, g->o / g->g, taps_of_group(g), g->n * pixels, pack_dy, pack_taps_as_columns,
                 store_dw},
        .g = *g,
        .pixels = pixels,
    };
}

size_t CNET_FN(product_dw_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    const product *q = &job.base;
    return CNET_FN(product_workspace)(q->batch, q->m, q->n, q->k, threads);
}

void CNET_FN(product_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    CNET_FN(product)(&job.base, call);
}
