/* Blocked convolution as a direct sum over taps, dense, in groups or depthwise; a few channels are
 * read from plain images, (n, c, h, w).
 *
 * Panels are blocks of outputs. Images with padding are staged with zeros around them: the rows
 * that a chunk needs for depthwise convolutions, whole images for others; plain images are staged
 * by the phases of the stride (conv/stage.h). So every tap is at a fixed offset from its output. */
#include "blocked.h"
#include "conv/stage.h"

enum {
    CHUNK_PRODUCTS = 1 << 18, /* multiplications of a chunk: enough to be worth a thread */
    CHANNEL_COST = 4,         /* of a multiplication by a filter of one channel */
    FLAT_PIXELS = 128,        /* of a row that is made of several */
    CHUNK_BYTES = 1 << 18,    /* of x, read again for each panel */
    BAND_ROWS = 4,
    BAND_BYTES = 24 << 10 /* of staged rows of a depthwise convolution */
};

typedef struct {
    cnet_conv2d g;
    const blocked_arrays *arrays;
    const ptrdiff_t *offsets;
    const real *bias, *filters;
    int is_plain, is_depthwise, is_staged;
    tile_kind kind;
    ptrdiff_t taps, whole, panel;  /* taps of a panel; those of whole blocks; filters */
    ptrdiff_t pitch, plane;        /* of x as the tiles read it: rows, and channels or blocks */
    ptrdiff_t image;               /* elements of an image there */
    ptrdiff_t rows, bands;         /* rows of outputs per band; bands per image */
    int height, width;             /* of tiles */
    ptrdiff_t panels, panel_group; /* blocks of outputs; of those in a chunk */
    ptrdiff_t band_group;          /* bands in a chunk */
    int panels_first;              /* chunks of the same panels follow each other */
    stage stage;
    real *staged;
    char *scratch; /* of each thread */
} job_t;

static int has_padding(const cnet_conv2d *g) {
    return (g->oh - 1) * g->sh + (g->kh - 1) * g->dh >= g->h || g->ph || g->pw ||
           (g->ow - 1) * g->sw + (g->kw - 1) * g->dw >= g->w;
}

/* A convolution with 1 x 1 filters regards an image as long rows: few tiles at their ends are
 * small, and threads share an image. */
static cnet_conv2d flattened(const cnet_conv2d *g) {
    cnet_conv2d f = *g;
    if (g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && !has_padding(g) && g->c >= BLOCK) {
        ptrdiff_t rows = max_size(1, min_size(g->oh, g->oh * g->ow / FLAT_PIXELS));
        while (g->oh % rows)
            rows--;
        f.w = f.ow = g->oh / rows * g->ow;
        f.h = f.oh = rows;
    }
    return f;
}

/* Rows and columns of x that the outputs of `rows` rows depend on. */
static ptrdiff_t input_rows(const cnet_conv2d *g, ptrdiff_t rows) {
    return (rows - 1) * g->sh + (g->kh - 1) * g->dh + 1;
}
static ptrdiff_t input_columns(const cnet_conv2d *g) {
    return (g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1;
}

static void find_layout(job_t *job) {
    const cnet_conv2d *g = &job->g;
    if (job->is_plain) {
        job->stage = stage_of(g, g->oh);
        job->pitch = job->stage.pitch;
        job->plane = job->stage.channel;
        job->image = stage_size(&job->stage, g->c, 0);
        return;
    }
    job->pitch = (job->is_staged ? input_columns(g) : g->w) * BLOCK;
    job->plane =
        (job->is_staged ? input_rows(g, job->is_depthwise ? job->rows : g->oh) : g->h) * job->pitch;
    job->image = blocks_of(g->c) * job->plane;
}

static void find_chunks(job_t *job) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t depth = job->is_depthwise ? CHANNEL_COST : job->is_plain ? 1 : BLOCK;
    const ptrdiff_t cost = job->rows * g->ow * job->taps * depth * BLOCK;
    const ptrdiff_t bytes = job->image / max_size(1, job->bands) * (ptrdiff_t)sizeof(real);
    job->band_group =
        max_size(1, min_size(CHUNK_BYTES / max_size(1, bytes), CHUNK_PRODUCTS / cost));
    job->band_group = min_size(job->band_group, g->n * job->bands);
    job->panel_group =
        max_size(1, min_size(job->panels, CHUNK_PRODUCTS / (job->band_group * cost)));
    job->panels_first = job->panels * job->panel > g->n * job->image;
}

