/* Dense convolution by tiles of 16 x 64 bytes (AMX).
 *
 * A tile of sums belongs to 16 positions and a panel of outputs. tdpbusd and tdpbf16ps add the
 * products of up to 64 bytes of each position with up to 16 quads of filters. For that, rows are
 * staged with all channels of a pixel together, with the zero point as padding, and split by the
 * phases of the stride of rows. A run is what taps read at one place: the channels of a pixel, or
 * of neighbouring pixels. It is divided into equal loads; if it has no divisor that suits, pixels
 * get some more channels.
 *
 * Positions are places of outputs in the staged rows, one `stride` apart, from the first row to the
 * last without a gap; sums at places between rows belong to no output and are ignored. */
#include "quantized.h"

#if HAS_AMX

enum {
    ROWS = 16,      /* of a tile */
    ROW_BYTES = 64, /* QBLOCK * QUAD */
    PAIR = 2,       /* tiles of positions, and panels, that are computed together */
    BAND_BYTES = 48 << 10,
    PANEL_BYTES = 512 << 10, /* filters that a thread reads for several bands */
    STAGING = 32,            /* bytes to stage in a quarter of the time of a tile's products */
    LEAST_PRODUCTS = 1 << 9, /* of tiles in a chunk: enough to be worth a thread */
    MOST_PRODUCTS = 1 << 12,
    IMAGE_CHUNKS = 8 /* of an image, between these sizes */
};

typedef struct {
    cnet_conv2d g;
    number_format format;
    const conv_arrays *arrays;
    ptrdiff_t images, blocks, panels;
    ptrdiff_t x_image, x_pixel, x_block; /* bytes between images, pixels and blocks of x */
    ptrdiff_t y_image, y_pixel, y_panel; /* elements of y */
    ptrdiff_t columns, all_rows, pixels; /* of a row of outputs; rows, pixels in an image */
    int is_flat;                         /* whether a row is ROWS pixels in any rows */
    ptrdiff_t pixel, pitch;              /* bytes of a staged pixel; pixels of a staged row */
    ptrdiff_t step, stride; /* columns of x between staged ones; staged ones between positions */
    ptrdiff_t phases, phase_rows;
    ptrdiff_t run, runs;               /* bytes of a run; runs in a panel */
    ptrdiff_t load, loads;             /* bytes of a load; loads in a panel */
    ptrdiff_t rows, bands, band_bytes; /* rows in a band; bands in an image */
    ptrdiff_t band_group, panel_group;
    int panels_first;
    char *scratch; /* of each thread */
} job_t;

static void find_view(job_t *job) {
    const cnet_conv2d *g = &job->g;
    job->images = g->n;
    job->columns = g->ow;
    job->all_rows = g->oh;
    job->pixels = g->oh * g->ow;
    const ptrdiff_t block = block_bytes(job->format);
    job->y_pixel = QBLOCK;
    job->x_pixel = block;
    job->x_block = g->h * g->w * block;
    job->y_panel = job->pixels * QBLOCK;
    const int is_one = g->kh == 1 && g->kw == 1 && !has_padding(g) && g->sh == 1 && g->sw == 1;
    job->is_flat = is_one && g->oh * g->ow == g->h * g->w;
    if (job->is_flat && job->pixels == 1) { /* the pixels are images */
        job->images = 1;
        job->pixels = g->n;
        job->x_block = block;
        job->y_panel = QBLOCK;
        job->x_pixel = job->blocks * block;
        job->y_pixel = job->panels * QBLOCK;
    }
    if (job->is_flat) {
        job->columns = ROWS;
        job->all_rows = ceil_div(job->pixels, ROWS);
    }
    job->x_image = job->blocks * g->h * g->w * block;
    job->y_image = job->panels * job->pixels * QBLOCK;
}

/* The layout of the rows that a band reads. */
static void find_layout(job_t *job, ptrdiff_t rows) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t reach = (g->kh - 1) * g->dh;
    job->rows = rows;
    job->phases = min_size(g->sh, reach + 1);
    job->phase_rows = rows + reach / g->sh;
    job->band_bytes = job->phases * job->phase_rows * job->pitch * job->pixel;
}

static ptrdiff_t positions_of(const job_t *job, ptrdiff_t rows) {
    return (rows - 1) * (job->pitch / job->stride) + job->columns;
}

