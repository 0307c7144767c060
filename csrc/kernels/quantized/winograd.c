/* Convolution of 8-bit images with 3 x 3 filters and stride 1 by Winograd's F(2 x 2, 3 x 3), in
 * 16-bit integers.
 *
 *     4 y = C (U o V) C',    U = G w G',    V = B x B'
 *     B = 1  0 -1  0    G = 2  0  0    C = 1  1  1  0
 *         0  1  1  0        1  1  1        0  1 -1 -1
 *         0 -1  1  0        1 -1  1
 *         0  1  0 -1        0  0  2
 * where o multiplies planes and sums over channels. U and V have 16-bit integers, sums are of 32
 * bits, and 4 divides them: the outputs are exact.
 *
 * Tiles of all images are numbered in one sequence and cut into groups. A chunk transforms the
 * patches of some groups to V (group, 16 planes, blocks, tiles, QBLOCK), and computes the products
 * with some panels, whose pixels are tiles. */
#include "quantized.h"

#if HAS_WINOGRAD

enum {
    TILE = 2,
    TAPS = 3,
    PATCH = TILE + TAPS - 1,
    PLANES = PATCH * PATCH,
    MOST_CHANNELS = 1 << 10, /* whose sums, times 4, have 31 bits */
    LEAST_DOTS = 1 << 13,    /* dots of a block in a chunk: enough to be worth a thread */
    MOST_DOTS = 1 << 16,
    IMAGE_CHUNKS = 8,  /* of an image, between these sizes */
    LEAST_PANELS = 4,  /* for which a patch is transformed, if there are as many */
    V_BYTES = 1 << 17, /* of the groups of a chunk */
    SAVED = 3,
    SPENT = 4 /* products that are worth the transforms: 3/4 of those of direct sums */
};

typedef struct {
    cnet_conv2d g;
    const conv_arrays *arrays;
    ptrdiff_t rows, columns; /* of tiles */
    ptrdiff_t groups;
    ptrdiff_t blocks, panels;
    ptrdiff_t taps;                 /* quads of channels */
    ptrdiff_t plane, group;         /* bytes of a plane of V, and of V for a group */
    ptrdiff_t groups_at, panels_at; /* in a chunk */
    char *scratch;                  /* of each thread */
} job_t;

/* One block of channels has too few products. */
int CNET_FN(quantized_winograd_pays)(const cnet_conv2d *g) {
    const ptrdiff_t tiles = ceil_div(g->oh, TILE) * ceil_div(g->ow, TILE);
    return g->kh == TAPS && g->kw == TAPS && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1 &&
           g->g == 1 && g->c > QBLOCK && g->c <= MOST_CHANNELS && g->o >= QBLOCK &&
           SPENT * tiles * PLANES <= SAVED * g->oh * g->ow * TAPS * TAPS;
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .rows = ceil_div(g->oh, TILE),
        .columns = ceil_div(g->ow, TILE),
        .blocks = qblocks_of(g->c),
        .panels = qblocks_of(g->o),
        .taps = ceil_div(g->c, quad_size(INT8_WORDS)),
    };
    job.groups = ceil_div(g->n * job.rows * job.columns, MOST_PIXELS);
    job.plane = job.blocks * MOST_PIXELS * staged_bytes(INT8_WORDS);
    job.group = PLANES * job.plane;
    const ptrdiff_t cost = PLANES * job.taps * MOST_PIXELS; /* of a panel of a group */
    const ptrdiff_t of_image = job.rows * job.columns * PLANES * job.taps * job.panels;
    const ptrdiff_t chunk = min_size(MOST_DOTS, max_size(LEAST_DOTS, of_image / IMAGE_CHUNKS));
    const ptrdiff_t fitting = max_size(1, min_size(job.groups, V_BYTES / job.group));
    job.groups_at =
        max_size(1, min_size(fitting, chunk / (cost * min_size(job.panels, LEAST_PANELS))));
    job.panels_at = min_size(job.panels, max_size(1, chunk / (job.groups_at * cost)));
    return job;
}

/* ---- Preparation: offsets of the quads of a plane; for each panel U (16 planes, taps, QBLOCK) -
 */

static ptrdiff_t panel_bytes(const job_t *job) { return PLANES * job->taps * QBLOCK * QUAD; }

prepared_sizes CNET_FN(quantized_winograd_sizes)(const cnet_conv2d *g, number_format format) {
    (void)format;
    const job_t job = make_job(g);
    return (prepared_sizes){job.taps, panel_bytes(&job)};
}

/* An element of a plane of U. */
static int16_t transform_filter(const int8_t *w, ptrdiff_t plane) {
    static const int8_t scale[PATCH][TAPS] = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};
    const int8_t *of_row = scale[plane / PATCH], *of_column = scale[plane % PATCH];
    int sum = 0;
    for (ptrdiff_t k = 0; k < TAPS * TAPS; k++)
        sum += of_row[k / TAPS] * of_column[k % TAPS] * w[k];
    return (int16_t)sum;
}

