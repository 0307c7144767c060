/* Direct convolution from staged images: rows of the register tile are output channels, lanes are
 * positions, and each step of the depth is one tap, loaded from the offset in a table. For any
 * kernel, stride, dilation and groups. The input gradient is the same sum over grad_output, for
 * each phase of the stride with the taps of that phase.
 *
 * Filters are packed once. A chunk is some rows of one image in one group, with neighbouring
 * positions in the lanes of a vector. Where rows are so short that too much would be computed
 * between them, a chunk is LANES images, one per lane. The sums are the same, bit for bit. */
#include "conv.h"
#include "gemm/product.h"
#include "pool/relu_pool.h"
#include "stage.h"
#include "tap_sums.h"

enum {
    STAGE_BYTES = 192 << 10,
    BATCH_BYTES = 512 << 10,
    SUMS_BYTES = 16 << 10,
    ENOUGH_CHUNKS = 8,
    TRANSPOSING = 10 /* cost of transposing a vector of images, in taps */
};

/* The layout of staged images and the offsets of their taps. */
typedef struct {
    stage s;
    ptrdiff_t lanes; /* elements per cell: 1, or LANES for as many images */
    ptrdiff_t rows;  /* rows of sums computed at a time, for a tile of channels */
    ptrdiff_t sums;  /* elements of these sums per channel, including the excess of vectors */
    ptrdiff_t *offsets;
} layout;

typedef struct job job_t;
/* Stores finished rows of sums of output channel o, a pitch apart, in a phase of the rows; the
 * phases of the columns are `step` apart. */
typedef void finish(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t top, ptrdiff_t rows,
                    ptrdiff_t phase, const real *sums, ptrdiff_t step);

struct job {
    conv2d_arrays arrays; /* x is the convolved array: grad_output for the input gradient */
    cnet_conv2d g;        /* of this convolution: gradient_geometry for the input gradient */
    const cnet_conv2d *gradient_of;      /* NULL for the forward pass */
    ptrdiff_t row_phases, column_phases; /* 1, except for gradients with stride */
    ptrdiff_t taps;                      /* per group, in all phases */
    ptrdiff_t tile, panels;              /* channels per tile; tiles per group */
    layout image, batch;                 /* one image, and LANES of them */
    int is_straight;                     /* sums are written directly to the output */
    ptrdiff_t batches, blocks;           /* batches; blocks of rows of the remaining images */
    ptrdiff_t *phases;                   /* first tap of each phase, and the end of the last */
    ptrdiff_t *places;                   /* positions of the taps in a filter */
    real *filters;
    char *workspace;
    size_t bytes_per_thread;
    finish *finish;
    uint8_t *codes; /* written by finish_pooled */
};

/* ---- Taps and filters ------------------------------------------------------------------ */

static void add_tap(const job_t *job, ptrdiff_t t, ptrdiff_t c, ptrdiff_t i, ptrdiff_t j,
                    ptrdiff_t place) {
    job->places[t] = place;
    job->image.offsets[t] = stage_offset(&job->g, &job->image.s, c, i, j);
    job->batch.offsets[t] = stage_offset(&job->g, &job->batch.s, c, i, j) * LANES;
}

static void list_taps(const job_t *job) {
    const cnet_conv2d *g = &job->g;
    ptrdiff_t t = 0;
    for (ptrdiff_t c = 0; c < g->c / g->g; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++, t++)
                add_tap(job, t, c, i, j, t);
    job->phases[0] = 0;
    job->phases[1] = t;
}

/* Tap (i, j) of the filter between o and c lies in one phase, at its distance in grad_output. */
static void list_gradient_taps(const job_t *job) {
    const cnet_conv2d *g = job->gradient_of;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    ptrdiff_t t = 0;
    for (ptrdiff_t phase = 0; phase < g->sh * g->sw; phase++) {
        job->phases[phase] = t;
        for (ptrdiff_t o = 0; o < outputs; o++)
            for (ptrdiff_t i = 0; i < g->kh; i++)
                for (ptrdiff_t j = 0; j < g->kw; j++)
                    if (i * g->dh % g->sh == phase / g->sw && j * g->dw % g->sw == phase % g->sw)
                        add_tap(job, t++, o, job->g.kh - 1 - i * g->dh / g->sh,
                                job->g.kw - 1 - j * g->dw / g->sw,
                                (o * inputs * g->kh + i) * g->kw + j);
    }
    job->phases[g->sh * g->sw] = t;
}