static job_t make_job(const cnet_conv2d *original) {
    const cnet_conv2d g = flattened(original);
    job_t job = {.g = g, .panels = blocks_of(g.o)};
    job.is_depthwise = g.g == g.c && g.c == g.o && g.g > 1;
    job.is_plain = !job.is_depthwise && g.c < BLOCK;
    job.is_staged = job.is_plain || has_padding(&g);
    job.kind = job.is_plain       ? TILE_ELEMENTS
               : job.is_depthwise ? g.sw == 1 ? TILE_CHANNELS : TILE_CHANNELS_STRIDED
               : g.sw == 1        ? TILE_BLOCKS
                                  : TILE_STRIDED;
    const ptrdiff_t depth = job.is_plain ? g.c : job.is_depthwise ? 1 : blocks_of(g.c / g.g);
    job.taps = depth * g.kh * g.kw;
    job.whole = g.c / g.g / BLOCK * g.kh * g.kw;
    job.panel = (job.is_depthwise ? 1 : g.c / g.g) * g.kh * g.kw * BLOCK;
    job.height = tile_rows(g.ow, g.oh);
    job.width = tile_width(g.ow);
    job.rows = job.height;
    if (job.is_depthwise) {
        const ptrdiff_t row = input_columns(&g) * CNET_ALIGNMENT;
        while (job.rows < g.oh && input_rows(&g, 2 * job.rows) * row <= BAND_BYTES)
            job.rows *= 2;
    }
    job.bands = ceil_div(g.oh, job.rows);
    find_layout(&job);
    find_chunks(&job);
    return job;
}

static size_t aligned(ptrdiff_t elements, size_t size) {
    return (size_t)round_up(elements * (ptrdiff_t)size, CNET_ALIGNMENT);
}

/* ---- Preparation: offsets of the taps, biases, and for each panel its filters, tap by tap ---- */

size_t CNET_FN(blocked_direct_prepared)(const cnet_conv2d *g, int threads) {
    (void)threads;
    const job_t job = make_job(g);
    return aligned(job.taps, sizeof(ptrdiff_t)) +
           aligned(job.panels * (job.panel + BLOCK), sizeof(real));
}

static void put_offsets(const job_t *job, ptrdiff_t *offsets) {
    const cnet_conv2d *g = &job->g;
    for (ptrdiff_t c = 0; c < job->taps / (g->kh * g->kw); c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++)
                *offsets++ = job->is_plain
                                 ? stage_offset(g, &job->stage, c, i, j)
                                 : c * job->plane + i * g->dh * job->pitch + j * g->dw * BLOCK;
}

void CNET_FN(blocked_direct_prepare)(const real *weight, const real *bias, void *prepared,
                                     const cnet_conv2d *original) {
    const job_t job = make_job(original);
    const cnet_conv2d *g = &job.g;
    const ptrdiff_t area = g->kh * g->kw, channels = g->c / g->g;
    const ptrdiff_t depth = job.is_plain || job.is_depthwise ? 1 : BLOCK;
    put_offsets(&job, prepared);
    real *to =
        put_bias(bias, g->o, (real *)((char *)prepared + aligned(job.taps, sizeof(ptrdiff_t))));
    for (ptrdiff_t panel = 0; panel < job.panels; panel++)
        for (ptrdiff_t k = 0; k < job.taps; k++)
            for (ptrdiff_t d = 0; d < min_size(depth, channels - k / area * depth); d++)
                for (ptrdiff_t lane = 0; lane < BLOCK; lane++) {
                    const ptrdiff_t o = panel * BLOCK + lane, c = k / area * depth + d;
                    *to++ = o < g->o ? weight[(o * channels + c) * area + k % area] : 0;
                }
}

/* ---- Staging ----------------------------------------------------------------------------- */

/* Puts so many blocks of `from`, or of zeros if it is NULL, to `to`. Returns their end. */
static inline real *put_blocks(real *to, const real *from, ptrdiff_t blocks) {
    for (ptrdiff_t t = 0; t < blocks * BLOCK; t += BLOCK)
#pragma GCC unroll 4
        for (ptrdiff_t s = t; s < t + BLOCK; s += LANES)
            store(to + s, from ? load(from + s) : (vec){0});
    return to + blocks * BLOCK;
}

/* Stages the rows of a block that `rows` rows of outputs from `top` on depend on. */
static void stage_block(const cnet_conv2d *g, const real *x, ptrdiff_t top, ptrdiff_t rows,
                        real *to) {
    const ptrdiff_t columns = input_columns(g), count = input_rows(g, rows);
    const range in = inside(-g->pw, 1, g->w, columns);
    for (ptrdiff_t row = 0; row < count; row++) {
        const ptrdiff_t ih = top * g->sh - g->ph + row;
        if (ih < 0 || ih >= g->h || in.begin == in.end) {
            to = put_blocks(to, NULL, columns);
            continue;
        }
        to = put_blocks(to, NULL, in.begin);
        to = put_blocks(to, x + (ih * g->w + in.begin - g->pw) * BLOCK, in.end - in.begin);
        to = put_blocks(to, NULL, columns - in.end);
    }
}

/* Stages a channel or a block of an image. */
static void stage_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    real *to = job->staged + chunk * job->plane;
    if (job->is_plain)
        stage_channel(g, &job->stage, job->arrays->x + chunk * g->h * g->w, 0, to);
    else
        stage_block(g, job->arrays->x + chunk * g->h * g->w * BLOCK, 0, g->oh, to);
}

