/* Convolution as sums of vectors of output channels: lanes are outputs, rows of the register tile
 * are pixels, and each step of the depth multiplies a vector of filters with the cells of one
 * channel of one tap. For any kernel, stride, dilation and groups. The input gradient is the same
 * sum over grad_output, for each phase of the stride with the taps of that phase.
 *
 * A chunk is some rows of one image, or several whole images, staged as cells (channels.h), and
 * some panels of outputs. Where it has at least as many images as a tile has rows, the pixels of a
 * tile are at the same place in different images; taps that lie outside of the images are then left
 * out.
 *
 * Arrays as in conv.h; the result is overwritten. Sums run over blocks of channels, within a block
 * over the taps and their channels in ascending order, and begin with the bias. Parallel over
 * (pixels, group, panels). Workspace: the filters in the order of the sums, and for each thread the
 * cells, a panel of sums and the places of its pixels. */
#include "channels.h"
#include "gemm/product.h"

enum {
    CELLS_BYTES = ISA_CORE_CACHE_BYTES / 8,
    FILTERS_BYTES = 16 << 10, /* of a block of channels, which stay in the first-level cache */
    SUMS_BYTES = ISA_CORE_CACHE_BYTES / 8,
    ENOUGH_CHUNKS = 16
};

typedef struct {
    conv2d_arrays arrays; /* x is the convolved array: grad_output for the input gradient */
    cell_sums conv;
    ptrdiff_t inputs, outputs, taps; /* per group, per filter */
    ptrdiff_t block, panels;         /* channels that are summed at a time; panels of outputs */
    ptrdiff_t images, rows;          /* of a chunk */
    ptrdiff_t bands, parts, width;   /* bands of rows; parts of the panels; panels per part */
    real *filters;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* The pixels of a chunk, the first of its images, and the memory of its thread. */
typedef struct {
    pixel_list list;
    ptrdiff_t n;
    real *cells, *sums;
} pixels_t;

/* ---- Filters --------------------------------------------------------------------------- */

/* Filters are stored in the order of the sums: panel, block of channels, tap, channel, output. */
static real *filters_at(const job_t *job, ptrdiff_t panel, ptrdiff_t c) {
    return job->filters + (panel * job->inputs + c) * job->taps * TILE_COLS;
}

/* Packs the filters of a panel, whose number counts the panels of all groups, and a block. */
static void pack_filters(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t blocks = ceil_div(job->inputs, job->block), panel = chunk / blocks;
    const ptrdiff_t group = panel / job->panels, c0 = chunk % blocks * job->block;
    const ptrdiff_t channels = min_size(job->block, job->inputs - c0);
    const ptrdiff_t size = job->conv.g.o * job->inputs * job->taps;
    const ptrdiff_t c_step = job->conv.gradient_of ? job->outputs * job->taps : job->taps;
    const ptrdiff_t o_step = job->conv.gradient_of ? job->taps : job->inputs * job->taps;
    for (ptrdiff_t s = 0; s < TILE_COLS; s += LANES) {
        const ptrdiff_t o = panel % job->panels * TILE_COLS + s;
        for (ptrdiff_t c = 0; c < channels; c++) {
            const ptrdiff_t first = group * (size / job->conv.g.g) + o * o_step + (c0 + c) * c_step;
            real *to = filters_at(job, panel, c0) + c * TILE_COLS + s;
            for (ptrdiff_t t = 0; t < job->taps; t += LANES) {
                vec rows[VECTOR_BYTES / sizeof(real)];
                load_columns(job->arrays.weight, size, first + t, o_step, job->outputs - o, rows);
                for (ptrdiff_t r = 0; r < min_size(LANES, job->taps - t); r++)
                    store(to + (t + r) * channels * TILE_COLS, rows[r]);
            }
        }
    }
}

/* ---- Sums ------------------------------------------------------------------------------ */

/* Sums the taps of a phase over a block of channels for a tile of pixels. The first block
 * begins with the bias, the others are added to the sums. */
UNROLLED void add_tile(const job_t *job, const pixels_t *p, ptrdiff_t tile, ptrdiff_t phase,
                       ptrdiff_t c, const real *filters, const vec *bias, const int vectors) {
    const ptrdiff_t channels = min_size(job->block, job->inputs - c);
    const extent e = extent_of(p->list.origins + tile, TILE_ROWS);
    const real *cells[TILE_ROWS];
    real *sums = p->sums + tile * TILE_COLS;
    vec sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++) {
        cells[r] = p->cells + (c / LANES * job->conv.cells.vector + p->list.origins[tile + r].at);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[r][v] = c ? load(sums + r * TILE_COLS + v * LANES) : bias[v];
    }
    for (ptrdiff_t t = job->conv.phases[phase]; t < job->conv.phases[phase + 1]; t++) {
        const tap tap = job->conv.taps[t];
        if (is_outside(&job->conv.g, e, tap))
            continue;
        const real *filter = filters + tap.place * channels * TILE_COLS;
        ptrdiff_t at = tap.row * job->conv.cells.row + tap.column * LANES;
        for (ptrdiff_t i = 0; i < channels; i += LANES, at += job->conv.cells.vector) {
            const ptrdiff_t end = at + min_size(LANES, channels - i);
            for (ptrdiff_t k = at; k < end; k++, filter += TILE_COLS) {
                vec row[TILE_VECTORS];
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    row[v] = load(filter + v * LANES);
#pragma GCC unroll 8
                for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
                    for (int v = 0; v < vectors; v++)
                        sum[r][v] += cells[r][k] * row[v];
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(sums + r * TILE_COLS + v * LANES, sum[r][v]);
}

static void sum_phase(const job_t *job, const pixels_t *p, ptrdiff_t phase, ptrdiff_t c,
                      const real *filters, const vec *bias, ptrdiff_t outputs) {
    for (ptrdiff_t tile = p->list.begins[phase]; tile < p->list.begins[phase + 1];
         tile += TILE_ROWS)
        if (outputs <= LANES)
            add_tile(job, p, tile, phase, c, filters, bias, 1);
        else if (outputs <= 2 * LANES || TILE_VECTORS == 2)
            add_tile(job, p, tile, phase, c, filters, bias, 2);
        else
            add_tile(job, p, tile, phase, c, filters, bias, TILE_VECTORS);
}

/* Stores the sums of `outputs` channels from o on, which is a number in all groups. */
static void store_sums(const job_t *job, const pixels_t *p, ptrdiff_t o, ptrdiff_t outputs) {
    const phase_axis *v = &job->conv.vertical, *h = &job->conv.horizontal;
    const ptrdiff_t plane = v->size * h->size, pixels = p->list.pixels;
    for (ptrdiff_t n = 0; n < p->list.images; n++)
        for (ptrdiff_t s = 0; s < outputs; s += LANES) {
            real *to = job->arrays.to + ((p->n + n) * job->conv.g.o + o + s) * plane +
                       p->list.first * h->size;
            const ptrdiff_t *places = p->list.places + n * pixels;
            if (are_in_order(&job->conv, &p->list)) {
                store_transposed(p->sums + (*places * TILE_COLS + s), TILE_COLS, pixels,
                                 outputs - s, to, plane);
                continue;
            }
            for (ptrdiff_t j = 0; j < pixels; j += LANES) {
                vec rows[VECTOR_BYTES / sizeof(real)];
                for (ptrdiff_t r = 0; r < LANES; r++)
                    rows[r] = load(p->sums + (places[min_size(j + r, pixels - 1)] * TILE_COLS + s));
                transpose(rows);
                for (ptrdiff_t r = 0; r < min_size(LANES, outputs - s); r++)
                    store_run(to + r * plane + j, rows[r], pixels - j);
            }
        }
}

/* ---- Chunks ---------------------------------------------------------------------------- */

static size_t lay_out(const job_t *job, char *memory, pixels_t *p) {
    const ptrdiff_t sums = listed_sums(&job->conv, TILE_ROWS, job->images, job->rows);
    size_t used = lay_out_list(&job->conv, sums, memory, &p->list);
#define PART(part, bytes) (p->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(cells, bytes_of(cell_elements(&job->conv.cells, job->inputs), sizeof(real)));
    PART(sums, bytes_of(sums * TILE_COLS, sizeof(real)));
#undef PART
    return used;
}

static void sum_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t part = chunk % job->parts, group = chunk / job->parts % job->conv.g.g;
    const ptrdiff_t pixels = chunk / job->parts / job->conv.g.g;
    const ptrdiff_t top = pixels % job->bands * job->rows;
    pixels_t p = {.n = pixels / job->bands * job->images};
    lay_out(job, job->workspace + (size_t)slot * job->bytes_per_thread, &p);
    p.list.tile = TILE_ROWS;
    p.list.images = min_size(job->images, job->conv.g.n - p.n);
    p.list.top = top;
    p.list.rows = min_size(job->rows, job->conv.g.oh - top);
    list_pixels(&job->conv, &p.list);
    for (ptrdiff_t c = 0; c < job->inputs; c += LANES)
        stage_cells(&job->conv.g, &job->conv.cells, job->arrays.x, p.n, p.list.images,
                    group * job->inputs + c, top, p.cells + c / LANES * job->conv.cells.vector);
    const ptrdiff_t end = min_size(job->panels, (part + 1) * job->width);
    for (ptrdiff_t panel = part * job->width; panel < end; panel++) {
        const ptrdiff_t o = panel * TILE_COLS, outputs = min_size(TILE_COLS, job->outputs - o);
        vec bias[TILE_VECTORS] = {0};
        for (int v = 0; v < TILE_VECTORS && job->arrays.bias; v++)
            bias[v] = load_run(job->arrays.bias + group * job->outputs + o + v * LANES,
                               outputs - v * LANES);
        for (ptrdiff_t c = 0; c < job->inputs; c += job->block)
            for (ptrdiff_t phase = 0; phase < phases_of(&job->conv); phase++)
                sum_phase(job, &p, phase, c, filters_at(job, group * job->panels + panel, c), bias,
                          outputs);
        store_sums(job, &p, group * job->outputs + o, outputs);
    }
}

/* ---- Jobs ------------------------------------------------------------------------------ */

/* A chunk has several whole images, or rows of one. */
static void cut_pixels(job_t *job) {
    const cnet_conv2d *g = &job->conv.g;
    const cell_grid all = cells_of(g, 1, g->oh), one = cells_of(g, 1, 1);
    const ptrdiff_t vectors = ceil_div(job->inputs, LANES), size = (ptrdiff_t)sizeof(real);
    const ptrdiff_t cells = CELLS_BYTES / size / vectors;
    const ptrdiff_t sums = SUMS_BYTES / size / TILE_COLS / phases_of(&job->conv);
    job->images = min_size(g->n, min_size(cells / all.image, sums / (g->oh * g->ow)));
    job->rows = g->oh;
    if (job->images > TILE_ROWS)
        job->images = job->images / TILE_ROWS * TILE_ROWS;
    if (job->images == 0) {
        const ptrdiff_t fitting = (cells - one.image) / (g->sh * one.row) + 1;
        const ptrdiff_t most = max_size(1, min_size(fitting, sums / g->ow));
        job->images = 1;
        job->rows = ceil_div(g->oh, ceil_div(g->oh, most));
    }
    job->bands = ceil_div(g->oh, job->rows);
    job->conv.cells = cells_of(g, job->images, job->rows);
}

static job_t make_job(cell_sums conv) {
    const cnet_conv2d *g = &conv.g;
    job_t job = {
        .conv = conv,
        .inputs = g->c / g->g,
        .outputs = g->o / g->g,
        .taps = taps_of(&conv),
        .panels = ceil_div(g->o / g->g, TILE_COLS),
    };
    const ptrdiff_t channel = job.taps * TILE_COLS * (ptrdiff_t)sizeof(real);
    const ptrdiff_t most = max_size(LANES, FILTERS_BYTES / channel);
    job.block = round_up(ceil_div(job.inputs, ceil_div(job.inputs, most)), LANES);
    cut_pixels(&job);
    const ptrdiff_t chunks = ceil_div(g->n, job.images) * job.bands * g->g;
    job.width = ceil_div(job.panels, ceil_div(ENOUGH_CHUNKS, chunks));
    job.parts = ceil_div(job.panels, job.width);
    pixels_t p;
    job.bytes_per_thread = lay_out(&job, NULL, &p);
    return job;
}

static size_t filters_bytes(const job_t *job) {
    return bytes_of(job->conv.g.g * job->panels * job->inputs * job->taps * TILE_COLS,
                    sizeof(real));
}

static size_t workspace_of(const job_t *job, int threads) {
    return taps_bytes(&job->conv) + filters_bytes(job) + (size_t)threads * job->bytes_per_thread;
}

static void run_job(job_t *job, const cnet_call *call) {
    const cnet_conv2d *g = &job->conv.g;
    list_taps(&job->conv, call->workspace);
    job->filters = (real *)(call->workspace + taps_bytes(&job->conv));
    job->workspace = (char *)job->filters + filters_bytes(job);
    cnet_parallel(pack_filters, job, g->g * job->panels * ceil_div(job->inputs, job->block),
                  call->threads);
    cnet_parallel(sum_chunk, job, ceil_div(g->n, job->images) * job->bands * g->g * job->parts,
                  call->threads);
}

size_t CNET_FN(channels_forward_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(forward_sums(g));
    return workspace_of(&job, threads);
}

void CNET_FN(channels_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                               const cnet_call *call) {
    job_t job = make_job(forward_sums(g));
    job.arrays = *arrays;
    run_job(&job, call);
}

size_t CNET_FN(channels_dx_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(gradient_sums(g));
    return workspace_of(&job, threads);
}

void CNET_FN(channels_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                          const cnet_call *call) {
    job_t job = make_job(gradient_sums(g));
    job.arrays =
        (conv2d_arrays){.x = arrays->grad_output, .weight = arrays->weight, .to = arrays->to};
    run_job(&job, call);
}
