/* Convolution with 1 x 1 filters: a matrix product of the weights and the pixels of all images.
 *
 * Columns are the pixels that the stride selects, numbered through all images, so that panels may
 * span images. If planes fill vectors, each image is a product of its own instead, and weights and
 * pixels are read in place. The input gradient is the same product with the weights transposed; its
 * columns are written to the pixels they correspond to. Order of summation and workspace as in
 * product.h; the bias is added to the first block. Parallel over tiles of (group, channel, pixels).
 */
#include "conv.h"
#include "pixels.h"
#include "gemm/product.h"
#include "streams.h"
#include "strided.h"

typedef struct {
    product base;
    const real *weight, *bias, *from;
    real *to;
    ptrdiff_t weight_row, weight_col;
    pixels source, target;
} job_t;

/* Finds the runs of the columns j, …, j + cols - 1 in a channel, and returns their number. */
static int find_runs(const pixels *l, ptrdiff_t channel, ptrdiff_t j, ptrdiff_t cols,
                     pixel_run runs[STRIP_COLS]) {
    int number = 0;
    for (ptrdiff_t s = 0; s < cols; s += runs[number++].count)
        runs[number] = pixel_run_at(l, channel, j + s, cols - s);
    return number;
}

static void pack_weight(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                        ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    const ptrdiff_t first = group * q->m * q->k + i * job->weight_row + p * job->weight_col;
    pack_strided(job->weight + first, job->weight_row, job->weight_col, rows, depth, TILE_ROWS, to);
}

static void pack_pixels(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t depth,
                        ptrdiff_t j, ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    const pixels *l = &job->source;
    pixel_run runs[STRIP_COLS];
    const int number = find_runs(l, group * q->k + p, j, cols, runs);
    if (number == 1 && l->col == 1) {
        pack_columns(job->from + runs[0].first, 1, l->plane, cols, depth, to);
        return;
    }
    _Alignas(CNET_ALIGNMENT) real line[STRIP_COLS] = {0};
    for (ptrdiff_t d = 0; d < depth; d++, to += TILE_COLS) {
        real *at = line;
        for (int i = 0; i < number; at += runs[i++].count)
            gather_run(at, job->from + (runs[i].first + d * l->plane), l->col, runs[i].count);
        for (ptrdiff_t s = 0; s < cols; s += TILE_COLS)
            memcpy(to + s * depth, line + s, TILE_COLS * sizeof(real));
    }
}

/* ---- Image by image -------------------------------------------------------------------- */

static ptrdiff_t image_distance(const product *q, ptrdiff_t image) { return image * q->k * q->n; }

static void pack_plane(const product *q, ptrdiff_t image, ptrdiff_t p, ptrdiff_t depth, ptrdiff_t j,
                       ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    pack_columns(job->from + (image_distance(q, image) + p * q->n + j), 1, q->n, cols, depth, to);
}

static strided find_plane(const product *q, ptrdiff_t image, ptrdiff_t p, ptrdiff_t j) {
    const job_t *job = (const job_t *)q;
    return (strided){job->from + (image_distance(q, image) + p * q->n + j), 1, q->n};
}

static strided find_target_plane(const product *q, ptrdiff_t image, ptrdiff_t i, ptrdiff_t j) {
    const job_t *job = (const job_t *)q;
    return (strided){job->to + ((image * q->m + i) * q->n + j), 1, q->n};
}

static void store_plane(const product *q, ptrdiff_t image, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                        ptrdiff_t cols, const real *strip, int first, int last) {
    const job_t *job = (const job_t *)q;
    const int streams = q->streams && first && last;
    real *to = job->to + ((image * q->m + i) * q->n + j);
    for (ptrdiff_t r = 0; r < rows; r++, strip += STRIP_COLS, to += q->n) {
        const vec bias = broadcast(first && job->bias ? job->bias[i + r] : 0);
        ptrdiff_t s = 0;
        for (; streams && s < cols; s += LANES)
            stream(to + s, bias + load(strip + s));
        for (; s < cols; s += LANES) {
            const vec before = first ? bias : load_run(to + s, cols - s);
            store_run(to + s, before + load(strip + s), cols - s);
        }
    }
}

static strided find_pixels(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t j) {
    const job_t *job = (const job_t *)q;
    const pixel_run r = pixel_run_at(&job->source, group * q->k + p, j, 1);
    return (strided){job->from + r.first, 1, job->source.plane};
}

static strided find_target(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t j) {
    const job_t *job = (const job_t *)q;
    const pixel_run r = pixel_run_at(&job->target, group * q->m + i, j, 1);
    return (strided){job->to + r.first, 1, job->target.plane};
}