/* Packs the filters of one tile of channels: to[t * tile + r]. */
static void pack_filters(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t outputs = job->g.o / job->g.g;
    const ptrdiff_t group = chunk / job->panels, first = chunk % job->panels * job->tile;
    /* Step from channel to channel: a whole filter, or for gradients one kh x kw window. */
    const ptrdiff_t step =
        job->gradient_of ? job->gradient_of->kh * job->gradient_of->kw : job->taps;
    const real *weight = job->arrays.weight + group * outputs * job->taps + first * step;
    real *to = job->filters + chunk * job->taps * job->tile;
    for (ptrdiff_t t = 0; t < job->taps; t++)
        for (ptrdiff_t r = 0; r < job->tile; r++)
            *to++ = first + r < outputs ? weight[r * step + job->places[t]] : 0;
}

/* ---- Storing the sums ------------------------------------------------------------------ */

static void finish_plain(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t top, ptrdiff_t rows,
                         ptrdiff_t phase, const real *sums, ptrdiff_t step) {
    (void)phase, (void)step;
    const cnet_conv2d *g = &job->g;
    const vec bias = broadcast(job->arrays.bias ? job->arrays.bias[o] : 0);
    real *y = job->arrays.to + ((n * g->o + o) * g->oh + top) * g->ow;
    ptrdiff_t left = rows * g->ow;
    /* Vectors may extend into the next row, which is written after them. */
    for (; left > 0; left -= g->ow, y += g->ow, sums += job->image.s.pitch)
        for (ptrdiff_t t = 0; t < g->ow; t += LANES)
            store_run(y + t, load(sums + t) + bias, left - t);
}

static void finish_gradient(const job_t *job, ptrdiff_t n, ptrdiff_t c, ptrdiff_t top,
                            ptrdiff_t rows, ptrdiff_t phase, const real *sums, ptrdiff_t step) {
    const cnet_conv2d *g = job->gradient_of;
    const phase_axis vertical = phase_rows(g), horizontal = phase_columns(g);
    real *dx = job->arrays.to + (n * g->c + c) * g->h * g->w;
    for (ptrdiff_t row = 0; row < rows; row++) {
        const ptrdiff_t ih = phase_position(&vertical, top + row, phase);
        if (ih >= 0 && ih < g->h)
            join_phases(&horizontal, sums + row * job->image.s.pitch, step, dx + ih * g->w);
    }
}

/* Adds the bias, applies ReLU and the maximum of 2 x 2 outputs, and writes the codes for the
 * backward pass. Vectors extend into the next rows of results, which are written later. */
static void finish_pooled(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t top, ptrdiff_t rows,
                          ptrdiff_t phase, const real *sums, ptrdiff_t step) {
    (void)phase, (void)step;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t height = g->oh / 2, width = g->ow / 2, pitch = job->image.s.pitch;
    const vec bias = broadcast(job->arrays.bias ? job->arrays.bias[o] : 0);
    const ptrdiff_t first = ((n * g->o + o) * height + top / 2) * width;
    real *y = job->arrays.to + first;
    uint8_t *codes = job->codes + first;
    ptrdiff_t left = rows / 2 * width;
    for (; left > 0; left -= width, y += width, codes += width, sums += 2 * pitch) {
        for (ptrdiff_t t = 0; t < width; t += LANES) {
            const real *above = sums + 2 * t, *below = above + pitch;
            const vec a = load(above) + bias, b = load(above + LANES) + bias;
            const vec c = load(below) + bias, d = load(below + LANES) + bias;
            relu_pool_run(a, b, c, d, y + t, codes + t, min_size(LANES, left - t));
        }
    }
}

/* ---- Sums ------------------------------------------------------------------------------ */

static tap_filters filters_of(const job_t *job, const layout *l, ptrdiff_t panel, ptrdiff_t phase) {
    const ptrdiff_t first = job->phases[phase];
    return (tap_filters){.tile = job->tile,
                         .filters = job->tile,
                         .depth = job->phases[phase + 1] - first,
                         .weights = job->filters + (panel * job->taps + first) * job->tile,
                         .offsets = l->offsets + first};
}

