/* Blocked convolution of 3 x 3 filters with stride 1 by Winograd's F(4 x 4, 3 x 3); see
 * conv/winograd.h.
 *
 * Tiles of all images are numbered in one sequence and cut into groups. The patches of a group are
 * transformed once, to V (group, 36 planes, blocks, tiles, BLOCK); the filters are prepared as U
 * (panel, 36 planes, channels, BLOCK). A chunk computes the 36 products of a group and a panel,
 * whose pixels are tiles, and transforms them to outputs. */
#include "blocked.h"
#include "conv/winograd.h"

enum { TILE = 4, TAPS = 3 };

typedef struct {
    cnet_conv2d g;
    const blocked_arrays *arrays;
    const ptrdiff_t *offsets;
    const real *bias, *filters;
    ptrdiff_t rows, columns; /* of tiles */
    ptrdiff_t tiles, groups; /* of tiles in a group; groups */
    ptrdiff_t blocks, panels;
    ptrdiff_t u_plane, v_plane; /* elements of a plane of U and of V */
    real *v;
    char *scratch; /* of each thread */
} job_t;

/* As many tiles as a register tile has pixels, in even parts of an image or in whole images. */
static ptrdiff_t group_of(ptrdiff_t tiles) {
    return tiles > MOST_PIXELS ? tile_width(tiles) : MOST_PIXELS / tiles * tiles;
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .rows = ceil_div(g->oh, TILE),
        .columns = ceil_div(g->ow, TILE),
        .blocks = blocks_of(g->c),
        .panels = blocks_of(g->o),
    };
    job.tiles = group_of(job.rows * job.columns);
    job.groups = ceil_div(g->n * job.rows * job.columns, job.tiles);
    job.u_plane = job.blocks * BLOCK * BLOCK;
    job.v_plane = job.blocks * job.tiles * BLOCK;
    return job;
}

static size_t offsets_bytes(const job_t *job) {
    return (size_t)round_up(job->blocks * (ptrdiff_t)sizeof(ptrdiff_t), CNET_ALIGNMENT);
}

size_t CNET_FN(blocked_winograd_prepared)(const cnet_conv2d *g, int threads) {
    (void)threads;
    const job_t job = make_job(g);
    return offsets_bytes(&job) +
           (size_t)(job.panels * (BLOCK + WINOGRAD_PLANES * job.u_plane)) * sizeof(real);
}

/* Transforms the filters of a panel for one channel. */
static void transform_filters(const cnet_conv2d *g, const real *weight, ptrdiff_t panel,
                              ptrdiff_t c, ptrdiff_t plane, real *u) {
    for (ptrdiff_t first = 0; first < BLOCK; first += LANES) {
        vec filter[TAPS * TAPS], y[WINOGRAD_PLANES];
        for (ptrdiff_t k = 0; k < TAPS * TAPS; k++)
            for (ptrdiff_t lane = 0; lane < LANES; lane++) {
                const ptrdiff_t o = panel * BLOCK + first + lane;
                filter[k][lane] =
                    o < g->o && c < g->c ? weight[(o * g->c + c) * TAPS * TAPS + k] : 0;
            }
        winograd_evaluate_2d(TAPS, FILTER_SCALE, filter, TAPS, y, 1);
        for (ptrdiff_t k = 0; k < WINOGRAD_PLANES; k++)
            store(u + k * plane + first, y[k]);
    }
}

void CNET_FN(blocked_winograd_prepare)(const real *weight, const real *bias, void *prepared,
                                       const cnet_conv2d *g) {
    const job_t job = make_job(g);
    ptrdiff_t *offsets = prepared;
    for (ptrdiff_t b = 0; b < job.blocks; b++)
        offsets[b] = b * job.tiles * BLOCK;
    real *u = put_bias(bias, g->o, (real *)((char *)prepared + offsets_bytes(&job)));
    for (ptrdiff_t panel = 0; panel < job.panels; panel++, u += WINOGRAD_PLANES * job.u_plane)
        for (ptrdiff_t c = 0; c < job.blocks * BLOCK; c++)
            transform_filters(g, weight, panel, c, job.u_plane, u + c * BLOCK);
}

/* The image and the first output of a tile. */
typedef struct {
    ptrdiff_t n, top, left;
} place;

static place place_of(const job_t *job, ptrdiff_t tile) {
    const ptrdiff_t row = tile / job->columns;
    return (place){row / job->rows, row % job->rows * TILE, tile % job->columns * TILE};
}

static ptrdiff_t tiles_in(const job_t *job, ptrdiff_t group) {
    const ptrdiff_t all = job->g.n * job->rows * job->columns;
    return min_size(job->tiles, all - group * job->tiles);
}

