/* Convolution of 3 x 3 or 5 x 5 filters with stride 1 by Winograd's F(4 x 4, 3 x 3) and
 * F(2 x 2, 5 x 5), and its input gradient, which is a convolution of grad_output with rotated
 * filters and exchanged channels.
 *
 * With the tiles of all images numbered in one sequence, the 36 products M(tile, o) = V(tile, c)
 * U(c, o) are matrix products, computed for a block of tiles and a panel of TILE_COLS outputs at a
 * time, so that V and M stay in the cache. Of the transformed filters U and the transformed images
 * V, the smaller is computed once and shared; the other is computed by the chunk that needs it, U
 * for a slice of the channels at a time.
 *
 * Arrays as in conv.h; the result is overwritten. Each M is summed over c in ascending order within
 * a slice, and over the slices in ascending order. An infinity or NaN in the input spreads over the
 * tiles that depend on it, one in a filter over its whole output. Parallel over blocks of tiles
 * where U is shared, else over panels of outputs. Workspace: the shared operand, and for each
 * thread a block of V and M, or a slice of a panel of U and M of all blocks. */
#include "conv.h"
#include "tiles.h"

enum {
    /* Bytes of V and M for a block of tiles, where U is shared; else a block has MOST_TILES. */
    BLOCK_BYTES = 512 << 10,
    LEAST_TILES = 3 * TILE_ROWS,
    MOST_TILES = 64,
    EVEN_BLOCKS = 2,     /* a multiple of so many blocks divides the tiles evenly among threads */
    MOST_CHANNELS = 128, /* of a slice, where U is not shared, so that it stays in the cache */
    CHUNK_CHANNELS = 32, /* that are transformed at a time for all */
    /* Filters are prefetched this many channels ahead, because the hardware finds no pattern in
     * their addresses. */
    CHANNELS_AHEAD = 4
};

