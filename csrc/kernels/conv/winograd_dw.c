/* Weight gradient of 3 x 3 or 5 x 5 filters with stride 1 by Winograd's F(3 x 3, 4 x 4) and
 * F(5 x 5, 2 x 2), the transposes of F(4 x 4, 3 x 3) and F(2 x 2, 5 x 5):
 *     dw(o, c) = G' [ sum over tiles of (A grad_output A') * (B' d B) ] G
 *
 * With Z = A grad_output A' and V = B' d B the sums are 36 matrix products
 * dM(c, o) = V(tile, c)' Z(tile, o). Both operands are transformed into the panels that the product
 * reads, for a group of tiles at a time, so that they stay in the cache. A piece of dM has a panel
 * of outputs and a slice of the channels.
 *
 * Where dM is small, the tiles are divided into parts, each with its own copy of dM, and a thread
 * takes all steps of a part. Otherwise, or if there are more threads than parts, all threads
 * transform a group, and then multiply it.
 *
 * Arrays as in conv.h; dw is overwritten. Each dM is summed over the tiles of a group, over the
 * groups of a part and over the parts, in ascending order. An infinity or NaN in a channel of x or
 * grad_output spreads over all taps of the filters that use this channel. Parallel over parts, or
 * over blocks of tiles and parts of the channels, and then over the pieces. Workspace: Z and V of a
 * group, for each thread that takes parts, and dM: all its copies, or with a single group the
 * current piece of each thread. */
#include "conv.h"
#include "tiles.h"

enum {
    /* Of all threads; of one, with sums in the cache of the core or not. */
    SHARED_GROUP_BYTES = 3 << 19,
    CACHED_GROUP_BYTES = ISA_CORE_CACHE_BYTES * 3 / 4,
    LARGE_GROUP_BYTES = ISA_SHARED_CACHE_BYTES / 4,
    MOST_PARTS = 16,
    MOST_SUMS_BYTES = 3 << 20,    /* of dM, where it is copied */
    MOST_COPIES_BYTES = 11 << 20, /* of all copies */
    FEW_CHANNELS = 4,
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
    ptrdiff_t parts, part;         /* tiles per part */
    ptrdiff_t group, first, count; /* tiles per group; first tile and tiles of this one */
    ptrdiff_t begin;               /* first tile of this part */
    operand v, z;
    real *sums; /* dM of this part: pieces, each of planes */
} job_t;

enum {
    SUMS_PLANE = SLICE * TILE_COLS + VECTOR_BYTES / (int)sizeof(real),
    PIECE = WINOGRAD_PLANES * SUMS_PLANE
};
_Static_assert(SLICE % FEW_CHANNELS == 0, "chunks fit");

static ptrdiff_t pieces_of(const job_t *job) { return job->panels * job->slices; }

static ptrdiff_t transform_chunks(const job_t *job) {
    return ceil_div(job->count, BLOCK_TILES) * (job->panels + job->slices);
}

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
        CNET_FN(transform_gradients)(&m, &job->t, first, count, o, min_size(g->o, o + TILE_COLS),
                                     &to);
    } else {
        const images m = {job->arrays.x, g->n, g->c, g->h, g->w, g->ph, g->pw};
        const ptrdiff_t c = (part - job->panels) * SLICE;
        operand to = job->v;
        to.x += at * to.row;
        CNET_FN(transform_images)(&m, &job->t, first, count, c, min_size(g->c, c + SLICE), &to);
    }
}

/* Adds the sums of some channels to others, for a panel of outputs. */
static inline void add_cells(const job_t *job, ptrdiff_t panel, real *to, ptrdiff_t channels,
                             const real *more) {
    const ptrdiff_t cols = min_size(TILE_COLS, job->g.o - panel * TILE_COLS);
    for (ptrdiff_t r = 0; r < channels * TILE_COLS; r += TILE_COLS)
        for (ptrdiff_t s = r; s < r + cols; s += LANES)
            store(to + s, load(to + s) + load(more + s));
}

