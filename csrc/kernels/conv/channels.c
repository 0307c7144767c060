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
 * over the taps and their channels in ascending order; the bias is added last. Parallel over
 * (pixels, group, panels). Workspace: the filters in the order of the sums, and for each thread the
 * cells, a panel of sums and the places of its pixels. */
#include "channels.h"

enum {
    CELLS_BYTES = ISA_CORE_CACHE_BYTES / 2,
    FILTERS_BYTES = ISA_CORE_CACHE_BYTES / 4,
    SUMS_BYTES = ISA_CORE_CACHE_BYTES / 8,
    ENOUGH_CHUNKS = 16
};

/* A tap: its distance from the first cell that an output reads, and its place in a filter. */
typedef struct {
    ptrdiff_t row, column, place;
} tap;

/* The first cell that an output reads: where it is staged, and its place in the image. */
typedef struct {
    ptrdiff_t at, row, column;
} origin;

typedef struct {
    conv2d_arrays arrays; /* x is the convolved array: grad_output for the input gradient */
    cnet_conv2d g;        /* of this convolution: gradient_geometry for the input gradient */
    const cnet_conv2d *gradient_of;  /* NULL for the forward pass */
    phase_axis vertical, horizontal; /* of the result */
    ptrdiff_t inputs, outputs, taps; /* per group, per filter */
    ptrdiff_t block, panels;         /* channels that are summed at a time; panels of outputs */
    ptrdiff_t images, rows;          /* of a chunk */
    ptrdiff_t bands, parts, width;   /* bands of rows; parts of the panels; panels per part */
    cell_grid cells;
    ptrdiff_t *phases; /* first tap of each phase, and the end of the last */
    tap *list;
    real *filters;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* The pixels of a chunk, and the memory of its thread. */
typedef struct {
    ptrdiff_t n, images, top, rows; /* rows are those of the grid of the phases */
    ptrdiff_t first, pixels;        /* row of the result; pixels of each image */
    ptrdiff_t *begins;              /* first sum of each phase, and the end of the last */
    origin *origins;                /* of each sum */
    ptrdiff_t *places;              /* places[image * pixels + pixel]: number of its sum */
    real *cells, *sums;
} pixels_t;

static ptrdiff_t phases_of(const job_t *job) {
    return job->vertical.stride * job->horizontal.stride;
}

/* ---- Taps and filters ------------------------------------------------------------------ */

static void list_taps(const job_t *job) {
    const cnet_conv2d *g = job->gradient_of ? job->gradient_of : &job->g;
    const ptrdiff_t down = job->vertical.stride, across = job->horizontal.stride;
    ptrdiff_t t = 0;
    for (ptrdiff_t phase = 0; phase < phases_of(job); phase++) {
        job->phases[phase] = t;
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++) {
                const ptrdiff_t row = i * g->dh, column = j * g->dw;
                if (row % down != phase / across || column % across != phase % across)
                    continue;
                job->list[t++] = job->gradient_of
                                     ? (tap){job->vertical.reach - row / down,
                                             job->horizontal.reach - column / across, i * g->kw + j}
                                     : (tap){row, column, i * g->kw + j};
            }
    }
    job->phases[phases_of(job)] = t;
}

/* Filters are stored in the order of the sums: panel, block of channels, tap, channel, output. */
static real *filters_at(const job_t *job, ptrdiff_t panel, ptrdiff_t c, ptrdiff_t tap) {
    const ptrdiff_t channels = min_size(job->block, job->inputs - c);
    return job->filters + ((panel * job->inputs + c) * job->taps + tap * channels) * TILE_COLS;
}