void CNET_FN(quantized_winograd_put)(const cnet_conv2d *g, number_format format, const void *weight,
                                     int32_t *offsets, char *filters) {
    const job_t job = make_job(g);
    (void)format;
    const ptrdiff_t quad = quad_size(INT8_WORDS), in_block = QBLOCK / quad;
    for (ptrdiff_t k = 0; k < job.taps; k++)
        offsets[k] =
            (int32_t)(k / in_block * MOST_PIXELS * staged_bytes(INT8_WORDS) + k % in_block * QUAD);
    int16_t *to = (int16_t *)filters;
    for (ptrdiff_t panel = 0; panel < job.panels; panel++)
        for (ptrdiff_t plane = 0; plane < PLANES; plane++)
            for (ptrdiff_t k = 0; k < job.taps; k++)
                for (ptrdiff_t lane = 0; lane < QBLOCK; lane++)
                    for (ptrdiff_t c = k * quad; c < (k + 1) * quad; c++) {
                        const ptrdiff_t o = panel * QBLOCK + lane;
                        const int8_t *w = (const int8_t *)weight + (o * g->c + c) * TAPS * TAPS;
                        *to++ = o < g->o && c < g->c ? transform_filter(w, plane) : 0;
                    }
}

/* ---- Patches ----------------------------------------------------------------------------- */

/* The image and the first output of a tile. */
typedef struct {
    ptrdiff_t n, top, left;
} place;

static place place_of(const job_t *job, ptrdiff_t tile) {
    const ptrdiff_t row = tile / job->columns;
    return (place){row / job->rows, row % job->rows * TILE, tile % job->columns * TILE};
}

static ptrdiff_t tiles_in(const job_t *job, ptrdiff_t group) {
    return min_size(MOST_PIXELS, job->g.n * job->rows * job->columns - group * MOST_PIXELS);
}

/* The pixels of a patch in a block of channels, with the zero point outside of the image. */
static inline void load_patch(const cnet_conv2d *g, const uint8_t *x, ptrdiff_t top, ptrdiff_t left,
                              int zero, halves patch[PLANES]) {
    if (top >= 0 && left >= 0 && top + PATCH <= g->h && left + PATCH <= g->w) {
        x += (top * g->w + left) * QBLOCK;
#pragma GCC unroll 16
        for (ptrdiff_t k = 0; k < PLANES; k++)
            patch[k] = widen_bytes(x + (k / PATCH * g->w + k % PATCH) * QBLOCK);
        return;
    }
    for (ptrdiff_t k = 0; k < PLANES; k++) {
        const ptrdiff_t row = top + k / PATCH, column = left + k % PATCH;
        const int exists = row >= 0 && row < g->h && column >= 0 && column < g->w;
        patch[k] =
            exists ? widen_bytes(x + (row * g->w + column) * QBLOCK) : (int16_t)zero - (halves){0};
    }
}

/* B times four numbers that are `step` apart. */
UNROLLED void transform_patch(halves *x, ptrdiff_t step) {
    const halves a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a - c;
    x[step] = b + c;
    x[2 * step] = c - b;
    x[3 * step] = b - d;
}

/* The patches of a group. */
static void transform_group(const job_t *job, ptrdiff_t group, char *v) {
    const cnet_conv2d *g = &job->g;
    const int zero = job->arrays->zero;
    for (ptrdiff_t t = 0; t < tiles_in(job, group); t++) {
        const place at = place_of(job, group * MOST_PIXELS + t);
        for (ptrdiff_t b = 0; b < job->blocks; b++) {
            const uint8_t *x = job->arrays->x + (at.n * job->blocks + b) * g->h * g->w * QBLOCK;
            halves patch[PLANES];
            load_patch(g, x, at.top - g->ph, at.left - g->pw, zero, patch);
#pragma GCC unroll 4
            for (int i = 0; i < PATCH; i++)
                transform_patch(patch + i * PATCH, 1);
#pragma GCC unroll 4
            for (int i = 0; i < PATCH; i++)
                transform_patch(patch + i, PATCH);
            char *to = v + (b * MOST_PIXELS + t) * (ptrdiff_t)sizeof(halves);
#pragma GCC unroll 16
            for (int k = 0; k < PLANES; k++)
                memcpy(to + k * job->plane, patch + k, sizeof(halves));
        }
    }
}

/* ---- Outputs ----------------------------------------------------------------------------- */

/* C times four sums that are `step` apart. */
UNROLLED void combine(const ivec *m, ptrdiff_t step, ivec y[TILE]) {
    y[0] = m[0] + m[step] + m[2 * step];
    y[1] = m[step] - m[2 * step] - m[3 * step];
}

