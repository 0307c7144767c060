/* Direct convolution by register tiles.
 *
 * A chunk computes some blocks of outputs, called panels, of some bands of rows. It stages the rows
 * that it needs, so that every tap is at a fixed offset from its output: with the zero point as
 * padding and by the phases of the stride (conv/stage.h); or for depthwise convolutions of 8-bit
 * images, at the column of each output, the columns that its first taps read, a quad of them.
 * Images of bfloat16 are staged as float32, so that quads are of one element. */
#include "conv/stage.h"
#include "quantized.h"

enum {
    LEAST_DOTS = 1 << 13, /* dots of a block in a chunk: enough to be worth a thread */
    MOST_DOTS = 1 << 16,
    IMAGE_CHUNKS = 8,      /* of an image, between these sizes */
    BAND_BYTES = 32 << 10, /* of staged rows */
    STAGED_TAPS = 8,       /* of the filters of all panels that read a staged pixel */
    FINISHED = 48          /* pixels whose sums are finished together */
};

/* How the images are seen. */
typedef enum {
    ROWS,  /* as they are */
    FLAT,  /* 1 x 1 filters: a row is as many pixels as tiles in one call have, in any rows */
    IMAGES /* images of one pixel: a row is as many images as a tile may have pixels */
} view;

typedef struct {
    cnet_conv2d g;
    number_format format;
    const conv_arrays *arrays;
    view view;
    int is_depthwise, is_staged;
    ptrdiff_t columns, all_rows, pixels; /* of a row of outputs; rows, pixels in an image */
    ptrdiff_t images;
    ptrdiff_t blocks, panels, taps; /* blocks of x; taps of a panel */
    ptrdiff_t tap_bytes;            /* of the filters of a panel */
    ptrdiff_t pixel, pitch, plane;  /* bytes of x as the tiles read it */
    ptrdiff_t x_row;                /* bytes between rows of outputs there */
    int has_columns;                /* whether quads are of columns */
    int height, width;              /* of tiles */
    ptrdiff_t together;             /* tiles at the start of a row */
    ptrdiff_t rows, bands;          /* rows in a band; bands in an image */
    ptrdiff_t band_group, panel_group;
    int panels_first;
    stage stage;
    char *scratch; /* of each thread */
    size_t band_bytes;
} job_t;

static void find_view(job_t *job) {
    const cnet_conv2d *g = &job->g;
    const int is_one = g->kh == 1 && g->kw == 1 && !has_padding(g);
    const ptrdiff_t most = has_count(job->format) ? FINISHED : tile_pixels(job->format);
    job->is_depthwise = is_depthwise(g);
    job->images = g->n;
    job->columns = g->ow;
    job->all_rows = g->oh;
    job->pixels = g->oh * g->ow;
    job->view = ROWS;
    if (is_one && !job->is_depthwise && g->h == 1 && g->w == 1) {
        job->view = IMAGES;
        job->pixels = g->n;
        job->images = 1;
        job->columns = tile_pixels(job->format);
    } else if (is_one && !job->is_depthwise && g->sh == 1 && g->sw == 1 &&
               g->oh * g->ow == g->h * g->w) {
        job->view = FLAT;
        job->columns = ceil_div(job->pixels, ceil_div(job->pixels, most));
    }
    if (job->view != ROWS)
        job->all_rows = ceil_div(job->pixels, job->columns);
    job->has_columns = job->is_depthwise && job->format != BFLOAT16;
    job->is_staged = staged_bytes(job->format) != block_bytes(job->format) || job->view == IMAGES ||
                     job->is_depthwise || has_padding(g) || g->sh > 1 || g->sw > 1;
}

static void find_tiles(job_t *job) {
    const ptrdiff_t columns = job->columns, most = tile_pixels(job->format);
    job->height = 1;
    if (job->view == ROWS)
        for (int rows = 4; rows > 1 && job->height == 1; rows /= 2)
            if (columns * rows <= most && job->all_rows >= rows)
                job->height = rows;
    job->width = (int)ceil_div(columns, ceil_div(columns, most));
    job->together =
        has_count(job->format) && job->height == 1 ? min_size(columns, FINISHED) / job->width : 1;
}