/* Packs the filters of a panel, whose number counts the panels of all groups, and a block. */
static void pack_filters(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t blocks = ceil_div(job->inputs, job->block), panel = chunk / blocks;
    const ptrdiff_t group = panel / job->panels, c0 = chunk % blocks * job->block;
    const ptrdiff_t channels = min_size(job->block, job->inputs - c0);
    const ptrdiff_t size = job->g.o * job->inputs * job->taps;
    const ptrdiff_t c_step = job->gradient_of ? job->outputs * job->taps : job->taps;
    const ptrdiff_t o_step = job->gradient_of ? job->taps : job->inputs * job->taps;
    for (ptrdiff_t s = 0; s < TILE_COLS; s += LANES) {
        const ptrdiff_t o = panel % job->panels * TILE_COLS + s;
        for (ptrdiff_t c = 0; c < channels; c++) {
            const ptrdiff_t first = group * (size / job->g.g) + o * o_step + (c0 + c) * c_step;
            real *to = filters_at(job, panel, c0, 0) + c * TILE_COLS + s;
            for (ptrdiff_t t = 0; t < job->taps; t += LANES) {
                vec rows[VECTOR_BYTES / sizeof(real)];
                load_rows(job->arrays.weight, size, first + t, o_step, job->outputs - o, rows);
                transpose(rows);
                for (ptrdiff_t r = 0; r < min_size(LANES, job->taps - t); r++)
                    store(to + (t + r) * channels * TILE_COLS, rows[r]);
            }
        }
    }
}

/* ---- Pixels ---------------------------------------------------------------------------- */

/* Lists the sums of one phase from number `begin` on, and returns the number of sums. Tiles of
 * several images have their pixels at the same place. */
static ptrdiff_t list_phase(const job_t *job, const pixels_t *p, ptrdiff_t phase, ptrdiff_t begin) {
    const cnet_conv2d *g = &job->g;
    const phase_axis *v = &job->vertical, *h = &job->horizontal;
    const ptrdiff_t a = phase / h->stride, b = phase % h->stride;
    const range rows = inside(phase_position(v, p->top, a), v->stride, v->size, p->rows);
    const range columns = inside(phase_position(h, 0, b), h->stride, h->size, g->ow);
    const ptrdiff_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
    const int by_place = p->images >= TILE_ROWS;
    ptrdiff_t place = 0;
    for (ptrdiff_t y = rows.begin; y < rows.end; y++)
        for (ptrdiff_t x = columns.begin; x < columns.end; x++, place++) {
            const ptrdiff_t pixel =
                (phase_position(v, p->top + y, a) - p->first) * h->size + phase_position(h, x, b);
            const origin from = {y * g->sh * job->cells.row + x * g->sw * LANES,
                                 (p->top + y) * g->sh - g->ph, x * g->sw - g->pw};
            for (ptrdiff_t n = 0; n < p->images; n++) {
                const ptrdiff_t sum =
                    begin + (by_place ? place * p->images + n : n * count + place);
                p->origins[sum] = from;
                p->origins[sum].at += n * job->cells.image;
                p->places[n * p->pixels + pixel] = sum;
            }
        }
    return count * p->images;
}

static void list_pixels(const job_t *job, pixels_t *p) {
    const phase_axis *v = &job->vertical;
    p->first = max_size(0, phase_position(v, p->top, 0));
    p->pixels = (min_size(v->size, phase_position(v, p->top + p->rows, 0)) - p->first) *
                job->horizontal.size;
    ptrdiff_t end = 0;
    for (ptrdiff_t phase = 0; phase < phases_of(job); phase++) {
        p->begins[phase] = end;
        end += list_phase(job, p, phase, end);
        for (; end % TILE_ROWS; end++) /* fills the last tile */
            p->origins[end] = p->origins[end - 1];
    }
    p->begins[phases_of(job)] = end;
}

/* ---- Sums ------------------------------------------------------------------------------ */

/* The cells that all pixels of a tile see, if they see any cell of the image by a tap. */
typedef struct {
    ptrdiff_t top, bottom, left, right;
} extent;

static inline extent extent_of(const origin *origins) {
    extent e = {origins->row, origins->row, origins->column, origins->column};
    for (int r = 1; r < TILE_ROWS; r++) {
        e.top = min_size(e.top, origins[r].row);
        e.bottom = max_size(e.bottom, origins[r].row);
        e.left = min_size(e.left, origins[r].column);
        e.right = max_size(e.right, origins[r].column);
    }
    return e;
}

/* Whether a tap lies outside of the image for the whole tile. */
static inline int is_outside(const cnet_conv2d *g, extent e, tap t) {
    return e.bottom + t.row < 0 || e.top + t.row >= g->h || e.right + t.column < 0 ||
           e.left + t.column >= g->w;
}

/* Sums the taps of a phase over a block of channels for a tile of pixels. The first block
 * overwrites the sums, the others are added to them. */