static real *result_at(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t row) {
    return job->arrays.to + ((n * job->g.o + o) * job->g.oh + row) * job->g.ow;
}

/* Sums channels of one image directly into the output. */
static void sum_straight(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t channels,
                         ptrdiff_t panel, ptrdiff_t top, ptrdiff_t rows, const real *staged) {
    const cnet_conv2d *g = &job->g;
    const tap_positions positions = {rows, g->ow, job->image.s.pitch, g->ow, g->oh * g->ow};
    tap_filters filters = filters_of(job, &job->image, panel, 0);
    filters.filters = channels;
    filters.bias = job->arrays.bias ? job->arrays.bias + o : NULL;
    CNET_FN(tap_sums)(&filters, &positions, staged, result_at(job, n, o, top));
}

/* Sums channels of one image, some rows at a time, and passes them to `finish`. */
static void sum_rows(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t channels,
                     ptrdiff_t panel, ptrdiff_t top, ptrdiff_t rows, const real *staged,
                     real *sums) {
    const layout *l = &job->image;
    const ptrdiff_t step = job->tile * l->sums;
    for (ptrdiff_t row = 0; row < rows; row += l->rows) {
        const ptrdiff_t count = min_size(l->rows, rows - row);
        const tap_positions positions = {
            .rows = 1, .columns = (count - 1) * l->s.pitch + job->g.ow, .step = l->sums};
        for (ptrdiff_t phase = 0; phase < job->row_phases; phase++) {
            for (ptrdiff_t b = 0; b < job->column_phases; b++) {
                const tap_filters filters =
                    filters_of(job, l, panel, phase * job->column_phases + b);
                CNET_FN(tap_sums)(&filters, &positions, staged + row * l->s.pitch, sums + b * step);
            }
            for (ptrdiff_t r = 0; r < channels; r++)
                job->finish(job, n, o + r, top + row, count, phase, sums + r * l->sums, step);
        }
    }
}

/* Sums channels of LANES images. */
static void sum_batch(const job_t *job, ptrdiff_t n, ptrdiff_t o, ptrdiff_t channels,
                      ptrdiff_t panel, const real *staged, real *sums) {
    const cnet_conv2d *g = &job->g;
    const layout *l = &job->batch;
    tap_filters filters = filters_of(job, l, panel, 0);
    filters.filters = channels;
    filters.bias = job->arrays.bias ? job->arrays.bias + o : NULL;
    for (ptrdiff_t row = 0; row < g->oh; row += l->rows) {
        const ptrdiff_t rows = min_size(l->rows, g->oh - row);
        const tap_positions positions = {rows, g->ow * LANES, l->s.pitch * LANES, g->ow * LANES,
                                         l->sums};
        CNET_FN(tap_sums)(&filters, &positions, staged + row * l->s.pitch * LANES, sums);
        for (ptrdiff_t r = 0; r < channels; r++)
            store_transposed(sums + r * l->sums, LANES, rows * g->ow, LANES,
                             result_at(job, n, o + r, row), g->o * g->oh * g->ow);
    }
}

/* With the zeros after the last channel, and those that a vector may read after them. */
static ptrdiff_t staged_elements(const job_t *job, const layout *l) {
    return round_up(stage_size(&l->s, job->g.c / job->g.g, 0) * l->lanes + 2 * LANES, LANES);
}

static void image_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const layout *l = &job->image;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t top = chunk % job->blocks * l->s.rows;
    const ptrdiff_t group = chunk / job->blocks % g->g;
    const ptrdiff_t n = job->batches * LANES + chunk / job->blocks / g->g;
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    for (ptrdiff_t c = 0; c < inputs; c++)
        stage_channel(g, &l->s, job->arrays.x + (n * g->c + group * inputs + c) * g->h * g->w, top,
                      staged + c * l->s.channel);
    store(staged + inputs * l->s.channel, (vec){0});
    const ptrdiff_t rows = min_size(l->s.rows, g->oh - top);
    real *sums = staged + staged_elements(job, l);
    for (ptrdiff_t panel = 0; panel < job->panels; panel++) {
        const ptrdiff_t first = panel * job->tile, channels = min_size(job->tile, outputs - first);
        const ptrdiff_t o = group * outputs + first, tile = group * job->panels + panel;
        if (job->is_straight)
            sum_straight(job, n, o, channels, tile, top, rows, staged);
        else
            sum_rows(job, n, o, channels, tile, top, rows, staged, sums);
    }
}

