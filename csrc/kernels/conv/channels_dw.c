/* Weight gradient as sums of vectors of output channels: lanes are outputs, rows of the register
 * tile are taps, and each step of the depth multiplies a vector of grad_output with the cells that
 * the taps of one output see. For any kernel, stride, dilation and groups.
 *
 * Arrays as in conv.h; dw is overwritten. Where an image and all sums are small, the batch is split
 * into parts, each with its own copy of the sums; the copies are added in order. Parallel over
 * these parts. Otherwise images are staged in sets that fit into the cache, and shared; parallel
 * over vectors of channels and panels of outputs, and over the taps where these are few. Each sum
 * runs over the outputs of the images of a copy in ascending order. Workspace: a set of cells and
 * of gradients, for each thread if there are copies, and all sums. */
#include "channels.h"

enum {
    SET_BYTES = ISA_CORE_CACHE_BYTES,
    COPY_BYTES = 2 * ISA_CORE_CACHE_BYTES, /* of an image and a copy, not all used at a time */
    GRADIENTS_BYTES = 16 << 10,            /* that are added to one tile after the other */
    ENOUGH_CHUNKS = 8,
    MOST_COPIES = 16
};

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    ptrdiff_t inputs, outputs, vectors, panels; /* per group */
    ptrdiff_t taps, rows;                       /* of a filter; of a vector of channels */
    ptrdiff_t parts, part;                      /* of these rows; rows of each part */
    ptrdiff_t copies, share;                    /* of the sums; images of each copy */
    ptrdiff_t first;                            /* image of this copy */
    ptrdiff_t set, n, images;                   /* images of a set; of this set: first, number */
    ptrdiff_t band;                             /* rows of outputs that are added at a time */
    ptrdiff_t width;                            /* outputs of a staged panel: LANES or TILE_COLS */
    cell_grid cells;
    ptrdiff_t *offsets; /* of the taps of a vector of channels */
    real *staged, *gradients, *sums;
} job_t;

static ptrdiff_t chunks_of(const job_t *job) {
    return job->g.g * job->vectors * job->panels * job->parts;
}
static ptrdiff_t staging_chunks(const job_t *job) {
    return job->g.g * job->images * (job->vectors + job->panels);
}

/* Elements of a copy of the sums. */
static ptrdiff_t sums_of(const job_t *job) { return chunks_of(job) * job->part * TILE_COLS; }

static size_t staged_bytes(const job_t *job) {
    return bytes_of(cell_elements(&job->cells, job->g.g * job->vectors * LANES), sizeof(real));
}
static size_t set_bytes(const job_t *job) {
    return staged_bytes(job) +
           bytes_of(job->g.g * job->panels * job->set * job->g.oh * job->g.ow * job->width,
                    sizeof(real));
}

/* Stages a vector of channels of x, or a panel of outputs of grad_output, of one image. */
static void stage_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t each = job->vectors + job->panels, part = chunk % each;
    const ptrdiff_t image = chunk / each % job->images, group = chunk / each / job->images;
    const ptrdiff_t n = job->n + image, pixels = g->oh * g->ow;
    if (part < job->vectors) {
        const ptrdiff_t c = part * LANES;
        real *to = job->staged + (group * job->vectors + part) * job->cells.vector;
        stage_cells(g, &job->cells, job->arrays.x, n, 1, group * job->inputs + c, 0,
                    to + image * job->cells.image);
    } else {
        const ptrdiff_t panel = part - job->vectors, o = panel * TILE_COLS;
        const real *from = job->arrays.grad_output + (n * g->o + group * job->outputs + o) * pixels;
        const ptrdiff_t outputs = min_size(TILE_COLS, job->outputs - o);
        real *to = job->gradients +
                   ((group * job->panels + panel) * job->set + image) * pixels * job->width;
        if (job->width == LANES)
            pack_strided(from, pixels, 1, outputs, pixels, LANES, to);
        else
            pack_strided(from, pixels, 1, outputs, pixels, TILE_COLS, to);
    }
}

