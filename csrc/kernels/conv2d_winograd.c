/* Convolution of 3 x 3 filters with stride 1 by Winograd's F(4 x 4, 3 x 3), and its input gradient,
 * which is a convolution of dY with the filters rotated and their channels exchanged.
 *
 * With the tiles of all images numbered in one row, the 36 products M(o, tile) = U(o, c) V(c, tile)
 * are matrix products. Tiles are taken a panel of TILE_COLS at a time, lanes are tiles, output
 * channels a block at a time. Of the transformed filters U and the transformed images V the smaller
 * is made once and shared; the other is made by the chunk that needs it and stays in its cache. */
#include "conv2d.h"
#include "tiles.h"

enum { BLOCK_OUTPUTS = 4 * TILE_ROWS, SLICE_CHANNELS = 16 };

typedef struct {
    conv2d_arrays arrays; /* x is what is convolved: dY, for the input gradient */
    cnet_conv2d g;
    int rotated; /* weight is (c, o, 3, 3), to be read backwards */
    tiling t;
    ptrdiff_t blocks;
    ptrdiff_t u_row, u_plane, v_plane, m_plane; /* steps, in elements */
    int share_filters;
    real *shared;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* ---- Filters --------------------------------------------------------------------------- */

/* u[plane][o - first][c] for the outputs of one block; rows beyond the last output are zeros. */
static void transform_filters(const job_t *job, ptrdiff_t block, real *u) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t first = block * BLOCK_OUTPUTS;
    for (ptrdiff_t row = 0; row < BLOCK_OUTPUTS; row++) {
        const ptrdiff_t o = first + row;
        for (ptrdiff_t c = 0; c < g->c; c += LANES) {
            _Alignas(CNET_ALIGNMENT) real taps[9][VECTOR_BYTES / sizeof(real)] = {0};
            for (ptrdiff_t lane = 0; lane < min_size(LANES, g->c - c) && o < g->o; lane++)
                for (int t = 0; t < 9; t++)
                    taps[t][lane] = job->rotated
                                        ? job->arrays.weight[((c + lane) * g->o + o) * 9 + 8 - t]
                                        : job->arrays.weight[(o * g->c + c + lane) * 9 + t];
            vec transformed[WINOGRAD_PLANES];
            winograd_filter_2d((const vec *)taps, transformed);
            for (int p = 0; p < WINOGRAD_PLANES; p++)
                store(u + p * job->u_plane + row * job->u_row + c, transformed[p]);
        }
    }
}

/* ---- Products -------------------------------------------------------------------------- */

/* The outputs of one block for the tiles of one panel; m is scratch. */
static void multiply(const job_t *job, const panel *p, ptrdiff_t block, const real *u,
                     const real *v, real *m) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t first = block * BLOCK_OUTPUTS, outputs = min_size(BLOCK_OUTPUTS, g->o - first);
    for (int t = 0; t < WINOGRAD_PLANES; t++)
        for (ptrdiff_t row = 0; row < outputs; row += TILE_ROWS)
            multiply_columns(g->c, u + t * job->u_plane + row * job->u_row, job->u_row, 1,
                             v + t * job->v_plane, p->tiles,
                             m + t * job->m_plane + row * TILE_COLS);
    for (ptrdiff_t row = 0; row < outputs; row++) {
        const ptrdiff_t o = first + row;
        const vec bias = broadcast(job->arrays.bias ? job->arrays.bias[o] : 0);
        _Alignas(CNET_ALIGNMENT) real lines[WINOGRAD_TILE][WINOGRAD_TILE * TILE_COLS];
        for (ptrdiff_t lane = 0; lane < p->tiles; lane += LANES) {
            vec sums[WINOGRAD_PLANES], y[WINOGRAD_TILE * WINOGRAD_TILE];
            for (int t = 0; t < WINOGRAD_PLANES; t++)
                sums[t] = load(m + t * job->m_plane + row * TILE_COLS + lane);
            winograd_output_2d(sums, y);
            for (int i = 0; i < WINOGRAD_TILE; i++) {
                const vec *q = y + WINOGRAD_TILE * i;
                real *to = lines[i] + WINOGRAD_TILE * lane;
                const vec even_first = zip_first(q[0] + bias, q[2] + bias);
                const vec even_second = zip_second(q[0] + bias, q[2] + bias);
                const vec odd_first = zip_first(q[1] + bias, q[3] + bias);
                const vec odd_second = zip_second(q[1] + bias, q[3] + bias);
                store(to, zip_first(even_first, odd_first));
                store(to + LANES, zip_second(even_first, odd_first));
                store(to + 2 * LANES, zip_first(even_second, odd_second));
                store(to + 3 * LANES, zip_second(even_second, odd_second));
            }
        }
        for (int r = 0; r < p->count; r++) {
            const run run = p->runs[r];
            const ptrdiff_t count = min_size(WINOGRAD_TILE * run.count, g->ow - run.left);
            for (int i = 0; i < WINOGRAD_TILE && run.top + i < g->oh; i++) {
                const real *from = lines[i] + WINOGRAD_TILE * run.lane;
                real *y =
                    job->arrays.to + ((run.n * g->o + o) * g->oh + run.top + i) * g->ow + run.left;
                copy_run(y, from, count);
            }
        }
    }
}