/* The layout of the rows that a band of `rows` rows reads. */
static void find_layout(job_t *job, ptrdiff_t rows) {
    const cnet_conv2d *g = &job->g;
    job->rows = rows;
    job->pixel = job->has_columns ? QBLOCK * QUAD : staged_bytes(job->format);
    if (job->view == IMAGES) {
        job->plane = job->pitch = job->columns * job->pixel;
        job->x_row = job->blocks * job->plane;
        job->band_bytes = (size_t)(rows * job->x_row);
    } else if (job->has_columns) {
        const ptrdiff_t quad = quad_size(job->format);
        job->pitch = (g->ow + (ceil_div(g->kw, quad) - 1) * quad / g->sw) * job->pixel;
        job->plane = 0;
        job->x_row = g->sh * job->pitch;
        job->band_bytes = (size_t)(((rows - 1) * g->sh + (g->kh - 1) * g->dh + 1) * job->pitch);
    } else if (job->is_staged && job->view == FLAT) {
        job->x_row = job->pitch = job->columns * job->pixel;
        job->plane = rows * job->pitch;
        job->band_bytes = (size_t)(job->blocks * job->plane);
    } else if (job->is_staged) {
        job->stage = stage_of(g, rows);
        job->x_row = job->pitch = job->stage.pitch * job->pixel;
        job->plane = job->stage.channel * job->pixel;
        job->band_bytes = (size_t)((job->is_depthwise ? 1 : job->blocks) * job->plane);
    } else {
        job->pitch = g->w * job->pixel;
        job->x_row = job->view == FLAT ? job->columns * job->pixel : job->pitch;
        job->plane = g->h * g->w * job->pixel;
        job->band_bytes = 0;
    }
    job->band_bytes = (size_t)round_up((ptrdiff_t)job->band_bytes, CNET_ALIGNMENT);
}

static job_t make_job(const cnet_conv2d *g, number_format format) {
    job_t job = {.g = *g, .format = format, .blocks = qblocks_of(g->c), .panels = qblocks_of(g->o)};
    find_view(&job);
    find_tiles(&job);
    const ptrdiff_t channels = g->c / g->g;
    const ptrdiff_t quad = quad_size(format);
    job.taps =
        g->kh * (job.is_depthwise ? ceil_div(g->kw, quad) : g->kw * ceil_div(channels, quad));
    job.tap_bytes = QBLOCK * quad * filter_bytes(format);
    const ptrdiff_t cost = job.columns * job.taps; /* of a row of a panel */
    const ptrdiff_t staged_at_once = job.is_depthwise ? 1 : job.panels;
    const ptrdiff_t chunk =
        min_size(MOST_DOTS, max_size(LEAST_DOTS, job.all_rows * job.panels * cost / IMAGE_CHUNKS));
    const ptrdiff_t most = BAND_BYTES * (job.is_depthwise ? 1 : QUAD / quad);
    ptrdiff_t rows = job.height;
    for (; rows < job.all_rows && 2 * rows * staged_at_once * cost <= chunk; rows *= 2) {
        find_layout(&job, 2 * rows);
        if ((ptrdiff_t)job.band_bytes > most)
            break;
    }
    rows = min_size(rows, job.all_rows);
    find_layout(&job, rows);
    job.bands = ceil_div(job.all_rows, rows);
    const ptrdiff_t bands = job.images * job.bands;
    const ptrdiff_t in_cache = most / max_size(1, (ptrdiff_t)job.band_bytes);
    const ptrdiff_t of_staging =
        job.is_staged && !job.is_depthwise ? ceil_div(STAGED_TAPS, g->kh * g->kw) : 1;
    const ptrdiff_t panels = min_size(job.panels, of_staging);
    job.band_group =
        max_size(1, min_size(min_size(bands, in_cache), chunk / (rows * cost * panels)));
    job.panel_group = min_size(job.panels, max_size(1, chunk / (job.band_group * rows * cost)));
    job.panels_first = job.panels * job.taps * job.tap_bytes >
                       bands * job.rows * job.columns * job.blocks * block_bytes(format);
    return job;
}

/* ---- Preparation ------------------------------------------------------------------------- */

prepared_sizes CNET_FN(quantized_direct_sizes)(const cnet_conv2d *g, number_format format) {
    const job_t job = make_job(g, format);
    return (prepared_sizes){job.taps, job.taps * job.tap_bytes};
}

static ptrdiff_t offset_of(const job_t *job, ptrdiff_t block, ptrdiff_t i, ptrdiff_t j) {
    const cnet_conv2d *g = &job->g;
    if (job->has_columns)
        return i * g->dh * job->pitch + j / g->sw * job->pixel;
    if (job->is_staged && job->view == ROWS)
        return stage_offset(g, &job->stage, block, i, j) * job->pixel;
    return block * job->plane + i * g->dh * job->pitch + j * g->dw * job->pixel;
}