static void batch_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const layout *l = &job->batch;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t group = chunk % g->g, n = chunk / g->g * LANES;
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *work = staged + staged_elements(job, l);
    for (ptrdiff_t c = 0; c < inputs; c++) {
        const ptrdiff_t cells = g->h * g->w;
        pack_strided(job->arrays.x + (n * g->c + group * inputs + c) * cells, g->c * cells, 1,
                     LANES, cells, LANES, work);
        stage_batch(g, &l->s, work, staged + c * l->s.channel * LANES);
    }
    for (ptrdiff_t panel = 0; panel < job->panels; panel++) {
        const ptrdiff_t first = panel * job->tile, channels = min_size(job->tile, outputs - first);
        sum_batch(job, n, group * outputs + first, channels, group * job->panels + panel, staged,
                  work);
    }
}

/* ---- Jobs ------------------------------------------------------------------------------ */

static ptrdiff_t rows_of(const cnet_conv2d *g) {
    const stage one = stage_of(g, 1), two = stage_of(g, 2);
    const ptrdiff_t bytes = g->c / g->g * (ptrdiff_t)sizeof(real);
    const ptrdiff_t base = one.channel * bytes,
                    more = max_size(1, (two.channel - one.channel) * bytes);
    ptrdiff_t rows = max_size(1, min_size(g->oh, 1 + (STAGE_BYTES - base) / more));
    while (rows > 4 && g->n * g->g * ceil_div(g->oh, rows) < ENOUGH_CHUNKS)
        rows = ceil_div(rows, 2);
    return round_up(rows, 2); /* so that both rows of a pooled pair are in one chunk */
}

static layout layout_of(const job_t *job, ptrdiff_t rows, ptrdiff_t lanes) {
    const ptrdiff_t shared = lanes > 1 || job->is_straight ? 0 : shareable_padding(&job->g);
    layout l = {.s = stage_sharing(&job->g, rows, shared), .lanes = lanes};
    const ptrdiff_t row = lanes == 1 ? l.s.pitch : job->g.ow * lanes;
    const ptrdiff_t bytes = job->tile * job->column_phases * row * (ptrdiff_t)sizeof(real);
    l.rows =
        min_size(round_up(rows, 2), max_size(1, SUMS_BYTES * min_size(lanes, 4) / 2 / bytes) * 2);
    /* Pooling reads two vectors at a time; images are separated by vectors of cells. */
    l.sums = round_up(l.rows * row, LANES) + (lanes + 1) * LANES;
    return l;
}

/* The number of positions of an image that are summed, including those between its rows. */
static ptrdiff_t summed_positions(const job_t *job) {
    const cnet_conv2d *g = &job->g;
    return job->is_straight ? g->oh * round_up(g->ow, LANES)
                            : ceil_div(g->oh, job->image.rows) *
                                  round_up(job->image.rows * job->image.s.pitch, LANES);
}

/* Whether rows are so short that, with a stride, cells of one image are copied one by one. */
static int copies_cells(const job_t *job) { return job->g.sw > 1 && job->image.s.pitch < LANES; }

/* Whether interleaving the images costs less than the unused sums, or the copies of cells. */
static int batch_pays(const job_t *job) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t outputs = g->oh * g->ow;
    const ptrdiff_t cells = g->c / g->g * job->batch.s.channel + g->h * g->w;
    return job->finish == finish_plain && g->n / LANES * g->g >= ENOUGH_CHUNKS &&
           cells * VECTOR_BYTES <= BATCH_BYTES &&
           (copies_cells(job) ||
            (summed_positions(job) - outputs) * job->taps > outputs * TRANSPOSING);
}

static ptrdiff_t elements_per_thread(const job_t *job) {
    const cnet_conv2d *g = &job->g;
    const layout *l = &job->image, *b = &job->batch;
    ptrdiff_t elements = staged_elements(job, l);
    if (!job->is_straight)
        elements += job->column_phases * job->tile * l->sums;
    if (job->batches)
        elements = max_size(elements, staged_elements(job, b) +
                                          max_size(LANES * g->h * g->w, job->tile * b->sums));
    return elements;
}

