/* Convolution with 1 x 1 filters: a matrix product of the weights and the pixels of all images.
 *
 * Columns are the pixels that the stride takes, numbered through all images, so that panels run on
 * from one to the next. The gradient of the input is the same product with the weights transposed,
 * whose columns go where the pixels came from. Summed as product.h says, the bias added to the
 * first block. Parallel over tiles of (group, channel, pixels). */
#include "conv2d.h"
#include "product.h"

/* Where the pixels that the stride takes lie in a plane: in rows of `width`. */
typedef struct {
    ptrdiff_t channels, plane, row, col, width;
} layout;

typedef struct {
    product base;
    cnet_conv2d g;
    const real *weight, *bias, *from;
    real *to;
    ptrdiff_t weight_row, weight_col, pixels;
    layout source, target;
} job_t;

/* A run of neighbours among the columns of a panel, and where it lies in the first channel. */
typedef struct {
    ptrdiff_t column, count, first;
} stretch;

static layout layout_of(ptrdiff_t channels, ptrdiff_t plane, ptrdiff_t row, ptrdiff_t col,
                        const cnet_conv2d *g) {
    const int flat = row == col * g->ow;
    return (layout){channels, plane, row, col, flat ? g->oh * g->ow : g->ow};
}

/* All stretches of the columns j, …, j + cols - 1; how many there are. */
static int find_stretches(const job_t *job, const layout *l, ptrdiff_t channel, ptrdiff_t j,
                          ptrdiff_t cols, stretch found[TILE_COLS]) {
    int number = 0;
    for (ptrdiff_t s = 0; s < cols; s += found[number++].count) {
        const ptrdiff_t n = (j + s) / job->pixels, pixel = (j + s) % job->pixels;
        const ptrdiff_t row = pixel / l->width, at = pixel % l->width;
        found[number] = (stretch){
            .column = s,
            .count = min_size(cols - s, l->width - at),
            .first = (n * l->channels + channel) * l->plane + row * l->row + at * l->col,
        };
    }
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
    const layout *l = &job->source;
    stretch found[TILE_COLS];
    const int number = find_stretches(job, l, group * q->k + p, j, cols, found);
    if (number == 1 && l->col == 1) {
        pack_strided(job->from + found[0].first, 1, l->plane, cols, depth, TILE_COLS, to);
        return;
    }
    for (ptrdiff_t d = 0; d < depth; d++, to += TILE_COLS) {
        for (int f = 0; f < number; f++) {
            const real *from = job->from + (found[f].first + d * l->plane);
            real *row = to + found[f].column;
            if (l->col == 1)
                copy_run(row, from, found[f].count);
            else
                for (ptrdiff_t s = 0; s < found[f].count; s++)
                    row[s] = from[s * l->col];
        }
        zero_run(to + cols, TILE_COLS - cols);
    }
}

static strided find_pixels(const product *q, ptrdiff_t group, ptrdiff_t p, ptrdiff_t j) {
    const job_t *job = (const job_t *)q;
    stretch found[TILE_COLS];
    find_stretches(job, &job->source, group * q->k + p, j, 1, found);
    return (strided){job->from + found[0].first, 1, job->source.plane};
}

static void store_pixels(const product *q, ptrdiff_t group, ptrdiff_t i, ptrdiff_t rows,
                         ptrdiff_t j, ptrdiff_t cols, const real *tile, int first, int last) {
    (void)last;
    const job_t *job = (const job_t *)q;
    const layout *l = &job->target;
    stretch found[TILE_COLS];
    const int number = find_stretches(job, l, group * q->m + i, j, cols, found);
    for (ptrdiff_t r = 0; r < rows; r++, tile += TILE_COLS) {
        const real bias = first && job->bias ? job->bias[group * q->m + i + r] : 0;
        for (int f = 0; f < number; f++) {
            const real *row = tile + found[f].column;
            real *to = job->to + (found[f].first + r * l->plane);
            ptrdiff_t s = 0;
            if (l->col == 1)
                for (; s + LANES <= found[f].count; s += LANES)
                    store(to + s, (first ? broadcast(bias) : load(to + s)) + load(row + s));
            for (; s < found[f].count; s++)
                to[s * l->col] = (first ? bias : to[s * l->col]) + row[s];
        }
    }
}

static job_t make_job(const cnet_conv2d *g, ptrdiff_t from, ptrdiff_t to) {
    return (job_t){
        .base = {.batch = g->g,
                 .m = to / g->g,
                 .n = g->n * g->oh * g->ow,
                 .k = from / g->g,
                 .pack_a = pack_weight,
                 .pack_b = pack_pixels,
                 .store = store_pixels,
                 .find_b = find_pixels},
        .g = *g,
        .pixels = g->oh * g->ow,
    };
}

static layout layout_of_x(const cnet_conv2d *g) {
    return layout_of(g->c, g->h * g->w, g->sh * g->w, g->sw, g);
}

static layout layout_of_y(const cnet_conv2d *g) {
    return layout_of(g->o, g->oh * g->ow, g->ow, 1, g);
}

static size_t workspace_of(job_t job, int threads) {
    const product *q = &job.base;
    return CNET_FN(product_workspace)(q->batch, q->m, q->n, q->k, threads);
}

size_t CNET_FN(pointwise_forward_workspace)(const cnet_conv2d *g, int threads) {
    return workspace_of(make_job(g, g->c, g->o), threads);
}

void CNET_FN(pointwise_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                const cnet_exec *e) {
    job_t job = make_job(g, g->c, g->o);
    job.weight = arrays->weight;
    job.bias = arrays->bias;
    job.from = arrays->x;
    job.to = arrays->to;
    job.weight_row = job.base.k;
    job.weight_col = 1;
    job.source = layout_of_x(g);
    job.target = layout_of_y(g);
    CNET_FN(product)(&job.base, e);
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

void CNET_FN(pointwise_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    job_t job = make_job(g, g->o, g->c);
    job.weight = arrays->weight;
    job.from = arrays->dy;
    job.to = arrays->to;
    job.weight_row = 1;
    job.weight_col = job.base.m;
    job.source = layout_of_y(g);
    job.target = layout_of_x(g);
    if (job.pixels < job.target.plane)
        cnet_parallel(clear_plane, &job, g->n * g->c, e->threads);
    CNET_FN(product)(&job.base, e);
}

/* The gradient of the weights sums over all pixels: it is the product over taps, with pixels that
 * lie one after the other taken for one row. */
static cnet_conv2d flattened(const cnet_conv2d *g) {
    cnet_conv2d flat = *g;
    if (layout_of_x(g).width > g->ow) {
        flat.h = flat.oh = 1;
        flat.w = g->h * g->w;
        flat.ow = g->oh * g->ow;
    }
    return flat;
}

size_t CNET_FN(pointwise_dw_workspace)(const cnet_conv2d *g, int threads) {
    const cnet_conv2d flat = flattened(g);
    return CNET_FN(product_dw_workspace)(&flat, threads);
}

void CNET_FN(pointwise_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    const cnet_conv2d flat = flattened(g);
    CNET_FN(product_dw)(arrays, &flat, e);
}