/* The sums of tile t of a group, as pixels of two rows. */
static void combine_tile(const int32_t *m, const int32_t *start, ptrdiff_t t,
                         int32_t sums[TILE][TILE * MOST_PIXELS * QBLOCK]) {
#pragma GCC unroll 4
    for (int v = 0; v < QBLOCK; v += BLOCK_LANES) {
        ivec planes[PLANES], half[PATCH][TILE], y[TILE];
#pragma GCC unroll 16
        for (int k = 0; k < PLANES; k++)
            planes[k] = load_ints(m + (k * MOST_PIXELS + t) * QBLOCK + v);
#pragma GCC unroll 4
        for (int i = 0; i < PATCH; i++)
            combine(planes + i * PATCH, 1, half[i]);
        const ivec first = load_ints(start + v);
#pragma GCC unroll 2
        for (int j = 0; j < TILE; j++) {
            combine(&half[0][j], TILE, y);
            for (int i = 0; i < TILE; i++)
                store_ints(sums[i] + (t * TILE + j) * QBLOCK + v, (y[i] >> 2) + first);
        }
    }
}

/* Finishes the outputs of the tiles of a group, those of a row of tiles together. */
static void finish_group(const job_t *job, const tile *of, ptrdiff_t panel, ptrdiff_t group,
                         int32_t sums[TILE][TILE * MOST_PIXELS * QBLOCK]) {
    const cnet_conv2d *g = &job->g;
    for (ptrdiff_t t = 0, count; t < tiles_in(job, group); t += count) {
        const place at = place_of(job, group * MOST_PIXELS + t);
        count = min_size(tiles_in(job, group) - t, job->columns - at.left / TILE);
        for (ptrdiff_t i = 0; i < min_size(TILE, g->oh - at.top); i++)
            CNET_FN(quantized_finish)
        (of, (((at.n * job->panels + panel) * g->oh + at.top + i) * g->ow + at.left) * QBLOCK,
         min_size(count * TILE, g->ow - at.left), sums[i] + t * TILE * QBLOCK);
    }
}

/* The products of a group and a panel. */
static void run_group(const job_t *job, ptrdiff_t panel, ptrdiff_t group, const char *v) {
    static const int32_t zeros[QBLOCK];
    const prepared *from = &job->arrays->prepared;
    const ptrdiff_t count = tiles_in(job, group), plane = job->taps * QBLOCK * QUAD;
    int32_t m[PLANES * MOST_PIXELS * QBLOCK], sums[TILE][TILE * MOST_PIXELS * QBLOCK];
    tile t = {.format = INT8_WORDS,
              .taps = job->taps,
              .offsets = from->offsets,
              .start = zeros,
              .scale = from->scale + panel * QBLOCK,
              .bias = from->bias + panel * QBLOCK,
              .y_pixel = QBLOCK,
              .outputs = &job->arrays->outputs};
    for (ptrdiff_t k = 0; k < PLANES; k++) {
        t.filters = from->filters + panel * panel_bytes(job) + k * plane;
        t.x = (const uint8_t *)v + k * job->plane;
        t.sums = m + k * MOST_PIXELS * QBLOCK;
        CNET_FN(quantized_tile)(&t, TILE_DENSE, 1, (int)count);
    }
    for (ptrdiff_t i = 0; i < count; i++)
        combine_tile(m, from->start + panel * QBLOCK, i, sums);
    finish_group(job, &t, panel, group, sums);
}

static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t parts = ceil_div(job->panels, job->panels_at);
    const ptrdiff_t first = chunk / parts * job->groups_at, panel = chunk % parts * job->panels_at;
    const ptrdiff_t last = min_size(job->groups, first + job->groups_at);
    char *v = job->scratch + slot * job->groups_at * job->group;
    for (ptrdiff_t group = first; group < last; group++)
        transform_group(job, group, v + (group - first) * job->group);
    for (ptrdiff_t p = panel; p < min_size(job->panels, panel + job->panels_at); p++)
        for (ptrdiff_t group = first; group < last; group++)
            run_group(job, p, group, v + (group - first) * job->group);
}

size_t CNET_FN(quantized_winograd_workspace)(const cnet_conv2d *g, number_format format,
                                             int threads) {
    (void)format;
    const job_t job = make_job(g);
    return (size_t)(threads * job.groups_at * job.group);
}

void CNET_FN(quantized_winograd)(const conv_arrays *arrays, const cnet_conv2d *g, int threads,
                                 char *workspace) {
    job_t job = make_job(g);
    job.arrays = arrays;
    job.scratch = workspace;
    cnet_parallel(run_chunk, &job,
                  ceil_div(job.groups, job.groups_at) * ceil_div(job.panels, job.panels_at),
                  threads);
}

#endif