typedef struct {
    conv2d_arrays arrays; /* x is the convolved array: grad_output for the input gradient */
    cnet_conv2d g;
    int rotated; /* weight is (c, o, r, r), read in reverse order */
    tiling t;
    ptrdiff_t block, blocks, panels; /* tiles per block, at most; blocks; panels of outputs */
    int share_filters;
    ptrdiff_t slice; /* channels that are multiplied at a time */
    ptrdiff_t v_row, v_slice, v_plane, u_plane, m_plane;
    real *shared;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* The first tile of a block: blocks are as equal as whole register tiles allow. */
static ptrdiff_t begin_of(const job_t *job, ptrdiff_t block) {
    return min_size(job->t.count,
                    ceil_div(job->t.count, TILE_ROWS) * block / job->blocks * TILE_ROWS);
}

static ptrdiff_t tiles_of(const job_t *job, ptrdiff_t block) {
    return begin_of(job, block + 1) - begin_of(job, block);
}

/* ---- Filters --------------------------------------------------------------------------- */

/* u[plane * u_plane + (c - c0) * TILE_COLS + o], for the outputs of a panel and the channels in
 * [c0, c1). Filters that are not rotated are contiguous for an output: several are read together.
 */
UNROLLED void transform_taps(const job_t *job, ptrdiff_t panel, ptrdiff_t c0, ptrdiff_t c1, real *u,
                             const int taps, const int rotated) {
    enum { MOST = WINOGRAD_LARGEST * WINOGRAD_LARGEST, SQUARE = VECTOR_BYTES / sizeof(real) };
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t area = taps * taps, size = g->o * g->c * area, together = rotated ? 1 : SQUARE;
    const ptrdiff_t o_step = rotated ? area : g->c * area, c_step = rotated ? g->o * area : area;
    for (ptrdiff_t c = c0; c < c1; c += together) {
        const ptrdiff_t channels = min_size(together, c1 - c);
        const ptrdiff_t next = min_size(c + max_size(together, CHANNELS_AHEAD), g->c - 1);
        for (ptrdiff_t s = 0; s < min_size(TILE_COLS, g->o - panel * TILE_COLS); s += LANES) {
            const ptrdiff_t o = panel * TILE_COLS + s;
            for (ptrdiff_t r = 0; r < min_size(LANES, g->o - o); r++)
                for (ptrdiff_t k = 0; k < together * area; k += LINE_CELLS)
                    __builtin_prefetch(job->arrays.weight + ((o + r) * o_step + next * c_step + k));
            vec filters[SQUARE * MOST + SQUARE];
            for (ptrdiff_t k = 0; k < channels * area; k += LANES)
                load_columns(job->arrays.weight, size, o * o_step + c * c_step + k, o_step,
                             g->o - o, filters + k);
            for (ptrdiff_t i = 0; i < channels; i++) {
                vec filter[MOST];
#pragma GCC unroll 32
                for (ptrdiff_t k = 0; k < area; k++)
                    filter[rotated ? area - 1 - k : k] = filters[i * area + k];
                winograd_evaluate_2d(taps, FILTER_SCALE, filter, taps,
                                     (vec *)(u + ((c - c0 + i) * TILE_COLS + s)),
                                     job->u_plane / LANES);
            }
        }
    }
}

static void transform_filters(const job_t *job, ptrdiff_t panel, ptrdiff_t c0, ptrdiff_t c1,
                              real *u) {
    if (job->t.taps == 3 && job->rotated)
        transform_taps(job, panel, c0, c1, u, 3, 1);
    else if (job->t.taps == 3)
        transform_taps(job, panel, c0, c1, u, 3, 0);
    else
        transform_taps(job, panel, c0, c1, u, 5, job->rotated);
}

/* ---- Outputs --------------------------------------------------------------------------- */

/* Fetches the lines of y that a run of tiles will overwrite. */
static inline void prefetch_outputs(const job_t *job, const run *run, ptrdiff_t o, ptrdiff_t pixels,
                                    int tile) {
    const cnet_conv2d *g = &job->g;
    for (ptrdiff_t r = 0; r < min_size(LANES, g->o - o); r++)
        for (ptrdiff_t i = 0; i < min_size(tile, g->oh - run->top); i++) {
            const real *y = job->arrays.to +
                            (((run->n * g->o + o + r) * g->oh + run->top + i) * g->ow + run->left);
            for (ptrdiff_t j = 0; j < pixels; j += LINE_CELLS)
                __builtin_prefetch(y + j, 1);
        }
}

UNROLLED void transform_sums(const job_t *job, ptrdiff_t first, ptrdiff_t count, ptrdiff_t panel,
                             const real *m, const int tile) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t plane = job->m_plane / LANES;
    vec lines[WINOGRAD_LARGEST][LINE_PIXELS];
    for (ptrdiff_t done = 0; done < count;) {
        const run run = run_at(&job->t, first + done, count - done);
        const ptrdiff_t pixels = min_size(tile * run.count, g->ow - run.left);
        for (ptrdiff_t s = 0; s < TILE_COLS; s += LANES) {
            const ptrdiff_t o = panel * TILE_COLS + s;
            if (o >= g->o)
                break;
            prefetch_outputs(job, &run, o, pixels, tile);
            real *y = job->arrays.to + (((run.n * g->o + o) * g->oh + run.top) * g->ow + run.left);
            vec bias = {0};
            if (job->arrays.bias)
                bias = load_run(job->arrays.bias + o, g->o - o);
            for (ptrdiff_t k = 0; k < run.count; k++) {
                vec cells[WINOGRAD_LARGEST * WINOGRAD_LARGEST];
                winograd_combine_2d(tile, NO_SCALE, (const vec *)(m + ((done + k) * TILE_COLS + s)),
                                    plane, cells, tile);
#pragma GCC unroll 16
                for (int t = 0; t < tile * tile; t++)
                    lines[t / tile][k * tile + t % tile] = cells[t] + bias;
            }
            for (ptrdiff_t i = 0; i < min_size(tile, g->oh - run.top); i++)
                store_transposed((const real *)lines[i], LANES, pixels, g->o - o, y + i * g->ow,
                                 g->oh * g->ow);
        }
        done += run.count;
    }
}

static void transform_outputs(const job_t *job, ptrdiff_t block, ptrdiff_t panel, const real *m) {
    const ptrdiff_t first = begin_of(job, block), count = tiles_of(job, block);
    if (job->t.tile == 4)
        transform_sums(job, first, count, panel, m, 4);
    else
        transform_sums(job, first, count, panel, m, 2);
}

/* ---- Products -------------------------------------------------------------------------- */

/* A part of the shared operand that is multiplied after the rows from `row` on of a plane: of the
 * next plane of U, or the next rows of V. */
