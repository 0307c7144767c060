/* Weight gradient of 3 x 3 or 5 x 5 filters with stride 1 by Winograd's F(3 x 3, 4 x 4) and
 * F(5 x 5, 2 x 2), the transposes of F(4 x 4, 3 x 3) and F(2 x 2, 5 x 5):
 *     dw(o, c) = G' [ sum over tiles of (A grad_output A') * (B' d B) ] G
 *
 * With Z = A grad_output A' and V = B' d B the sums are 36 matrix products
 * dM(c, o) = V(tile, c)' Z(tile, o). Both operands are transformed into the panels that the product
 * reads, for a group of tiles at a time, so that they stay in the cache and are shared. A chunk has
 * a panel of outputs and a slice of the channels, and transforms its own sums after the last group.
 *
 * Arrays as in conv.h; dw is overwritten. Each dM is summed over the tiles of a group and over the
 * groups, in ascending order. An infinity or NaN in a channel of x or grad_output spreads over all
 * taps of the filters that use this channel. Parallel over blocks of tiles and parts of the
 * channels, then over the panels and slices. Workspace: Z and V of a group, and dM: of all chunks,
 * or with a single group of the current chunk of each thread. */
#include "conv.h"
#include "tiles.h"

enum {
    GROUP_BYTES = 3 << 19,
    LEAST_TILES = 64,
    BLOCK_TILES = 32,
    /* A multiple of TILE_ROWS and of LANES. */
    SLICE = ISA_WINOGRAD_SLICE
};
_Static_assert(SLICE % TILE_ROWS == 0 && SLICE * sizeof(real) % VECTOR_BYTES == 0, "panels fit");

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    tiling t;
    ptrdiff_t slices, panels;      /* of input channels, of outputs */
    ptrdiff_t group, first, count; /* tiles per group; first tile and tiles of this one */
    operand v, z;
    real *sums; /* of every chunk, or of every thread if there is only one group */
    size_t chunk_bytes;
} job_t;

enum { SUMS_ROW = SLICE * TILE_COLS, SUMS_PLANE = SUMS_ROW + VECTOR_BYTES / (int)sizeof(real) };

/* Transforms a block of tiles, for a panel of the outputs or a slice of the channels. */
static void transform_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t parts = job->panels + job->slices, part = chunk % parts;
    const ptrdiff_t at = chunk / parts * BLOCK_TILES;
    const ptrdiff_t first = job->first + at, count = min_size(BLOCK_TILES, job->count - at);
    if (part < job->panels) {
        const images m = {job->arrays.grad_output, g->n, g->o, g->oh, g->ow, 0, 0};
        const ptrdiff_t o = part * TILE_COLS;
        operand to = job->z;
        to.x += at * to.row;
        transform_gradients(&m, &job->t, first, count, o, min_size(g->o, o + TILE_COLS), &to);
    } else {
        const images m = {job->arrays.x, g->n, g->c, g->h, g->w, g->ph, g->pw};
        const ptrdiff_t c = (part - job->panels) * SLICE;
        operand to = job->v;
        to.x += at * to.row;
        transform_images(&m, &job->t, first, count, c, min_size(g->c, c + SLICE), &to);
    }
}

/* Transforms the sums, whose lanes are the outputs from o on; in dw, the taps of all channels of an
 * output are contiguous. */
UNROLLED void transform_sums(const job_t *job, ptrdiff_t o, ptrdiff_t c, const real *sums,
                             const int taps) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t channels = min_size(SLICE, g->c - c), area = taps * taps;
    const ptrdiff_t outputs = min_size(LANES, g->o - o);
    vec dw[SLICE * WINOGRAD_LARGEST * WINOGRAD_LARGEST];
    for (ptrdiff_t i = 0; i < channels; i++)
        winograd_combine_2d(taps, FILTER_SCALE, (const vec *)(sums + i * TILE_COLS),
                            SUMS_PLANE / LANES, dw + i * area, taps);
    for (ptrdiff_t t = 0; t < channels * area; t += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        load_transposed((const real *)(dw + t), LANES, rows);
        for (ptrdiff_t r = 0; r < outputs; r++)
            store_run(job->arrays.to + (((o + r) * g->c + c) * area + t), rows[r],
                      channels * area - t);
    }
}

