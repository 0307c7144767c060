/* Depthwise convolution: each output channel sees one input channel.
 *
 * Lanes are columns. Vectors of columns are swept from top to bottom: each staged row is loaded
 * once for every column of the filter, and added to all outputs that see it. */
#include "depthwise.h"

/* What the outputs of a call have in common. */
typedef struct {
    const real *from;
    ptrdiff_t pitch;
    real bias;
    ptrdiff_t rows, columns;
    real *to;
    ptrdiff_t to_pitch;
} outputs_t;

/* `vectors` vectors of columns, from[0] on and from[1] on, for a dense k x k filter. Each row of
 * cells is loaded once, for the k rows of outputs that it belongs to; the sums of these move on by
 * a place with every row. */
INLINE void sweep(const outputs_t *out, const vec *weights, const ptrdiff_t *columns, const int k,
                  const int vectors) {
    vec sums[LARGEST_SQUARE][2];
#pragma GCC unroll 5
    for (int i = 0; i < k; i++)
        sums[i][0] = sums[i][1] = broadcast(out->bias);
    for (ptrdiff_t row = 0; row < out->rows + k - 1; row++) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            const real *from = out->from + row * out->pitch + columns[v];
#pragma GCC unroll 5
            for (int j = 0; j < k; j++) {
                const vec cells = load(from + j);
#pragma GCC unroll 5
                for (int i = 0; i < k; i++)
                    sums[i][v] += weights[i * k + j] * cells;
            }
        }
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            if (row >= k - 1)
                store(out->to + (row - k + 1) * out->to_pitch + columns[v], sums[k - 1][v]);
#pragma GCC unroll 5
            for (int i = k - 1; i > 0; i--)
                sums[i][v] = sums[i - 1][v];
            sums[0][v] = broadcast(out->bias);
        }
    }
}

INLINE void sum_square(const outputs_t *out, const real *filter, const int k) {
    vec weights[LARGEST_SQUARE * LARGEST_SQUARE];
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        weights[t] = broadcast(filter[t]);
    for (ptrdiff_t column = 0; column < out->columns; column += 2 * LANES) {
        const ptrdiff_t columns[2] = {vector_at(column, out->columns),
                                      vector_at(column + LANES, out->columns)};
        if (column + LANES < out->columns)
            sweep(out, weights, columns, k, 2);
        else
            sweep(out, weights, columns, k, 1);
    }
}

/* Any taps, or fewer columns than a vector has: a tile of some rows of outputs at a time. The last
 * tile begins earlier, so that it ends with the rows, if there are that many. */
static void sum_listed(const outputs_t *out, const tap_list *taps) {
    for (ptrdiff_t column = 0; column < out->columns; column += LANES) {
        const ptrdiff_t x = vector_at(column, out->columns);
        for (ptrdiff_t row = 0; row < out->rows; row += TILE_HEIGHT) {
            const ptrdiff_t y = max_size(min_size(row, out->rows - TILE_HEIGHT), 0);
            const real *from = out->from + y * out->pitch + x;
            real *to = out->to + y * out->to_pitch + x;
            vec sums[TILE_HEIGHT];
#pragma GCC unroll 4
            for (int r = 0; r < TILE_HEIGHT; r++)
                sums[r] = broadcast(out->bias);
            for (ptrdiff_t t = 0; t < taps->count; t++) {
                const vec weight = broadcast(taps->weights[t]);
                const real *cells = from + taps->offsets[t];
#pragma GCC unroll 4
                for (int r = 0; r < TILE_HEIGHT; r++)
                    sums[r] += weight * load(cells + r * out->pitch);
            }
            if (out->columns >= LANES && out->rows >= TILE_HEIGHT) {
#pragma GCC unroll 4
                for (int r = 0; r < TILE_HEIGHT; r++)
                    store(to + r * out->to_pitch, sums[r]);
            } else {
                real copies[TILE_HEIGHT][VECTOR_BYTES / sizeof(real)];
                memcpy(copies, sums, sizeof copies);
                for (ptrdiff_t r = 0; r < min_size(TILE_HEIGHT, out->rows); r++)
                    copy_run(to + r * out->to_pitch, copies[r], min_size(LANES, out->columns));
            }
        }
    }
}