UNROLLED void add_tile(const job_t *job, const pixels_t *p, ptrdiff_t tile, ptrdiff_t phase,
                       ptrdiff_t c, const real *filters, const int vectors) {
    const ptrdiff_t channels = min_size(job->block, job->inputs - c);
    const extent e = extent_of(p->origins + tile);
    const real *cells[TILE_ROWS];
    real *sums = p->sums + tile * TILE_COLS;
    vec sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++) {
        cells[r] = p->cells + (c / LANES * job->cells.vector + p->origins[tile + r].at);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[r][v] = c ? load(sums + r * TILE_COLS + v * LANES) : (vec){0};
    }
    for (ptrdiff_t t = job->phases[phase]; t < job->phases[phase + 1]; t++) {
        const tap tap = job->list[t];
        if (is_outside(&job->g, e, tap))
            continue;
        const real *filter = filters + tap.place * channels * TILE_COLS;
        ptrdiff_t at = tap.row * job->cells.row + tap.column * LANES;
        for (ptrdiff_t i = 0; i < channels; i += LANES, at += job->cells.vector) {
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
                      const real *filters, ptrdiff_t outputs) {
    for (ptrdiff_t tile = p->begins[phase]; tile < p->begins[phase + 1]; tile += TILE_ROWS)
        if (outputs <= LANES)
            add_tile(job, p, tile, phase, c, filters, 1);
        else if (outputs <= 2 * LANES || TILE_VECTORS == 2)
            add_tile(job, p, tile, phase, c, filters, 2);
        else
            add_tile(job, p, tile, phase, c, filters, TILE_VECTORS);
}

/* Stores the sums of `outputs` channels from o on, which is a number in all groups. */
static void store_sums(const job_t *job, const pixels_t *p, ptrdiff_t o, ptrdiff_t outputs) {
    const phase_axis *v = &job->vertical, *h = &job->horizontal;
    const ptrdiff_t plane = v->size * h->size;
    for (ptrdiff_t n = 0; n < p->images; n++)
        for (ptrdiff_t s = 0; s < outputs; s += LANES) {
            real *to =
                job->arrays.to + ((p->n + n) * job->g.o + o + s) * plane + p->first * h->size;
            const ptrdiff_t *places = p->places + n * p->pixels;
            vec bias = {0};
            if (job->arrays.bias)
                bias = load_run(job->arrays.bias + o + s, outputs - s);
            for (ptrdiff_t j = 0; j < p->pixels; j += LANES) {
                vec rows[VECTOR_BYTES / sizeof(real)];
                for (ptrdiff_t r = 0; r < LANES; r++) {
                    const ptrdiff_t sum = places[min_size(j + r, p->pixels - 1)];
                    rows[r] = load(p->sums + (sum * TILE_COLS + s)) + bias;
                }
                transpose(rows);
                for (ptrdiff_t r = 0; r < min_size(LANES, outputs - s); r++)
                    store_run(to + r * plane + j, rows[r], p->pixels - j);
            }
        }
}

/* ---- Chunks ---------------------------------------------------------------------------- */

/* The number of sums of a chunk: each phase fills whole tiles. */
static ptrdiff_t sums_of(const job_t *job) {
    return phases_of(job) * round_up(job->images * job->rows * job->g.ow, TILE_ROWS);
}

static size_t lay_out(const job_t *job, char *memory, pixels_t *p) {
    const ptrdiff_t sums = sums_of(job);
    size_t used = 0;
#define PART(part, bytes) (p->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(begins, bytes_of(phases_of(job) + 1, sizeof(ptrdiff_t)));
    PART(origins, bytes_of(sums, sizeof(origin)));
    PART(places, bytes_of(sums, sizeof(ptrdiff_t)));
    PART(cells, bytes_of(cell_elements(&job->cells, job->inputs), sizeof(real)));
    PART(sums, bytes_of(sums * TILE_COLS, sizeof(real)));
#undef PART
    return used;
}

static void sum_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t part = chunk % job->parts, group = chunk / job->parts % job->g.g;
    const ptrdiff_t pixels = chunk / job->parts / job->g.g;
    pixels_t p = {.n = pixels / job->bands * job->images, .top = pixels % job->bands * job->rows};
    p.images = min_size(job->images, job->g.n - p.n);
    p.rows = min_size(job->rows, job->g.oh - p.top);
    lay_out(job, job->workspace + (size_t)slot * job->bytes_per_thread, &p);
    list_pixels(job, &p);
    for (ptrdiff_t c = 0; c < job->inputs; c += LANES)
        stage_cells(&job->g, &job->cells, job->arrays.x, p.n, p.images, group * job->inputs + c,
                    p.top, p.cells + c / LANES * job->cells.vector);
    const ptrdiff_t end = min_size(job->panels, (part + 1) * job->width);
    for (ptrdiff_t panel = part * job->width; panel < end; panel++) {
        const ptrdiff_t o = panel * TILE_COLS, outputs = min_size(TILE_COLS, job->outputs - o);
        for (ptrdiff_t c = 0; c < job->inputs; c += job->block)
            for (ptrdiff_t phase = 0; phase < phases_of(job); phase++)
                sum_phase(job, &p, phase, c, filters_at(job, group * job->panels + panel, c, 0),
                          outputs);
        store_sums(job, &p, group * job->outputs + o, outputs);
    }
}

