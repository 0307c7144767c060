/* Gradient of 3 x 3 filters with stride 1 by Winograd's F(3 x 3, 4 x 4), the transpose of
 * F(4 x 4, 3 x 3):
 *     dW(o, c) = G' [ sum over tiles of (A dY A') * (B' d B) ] G
 *
 * With Z = A dY A' and V = B' d B the sums are 36 matrix products dM(o, c) = Z(o, tile) V(c,
 * tile)'. They go over the tiles a group of panels at a time, so that Z and V stay in the cache. */
#include "conv2d.h"
#include "tiles.h"

enum { GROUP_BYTES = 8 << 20, SLICE_CHANNELS = 16 };

typedef struct {
    product base;
    conv2d_arrays arrays;
    real *z, *v, *m;
    cnet_conv2d g;
    tiling t;
    ptrdiff_t z_plane, v_plane;    /* steps, in elements */
    ptrdiff_t group, first, count; /* panels in a group; panels of this one */
} job_t;

/* z[plane * z_plane + o * TILE_COLS + tile]: A dY A' of one panel, for the channels from o0 to o1.
 */
static void transform_gradients(const job_t *job, const panel *p, ptrdiff_t o0, ptrdiff_t o1,
                                real *z) {
    const cnet_conv2d *g = &job->g;
    _Alignas(CNET_ALIGNMENT) real cells[WINOGRAD_TILE][WINOGRAD_TILE][ROW_LANES];
    for (ptrdiff_t o = o0; o < o1; o++) {
        const image m = {job->arrays.dy, g->o, g->oh, g->ow, o, 0, 0};
        for (int i = 0; i < WINOGRAD_TILE; i++)
            gather_row(&m, p, i, WINOGRAD_TILE, cells[i]);
        for (ptrdiff_t lane = 0; lane < p->tiles; lane += LANES) {
            vec tile[WINOGRAD_TILE * WINOGRAD_TILE], transformed[WINOGRAD_PLANES];
            for (int t = 0; t < WINOGRAD_TILE * WINOGRAD_TILE; t++)
                tile[t] = load(cells[t / WINOGRAD_TILE][t % WINOGRAD_TILE] + lane);
            winograd_gradient_2d(tile, transformed);
            for (int t = 0; t < WINOGRAD_PLANES; t++)
                store(z + t * job->z_plane + o * TILE_COLS + lane, transformed[t]);
        }
    }
}

static real *panel_of(const job_t *job, real *first, ptrdiff_t plane, ptrdiff_t index) {
    (void)job;
    return first +
           index * (ptrdiff_t)(bytes_of(WINOGRAD_PLANES * plane, sizeof(real)) / sizeof(real));
}

/* A panel and a slice of the channels, of the gradients first, then of the images. */
static void transform_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t z_slices = ceil_div(job->g.o, SLICE_CHANNELS);
    const ptrdiff_t slices = z_slices + ceil_div(job->g.c, SLICE_CHANNELS);
    const ptrdiff_t index = chunk / slices, slice = chunk % slices;
    const panel p = panel_at(&job->t, job->first + index);
    if (slice < z_slices) {
        const ptrdiff_t o = slice * SLICE_CHANNELS;
        transform_gradients(job, &p, o, min_size(job->g.o, o + SLICE_CHANNELS),
                            panel_of(job, job->z, job->z_plane, index));
    } else {
        const ptrdiff_t c = (slice - z_slices) * SLICE_CHANNELS;
        transform_images(&job->g, job->arrays.x, &p, c, min_size(job->g.c, c + SLICE_CHANNELS),
                         job->v_plane, panel_of(job, job->v, job->v_plane, index));
    }
}

/* Lanes of a packed panel are channels, its depth the tiles of the group: they lie one panel of
 * tiles after the other. */
static inline __attribute__((always_inline)) void
pack_channels(const job_t *job, real *first, ptrdiff_t plane_elements, ptrdiff_t plane,
              ptrdiff_t channel, ptrdiff_t count, ptrdiff_t p, ptrdiff_t depth,
              const ptrdiff_t width, real *to) {
    for (ptrdiff_t d = 0; d < depth;) {
        const ptrdiff_t index = (p + d) / TILE_COLS, tile = (p + d) % TILE_COLS;
        const ptrdiff_t tiles = min_size(depth - d, TILE_COLS - tile);
        const real *from = panel_of(job, first, plane_elements, index) + plane * plane_elements +
                           channel * TILE_COLS + tile;
        pack_strided(from, TILE_COLS, 1, count, tiles, width, to + d * width);
        d += tiles;
    }
}