void CNET_FN(sum_taps)(const tap_list *taps, const real *from, ptrdiff_t pitch, real bias,
                       ptrdiff_t rows, ptrdiff_t columns, real *to, ptrdiff_t to_pitch) {
    const outputs_t out = {from, pitch, bias, rows, columns, to, to_pitch};
    if (columns >= LANES && is_square(taps->count, taps->offsets, pitch, 3))
        sum_square(&out, taps->weights, 3);
    else if (columns >= LANES && is_square(taps->count, taps->offsets, pitch, 5))
        sum_square(&out, taps->weights, 5);
    else
        sum_listed(&out, taps);
}

/* ---- Forward --------------------------------------------------------------------------- */

typedef struct {
    conv2d_arrays arrays;
    const cnet_conv2d *g;
    stage band;
    const ptrdiff_t *offsets;
    char *bands;      /* one for each slot */
    ptrdiff_t planes; /* of inputs in a chunk */
} job_t;

static void convolve_plane(const job_t *job, ptrdiff_t plane, real *band) {
    const cnet_conv2d *g = job->g;
    const conv2d_arrays *arrays = &job->arrays;
    const ptrdiff_t outputs = g->o / g->g, taps = g->kh * g->kw;
    const ptrdiff_t next = min_size(plane + 1, g->n * g->c - 1);
    for (ptrdiff_t top = 0; top < g->oh; top += job->band.rows) {
        const ptrdiff_t rows = min_size(job->band.rows, g->oh - top);
        stage_band(g, &job->band, arrays->x + plane * g->h * g->w, arrays->x + next * g->h * g->w,
                   top, band);
        for (ptrdiff_t k = 0; k < outputs; k++) {
            const ptrdiff_t o = plane % g->c * outputs + k;
            const tap_list list = {taps, job->offsets, arrays->weight + o * taps};
            CNET_FN(sum_taps)(&list, band, job->band.pitch, arrays->bias ? arrays->bias[o] : 0,
                              rows, g->ow,
                              arrays->to + ((plane * outputs + k) * g->oh + top) * g->ow, g->ow);
        }
    }
}

static void convolve_planes(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    real *band = (real *)(job->bands + (size_t)slot * band_bytes(&job->band, 1));
    memset(band, 0, band_bytes(&job->band, 1));
    const ptrdiff_t end = min_size((chunk + 1) * job->planes, job->g->n * job->g->c);
    for (ptrdiff_t plane = chunk * job->planes; plane < end; plane++)
        convolve_plane(job, plane, band);
}

size_t CNET_FN(depthwise_forward_workspace)(const cnet_conv2d *g, int threads) {
    const stage band = band_of(g, 1);
    return bytes_of(g->kh * g->kw, sizeof(ptrdiff_t)) + (size_t)threads * band_bytes(&band, 1);
}

/* Chunks are some planes of inputs. */
void CNET_FN(depthwise_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                const cnet_exec *e) {
    const stage band = band_of(g, 1);
    ptrdiff_t *offsets = (ptrdiff_t *)e->workspace;
    for (ptrdiff_t t = 0; t < g->kh * g->kw; t++)
        offsets[t] = stage_offset(g, &band, 0, t / g->kw, t % g->kw);
    const job_t job = {
        .arrays = *arrays,
        .g = g,
        .band = band,
        .offsets = offsets,
        .bands = e->workspace + bytes_of(g->kh * g->kw, sizeof(ptrdiff_t)),
        .planes = max_size(1, ELEMENTS_PER_CHUNK / (g->h * g->w)),
    };
    cnet_parallel(convolve_planes, &job, ceil_div(g->n * g->c, job.planes), e->threads);
}