/* Transforms the sums of some channels: lanes are the outputs from o on. In dw, the taps of all
 * channels of an output are contiguous. */
UNROLLED void transform_sums(const job_t *job, ptrdiff_t o, ptrdiff_t c, ptrdiff_t channels,
                             const real *sums, const int taps) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t area = taps * taps;
    vec dw[SLICE * WINOGRAD_LARGEST * WINOGRAD_LARGEST + VECTOR_BYTES / sizeof(real)];
    for (ptrdiff_t i = 0; i < channels; i++)
        winograd_combine_2d(taps, FILTER_SCALE, (const vec *)(sums + i * TILE_COLS),
                            SUMS_PLANE / LANES, dw + i * area, taps);
    store_transposed((const real *)dw, LANES, channels * area, g->o - o,
                     job->arrays.to + (o * g->c + c) * area, g->c * area);
}

/* Stores the results of some channels of a slice, for a panel of outputs. */
static void store_sums(const job_t *job, ptrdiff_t panel, ptrdiff_t c, ptrdiff_t channels,
                       const real *sums) {
    const ptrdiff_t first = panel * TILE_COLS, end = min_size(job->g.o, first + TILE_COLS);
    for (ptrdiff_t o = first; o < end; o += LANES, sums += LANES) {
        if (job->t.taps == 3)
            transform_sums(job, o, c, channels, sums, 3);
        else
            transform_sums(job, o, c, channels, sums, 5);
    }
}

/* Adds the copies of the sums of a few channels, for a panel of outputs, and stores the results. */
static void store_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t chunks = ceil_div(job->g.c, FEW_CHANNELS);
    const ptrdiff_t panel = chunk / chunks, c = chunk % chunks * FEW_CHANNELS;
    const ptrdiff_t piece = panel * job->slices + c / SLICE, copy = pieces_of(job) * PIECE;
    real *sums = job->sums + (piece * PIECE + c % SLICE * TILE_COLS);
    for (ptrdiff_t t = 0; t < WINOGRAD_PLANES; t++)
        for (ptrdiff_t part = 1; part < job->parts; part++)
            add_cells(job, panel, sums + t * SUMS_PLANE, FEW_CHANNELS,
                      sums + (part * copy + t * SUMS_PLANE));
    store_sums(job, panel, c, min_size(FEW_CHANNELS, job->g.c - c), sums);
}

static int has_one_group(const job_t *job) { return job->group == job->t.count; }

/* Multiplies the tiles of a group, for a piece of dM, which is stored after the last group if there
 * are no other copies. */
static void multiply_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t panel = chunk / job->slices, slice = chunk % job->slices;
    const ptrdiff_t cols = min_size(TILE_COLS, job->g.o - panel * TILE_COLS);
    const ptrdiff_t channels = min_size(SLICE, job->g.c - slice * SLICE);
    real *sums = job->sums + (has_one_group(job) ? slot : chunk) * PIECE;
    for (int t = 0; t < WINOGRAD_PLANES; t++) {
        const real *v = job->v.x + (t * job->v.plane + slice * job->v.panel);
        const real *z = job->z.x + (t * job->z.plane + panel * job->z.panel);
        for (ptrdiff_t row = 0; row < channels; row += TILE_ROWS) {
            const target to = {sums + (t * SUMS_PLANE + row * TILE_COLS), TILE_COLS,
                               job->first > job->begin};
            const fetch next = {v + (job->v.plane + job->count * row), LINE_CELLS,
                                job->count * TILE_ROWS / LINE_CELLS};
            multiply_columns(job->count, TILE_ROWS, v + row, 1, SLICE, z, TILE_COLS, cols, next,
                             to);
        }
    }
    if (job->parts > 1 || job->first + job->count < job->t.count)
        return;
    store_sums(job, panel, slice * SLICE, channels, sums);
}