static void pack_z(const product *q, ptrdiff_t plane, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                   ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    pack_channels(job, job->z, job->z_plane, plane, i, rows, p, depth, TILE_ROWS, to);
}

static void pack_v(const product *q, ptrdiff_t plane, ptrdiff_t p, ptrdiff_t depth, ptrdiff_t j,
                   ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    pack_channels(job, job->v, job->v_plane, plane, j, cols, p, depth, TILE_COLS, to);
}

static void store_m(const product *q, ptrdiff_t plane, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                    ptrdiff_t cols, const real *tile, int first, int last) {
    (void)last;
    const job_t *job = (const job_t *)q;
    const int overwrite = first && job->first == 0;
    for (ptrdiff_t r = 0; r < rows; r++, tile += TILE_COLS) {
        real *m = job->m + (plane * q->m + i + r) * q->n + j;
        for (ptrdiff_t s = 0; s < cols; s++)
            m[s] = overwrite ? tile[s] : m[s] + tile[s];
    }
}

static void filters_chunk(const void *argument, ptrdiff_t o, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t channels = job->g.c, planes = job->g.o * channels;
    for (ptrdiff_t c = 0; c < channels; c += LANES) {
        const ptrdiff_t count = min_size(LANES, channels - c);
        const real *m = job->m + o * channels + c;
        vec sums[WINOGRAD_PLANES], dw[9];
        for (int t = 0; t < WINOGRAD_PLANES; t++) {
            vec padded = {0};
            if (count == LANES)
                padded = load(m + t * planes);
            else
                memcpy(&padded, m + t * planes, (size_t)count * sizeof(real));
            sums[t] = padded;
        }
        winograd_filter_gradient_2d(sums, dw);
        for (ptrdiff_t lane = 0; lane < count; lane++)
            for (int t = 0; t < 9; t++)
                job->arrays.to[(o * channels + c + lane) * 9 + t] = dw[t][lane];
    }
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .base = {.batch = WINOGRAD_PLANES,
                 .m = g->o,
                 .n = g->c,
                 .pack_a = pack_z,
                 .pack_b = pack_v,
                 .store = store_m},
        .g = *g,
        .t = tiling_of(g),
        .z_plane = plane_step(g->o * TILE_COLS),
        .v_plane = plane_step(g->c * TILE_COLS),
    };
    const ptrdiff_t panel_bytes =
        (ptrdiff_t)(bytes_of(WINOGRAD_PLANES * job.z_plane, sizeof(real)) +
                    bytes_of(WINOGRAD_PLANES * job.v_plane, sizeof(real)));
    job.group = min_size(job.t.panels, max_size(1, GROUP_BYTES / panel_bytes));
    return job;
}

static size_t m_bytes(const job_t *job) {
    return bytes_of(WINOGRAD_PLANES * job->g.o * job->g.c, sizeof(real));
}
static size_t z_bytes(const job_t *job) {
    return (size_t)job->group * bytes_of(WINOGRAD_PLANES * job->z_plane, sizeof(real));
}
static size_t v_bytes(const job_t *job) {
    return (size_t)job->group * bytes_of(WINOGRAD_PLANES * job->v_plane, sizeof(real));
}

size_t CNET_FN(winograd_dw_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return m_bytes(&job) + z_bytes(&job) + v_bytes(&job) +
           CNET_FN(product_workspace)(WINOGRAD_PLANES, g->o, g->c, job.group * TILE_COLS, threads);
}

void CNET_FN(winograd_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_exec *e) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    char *workspace = e->workspace;
    job.m = (real *)workspace;
    job.z = (real *)(workspace += m_bytes(&job));
    job.v = (real *)(workspace += z_bytes(&job));
    const cnet_exec rest = {.threads = e->threads, .workspace = workspace + v_bytes(&job)};
    const ptrdiff_t slices = ceil_div(g->o, SLICE_CHANNELS) + ceil_div(g->c, SLICE_CHANNELS);
    for (job.first = 0; job.first < job.t.panels; job.first += job.group) {
        job.count = min_size(job.group, job.t.panels - job.first);
        cnet_parallel(transform_chunk, &job, job.count * slices, e->threads);
        job.base.k = min_size(job.count * TILE_COLS, job.t.tiles - job.first * TILE_COLS);
        CNET_FN(product)(&job.base, &rest);
    }
    cnet_parallel(filters_chunk, &job, g->o, e->threads);
}