/* ---- The plan -------------------------------------------------------------------------- */

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .t = tiling_of(g),
        .blocks = ceil_div(g->o, BLOCK_OUTPUTS),
        .u_row = round_up(g->c, LANES) + LANES,
        .v_plane = plane_step(g->c * TILE_COLS),
        .m_plane = plane_step(BLOCK_OUTPUTS * TILE_COLS),
    };
    job.u_plane = plane_step(BLOCK_OUTPUTS * job.u_row);
    job.share_filters = job.t.tiles >= g->o;
    const size_t own = job.share_filters ? bytes_of(WINOGRAD_PLANES * job.v_plane, sizeof(real))
                                         : bytes_of(WINOGRAD_PLANES * job.u_plane, sizeof(real));
    job.bytes_per_thread = own + bytes_of(WINOGRAD_PLANES * job.m_plane, sizeof(real));
    return job;
}

static size_t shared_bytes(const job_t *job) {
    return job->share_filters
               ? (size_t)job->blocks * bytes_of(WINOGRAD_PLANES * job->u_plane, sizeof(real))
               : (size_t)job->t.panels * bytes_of(WINOGRAD_PLANES * job->v_plane, sizeof(real));
}

static real *shared_u(const job_t *job, ptrdiff_t block) {
    return job->shared +
           block *
               (ptrdiff_t)(bytes_of(WINOGRAD_PLANES * job->u_plane, sizeof(real)) / sizeof(real));
}

static real *shared_v(const job_t *job, ptrdiff_t index) {
    return job->shared +
           index *
               (ptrdiff_t)(bytes_of(WINOGRAD_PLANES * job->v_plane, sizeof(real)) / sizeof(real));
}

static void filters_chunk(const void *argument, ptrdiff_t block, int slot) {
    (void)slot;
    const job_t *job = argument;
    transform_filters(job, block, shared_u(job, block));
}

static void images_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t slices = ceil_div(job->g.c, SLICE_CHANNELS),
                    c = chunk % slices * SLICE_CHANNELS;
    const panel p = panel_at(&job->t, chunk / slices);
    transform_images(&job->g, job->arrays.x, &p, c, min_size(job->g.c, c + SLICE_CHANNELS),
                     job->v_plane, shared_v(job, chunk / slices));
}

static void panel_chunk(const void *argument, ptrdiff_t index, int slot) {
    const job_t *job = argument;
    const panel p = panel_at(&job->t, index);
    real *v = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *m = v + bytes_of(WINOGRAD_PLANES * job->v_plane, sizeof(real)) / sizeof(real);
    transform_images(&job->g, job->arrays.x, &p, 0, job->g.c, job->v_plane, v);
    for (ptrdiff_t block = 0; block < job->blocks; block++)
        multiply(job, &p, block, shared_u(job, block), v, m);
}

static void block_chunk(const void *argument, ptrdiff_t block, int slot) {
    const job_t *job = argument;
    real *u = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *m = u + bytes_of(WINOGRAD_PLANES * job->u_plane, sizeof(real)) / sizeof(real);
    transform_filters(job, block, u);
    for (ptrdiff_t index = 0; index < job->t.panels; index++) {
        const panel p = panel_at(&job->t, index);
        multiply(job, &p, block, u, shared_v(job, index), m);
    }
}

static size_t workspace_of(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return shared_bytes(&job) + (size_t)threads * job.bytes_per_thread;
}

static void run_job(job_t *job, const cnet_exec *e) {
    job->shared = (real *)e->workspace;
    job->workspace = e->workspace + shared_bytes(job);
    if (job->share_filters) {
        cnet_parallel(filters_chunk, job, job->blocks, e->threads);
        cnet_parallel(panel_chunk, job, job->t.panels, e->threads);
    } else {
        const ptrdiff_t slices = ceil_div(job->g.c, SLICE_CHANNELS);
        cnet_parallel(images_chunk, job, job->t.panels * slices, e->threads);
        cnet_parallel(block_chunk, job, job->blocks, e->threads);
    }
}

size_t CNET_FN(winograd_forward_workspace)(const cnet_conv2d *g, int threads) {
    return workspace_of(g, threads);
}

void CNET_FN(winograd_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                               const cnet_exec *e) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    run_job(&job, e);
}

size_t CNET_FN(winograd_dx_workspace)(const cnet_conv2d *g, int threads) {
    const cnet_conv2d gradient = gradient_geometry(g);
    return workspace_of(&gradient, threads);
}

void CNET_FN(winograd_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    const cnet_conv2d gradient = gradient_geometry(g);
    job_t job = make_job(&gradient);
    job.arrays = (conv2d_arrays){.x = arrays->dy, .weight = arrays->weight, .to = arrays->to};
    job.rotated = 1;
    run_job(&job, e);
}