static fetch next_part(const job_t *job, ptrdiff_t tiles, ptrdiff_t row, const real *v,
                       const real *u) {
    if (!job->share_filters) {
        const real *next =
            v + (row + TILE_ROWS < tiles ? (row + TILE_ROWS) * job->v_row : job->v_plane);
        return (fetch){next, LINE_CELLS, TILE_ROWS * job->v_row / LINE_CELLS};
    }
    const ptrdiff_t part = ceil_div(job->g.c * TILE_COLS, ceil_div(tiles, TILE_ROWS));
    return (fetch){u + (job->u_plane + row / TILE_ROWS * part), LINE_CELLS,
                   ceil_div(part, LINE_CELLS)};
}

/* The tiles that fill whole register tiles; the others need one or two short ones. */
static ptrdiff_t whole_rows(ptrdiff_t tiles) {
    const ptrdiff_t rest = tiles % TILE_ROWS, two = 2 * SHORT_ROWS;
    if (rest == 0 || rest > SHORT_ROWS)
        return tiles;
    return rest + TILE_ROWS == two && tiles >= two ? tiles - two : tiles - rest;
}

/* M of a block of tiles and a panel of outputs: the products of a slice of channels, added to those
 * of the previous slices. */
static void multiply(const job_t *job, ptrdiff_t block, ptrdiff_t panel, ptrdiff_t slice,
                     const real *v, const real *u, real *m) {
    const ptrdiff_t tiles = tiles_of(job, block), outputs = job->g.o - panel * TILE_COLS;
    const ptrdiff_t channels = min_size(job->slice, job->g.c - slice * job->slice);
    const ptrdiff_t whole = whole_rows(tiles);
    v += slice * job->v_slice;
    for (int t = 0; t < WINOGRAD_PLANES; t++, u += job->u_plane, v += job->v_plane) {
        target to = {m + t * job->m_plane, TILE_COLS, slice > 0};
        ptrdiff_t row = 0;
        for (; row < whole; row += TILE_ROWS, to.at += TILE_ROWS * TILE_COLS)
            multiply_columns(channels, TILE_ROWS, v + row * job->v_row, job->v_row, 1, u, TILE_COLS,
                             outputs, next_part(job, tiles, row, v, u), to);
        for (; row < tiles; row += SHORT_ROWS, to.at += SHORT_ROWS * TILE_COLS)
            multiply_columns(channels, SHORT_ROWS, v + row * job->v_row, job->v_row, 1, u,
                             TILE_COLS, outputs, next_part(job, tiles, row, v, u), to);
    }
}

/* ---- The plan -------------------------------------------------------------------------- */

static size_t u_bytes(const job_t *job) {
    return bytes_of(WINOGRAD_PLANES * job->u_plane, sizeof(real));
}
static size_t v_bytes(const job_t *job) {
    return bytes_of(WINOGRAD_PLANES * job->v_plane, sizeof(real));
}

static size_t m_bytes(const job_t *job) {
    return bytes_of(WINOGRAD_PLANES * job->m_plane, sizeof(real));
}

static job_t make_job(const cnet_conv2d *g) {
    const tiling t = tiling_of(g);
    job_t job = {
        .g = *g,
        .t = t,
        .panels = ceil_div(g->o, TILE_COLS),
        .share_filters = t.count >= g->o,
    };
    const ptrdiff_t most_channels = job.share_filters ? g->c : MOST_CHANNELS;
    job.slice = round_up(ceil_div(g->c, ceil_div(g->c, most_channels)), LANES);
    job.v_row = plane_step(job.slice);
    job.u_plane = plane_step(job.slice * TILE_COLS);
    const ptrdiff_t tile_bytes =
        WINOGRAD_PLANES * (job.v_row + TILE_COLS) * (ptrdiff_t)sizeof(real);
    const ptrdiff_t most =
        job.share_filters ? max_size(LEAST_TILES, BLOCK_BYTES / tile_bytes) : MOST_TILES;
    job.blocks = ceil_div(job.t.count, most);
    if (job.share_filters)
        job.blocks = max_size(
            job.blocks, min_size(round_up(job.blocks, EVEN_BLOCKS), job.t.count / LEAST_TILES));
    job.block = ceil_div(ceil_div(job.t.count, TILE_ROWS), job.blocks) * TILE_ROWS;
    job.v_slice = job.block * job.v_row;
    job.v_plane = plane_step(ceil_div(g->c, job.slice) * job.v_slice);
    job.m_plane = plane_step(job.block * TILE_COLS);
    job.bytes_per_thread = job.share_filters ? v_bytes(&job) + m_bytes(&job)
                                             : u_bytes(&job) + (size_t)job.blocks * m_bytes(&job);
    return job;
}