static void store_pixels(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows,
                         ptrdiff_t j, ptrdiff_t cols, const real *strip, int first, int last) {
    const job_t *job = (const job_t *)q;
    const pixels *l = &job->target;
    pixel_run runs[STRIP_COLS];
    const int number = find_runs(l, group * q->m + i, j, cols, runs);
    const int streams = q->streams && first && last;
    for (ptrdiff_t r = 0; r < rows; r++, strip += STRIP_COLS) {
        const real bias = first && job->bias ? job->bias[group * q->m + i + r] : 0;
        const real *row = strip;
        for (int t = 0; t < number; row += runs[t++].count) {
            real *to = job->to + (runs[t].first + r * l->plane);
            ptrdiff_t s = 0;
            for (; streams && s < runs[t].count; s += LANES)
                stream(to + s, broadcast(bias) + load(row + s));
            if (l->col == 1)
                for (; s + LANES <= runs[t].count; s += LANES)
                    store(to + s, (first ? broadcast(bias) : load(to + s)) + load(row + s));
            for (; s < runs[t].count; s++)
                to[s * l->col] = (first ? bias : to[s * l->col]) + row[s];
        }
    }
}

/* Whether the result is streamed: runs of pixels are whole cache lines of an array that the shared
 * cache cannot hold. A smaller one is read from that cache by what follows. */
static int can_stream(const pixels *l, ptrdiff_t images, const real *to) {
    const ptrdiff_t line = CNET_ALIGNMENT / (ptrdiff_t)sizeof(real);
    return l->pixels == l->plane && l->col == 1 && l->plane % line == 0 && takes_streams(to) &&
           images * l->channels * l->plane > ISA_SHARED_CACHE_BYTES / (ptrdiff_t)sizeof(real);
}

static job_t make_job(const cnet_conv2d *g, ptrdiff_t from, ptrdiff_t to) {
    if (reads_planes_in_place(g, from, to))
        return (job_t){
            .base = {.batch = g->n,
                     .m = to,
                     .n = g->h * g->w,
                     .k = from,
                     .pack_a = pack_weight,
                     .pack_b = pack_plane,
                     .store = store_plane,
                     .b_distance = image_distance,
                     .find_b = find_plane,
                     .find_c = find_target_plane},
        };
    return (job_t){
        .base = {.batch = g->g,
                 .m = to / g->g,
                 .n = g->n * g->oh * g->ow,
                 .k = from / g->g,
                 .pack_a = pack_weight,
                 .pack_b = pack_pixels,
                 .store = store_pixels,
                 .find_b = find_pixels,
                 .find_c = find_target},
    };
}

static size_t workspace_of(job_t job, int threads) {
    const product *q = &job.base;
    return CNET_FN(product_workspace)(q->batch, q->m, q->n, q->k, threads);
}

static void run(job_t job, const cnet_conv2d *g, const cnet_call *call) {
    if (reads_planes_in_place(g, job.base.k, job.base.m)) {
        job.base.a = (strided){job.weight, job.weight_row, job.weight_col};
        job.base.b = (strided){job.from, 1, job.base.n};
    }
    job.base.has_rows = job.source.col == 1 && job.source.width == job.source.pixels &&
                        job.source.pixels % TILE_COLS == 0 && !shares_cache_sets(job.source.plane);
    job.base.streams = can_stream(&job.target, g->n, job.to);
    job.base.is_direct = !job.bias && !job.base.streams;
    CNET_FN(product)(&job.base, call);
}

size_t CNET_FN(pointwise_forward_workspace)(const cnet_conv2d *g, int threads) {
    return workspace_of(make_job(g, g->c, g->o), threads);
}

void CNET_FN(pointwise_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                const cnet_call *call) {
    job_t job = make_job(g, g->c, g->o);
    job.weight = arrays->weight;
    job.bias = arrays->bias;
    job.from = arrays->x;
    job.to = arrays->to;
    job.weight_row = job.base.k;
    job.weight_col = 1;
    job.source = pixels_of_x(g);
    job.target = pixels_of_y(g);
    run(job, g, call);
}

size_t CNET_FN(pointwise_dx_workspace)(const cnet_conv2d *g, int threads) {
    return workspace_of(make_job(g, g->o, g->c), threads);
}

static void clear_plane(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t plane = job->target.plane;
    memset(job->to + chunk * plane, 0, (size_t)plane * sizeof(real));
}

void CNET_FN(pointwise_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                           const cnet_call *call) {
    job_t job = make_job(g, g->o, g->c);
    job.weight = arrays->weight;
    job.from = arrays->grad_output;
    job.to = arrays->to;
    job.weight_row = 1;
    job.weight_col = job.base.m;
    job.source = pixels_of_y(g);
    job.target = pixels_of_x(g);
    if (job.target.pixels < job.target.plane)
        cnet_parallel(clear_plane, &job, g->n * g->c, call->threads);
    run(job, g, call);
}