static void put_offsets(const job_t *job, int32_t *to) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t channels = job->is_depthwise ? 1 : g->c / g->g;
    const ptrdiff_t quad = quad_size(job->format), step = job->is_depthwise ? quad : 1;
    for (ptrdiff_t c = 0; c < channels; c += QBLOCK)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j += step)
                for (ptrdiff_t d = 0; d < ceil_div(min_size(QBLOCK, channels - c), quad); d++)
                    *to++ = (int32_t)(offset_of(job, c / QBLOCK, i, j) + d * QUAD);
}

/* Neighbouring taps of a row of each filter, from column j on. */
static char *put_columns(const cnet_conv2d *g, number_format format, const void *weight,
                         ptrdiff_t o, ptrdiff_t i, ptrdiff_t j, char *to) {
    for (ptrdiff_t lane = o; lane < o + QBLOCK; lane++)
        for (ptrdiff_t column = j; column < j + quad_size(format); column++)
            to = put_weight(format, weight, (lane * g->kh + i) * g->kw + column,
                            lane < g->o && column < g->kw, to);
    return to;
}

/* Panel by panel, tap by tap. */
void CNET_FN(quantized_direct_put)(const cnet_conv2d *g, number_format format, const void *weight,
                                   int32_t *offsets, char *filters) {
    const job_t job = make_job(g, format);
    const ptrdiff_t channels = g->c / g->g, quad = quad_size(format);
    put_offsets(&job, offsets);
    for (ptrdiff_t o = 0; o < g->o; o += QBLOCK)
        for (ptrdiff_t c = 0; c < channels; c += QBLOCK)
            for (ptrdiff_t i = 0; i < g->kh; i++)
                for (ptrdiff_t j = 0; j < g->kw; j += job.is_depthwise ? quad : 1) {
                    if (job.is_depthwise) {
                        filters = put_columns(g, format, weight, o, i, j, filters);
                        continue;
                    }
                    const ptrdiff_t end = min_size(channels, c + QBLOCK);
                    for (ptrdiff_t d = c; d < end; d += quad)
                        filters = put_quad(g, format, weight, o, d, quad, i, j, filters);
                }
}

/* ---- Staging ----------------------------------------------------------------------------- */

typedef struct {
    ptrdiff_t n, top, rows;
} place;

static place place_of(const job_t *job, ptrdiff_t band) {
    const ptrdiff_t top = band % job->bands * job->rows;
    return (place){band / job->bands, top, min_size(job->rows, job->all_rows - top)};
}

/* Whether bytes are staged as 16-bit integers. */
static inline int has_words(const job_t *job) { return !HAS_QUADS && job->format == INT8_WORDS; }

/* Padding. */
static void stage_zeros(const job_t *job, uint8_t *to, ptrdiff_t bytes) {
    if (has_words(job))
        for (ptrdiff_t k = 0; k < bytes / 2; k++)
            ((int16_t *)to)[k] = (int16_t)job->arrays->zero;
    else
        memset(to, job->arrays->zero, (size_t)bytes);
}

/* Pixels of a block, `step` pixels apart, as the tiles read them. */
static void stage_pixels(const job_t *job, uint8_t *to, const uint8_t *from, ptrdiff_t step,
                         ptrdiff_t count) {
    if (job->pixel == QBLOCK && step == 1)
        memcpy(to, from, (size_t)(count * QBLOCK));
    else if (job->pixel == QBLOCK)
        for (ptrdiff_t t = 0; t < count; t++)
            memcpy(to + t * QBLOCK, from + t * step * QBLOCK, QBLOCK);
    else if (has_words(job))
        for (ptrdiff_t t = 0; t < count; t++, from += step * QBLOCK, to += sizeof(halves)) {
            const halves pixel = widen_bytes(from);
            memcpy(to, &pixel, sizeof pixel);
        }
    else
        for (ptrdiff_t t = 0; t < count; t++, from += step * block_bytes(BFLOAT16))
            for (int v = 0; v < BLOCK_VECTORS; v++, to += VECTOR_BYTES)
                store((float *)to,
                      of_bfloat16(load_halves((const uint16_t *)from + v * BLOCK_LANES)));
}

/* The pixels of images as columns: (rows, blocks, columns). */
static void stage_images(const job_t *job, ptrdiff_t top, ptrdiff_t rows, uint8_t *to) {
    const ptrdiff_t columns = job->columns, end = min_size(job->pixels, (top + rows) * columns);
    for (ptrdiff_t n = top * columns; n < end; n++)
        for (ptrdiff_t b = 0; b < job->blocks; b++)
            stage_pixels(job,
                         to + (n / columns - top) * job->x_row + b * job->plane +
                             n % columns * job->pixel,
                         job->arrays->x + (n * job->blocks + b) * block_bytes(job->format), 1, 1);
}

