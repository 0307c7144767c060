/* Convolution as one matrix product, whose right operand is copied from the images panel by panel,
 * never as a whole. Order of summation and workspace as in product.h; the bias is added to the
 * first block. Parallel over tiles of (group, o, outputs of all images). */
#include "conv.h"
#include "gemm/product.h"
#include "taps.h"

typedef struct {
    product base;
    conv2d_arrays arrays;
    cnet_conv2d g;
    ptrdiff_t pixels; /* outputs per image */
} job_t;

static void pack_weight(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                        ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    const real *w = job->arrays.weight + (group * q->m + i) * q->k + p;
    pack_strided(w, q->k, 1, rows, depth, TILE_ROWS, to);
}

static void pack_outputs_as_columns(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t depth,
                                    ptrdiff_t j, ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t whole = cols / TILE_COLS * TILE_COLS;
    if (whole < cols)
        memset(to + whole * depth, 0, (size_t)(depth * TILE_COLS) * sizeof(real));
    for (ptrdiff_t s = 0; s < cols;) {
        const ptrdiff_t lane = s % TILE_COLS;
        const run r = run_at(&job->g, j + s, min_size(cols - s, TILE_COLS - lane));
        tap t = tap_at(&job->g, p);
        for (ptrdiff_t d = 0; d < depth; d++, t = next_tap(&job->g, t))
            copy_taps(&job->g, job->arrays.x, group, t, r,
                      to + ((s - lane) * depth + d * TILE_COLS + lane));
        s += r.count;
    }
}

static void store_output(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows,
                         ptrdiff_t j, ptrdiff_t cols, const real *strip, int first, int last) {
    (void)last;
    const job_t *job = (const job_t *)q;
    for (ptrdiff_t s = 0; s < cols;) {
        const ptrdiff_t n = (j + s) / job->pixels, pixel = (j + s) % job->pixels;
        const ptrdiff_t count = min_size(cols - s, job->pixels - pixel);
        for (ptrdiff_t r = 0; r < rows; r++) {
            const ptrdiff_t o = group * q->m + i + r;
            const real *from = strip + r * STRIP_COLS + s;
            real *y = job->arrays.to + (n * job->g.o + o) * job->pixels + pixel;
            if (first) {
                const real bias = job->arrays.bias ? job->arrays.bias[o] : 0;
                for (ptrdiff_t t = 0; t < count; t++)
                    y[t] = from[t] + bias;
            } else {
                for (ptrdiff_t t = 0; t < count; t++)
                    y[t] += from[t];
            }
        }
        s += count;
    }
}

static job_t make_job(const cnet_conv2d *g) {
    const ptrdiff_t pixels = g->oh * g->ow;
    return (job_t){
        .base = {g->g, g->o / g->g, g->n * pixels, taps_of_group(g), pack_weight,
                 pack_outputs_as_columns, store_output},
        .g = *g,
        .pixels = pixels,
    };
}

size_t CNET_FN(product_forward_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    const product *q = &job.base;
    return CNET_FN(product_workspace)(q->batch, q->m, q->n, q->k, threads);
}

void CNET_FN(product_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                              const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    CNET_FN(product)(&job.base, call);
}