/* Divides so many things into groups of `most` or less, about equal and multiples of `unit`. */
static ptrdiff_t even_part(ptrdiff_t count, ptrdiff_t most, ptrdiff_t unit) {
    const ptrdiff_t part = ceil_div(count, ceil_div(count, max_size(1, min_size(most, count))));
    return min_size(count, round_up(part, unit));
}

/* Of equal loads of a run. */
static ptrdiff_t loads_of(ptrdiff_t run) {
    const ptrdiff_t quads = run / QUAD;
    ptrdiff_t loads = ceil_div(quads, ROWS);
    while (quads % loads)
        loads++;
    return loads;
}

/* Bytes of a pixel, of which `columns` are a run, so that it has as few loads as possible. */
static ptrdiff_t find_pixel(const job_t *job, ptrdiff_t columns) {
    const ptrdiff_t block = block_bytes(job->format), least = job->blocks * block;
    if (job->g.c < QBLOCK)
        return round_up(job->g.c * element_bytes(job->format), QUAD);
    ptrdiff_t pixel = least;
    for (ptrdiff_t more = least; job->g.g == 1 && more < least + ROW_BYTES; more += block)
        if (loads_of(columns * more) < loads_of(columns * pixel))
            pixel = more;
    return pixel;
}

static ptrdiff_t panel_bytes(const job_t *job) { return job->loads * job->load * QBLOCK; }

static job_t make_job(const cnet_conv2d *g, number_format format) {
    job_t job = {.g = *g, .format = format, .blocks = qblocks_of(g->c), .panels = qblocks_of(g->o)};
    find_view(&job);
    const ptrdiff_t joined = g->g == 1 && g->dw == 1 ? g->kw : 1; /* columns of a run */
    job.pixel = find_pixel(&job, joined);
    job.step = g->kw == 1 ? g->sw : 1;
    job.stride = g->sw / job.step;
    job.pitch = round_up((job.columns - 1) * job.stride + (g->kw - 1) * g->dw + 1, job.stride);
    job.run = g->g == 1 ? joined * job.pixel : g->c / g->g * element_bytes(format);
    job.runs = g->kh * g->kw / joined;
    job.load = job.run / loads_of(job.run);
    job.loads = job.runs * loads_of(job.run);

    ptrdiff_t rows = 1;
    for (; rows < job.all_rows; rows++) {
        find_layout(&job, rows + 1);
        if (job.band_bytes > BAND_BYTES)
            break;
    }
    find_layout(&job, even_part(job.all_rows, rows, 1));
    job.bands = ceil_div(job.all_rows, job.rows);

    const ptrdiff_t bands = job.images * job.bands;
    const ptrdiff_t cost =
        ceil_div(positions_of(&job, job.rows), ROWS) * job.loads; /* of a panel */
    const ptrdiff_t of_image = job.bands * job.panels * cost;
    const ptrdiff_t chunk =
        min_size(MOST_PRODUCTS, max_size(LEAST_PRODUCTS, of_image / IMAGE_CHUNKS));
    const ptrdiff_t least = max_size(PAIR, job.band_bytes / (cost * STAGING));
    const ptrdiff_t cached = max_size(least, PANEL_BYTES / panel_bytes(&job));
    job.panel_group = even_part(job.panels, min_size(cached, max_size(least, chunk / cost)), PAIR);
    job.band_group = max_size(1, min_size(bands, chunk / (cost * job.panel_group)));
    job.band_group = even_part(bands, min_size(job.band_group, BAND_BYTES / job.band_bytes), 1);
    job.panels_first = job.panels * panel_bytes(&job) > bands * job.band_bytes;
    return job;
}

/* ---- Preparation: offsets and filters of the loads ---------------------------------------- */

prepared_sizes CNET_FN(quantized_amx_sizes)(const cnet_conv2d *g, number_format format) {
    const job_t job = make_job(g, format);
    return (prepared_sizes){job.loads, panel_bytes(&job)};
}

/* Where the run of a tap begins. */
static ptrdiff_t offset_of(const job_t *job, ptrdiff_t i, ptrdiff_t j) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t row = i * g->dh;
    return ((row % g->sh * job->phase_rows + row / g->sh) * job->pitch + j * g->dw) * job->pixel;
}