/* A block of an image, for the rows of outputs from `top` on. */
static void stage_block(const job_t *job, const uint8_t *x, place at, uint8_t *to) {
    const cnet_conv2d *g = &job->g;
    const stage *s = &job->stage;
    const ptrdiff_t pixel = job->pixel, block = block_bytes(job->format);
    if (job->view == FLAT) {
        const ptrdiff_t first = at.top * job->columns;
        stage_pixels(job, to, x + first * block, 1,
                     min_size(at.rows * job->columns, job->pixels - first));
        return;
    }
    for (ptrdiff_t phase_h = 0; phase_h < s->phases_h; phase_h++)
        for (ptrdiff_t phase_w = 0; phase_w < s->phases_w; phase_w++) {
            const range in = inside(phase_w - g->pw, g->sw, g->w, s->pitch);
            for (ptrdiff_t row = 0; row < s->phase_rows; row++, to += job->pitch) {
                const ptrdiff_t ih = (at.top + row) * g->sh + phase_h - g->ph;
                if (ih < 0 || ih >= g->h || in.begin == in.end) {
                    stage_zeros(job, to, job->pitch);
                    continue;
                }
                stage_zeros(job, to, in.begin * pixel);
                stage_pixels(job, to + in.begin * pixel,
                             x + (ih * g->w + in.begin * g->sw + phase_w - g->pw) * block, g->sw,
                             in.end - in.begin);
                stage_zeros(job, to + in.end * pixel, job->pitch - in.end * pixel);
            }
        }
}

/* Of one row of a block: at each place, a quad of neighbouring columns of each channel. `step` is
 * the stride. Places before the first one have its first columns. */
UNROLLED void stage_quads(const job_t *job, const uint8_t *row, uint8_t *to, const int step) {
    enum { COLUMNS = HAS_QUADS ? 4 : 2, BITS = 32 / COLUMNS };
    const ptrdiff_t width = row ? job->g.w : 0, places = job->pitch / (QBLOCK * QUAD);
    uint8_t zeros[QBLOCK];
    memset(zeros, job->arrays->zero, QBLOCK);
    ivec quads[BLOCK_VECTORS] = {0};
    ptrdiff_t column = -job->g.pw;
    for (ptrdiff_t place = 1 - COLUMNS / step; place < places; place++) {
#pragma GCC unroll 2
        for (int k = 0; k < step; k++, column++) {
            const uint8_t *from = column >= 0 && column < width ? row + column * QBLOCK : zeros;
#pragma GCC unroll 4
            for (int v = 0; v < BLOCK_VECTORS; v++)
                quads[v] = shift_right(quads[v], BITS) | load_bytes(from + v * BLOCK_LANES)
                                                             << (32 - BITS);
        }
        if (place < 0)
            continue;
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++, to += VECTOR_BYTES)
            store_ints((int32_t *)to, quads[v]);
    }
}

/* Of a block of an image, quads of columns. */
static void stage_columns(const job_t *job, const uint8_t *x, place at, uint8_t *to) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t count = (at.rows - 1) * g->sh + (g->kh - 1) * g->dh + 1;
    for (ptrdiff_t row = 0; row < count; row++, to += job->pitch) {
        const ptrdiff_t ih = at.top * g->sh - g->ph + row;
        const uint8_t *from = ih >= 0 && ih < g->h ? x + ih * g->w * QBLOCK : NULL;
        if (g->sw == 1)
            stage_quads(job, from, to, 1);
        else
            stage_quads(job, from, to, 2);
    }
}

/* ---- Convolution ------------------------------------------------------------------------- */

static uint8_t *find_band(const job_t *job, ptrdiff_t number, int slot) {
    const size_t all = (size_t)job->band_group * job->band_bytes;
    return (uint8_t *)job->scratch + (size_t)slot * all + (size_t)number * job->band_bytes;
}

/* All blocks of a band; those of a depthwise convolution are staged one at a time. */
static void stage_band(const job_t *job, place at, uint8_t *to) {
    const cnet_conv2d *g = &job->g;
    if (job->view == IMAGES) {
        stage_images(job, at.top, at.rows, to);
        return;
    }
    for (ptrdiff_t b = 0; b < job->blocks; b++)
        stage_block(
            job, job->arrays->x + (at.n * job->blocks + b) * g->h * g->w * block_bytes(job->format),
            at, to + b * job->plane);
}