/* Adds some rows of outputs of an image to a tile of sums. */
UNROLLED void add_rows(const job_t *job, const real *const *taps, ptrdiff_t first, ptrdiff_t rows,
                       const real *gradients, real *sums, const int vectors) {
    vec sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[r][v] = load(sums + r * TILE_COLS + v * LANES);
    for (ptrdiff_t y = 0; y < rows; y++, first += job->g.sh * job->cells.row) {
        const ptrdiff_t step = job->g.sw * LANES, end = first + job->g.ow * step;
        for (ptrdiff_t at = first; at < end; at += step, gradients += job->width) {
            vec row[TILE_VECTORS];
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                row[v] = load(gradients + v * LANES);
#pragma GCC unroll 8
            for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    sum[r][v] += taps[r][at] * row[v];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(sums + r * TILE_COLS + v * LANES, sum[r][v]);
}

/* Adds a band of rows of outputs of an image to the sums of some taps, of a vector of channels and
 * a panel. */
static void add_band(const job_t *job, const real *cells, range taps, ptrdiff_t top,
                     const real *gradients, ptrdiff_t outputs, real *sums) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t rows = min_size(job->band, g->oh - top);
    const ptrdiff_t first = top * g->sh * job->cells.row;
    for (ptrdiff_t k = taps.begin; k < taps.end; k += TILE_ROWS, sums += TILE_ROWS * TILE_COLS) {
        const real *from[TILE_ROWS];
        for (int r = 0; r < TILE_ROWS; r++)
            from[r] = cells + job->offsets[min_size(k + r, taps.end - 1)];
        if (outputs <= LANES)
            add_rows(job, from, first, rows, gradients, sums, 1);
        else if (outputs <= 2 * LANES || TILE_VECTORS == 2)
            add_rows(job, from, first, rows, gradients, sums, 2);
        else
            add_rows(job, from, first, rows, gradients, sums, TILE_VECTORS);
    }
}

/* Some taps of a vector of channels and a panel of outputs. */
typedef struct {
    ptrdiff_t group, vector, panel, outputs;
    range taps; /* may be empty */
    ptrdiff_t sums;
} piece_t;

static piece_t piece_of(const job_t *job, ptrdiff_t chunk) {
    const ptrdiff_t part = chunk % job->parts, number = chunk / job->parts;
    piece_t p = {
        .group = number / job->panels / job->vectors,
        .vector = number / job->panels % job->vectors,
        .panel = number % job->panels,
        .sums = chunk * job->part * TILE_COLS,
    };
    p.outputs = min_size(TILE_COLS, job->outputs - p.panel * TILE_COLS);
    const ptrdiff_t rows = min_size(LANES, job->inputs - p.vector * LANES) * job->taps;
    p.taps = (range){part * job->part, min_size(rows, (part + 1) * job->part)};
    return p;
}

static void add_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const piece_t p = piece_of(job, chunk);
    const ptrdiff_t pixels = g->oh * g->ow;
    const real *cells = job->staged + (p.group * job->vectors + p.vector) * job->cells.vector;
    const real *gradients =
        job->gradients + (p.group * job->panels + p.panel) * job->set * pixels * job->width;
    real *sums = job->sums + p.sums;
    if (job->n == job->first)
        memset(sums, 0, (size_t)(job->part * TILE_COLS) * sizeof(real));
    for (ptrdiff_t n = 0; n < job->images; n++)
        for (ptrdiff_t top = 0; top < g->oh; top += job->band)
            add_band(job, cells + n * job->cells.image, p.taps, top,
                     gradients + (n * pixels + top * g->ow) * job->width, p.outputs, sums);
}

/* Stores finished sums: in dw, the taps of all channels of an output are contiguous. */
static void store_sums(const job_t *job, const piece_t *p, const real *sums) {
    const ptrdiff_t count = p->taps.end - p->taps.begin, step = job->inputs * job->taps;
    for (ptrdiff_t s = 0; s < p->outputs; s += LANES) {
        const ptrdiff_t o = p->group * job->outputs + p->panel * TILE_COLS + s;
        real *to = job->arrays.to + o * step + p->vector * LANES * job->taps;
        store_transposed(sums + s, TILE_COLS, count, p->outputs - s, to + p->taps.begin, step);
    }
}