/* ---- Convolution ------------------------------------------------------------------------- */

/* The rows [top, top + rows) of a panel of an image; x is where the first of them is read. */
static void run_band(const job_t *job, tile *t, const real *x, ptrdiff_t at, ptrdiff_t rows) {
    const cnet_conv2d *g = &job->g;
    t->x_row = (job->is_plain ? 1 : g->sh) * job->pitch;
    t->x_pixel = job->is_plain ? 1 : g->sw * BLOCK;
    t->y_row = g->ow * BLOCK;
    for (ptrdiff_t row = 0; row < rows;) {
        int height = job->height;
        while (height > rows - row)
            height /= 2;
        const ptrdiff_t to = at + row * t->y_row;
        t->x = x + row * t->x_row;
        t->y = job->arrays->y + to;
        t->residual = job->arrays->residual ? job->arrays->residual + to : NULL;
        t->tiles = g->ow / job->width;
        CNET_FN(blocked_tiles)(t, job->kind, height, job->width);
        t->tiles = 1;
        if (g->ow % job->width)
            CNET_FN(blocked_tiles)(t, job->kind, height, (int)(g->ow % job->width));
        row += height;
    }
}

/* Where the tiles of a panel read the rows from `top` on. */
static const real *find_rows(const job_t *job, ptrdiff_t n, ptrdiff_t panel, ptrdiff_t top,
                             ptrdiff_t rows, real *scratch) {
    const cnet_conv2d *g = &job->g;
    if (job->is_depthwise && job->is_staged) {
        const real *x = job->arrays->x + (n * job->panels + panel) * g->h * g->w * BLOCK;
        stage_block(g, x, top, rows, scratch);
        return scratch;
    }
    const real *image = (job->is_staged ? job->staged : job->arrays->x) + n * job->image;
    const ptrdiff_t group = panel / (job->panels / g->g > 0 ? job->panels / g->g : 1);
    const ptrdiff_t first = job->is_depthwise ? panel : group * (g->c / g->g / BLOCK);
    return image + first * job->plane + top * (job->is_plain ? 1 : g->sh) * job->pitch;
}

static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t panel_groups = ceil_div(job->panels, job->panel_group);
    const ptrdiff_t bands = g->n * job->bands, band_groups = ceil_div(bands, job->band_group);
    const ptrdiff_t p = job->panels_first ? chunk / band_groups : chunk % panel_groups;
    const ptrdiff_t b = job->panels_first ? chunk % band_groups : chunk / panel_groups;
    real *scratch = (real *)(job->scratch + (size_t)slot * aligned(job->plane, sizeof(real)));
    tile t = {.taps = job->taps,
              .whole = job->whole,
              .rest = (int)(g->c / g->g % BLOCK),
              .offsets = job->offsets,
              .limits = job->arrays->limits};
    for (ptrdiff_t panel = p * job->panel_group;
         panel < min_size(job->panels, (p + 1) * job->panel_group); panel++) {
        t.filters = job->filters + panel * job->panel;
        t.bias = job->bias + panel * BLOCK;
        for (ptrdiff_t band = b * job->band_group;
             band < min_size(bands, (b + 1) * job->band_group); band++) {
            const ptrdiff_t n = band / job->bands, top = band % job->bands * job->rows;
            const ptrdiff_t rows = min_size(job->rows, g->oh - top);
            const ptrdiff_t at = ((n * job->panels + panel) * g->oh + top) * g->ow * BLOCK;
            run_band(job, &t, find_rows(job, n, panel, top, rows, scratch), at, rows);
        }
    }
}

static size_t staged_bytes(const job_t *job) {
    return job->is_staged && !job->is_depthwise ? aligned(job->g.n * job->image, sizeof(real)) : 0;
}

size_t CNET_FN(blocked_direct_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    const size_t scratch = job.is_depthwise ? aligned(job.plane, sizeof(real)) : 0;
    return staged_bytes(&job) + (size_t)threads * scratch;
}

void CNET_FN(blocked_direct)(const blocked_arrays *arrays, const cnet_conv2d *original, int threads,
                             char *workspace) {
    job_t job = make_job(original);
    const cnet_conv2d *g = &job.g;
    job.arrays = arrays;
    job.offsets = arrays->prepared;
    job.bias =
        (const real *)((const char *)arrays->prepared + aligned(job.taps, sizeof(ptrdiff_t)));
    job.filters = job.bias + job.panels * BLOCK;
    job.staged = (real *)workspace;
    job.scratch = workspace + staged_bytes(&job);
    if (staged_bytes(&job))
        cnet_parallel(stage_chunk, &job, g->n * (job.is_plain ? g->c : blocks_of(g->c)), threads);
    const ptrdiff_t chunks =
        ceil_div(job.panels, job.panel_group) * ceil_div(g->n * job.bands, job.band_group);
    cnet_parallel(run_chunk, &job, chunks, threads);
}