static size_t shared_bytes(const job_t *job) {
    return job->share_filters ? (size_t)job->panels * u_bytes(job)
                              : (size_t)job->blocks * v_bytes(job);
}

static real *shared_u(const job_t *job, ptrdiff_t panel) {
    return job->shared + (size_t)panel * (u_bytes(job) / sizeof(real));
}
static real *shared_v(const job_t *job, ptrdiff_t block) {
    return job->shared + (size_t)block * (v_bytes(job) / sizeof(real));
}

static void transform_block(const job_t *job, ptrdiff_t block, ptrdiff_t c0, ptrdiff_t c1,
                            real *v) {
    const cnet_conv2d *g = &job->g;
    const images m = {job->arrays.x, g->n, g->c, g->h, g->w, g->ph, g->pw};
    const operand to = {v, job->v_plane, job->v_slice, job->v_row, job->slice};
    CNET_FN(transform_images)(&m, &job->t, begin_of(job, block), tiles_of(job, block), c0, c1, &to);
}

static ptrdiff_t chunks_each(const job_t *job) { return ceil_div(job->g.c, CHUNK_CHANNELS); }

/* Transforms a panel of outputs and a slice of the channels. */
static void filters_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t panel = chunk / chunks_each(job), c = chunk % chunks_each(job) * CHUNK_CHANNELS;
    transform_filters(job, panel, c, min_size(job->g.c, c + CHUNK_CHANNELS),
                      shared_u(job, panel) + c * TILE_COLS);
}

/* Transforms a block of tiles and some of the channels. */
static void images_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t block = chunk / chunks_each(job), c = chunk % chunks_each(job) * CHUNK_CHANNELS;
    transform_block(job, block, c, min_size(job->g.c, c + CHUNK_CHANNELS), shared_v(job, block));
}

static void block_chunk(const void *argument, ptrdiff_t block, int slot) {
    const job_t *job = argument;
    real *v = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *m = v + v_bytes(job) / sizeof(real);
    transform_block(job, block, 0, job->g.c, v);
    for (ptrdiff_t panel = 0; panel < job->panels; panel++) {
        multiply(job, block, panel, 0, v, shared_u(job, panel), m);
        transform_outputs(job, block, panel, m);
    }
}

static void panel_chunk(const void *argument, ptrdiff_t panel, int slot) {
    const job_t *job = argument;
    real *u = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *m = u + u_bytes(job) / sizeof(real);
    const ptrdiff_t step = (ptrdiff_t)(m_bytes(job) / sizeof(real));
    for (ptrdiff_t c = 0; c < job->g.c; c += job->slice) {
        transform_filters(job, panel, c, min_size(job->g.c, c + job->slice), u);
        for (ptrdiff_t block = 0; block < job->blocks; block++)
            multiply(job, block, panel, c / job->slice, shared_v(job, block), u, m + block * step);
    }
    for (ptrdiff_t block = 0; block < job->blocks; block++)
        transform_outputs(job, block, panel, m + block * step);
}

static size_t workspace_of(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return shared_bytes(&job) + (size_t)threads * job.bytes_per_thread;
}

static void run_job(job_t *job, const cnet_call *call) {
    job->shared = (real *)call->workspace;
    job->workspace = call->workspace + shared_bytes(job);
    if (job->share_filters) {
        cnet_parallel(filters_chunk, job, job->panels * chunks_each(job), call->threads);
        cnet_parallel(block_chunk, job, job->blocks, call->threads);
    } else {
        cnet_parallel(images_chunk, job, job->blocks * chunks_each(job), call->threads);
        cnet_parallel(panel_chunk, job, job->panels, call->threads);
    }
}

size_t CNET_FN(winograd_forward_workspace)(const cnet_conv2d *g, int threads) {
    return workspace_of(g, threads);
}

void CNET_FN(winograd_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                               const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    run_job(&job, call);
}

size_t CNET_FN(winograd_dx_workspace)(const cnet_conv2d *g, int threads) {
    const cnet_conv2d gradient = gradient_geometry(g);
    return workspace_of(&gradient, threads);
}

void CNET_FN(winograd_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                          const cnet_call *call) {
    const cnet_conv2d gradient = gradient_geometry(g);
    job_t job = make_job(&gradient);
    job.arrays =
        (conv2d_arrays){.x = arrays->grad_output, .weight = arrays->weight, .to = arrays->to};
    job.rotated = 1;
    run_job(&job, call);
}