/* All steps of a part. */
static void part_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    job_t job = *(const job_t *)argument;
    const ptrdiff_t end = min_size(job.t.count, (chunk + 1) * job.part);
    job.v.x += slot * WINOGRAD_PLANES * job.v.plane;
    job.z.x += slot * WINOGRAD_PLANES * job.z.plane;
    job.sums += chunk * pieces_of(&job) * PIECE;
    job.begin = chunk * job.part;
    for (job.first = job.begin; job.first < end; job.first += job.group) {
        job.count = min_size(job.group, end - job.first);
        for (ptrdiff_t i = 0; i < transform_chunks(&job); i++)
            transform_chunk(&job, i, slot);
        for (ptrdiff_t i = 0; i < pieces_of(&job); i++)
            multiply_chunk(&job, i, slot);
    }
}

/* All steps of all parts, by all threads. */
static void share_groups(job_t job, int threads) {
    for (; job.begin < job.t.count; job.begin += job.part, job.sums += pieces_of(&job) * PIECE) {
        const ptrdiff_t end = min_size(job.t.count, job.begin + job.part);
        for (job.first = job.begin; job.first < end; job.first += job.group) {
            job.count = min_size(job.group, end - job.first);
            cnet_parallel(transform_chunk, &job, transform_chunks(&job), threads);
            cnet_parallel(multiply_chunk, &job, pieces_of(&job), threads);
        }
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
    };
    const ptrdiff_t size = (ptrdiff_t)sizeof(real);
    const ptrdiff_t tile_bytes =
        WINOGRAD_PLANES * size * (round_up(g->c, LANES) + round_up(g->o, LANES));
    /* The sums, which each group reads and writes, move no more often than transformed tiles. */
    const ptrdiff_t least = max_size(LEAST_TILES, g->c * g->o / (g->c + g->o));
    const ptrdiff_t sums = pieces_of(&job) * PIECE * size;
    const ptrdiff_t parts = min_size(job.t.count / least, MOST_COPIES_BYTES / sums);
    job.parts = sums > MOST_SUMS_BYTES ? 1 : max_size(1, min_size(MOST_PARTS, parts));
    job.part = ceil_div(job.t.count, job.parts);
    job.parts = ceil_div(job.t.count, job.part);
    const ptrdiff_t bytes = job.parts == 1                     ? SHARED_GROUP_BYTES
                            : sums <= ISA_CORE_CACHE_BYTES / 4 ? CACHED_GROUP_BYTES
                                                               : LARGE_GROUP_BYTES;
    job.group = ceil_div(job.part, ceil_div(job.part, max_size(least, bytes / tile_bytes)));
    job.v = operand_of(g->c, SLICE, job.group);
    job.z = operand_of(g->o, TILE_COLS, job.group);
    return job;
}

/* Whether all threads compute a group together. */
static int shares_groups(const job_t *job, int threads) {
    return job->parts == 1 || job->parts < threads;
}

static size_t operand_bytes(const job_t *job, const operand *o, int threads) {
    const ptrdiff_t copies = shares_groups(job, threads) ? 1 : threads;
    return bytes_of(copies * WINOGRAD_PLANES * o->plane, sizeof(real));
}

size_t CNET_FN(winograd_dw_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return operand_bytes(&job, &job.v, threads) + operand_bytes(&job, &job.z, threads) +
           bytes_of(job.parts * (has_one_group(&job) ? threads : pieces_of(&job)) * PIECE,
                    sizeof(real));
}

void CNET_FN(winograd_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                          const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    char *workspace = call->workspace;
    job.v.x = (real *)workspace;
    job.z.x = (real *)(workspace += operand_bytes(&job, &job.v, call->threads));
    job.sums = (real *)(workspace += operand_bytes(&job, &job.z, call->threads));
    if (shares_groups(&job, call->threads))
        share_groups(job, call->threads);
    else
        cnet_parallel(part_chunk, &job, job.parts, call->threads);
    if (job.parts > 1)
        cnet_parallel(store_chunk, &job, job.panels * ceil_div(g->c, FEW_CHANNELS), call->threads);
}
