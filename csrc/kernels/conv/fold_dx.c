/* Input gradient, folded by rows: for channel c and column j of the filter
 *
 *     z[c, j](q, t) = sum over o and the rows i of the filter of
 *                     weight[o, c, i, j] * grad_output[o](r, t)
 *
 * where r is the row of grad_output that contributes to row q of dx through i (see phases.h). dx(q)
 * is the sum of the rows z[c, j](q), each shifted by the offset of its j. Rows of the register tile
 * are (c, j), lanes are positions in grad_output in its own layout, without padding or zeros
 * between, and each step of the depth is one (o, i). It is faster than the direct sum where that
 * would pad few channels or short rows.
 *
 * Sums over (o, i) first, then over j. A chunk is some rows q of one image in one group. */
#include "conv.h"
#include "lanes.h"
#include "tap_sums.h"

enum { STAGE_BYTES = 256 << 10, SUMS_BYTES = 64 << 10, ENOUGH_CHUNKS = 8 };

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    phase_axis rows, columns;
    ptrdiff_t filters, tile, panels; /* (c, j) per group; per tile; tiles */
    ptrdiff_t taps;                  /* (o, i) per group */
    ptrdiff_t count, blocks;         /* rows of q per chunk; chunks per image */
    ptrdiff_t channel;               /* step between channels of the staged grad_output */
    ptrdiff_t lead, pitch;           /* of z: elements that are read before a row; step from (c, j)
                                        to (c, j) */
    ptrdiff_t line;                  /* step between the phases of a row of dx */
    ptrdiff_t *offsets, *places, *phases; /* of the taps; first tap of each phase, and the end of
                                             the last */
    ptrdiff_t *moves, *column_phases;     /* by j: the shift of its row, and its phase */
    real *weights;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

static void list_taps(const job_t *job) {
    const cnet_conv2d *g = &job->g;
    ptrdiff_t t = 0;
    for (ptrdiff_t phase = 0; phase < g->sh; phase++) {
        job->phases[phase] = t;
        for (ptrdiff_t o = 0; o < g->o / g->g; o++) {
            for (ptrdiff_t i = 0; i < g->kh; i++) {
                if (i * g->dh % g->sh != phase)
                    continue;
                job->places[t] = (o * (g->c / g->g) * g->kh + i) * g->kw;
                job->offsets[t++] =
                    o * job->channel + (job->rows.reach - i * g->dh / g->sh) * g->ow;
            }
        }
    }
    job->phases[g->sh] = t;
    for (ptrdiff_t j = 0; j < g->kw; j++) {
        job->moves[j] = j * g->dw / g->sw;
        job->column_phases[j] = j * g->dw % g->sw;
    }
}

/* Packs the weights of one tile of (c, j): to[t * tile + r]. */
static void pack_weights(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t group = chunk / job->panels, first = chunk % job->panels * job->tile;
    const real *weight = job->arrays.weight + group * job->taps * job->filters;
    real *to = job->weights + chunk * job->taps * job->tile;
    for (ptrdiff_t t = 0; t < job->taps; t++)
        for (ptrdiff_t r = first; r < first + job->tile; r++)
            *to++ = r < job->filters
                        ? weight[job->places[t] + r / g->kw * g->kh * g->kw + r % g->kw]
                        : 0;
}

/* Stages the rows of grad_output that rows q from `top` on depend on, with zeros outside. */
static void stage_gradient(const job_t *job, const real *grad_output, ptrdiff_t top, ptrdiff_t rows,
                           real *to) {
    const cnet_conv2d *g = &job->g;
    const range in =
        inside(job->rows.first + top - job->rows.reach, 1, g->oh, rows + job->rows.reach);
    const ptrdiff_t first = (job->rows.first + top - job->rows.reach) * g->ow;
    zero_run(to, in.begin * g->ow);
    if (in.begin < in.end)
        copy_run(to + in.begin * g->ow, grad_output + (first + in.begin * g->ow),
                 (in.end - in.begin) * g->ow);
    zero_run(to + in.end * g->ow, (rows + job->rows.reach - in.end) * g->ow);
}

/* The vector at position `at` of a row, 0 outside of [0, size). */
static inline vec load_inside(const real *row, ptrdiff_t at, ptrdiff_t size) {
    const vec cells = load(row + at);
    if (at >= 0 && at + LANES <= size)
        return cells;
    const ivec positions = lane_numbers() + splat(at);
    return select_cell((positions >= 0) & (positions < splat(size)), cells, (vec){0});
}

/* Sums one row of dx from the rows z[c, j] of its channel. */
static void fold_row(const job_t *job, const real *z, real *line, real *dx) {
    const cnet_conv2d *g = &job->g;
    for (ptrdiff_t phase = 0; phase < g->sw; phase++) {
        for (ptrdiff_t q = 0; q < job->columns.count; q += LANES) {
            vec sum = {0};
            for (ptrdiff_t j = 0; j < g->kw; j++)
                if (job->column_phases[j] == phase)
                    sum += load_inside(z + j * job->pitch, job->columns.first + q - job->moves[j],
                                       g->ow);
            store(line + phase * job->line + q, sum);
        }
    }
    join_phases(&job->columns, line, job->line, dx);
}