/* Adds the copies of the sums of a piece, and stores them. */
static void store_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const piece_t p = piece_of(job, chunk);
    real *sums = job->sums + p.sums;
    for (ptrdiff_t copy = 1; copy < job->copies; copy++)
        for (ptrdiff_t t = 0; t < job->part * TILE_COLS; t += LANES)
            store(sums + t, load(sums + t) + load(sums + copy * sums_of(job) + t));
    store_sums(job, &p, sums);
}

/* ---- Jobs ------------------------------------------------------------------------------ */

/* Adds the images of a copy, one after the other. */
static void copy_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    job_t job = *(const job_t *)argument;
    const ptrdiff_t end = min_size(job.g.n, (chunk + 1) * job.share);
    job.staged = (real *)((char *)job.staged + (size_t)slot * set_bytes(&job));
    job.gradients = (real *)((char *)job.gradients + (size_t)slot * set_bytes(&job));
    job.sums += chunk * sums_of(&job);
    job.first = chunk * job.share;
    for (job.n = job.first; job.n < end; job.n++) {
        for (ptrdiff_t i = 0; i < staging_chunks(&job); i++)
            stage_chunk(&job, i, slot);
        for (ptrdiff_t i = 0; i < chunks_of(&job); i++)
            add_chunk(&job, i, slot);
    }
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .inputs = g->c / g->g,
        .outputs = g->o / g->g,
        .taps = g->kh * g->kw,
    };
    job.vectors = ceil_div(job.inputs, LANES);
    job.panels = ceil_div(job.outputs, TILE_COLS);
    job.width = job.outputs <= LANES ? LANES : TILE_COLS;
    job.rows = round_up(min_size(job.inputs, LANES) * job.taps, TILE_ROWS);
    job.parts = ceil_div(ENOUGH_CHUNKS, g->g * job.vectors * job.panels);
    job.part = round_up(ceil_div(job.rows, job.parts), TILE_ROWS);
    job.parts = ceil_div(job.rows, job.part);
    const ptrdiff_t row = g->ow * job.width, size = (ptrdiff_t)sizeof(real);
    const ptrdiff_t image =
        g->g * (job.vectors * cells_of(g, 1, g->oh).image + job.panels * g->oh * row);
    job.share = ceil_div(g->n, MOST_COPIES);
    job.copies = ceil_div(g->n, job.share);
    job.images = job.set = 1;
    if (job.copies < ENOUGH_CHUNKS || (image + sums_of(&job)) * size > COPY_BYTES) {
        job.copies = 1;
        job.set = max_size(1, min_size(g->n, SET_BYTES / size / image));
        job.set = ceil_div(g->n, ceil_div(g->n, job.set));
    }
    job.band = max_size(1, min_size(g->oh, GRADIENTS_BYTES / size / row));
    job.cells = cells_of(g, job.set, g->oh);
    return job;
}

static size_t sums_bytes(const job_t *job) {
    return bytes_of(job->copies * sums_of(job), sizeof(real));
}

static size_t offsets_bytes(const job_t *job) { return bytes_of(job->rows, sizeof(ptrdiff_t)); }

size_t CNET_FN(channels_dw_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return offsets_bytes(&job) + sums_bytes(&job) +
           (size_t)(job.copies > 1 ? threads : 1) * set_bytes(&job);
}

void CNET_FN(channels_dw)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                          const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    char *workspace = call->workspace;
    job.offsets = (ptrdiff_t *)workspace;
    job.sums = (real *)(workspace += offsets_bytes(&job));
    job.staged = (real *)(workspace += sums_bytes(&job));
    job.gradients = (real *)(workspace + staged_bytes(&job));
    for (ptrdiff_t k = 0; k < min_size(job.inputs, LANES) * job.taps; k++) {
        const ptrdiff_t i = k % job.taps / g->kw, j = k % g->kw;
        job.offsets[k] = i * g->dh * job.cells.row + j * g->dw * LANES + k / job.taps;
    }
    if (job.copies > 1)
        cnet_parallel(copy_chunk, &job, job.copies, call->threads);
    else
        for (; job.n < g->n; job.n += job.images) {
            job.images = min_size(job.set, g->n - job.n);
            cnet_parallel(stage_chunk, &job, staging_chunks(&job), call->threads);
            cnet_parallel(add_chunk, &job, chunks_of(&job), call->threads);
        }
    cnet_parallel(store_chunk, &job, chunks_of(&job), call->threads);
}
