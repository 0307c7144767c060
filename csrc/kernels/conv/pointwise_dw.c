/* Weight gradient of a 1 x 1 convolution: the product of grad_output and x transposed, summed over
 * the pixels of all images. Order of summation and workspace as in product.h. Parallel over tiles
 * of dw and parts of the pixels. */
#include "conv.h"
#include "pixels.h"
#include "gemm/product.h"

typedef struct {
    product base;
    const real *grad_output, *x;
    real *dw;
    pixels y_pixels, x_pixels;
} job_t;

/* Lanes are channels, the depth is pixels. */
static inline __attribute__((always_inline)) void pack_channels(const pixels *l, const real *from,
                                                                ptrdiff_t channel, ptrdiff_t count,
                                                                ptrdiff_t p, ptrdiff_t depth,
                                                                const ptrdiff_t width, real *to) {
    for (ptrdiff_t d = 0; d < depth;) {
        const pixel_run r = pixel_run_at(l, channel, p + d, depth - d);
        if (l->col == 1)
            pack_strided(from + r.first, l->plane, 1, count, r.count, width, to + d * width);
        else
            pack_strided(from + r.first, l->plane, l->col, count, r.count, width, to + d * width);
        d += r.count;
    }
}

static void pack_dy(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                    ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    pack_channels(&job->y_pixels, job->grad_output, group * q->m + i, rows, p, depth, TILE_ROWS,
                  to);
}

static void pack_x(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t depth, ptrdiff_t j,
                   ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    for (ptrdiff_t s = 0; s < cols; s += TILE_COLS)
        pack_channels(&job->x_pixels, job->x, group * q->n + j + s, min_size(TILE_COLS, cols - s),
                      p, depth, TILE_COLS, to + s * depth);
}

static strided find_x(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t j) {
    const job_t *job = (const job_t *)q;
    const pixel_run r = pixel_run_at(&job->x_pixels, group * q->n + j, p, 1);
    return (strided){job->x + r.first, job->x_pixels.plane, 1};
}

static void store_dw(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                     ptrdiff_t cols, const real *strip, int first, int last) {
    (void)last;
    const job_t *job = (const job_t *)q;
    for (ptrdiff_t r = 0; r < rows; r++)
        put_row(job->dw + ((group * q->m + i + r) * q->n + j), strip + r * STRIP_COLS, cols, first);
}

static job_t make_job(const cnet_conv2d *g) {
    return (job_t){
        .base = {.batch = g->g,
                 .m = g->o / g->g,
                 .n = g->c / g->g,
                 .k = g->n * g->oh * g->ow,
                 .pack_a = pack_dy,
                 .pack_b = pack_x,
                 .store = store_dw,
                 .find_b = find_x},
        .y_pixels = pixels_of_y(g),
        .x_pixels = pixels_of_x(g),
    };
}

size_t CNET_FN(pointwise_dw_workspace)(const cnet_conv2d *g, int threads) {
    if (CNET_FN(pointwise_dots_pay)(g))
        return CNET_FN(pointwise_dots_workspace)(g, threads);
    const job_t job = make_job(g);
    const product *q = &job.base;
    return CNET_FN(product_workspace)(q->batch, q->m, q->n, q->k, threads);
}

void CNET_FN(pointwise_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                           const cnet_call *call) {
    if (CNET_FN(pointwise_dots_pay)(g)) {
        CNET_FN(pointwise_dots)(arrays, g, call);
        return;
    }
    job_t job = make_job(g);
    job.grad_output = arrays->grad_output;
    job.x = arrays->x;
    job.dw = arrays->to;
    CNET_FN(product)(&job.base, call);
}