static ptrdiff_t staged_elements(const job_t *job) {
    return round_up(job->g.o / job->g.g * job->channel, LANES);
}
static ptrdiff_t z_elements(const job_t *job) {
    return round_up(job->lead, LANES) + job->panels * job->tile * job->pitch;
}

static void dx_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t top = chunk % job->blocks * job->count;
    const ptrdiff_t group = chunk / job->blocks % g->g, n = chunk / job->blocks / g->g;
    const ptrdiff_t rows = min_size(job->count, job->rows.count - top);
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *z = staged + staged_elements(job) + round_up(job->lead, LANES);
    real *line = staged + staged_elements(job) + z_elements(job);
    for (ptrdiff_t o = 0; o < outputs; o++)
        stage_gradient(job,
                       job->arrays.grad_output + (n * g->o + group * outputs + o) * g->oh * g->ow,
                       top, rows, staged + o * job->channel);
    const tap_positions positions = {.rows = 1, .columns = rows * g->ow, .step = job->pitch};
    for (ptrdiff_t phase = 0; phase < g->sh; phase++) {
        const ptrdiff_t first = job->phases[phase];
        for (ptrdiff_t panel = 0; panel < job->panels; panel++) {
            const ptrdiff_t taps = (group * job->panels + panel) * job->taps + first;
            const tap_filters filters = {.tile = job->tile,
                                         .filters = job->tile,
                                         .depth = job->phases[phase + 1] - first,
                                         .weights = job->weights + taps * job->tile,
                                         .offsets = job->offsets + first};
            CNET_FN(tap_sums)(&filters, &positions, staged, z + panel * job->tile * job->pitch);
        }
        for (ptrdiff_t c = 0; c < inputs; c++) {
            real *dx = job->arrays.to + (n * g->c + group * inputs + c) * g->h * g->w;
            for (ptrdiff_t q = 0; q < rows; q++) {
                const ptrdiff_t ih = phase_position(&job->rows, top + q, phase);
                if (ih >= 0 && ih < g->h)
                    fold_row(job, z + c * g->kw * job->pitch + q * g->ow, line, dx + ih * g->w);
            }
        }
    }
}

/* Rows per chunk: as many as the caches hold of grad_output and z, fewer if chunks are few. */
static ptrdiff_t rows_of_chunk(const job_t *job) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t row = g->ow * (ptrdiff_t)sizeof(real);
    const ptrdiff_t staged = STAGE_BYTES / row / (g->o / g->g) - job->rows.reach;
    const ptrdiff_t summed = SUMS_BYTES / row / job->filters;
    ptrdiff_t rows = min_size(job->rows.count, max_size(4, min_size(staged, summed)));
    while (rows > 4 && g->n * g->g * ceil_div(job->rows.count, rows) < ENOUGH_CHUNKS)
        rows = ceil_div(rows, 2);
    return rows;
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .rows = phase_rows(g),
        .columns = phase_columns(g),
        .filters = g->c / g->g * g->kw,
        .taps = g->o / g->g * g->kh,
    };
    job.tile = CNET_FN(tap_sums_tile)(job.filters);
    job.panels = ceil_div(job.filters, job.tile);
    job.count = rows_of_chunk(&job);
    job.blocks = ceil_div(job.rows.count, job.count);
    /* Vectors extend beyond the last position of grad_output, and over both ends of a row of z. */
    job.channel = round_up((job.count + job.rows.reach) * g->ow, LANES) + LANES;
    job.lead = max_size(0, job.columns.reach - job.columns.first);
    const ptrdiff_t trail = max_size(0, job.columns.first + job.columns.count + LANES - g->ow);
    job.pitch = round_up(job.count * g->ow + trail, LANES) + LANES;
    job.line = round_up(job.columns.count, LANES);
    job.bytes_per_thread =
        bytes_of(staged_elements(&job) + z_elements(&job) + g->sw * job.line, sizeof(real));
    return job;
}

static size_t list_bytes(ptrdiff_t count) { return bytes_of(count, sizeof(ptrdiff_t)); }
static size_t lists_bytes(const job_t *job) {
    return 2 * list_bytes(job->taps) + 2 * list_bytes(job->g.kw) + list_bytes(job->g.sh + 1);
}
static size_t weights_bytes(const job_t *job) {
    return bytes_of(job->g.g * job->panels * job->taps * job->tile, sizeof(real));
}

size_t CNET_FN(fold_dx_workspace)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return lists_bytes(&job) + weights_bytes(&job) + (size_t)threads * job.bytes_per_thread;
}

void CNET_FN(fold_dx)(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    job.offsets = (ptrdiff_t *)call->workspace;
    job.places = (ptrdiff_t *)(call->workspace + list_bytes(job.taps));
    job.moves = (ptrdiff_t *)(call->workspace + 2 * list_bytes(job.taps));
    job.column_phases = (ptrdiff_t *)((char *)job.moves + list_bytes(g->kw));
    job.phases = (ptrdiff_t *)((char *)job.column_phases + list_bytes(g->kw));
    job.weights = (real *)(call->workspace + lists_bytes(&job));
    job.workspace = (char *)job.weights + weights_bytes(&job);
    list_taps(&job);
    cnet_parallel(pack_weights, &job, g->g * job.panels, job.taps > 256 ? call->threads : 1);
    cnet_parallel(dx_chunk, &job, g->n * g->g * job.blocks, call->threads);
}