/* Panel by panel, load by load. */
void CNET_FN(quantized_amx_put)(const cnet_conv2d *g, number_format format, const void *weight,
                                int32_t *offsets, char *filters) {
    const job_t job = make_job(g, format);
    const ptrdiff_t taps = job.runs / g->kh; /* runs in a row of a filter */
    for (ptrdiff_t run = 0; run < job.runs; run++)
        for (ptrdiff_t at = 0; at < job.run; at += job.load)
            *offsets++ = (int32_t)(offset_of(&job, run / taps, run % taps) + at);
    for (ptrdiff_t o = 0; o < g->o; o += QBLOCK)
        for (ptrdiff_t run = 0; run < job.runs; run++)
            for (ptrdiff_t at = 0; at < job.run; at += QUAD) {
                const ptrdiff_t j = run % taps + (taps == 1 ? at / job.pixel : 0);
                const ptrdiff_t channel = at % job.pixel / element_bytes(format);
                filters = put_quad(g, format, weight, o, channel, quad_size(format), run / taps, j,
                                   filters);
            }
}

/* ---- Staging ------------------------------------------------------------------------------ */

static inline void copy_block(void *to, const void *from, number_format format) {
    if (format == INT8)
        memcpy(to, from, QBLOCK);
    else
        memcpy(to, from, 2 * QBLOCK);
}

static inline __attribute__((always_inline)) void
stage_blocks(const job_t *job, const uint8_t *from, ptrdiff_t from_step, ptrdiff_t count,
             uint8_t *to, const number_format format) {
    const ptrdiff_t pixel = job->pixel, block = job->x_block, blocks = job->blocks;
    const size_t more = (size_t)(pixel - blocks * block_bytes(format));
    ptrdiff_t b = 0;
    for (; b + 4 <= blocks; b += 4)
        for (ptrdiff_t p = 0; p < count; p++)
            for (ptrdiff_t k = b; k < b + 4; k++)
                copy_block(to + p * pixel + k * block_bytes(format),
                           from + p * from_step + k * block, format);
    for (; b < blocks; b++)
        for (ptrdiff_t p = 0; p < count; p++)
            copy_block(to + p * pixel + b * block_bytes(format), from + p * from_step + b * block,
                       format);
    for (ptrdiff_t p = 0; more && p < count; p++)
        memset(to + (p + 1) * pixel - more, 0, more);
}

/* Pixels of x, `from_step` bytes apart, with all their channels. */
static void stage_pixels(const job_t *job, const uint8_t *from, ptrdiff_t from_step,
                         ptrdiff_t count, uint8_t *to) {
    if (job->g.c < QBLOCK)
        for (; count > 0; count--, from += from_step)
            for (ptrdiff_t quad = 0; quad < job->pixel; quad += QUAD, to += QUAD)
                memcpy(to, from + quad, QUAD);
    else if (job->format == INT8)
        stage_blocks(job, from, from_step, count, to, INT8);
    else
        stage_blocks(job, from, from_step, count, to, BFLOAT16);
}

/* A row of x; `row` may be outside of the image. */
static void stage_row(const job_t *job, const uint8_t *x, ptrdiff_t row, uint8_t *to) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t first =
        row >= 0 && row < g->h ? min_size(job->pitch, ceil_div(g->pw, job->step)) : job->pitch;
    const ptrdiff_t last = max_size(first, min_size(job->pitch, ceil_div(g->w + g->pw, job->step)));
    memset(to, job->arrays->zero, (size_t)(first * job->pixel));
    const uint8_t *from = x + (row * g->w + first * job->step - g->pw) * job->x_pixel;
    stage_pixels(job, from, job->step * job->x_pixel, last - first, to + first * job->pixel);
    memset(to + last * job->pixel, job->arrays->zero, (size_t)((job->pitch - last) * job->pixel));
}

typedef struct {
    ptrdiff_t n, top, rows;
    uint8_t *staged;
} band;

static band band_of(const job_t *job, ptrdiff_t number, uint8_t *staged) {
    const ptrdiff_t top = number % job->bands * job->rows;
    return (band){number / job->bands, top, min_size(job->rows, job->all_rows - top), staged};
}

static void stage_band(const job_t *job, band b) {
    const cnet_conv2d *g = &job->g;
    const uint8_t *x = job->arrays->x + b.n * job->x_image;
    uint8_t *to = b.staged;
    if (job->is_flat) {
        const ptrdiff_t first = b.top * ROWS, count = min_size(b.rows * ROWS, job->pixels - first);
        stage_pixels(job, x + first * job->x_pixel, job->x_pixel, count, to);
        return;
    }
    for (ptrdiff_t phase = 0; phase < job->phases; phase++)
        for (ptrdiff_t row = 0; row < job->phase_rows; row++, to += job->pitch * job->pixel)
            stage_row(job, x, (b.top + row) * g->sh + phase - g->ph, to);
}