/* ---- Jobs ------------------------------------------------------------------------------ */

/* A chunk has several whole images, or rows of one. */
static void cut_pixels(job_t *job) {
    const cnet_conv2d *g = &job->g;
    const cell_grid all = cells_of(g, 1, g->oh), one = cells_of(g, 1, 1);
    const ptrdiff_t vectors = ceil_div(job->inputs, LANES), size = (ptrdiff_t)sizeof(real);
    const ptrdiff_t cells = CELLS_BYTES / size / vectors;
    const ptrdiff_t sums = SUMS_BYTES / size / TILE_COLS / phases_of(job);
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
    job->cells = cells_of(g, job->images, job->rows);
}

static job_t describe(job_t job) {
    const cnet_conv2d *g = &job.g;
    job.inputs = g->c / g->g;
    job.outputs = g->o / g->g;
    job.panels = ceil_div(job.outputs, TILE_COLS);
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

static job_t forward_job(const cnet_conv2d *g) {
    return describe((job_t){
        .g = *g,
        .vertical = phase_axis_of(g->oh, 1, 1, 0, 1),
        .horizontal = phase_axis_of(g->ow, 1, 1, 0, 1),
        .taps = g->kh * g->kw,
    });
}

static job_t gradient_job(const cnet_conv2d *g) {
    return describe((job_t){
        .g = gradient_geometry(g),
        .gradient_of = g,
        .vertical = phase_rows(g),
        .horizontal = phase_columns(g),
        .taps = g->kh * g->kw,
    });
}

static size_t shared_bytes(const job_t *job) {
    const ptrdiff_t filters = job->g.g * job->panels * job->inputs * job->taps * TILE_COLS;
    return bytes_of(phases_of(job) + 1, sizeof(ptrdiff_t)) + bytes_of(job->taps, sizeof(tap)) +
           bytes_of(filters, sizeof(real));
}

static void run_job(job_t *job, const cnet_call *call) {
    const cnet_conv2d *g = &job->g;
    job->phases = (ptrdiff_t *)call->workspace;
    job->list = (tap *)(call->workspace + bytes_of(phases_of(job) + 1, sizeof(ptrdiff_t)));
    job->filters = (real *)((char *)job->list + bytes_of(job->taps, sizeof(tap)));
    job->workspace = call->workspace + shared_bytes(job);
    list_taps(job);
    cnet_parallel(pack_filters, job, g->g * job->panels * ceil_div(job->inputs, job->block),
                  call->threads);
    cnet_parallel(sum_chunk, job, ceil_div(g->n, job->images) * job->bands * g->g * job->parts,
                  call->threads);
}

size_t CNET_FN(channels_forward_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = forward_job(g);
    return shared_bytes(&job) + (size_t)threads * job.bytes_per_thread;
}

void CNET_FN(channels_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                               const cnet_call *call) {
    job_t job = forward_job(g);
    job.arrays = *arrays;
    run_job(&job, call);
}

size_t CNET_FN(channels_dx_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = gradient_job(g);
    return shared_bytes(&job) + (size_t)threads * job.bytes_per_thread;
}

void CNET_FN(channels_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                          const cnet_call *call) {
    job_t job = gradient_job(g);
    job.arrays =
        (conv2d_arrays){.x = arrays->grad_output, .weight = arrays->weight, .to = arrays->to};
    run_job(&job, call);
}