/* The pixels of a band follow each other in y: some tiles are finished together. */
static void run_band(const job_t *job, tile *t, const uint8_t *x, ptrdiff_t panel, place at) {
    _Alignas(CNET_ALIGNMENT) int32_t sums[FINISHED * QBLOCK];
    const ptrdiff_t begin = at.top * job->columns;
    ptrdiff_t y = job->view == IMAGES
                      ? panel * QBLOCK + begin * t->y_pixel
                      : ((at.n * job->panels + panel) * job->pixels + begin) * QBLOCK;
    ptrdiff_t waiting = 0; /* pixels whose sums are not yet finished */
    for (ptrdiff_t row = 0; row < at.rows;) {
        int height = job->height;
        while (height > at.rows - row)
            height /= 2;
        const ptrdiff_t columns = min_size(job->columns, job->pixels - begin - row * job->columns);
        for (ptrdiff_t column = 0; column < columns; column += t->count * job->width) {
            const int width = (int)min_size(job->width, columns - column);
            t->count = column == 0 && columns == job->columns ? job->together : 1;
            const ptrdiff_t pixels = t->count * height * width;
            if (waiting + pixels > FINISHED) {
                CNET_FN(quantized_finish)(t, y, waiting, sums);
                y += waiting * t->y_pixel;
                waiting = 0;
            }
            t->x = x + row * job->x_row + column * job->pixel;
            t->sums = sums + waiting * QBLOCK;
            CNET_FN(quantized_tile)
            (t, job->is_depthwise ? TILE_CHANNELS : TILE_DENSE, height, width);
            waiting += pixels;
        }
        row += height;
    }
    CNET_FN(quantized_finish)(t, y, waiting, sums);
}

/* Where the tiles of a panel read a band. */
static const uint8_t *find_rows(const job_t *job, ptrdiff_t panel, place at, uint8_t *staged) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t size = g->h * g->w * block_bytes(job->format);
    if (job->is_depthwise) {
        const uint8_t *x = job->arrays->x + (at.n * job->blocks + panel) * size;
        if (job->has_columns)
            stage_columns(job, x, at, staged);
        else
            stage_block(job, x, at, staged);
        return staged;
    }
    const ptrdiff_t group = panel / (job->panels / g->g > 0 ? job->panels / g->g : 1);
    const ptrdiff_t block = group * (g->c / g->g / QBLOCK);
    if (job->is_staged)
        return staged + block * job->plane;
    return job->arrays->x + (at.n * job->blocks + block) * size + at.top * job->x_row;
}

static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t panel_groups = ceil_div(job->panels, job->panel_group);
    const ptrdiff_t bands = job->images * job->bands,
                    band_groups = ceil_div(bands, job->band_group);
    const ptrdiff_t p = job->panels_first ? chunk / band_groups : chunk % panel_groups;
    const ptrdiff_t b = job->panels_first ? chunk % band_groups : chunk / panel_groups;
    const ptrdiff_t first = b * job->band_group, last = min_size(bands, first + job->band_group);
    if (job->is_staged && !job->is_depthwise)
        for (ptrdiff_t band = first; band < last; band++)
            stage_band(job, place_of(job, band), find_band(job, band - first, slot));
    const prepared *from = &job->arrays->prepared;
    tile t = {.format = job->format,
              .taps = job->taps,
              .offsets = from->offsets,
              .x_row = job->x_row,
              .y_pixel = job->view == IMAGES ? job->panels * QBLOCK : QBLOCK,
              .outputs = &job->arrays->outputs};
    for (ptrdiff_t panel = p * job->panel_group;
         panel < min_size(job->panels, (p + 1) * job->panel_group); panel++) {
        t.filters = from->filters + panel * job->taps * job->tap_bytes;
        t.start = from->start + panel * QBLOCK;
        t.scale = from->scale + panel * QBLOCK;
        t.bias = from->bias + panel * QBLOCK;
        for (ptrdiff_t band = first; band < last; band++) {
            const place at = place_of(job, band);
            run_band(job, &t, find_rows(job, panel, at, find_band(job, band - first, slot)), panel,
                     at);
        }
    }
}

size_t CNET_FN(quantized_direct_workspace)(const cnet_conv2d *g, number_format format,
                                           int threads) {
    const job_t job = make_job(g, format);
    return (size_t)threads * (size_t)job.band_group * job.band_bytes;
}

void CNET_FN(quantized_direct)(const conv_arrays *arrays, const cnet_conv2d *g, int threads,
                               char *workspace) {
    job_t job = make_job(g, arrays->format);
    job.arrays = arrays;
    job.scratch = workspace;
    const ptrdiff_t chunks =
        ceil_div(job.panels, job.panel_group) * ceil_div(job.images * job.bands, job.band_group);
    cnet_parallel(run_chunk, &job, chunks, threads);
}