/* ---- Tiles: 0 to 3 hold sums, 4 and 5 positions, 6 and 7 filters ---------------------------- */

#define LOAD(number, from, step)                                                                   \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #number                                          \
                     :                                                                             \
                     : "r"(from), "r"((ptrdiff_t)(step))                                           \
                     : "memory")
#define STORE(number, to)                                                                          \
    __asm__ volatile("tilestored %%tmm" #number ", (%0,%1,1)"                                      \
                     :                                                                             \
                     : "r"(to), "r"((ptrdiff_t)ROW_BYTES)                                          \
                     : "memory")
#define DOTS_BY(instruction, sums, filters, positions)                                             \
    __asm__ volatile(instruction " %%tmm" #filters ", %%tmm" #positions ", %%tmm" #sums::)
#define DOTS(sums, filters, positions)                                                             \
    do {                                                                                           \
        if (format == INT8)                                                                        \
            DOTS_BY("tdpbusd", sums, filters, positions);                                          \
        else                                                                                       \
            DOTS_BY("tdpbf16ps", sums, filters, positions);                                        \
    } while (0)

/* For loads of so many bytes. */
static void begin_tiles(ptrdiff_t load) {
    const uint16_t bytes = (uint16_t)load;
    const uint8_t quads = (uint8_t)(load / QUAD);
    const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes = {.palette = 1,
                .row_bytes = {ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, bytes, bytes, ROW_BYTES,
                              ROW_BYTES},
                .rows = {ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, quads, quads}};
    __asm__ volatile("ldtilecfg %0" : : "m"(shapes));
}
static void end_tiles(void) { __asm__ volatile("tilerelease" ::); }

typedef struct {
    ptrdiff_t loads, load, step;    /* bytes of a load; bytes between positions */
    const int32_t *offsets, *start; /* start of the sums of a panel, and of the next one */
    const char *filters;
    const uint8_t *x;
    int32_t (*sums)[PAIR * ROWS * QBLOCK]; /* of each panel */
} products;

/* The sums of one or two tiles of positions and one or two panels. */
static inline __attribute__((always_inline)) void
add_products(const products *of, const int tiles, const int panels, const number_format format) {
    const products p = *of;
    const ptrdiff_t size = p.load * QBLOCK, panel = p.loads * size;
    LOAD(0, p.start, 0);
    if (panels > 1)
        LOAD(1, p.start + QBLOCK, 0);
    if (tiles > 1)
        LOAD(2, p.start, 0);
    if (tiles > 1 && panels > 1)
        LOAD(3, p.start + QBLOCK, 0);
    const char *filters = p.filters;
    for (ptrdiff_t k = 0; k < p.loads; k++, filters += size) {
        const uint8_t *x = p.x + p.offsets[k];
        LOAD(6, filters, ROW_BYTES);
        LOAD(4, x, p.step);
        DOTS(0, 6, 4);
        if (panels > 1) {
            LOAD(7, filters + panel, ROW_BYTES);
            DOTS(1, 7, 4);
        }
        if (tiles > 1) {
            LOAD(5, x + ROWS * p.step, p.step);
            DOTS(2, 6, 5);
            if (panels > 1)
                DOTS(3, 7, 5);
        }
    }
    STORE(0, p.sums[0]);
    if (panels > 1)
        STORE(1, p.sums[1]);
    if (tiles > 1)
        STORE(2, p.sums[0] + ROWS * QBLOCK);
    if (tiles > 1 && panels > 1)
        STORE(3, p.sums[1] + ROWS * QBLOCK);
}

static inline __attribute__((always_inline)) void add(const products *of, ptrdiff_t count,
                                                      int panels, const number_format format) {
    if (count > ROWS && panels > 1)
        add_products(of, 2, 2, format);
    else if (count > ROWS)
        add_products(of, 2, 1, format);
    else if (panels > 1)
        add_products(of, 1, 2, format);
    else
        add_products(of, 1, 1, format);
}

/* ---- Convolution -------------------------------------------------------------------------- */

/* Converts the sums of `count` positions from `first` on. `y` is the place of the first output of
 * the band and the panel. */
static void finish(const job_t *job, const tile *t, const band *b, ptrdiff_t y, ptrdiff_t first,
                   ptrdiff_t count, const int32_t *sums) {
    const ptrdiff_t positions = job->pitch / job->stride, columns = job->columns;
    const ptrdiff_t exist = job->pixels - b->top * columns;
    for (ptrdiff_t done = 0; done < count;) {
        const ptrdiff_t row = (first + done) / positions, column = (first + done) % positions;
        const ptrdiff_t at = row * columns + column;
        ptrdiff_t length = positions == columns ? count - done : columns - column;
        length = min_size(min_size(length, count - done), exist - at);
        if (length > 0)
            CNET_FN(quantized_finish)(t, y + at * job->y_pixel, length, sums + done * QBLOCK);
        done += positions == columns ? count : positions - column;
    }
}

/* One or two panels of a band. */
static void run_band(const job_t *job, band b, ptrdiff_t panel, int panels) {
    const prepared *from = &job->arrays->prepared;
    const ptrdiff_t group = panel / max_size(1, job->panels / job->g.g);
    const ptrdiff_t count = positions_of(job, b.rows);
    int32_t sums[PAIR][PAIR * ROWS * QBLOCK] __attribute__((aligned(64)));
    products p = {.loads = job->loads,
                  .load = job->load,
                  .step = job->stride * job->pixel,
                  .offsets = from->offsets,
                  .start = from->start + panel * QBLOCK,
                  .filters = from->filters + panel * panel_bytes(job),
                  .sums = sums};
    tile t = {.format = job->format, .outputs = &job->arrays->outputs, .y_pixel = job->y_pixel};
    for (ptrdiff_t first = 0; first < count; first += PAIR * ROWS) {
        const ptrdiff_t left = min_size(PAIR * ROWS, count - first);
        p.x = b.staged + group * job->run + first * p.step;
        if (job->format == INT8)
            add(&p, left, panels, INT8);
        else
            add(&p, left, panels, BFLOAT16);
        for (int k = 0; k < panels; k++) {
            t.scale = from->scale + (panel + k) * QBLOCK;
            t.bias = from->bias + (panel + k) * QBLOCK;
            const ptrdiff_t y = b.n * job->y_image + (panel + k) * job->y_panel +
                                b.top * job->columns * job->y_pixel;
            finish(job, &t, &b, y, first, left, sums[k]);
        }
    }
}

/* Bytes of staged bands, and those that tiles read beyond them. */
static ptrdiff_t scratch_bytes(const job_t *job) {
    const ptrdiff_t beyond = ROWS * job->stride * job->pixel + ROW_BYTES;
    return round_up(job->band_group * job->band_bytes + beyond, CNET_ALIGNMENT);
}

static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t panel_groups = ceil_div(job->panels, job->panel_group);
    const ptrdiff_t bands = job->images * job->bands,
                    band_groups = ceil_div(bands, job->band_group);
    const ptrdiff_t p = job->panels_first ? chunk / band_groups : chunk % panel_groups;
    const ptrdiff_t group = job->panels_first ? chunk % band_groups : chunk / panel_groups;
    const ptrdiff_t first = group * job->band_group,
                    last = min_size(bands, first + job->band_group);
    const ptrdiff_t end = min_size(job->panels, (p + 1) * job->panel_group);
    const ptrdiff_t in_group = max_size(1, job->panels / job->g.g);
    uint8_t *staged = (uint8_t *)job->scratch + slot * scratch_bytes(job);
    for (ptrdiff_t k = first; k < last; k++)
        stage_band(job, band_of(job, k, staged + (k - first) * job->band_bytes));
    begin_tiles(job->load);
    for (ptrdiff_t panel = p * job->panel_group, count; panel < end; panel += count) {
        count = min_size(min_size(PAIR, end - panel), in_group - panel % in_group);
        for (ptrdiff_t k = first; k < last; k++)
            run_band(job, band_of(job, k, staged + (k - first) * job->band_bytes), panel,
                     (int)count);
    }
    end_tiles();
}

size_t CNET_FN(quantized_amx_workspace)(const cnet_conv2d *g, number_format format, int threads) {
    const job_t job = make_job(g, format);
    return (size_t)threads * (size_t)scratch_bytes(&job);
}

void CNET_FN(quantized_amx)(const conv_arrays *arrays, const cnet_conv2d *g, int threads,
                            char *workspace) {
    job_t job = make_job(g, arrays->format);
    job.arrays = arrays;
    job.scratch = workspace;
    const ptrdiff_t chunks =
        ceil_div(job.panels, job.panel_group) * ceil_div(job.images * job.bands, job.band_group);
    cnet_parallel(run_chunk, &job, chunks, threads);
}

#endif