static job_t describe(job_t job) {
    const cnet_conv2d *g = &job.g;
    job.tile = CNET_FN(tap_sums_tile)(g->o / g->g);
    job.panels = ceil_div(g->o / g->g, job.tile);
    job.is_straight = job.finish == finish_plain && round_up(g->ow, LANES) <= stage_of(g, 1).pitch;
    job.image = layout_of(&job, rows_of(g), 1);
    job.batch = layout_of(&job, g->oh, LANES);
    job.batches = batch_pays(&job) ? g->n / LANES : 0;
    job.blocks = ceil_div(g->oh, job.image.s.rows);
    job.bytes_per_thread = bytes_of(elements_per_thread(&job), sizeof(real));
    return job;
}

static job_t forward_job(const cnet_conv2d *g, finish *finish) {
    return describe((job_t){
        .finish = finish,
        .g = *g,
        .row_phases = 1,
        .column_phases = 1,
        .taps = g->c / g->g * g->kh * g->kw,
    });
}

static job_t gradient_job(const cnet_conv2d *g) {
    return describe((job_t){
        .finish = g->sh * g->sw == 1 ? finish_plain : finish_gradient,
        .g = gradient_geometry(g),
        .gradient_of = g,
        .row_phases = g->sh,
        .column_phases = g->sw,
        .taps = g->o / g->g * g->kh * g->kw,
    });
}

static size_t list_bytes(ptrdiff_t count) { return bytes_of(count, sizeof(ptrdiff_t)); }

static size_t workspace_of(const job_t *job, int threads) {
    return 3 * list_bytes(job->taps) + list_bytes(job->row_phases * job->column_phases + 1) +
           bytes_of(job->g.g * job->panels * job->taps * job->tile, sizeof(real)) +
           (size_t)threads * job->bytes_per_thread;
}

static void run_job(job_t *job, const cnet_call *call) {
    const cnet_conv2d *g = &job->g;
    char *workspace = call->workspace;
    ptrdiff_t **const lists[] = {&job->image.offsets, &job->batch.offsets, &job->places};
    for (int i = 0; i < 3; i++, workspace += list_bytes(job->taps))
        *lists[i] = (ptrdiff_t *)workspace;
    job->phases = (ptrdiff_t *)workspace;
    workspace += list_bytes(job->row_phases * job->column_phases + 1);
    job->filters = (real *)workspace;
    job->workspace = workspace + bytes_of(g->g * job->panels * job->taps * job->tile, sizeof(real));
    if (job->gradient_of)
        list_gradient_taps(job);
    else
        list_taps(job);
    cnet_parallel(pack_filters, job, g->g * job->panels, job->taps > 256 ? call->threads : 1);
    cnet_parallel(batch_chunk, job, job->batches * g->g, call->threads);
    cnet_parallel(image_chunk, job, (g->n - job->batches * LANES) * g->g * job->blocks,
                  call->threads);
}

static size_t forward_workspace(const cnet_conv2d *g, finish *finish, int threads) {
    const job_t job = forward_job(g, finish);
    return workspace_of(&job, threads);
}

size_t CNET_FN(direct_forward_workspace)(const cnet_conv2d *g, int threads) {
    return forward_workspace(g, finish_plain, threads);
}

void CNET_FN(direct_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                             const cnet_call *call) {
    job_t job = forward_job(g, finish_plain);
    job.arrays = *arrays;
    run_job(&job, call);
}

size_t CNET_FN(direct_dx_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = gradient_job(g);
    return workspace_of(&job, threads);
}

void CNET_FN(direct_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = gradient_job(g);
    job.arrays =
        (conv2d_arrays){.x = arrays->grad_output, .weight = arrays->weight, .to = arrays->to};
    run_job(&job, call);
}

size_t CNET_FN(direct_relu_pool_workspace)(const cnet_conv2d *g, int threads) {
    return forward_workspace(g, finish_pooled, threads);
}

void CNET_FN(direct_relu_pool)(const conv2d_arrays *arrays, uint8_t *codes, const cnet_conv2d *g,
                               const cnet_call *call) {
    job_t job = forward_job(g, finish_pooled);
    job.arrays = *arrays;
    job.codes = codes;
    run_job(&job, call);
}