static int has_one_group(const job_t *job) { return job->group == job->t.count; }

/* Multiplies a panel of outputs and a slice of the channels. */
static void multiply_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t panel = chunk / job->slices, slice = chunk % job->slices;
    const ptrdiff_t cols = min_size(TILE_COLS, job->g.o - panel * TILE_COLS);
    const size_t part = (size_t)(has_one_group(job) ? slot : chunk);
    real *sums = job->sums + part * (job->chunk_bytes / sizeof(real));
    const ptrdiff_t channels = min_size(SLICE, job->g.c - slice * SLICE);
    for (int t = 0; t < WINOGRAD_PLANES; t++) {
        const real *v = job->v.x + (t * job->v.plane + slice * job->v.panel);
        const real *z = job->z.x + (t * job->z.plane + panel * job->z.panel);
        for (ptrdiff_t row = 0; row < channels; row += TILE_ROWS) {
            _Alignas(CNET_ALIGNMENT) real more[TILE_ROWS * TILE_COLS];
            real *to = sums + (t * SUMS_PLANE + row * TILE_COLS);
            const fetch next = {v + (job->v.plane + job->count * row), LINE_CELLS,
                                job->count * TILE_ROWS / LINE_CELLS};
            multiply_columns(job->count, TILE_ROWS, v + row, 1, SLICE, z, TILE_COLS, cols, next,
                             job->first ? more : to, TILE_COLS);
            if (job->first)
                for (ptrdiff_t s = 0; s < TILE_ROWS * TILE_COLS; s += LANES)
                    store(to + s, load(to + s) + load(more + s));
        }
    }
    if (job->first + job->count < job->t.count)
        return;
    for (ptrdiff_t s = 0; s < cols; s += LANES) {
        if (job->t.taps == 3)
            transform_sums(job, panel * TILE_COLS + s, slice * SLICE, sums + s, 3);
        else
            transform_sums(job, panel * TILE_COLS + s, slice * SLICE, sums + s, 5);
    }
}

static operand operand_of(ptrdiff_t channels, ptrdiff_t width, ptrdiff_t tiles) {
    const ptrdiff_t panel = plane_step(tiles * width);
    return (operand){NULL, plane_step(ceil_div(channels, width) * panel), panel, width, width};
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .t = tiling_of(g),
        .slices = ceil_div(g->c, SLICE),
        .panels = ceil_div(g->o, TILE_COLS),
        .chunk_bytes = bytes_of(WINOGRAD_PLANES * SUMS_PLANE, sizeof(real)),
    };
    const ptrdiff_t tile_bytes =
        WINOGRAD_PLANES * (ptrdiff_t)sizeof(real) * (job.slices * SLICE + job.panels * TILE_COLS);
    /* The sums, which each group reads and writes, move no more often than transformed tiles. */
    const ptrdiff_t least = max_size(LEAST_TILES, g->c * g->o / (g->c + g->o));
    const ptrdiff_t most = max_size(least, GROUP_BYTES / tile_bytes);
    job.group = ceil_div(job.t.count, ceil_div(job.t.count, most));
    job.v = operand_of(g->c, SLICE, job.group);
    job.z = operand_of(g->o, TILE_COLS, job.group);
    return job;
}

static size_t operand_bytes(const operand *o) {
    return bytes_of(WINOGRAD_PLANES * o->plane, sizeof(real));
}

size_t CNET_FN(winograd_dw_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return operand_bytes(&job.v) + operand_bytes(&job.z) +
           (size_t)(has_one_group(&job) ? threads : job.slices * job.panels) * job.chunk_bytes;
}

void CNET_FN(winograd_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                          const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    char *workspace = call->workspace;
    job.v.x = (real *)workspace;
    job.z.x = (real *)(workspace += operand_bytes(&job.v));
    job.sums = (real *)(workspace += operand_bytes(&job.z));
    for (; job.first < job.t.count; job.first += job.group) {
        job.count = min_size(job.group, job.t.count - job.first);
        cnet_parallel(transform_chunk, &job,
                      ceil_div(job.count, BLOCK_TILES) * (job.panels + job.slices), call->threads);
        cnet_parallel(multiply_chunk, &job, job.panels * job.slices, call->threads);
    }
}