/* Copies the vectors of a patch, with zeros outside of the image. */
static inline void load_patch(const cnet_conv2d *g, const real *x, ptrdiff_t top, ptrdiff_t left,
                              vec patch[WINOGRAD_PLANES]) {
    if (top >= 0 && left >= 0 && top + WINOGRAD_PATCH <= g->h && left + WINOGRAD_PATCH <= g->w) {
        x += (top * g->w + left) * BLOCK;
        for (ptrdiff_t i = 0; i < WINOGRAD_PATCH; i++)
#pragma GCC unroll 6
            for (ptrdiff_t j = 0; j < WINOGRAD_PATCH; j++)
                patch[i * WINOGRAD_PATCH + j] = load(x + (i * g->w + j) * BLOCK);
        return;
    }
    for (ptrdiff_t i = 0; i < WINOGRAD_PATCH; i++)
        for (ptrdiff_t j = 0; j < WINOGRAD_PATCH; j++) {
            const ptrdiff_t row = top + i, column = left + j;
            const int exists = row >= 0 && row < g->h && column >= 0 && column < g->w;
            patch[i * WINOGRAD_PATCH + j] =
                exists ? load(x + (row * g->w + column) * BLOCK) : (vec){0};
        }
}

/* Transforms the patches of a group in one block of channels. */
static void patches_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t group = chunk / job->blocks, block = chunk % job->blocks;
    real *v = job->v + group * WINOGRAD_PLANES * job->v_plane + block * job->tiles * BLOCK;
    for (ptrdiff_t t = 0; t < tiles_in(job, group); t++) {
        const place at = place_of(job, group * job->tiles + t);
        const real *x = job->arrays->x + (at.n * job->blocks + block) * g->h * g->w * BLOCK;
        for (ptrdiff_t first = 0; first < BLOCK; first += LANES) {
            vec patch[WINOGRAD_PLANES];
            load_patch(g, x + first, at.top - g->ph, at.left - g->pw, patch);
            winograd_input_2d(patch, WINOGRAD_PATCH, (vec *)(v + t * BLOCK + first),
                              job->v_plane / LANES);
        }
    }
}

/* Transforms the sums of a tile and stores its outputs. */
static void store_tile(const job_t *job, ptrdiff_t panel, place at, const real *m,
                       ptrdiff_t m_plane) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t first = (at.n * job->panels + panel) * g->oh * g->ow;
    const ptrdiff_t rows = min_size(TILE, g->oh - at.top),
                    columns = min_size(TILE, g->ow - at.left);
    for (ptrdiff_t s = 0; s < BLOCK; s += LANES) {
        vec y[TILE * TILE];
        winograd_combine_2d(TILE, NO_SCALE, (const vec *)(m + s), m_plane / LANES, y, TILE);
        const vec bias = load(job->bias + panel * BLOCK + s);
        for (ptrdiff_t i = 0; i < rows; i++)
            for (ptrdiff_t j = 0; j < columns; j++) {
                const ptrdiff_t to = (first + (at.top + i) * g->ow + at.left + j) * BLOCK + s;
                vec sum = y[i * TILE + j] + bias;
                if (job->arrays->residual)
                    sum += load(job->arrays->residual + to);
                store(job->arrays->y + to, limited(sum, &job->arrays->limits));
            }
    }
}

static void products_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t group = chunk % job->groups, panel = chunk / job->groups;
    const ptrdiff_t count = tiles_in(job, group), m_plane = job->tiles * BLOCK;
    real *m = (real *)job->scratch + slot * WINOGRAD_PLANES * m_plane;
    tile t = {.taps = job->blocks,
              .whole = job->g.c / BLOCK,
              .rest = (int)(job->g.c % BLOCK),
              .offsets = job->offsets};
    for (ptrdiff_t k = 0; k < WINOGRAD_PLANES; k++) {
        t.filters = job->filters + (panel * WINOGRAD_PLANES + k) * job->u_plane;
        t.x = job->v + (group * WINOGRAD_PLANES + k) * job->v_plane;
        t.y = m + k * m_plane;
        CNET_FN(blocked_tiles)(&t, TILE_SUMS, 1, (int)count);
    }
    for (ptrdiff_t i = 0; i < count; i++)
        store_tile(job, panel, place_of(job, group * job->tiles + i), m + i * BLOCK, m_plane);
}

static size_t v_bytes(const job_t *job) {
    return (size_t)(job->groups * WINOGRAD_PLANES * job->v_plane) * sizeof(real);
}

size_t CNET_FN(blocked_winograd_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return v_bytes(&job) + (size_t)(threads * WINOGRAD_PLANES * job.tiles * BLOCK) * sizeof(real);
}

void CNET_FN(blocked_winograd)(const blocked_arrays *arrays, const cnet_conv2d *g, int threads,
                               char *workspace) {
    job_t job = make_job(g);
    job.arrays = arrays;
    job.offsets = arrays->prepared;
    job.bias = (const real *)((const char *)arrays->prepared + offsets_bytes(&job));
    job.filters = job.bias + job.panels * BLOCK;
    job.v = (real *)workspace;
    job.scratch = workspace + v_bytes(&job);
    cnet_parallel(patches_chunk, &job, job.groups * job.blocks, threads);
    cnet_parallel(products_chunk, &job, job.groups * job.panels, threads);
}
