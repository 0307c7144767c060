/* Depthwise convolution: each output channel depends on one input channel.
 *
 * Lanes are columns. Vectors of columns sweep the image from top to bottom: each row of the image
 * is loaded once for every column of the filter, and added to all outputs that depend on it. Square
 * filters read the image in place where that is faster; otherwise it is staged. */
#include "depthwise.h"
#include "lanes.h"

/* Bytes of an image that are swept at once, and the fewest rows of outputs to sweep. */
enum { SWEPT_BYTES = 1 << 15, LEAST_ROWS = 8 };

/* Parameters common to the outputs of a call. */
typedef struct {
    real bias;
    ptrdiff_t rows, columns;
    real *to;
    ptrdiff_t to_pitch, ahead; /* cells that far ahead are prefetched */
} outputs_t;

/* Two vectors of columns for a dense k x k filter, from `column` on, or earlier so that they end
 * with the last column. Each row of cells is loaded once, for all rows of outputs that use it;
 * their sums move by one place with every stride. Prefetches the cells `ahead` of those of the
 * image and of the outputs. */
INLINE void sweep(const outputs_t *out, const image_t *image, const vec *weights, ptrdiff_t column,
                  const int k, const int stride) {
    const int places = (k - 1) / stride + 1, half = k / 2;
    const ptrdiff_t left = max_size(min_size(column, out->columns - 2 * LANES), 0);
    const ptrdiff_t between = min_size(LANES, out->columns - LANES - left);
    /* Only taps left of the middle can leave the image on the left, which the second vector does
     * not reach, and only those right of it can leave it on the right. */
    ivec counted[2][LARGEST_SQUARE];
    for (int v = 0; v < 2; v++)
        for (int j = 0; j < k; j++) {
            const ptrdiff_t first = (left + v * between) * stride + j - image->pw;
            counted[v][j] = strided_lanes_in(inside(first, stride, image->width, LANES), stride);
        }
    const vec bias = broadcast(out->bias);
    const ptrdiff_t pitch = image->pitch, ahead = image->ahead;
    const ptrdiff_t rows = out->rows, to_pitch = out->to_pitch, to_ahead = out->ahead;
    const size_t inner_rows = (size_t)max_size(image->height - 2, 0);
    ptrdiff_t y = -image->ph;
    const real *inner = image->plane + (y * pitch + left * stride - image->pw);
    real *to = out->to + (left - (places - 1) * to_pitch);
    vec sums[LARGEST_SQUARE][2];
#pragma GCC unroll 5
    for (int i = 0; i < places; i++)
        sums[i][0] = sums[i][1] = bias;
    for (ptrdiff_t row = 1 - places; row < rows; row++, to += to_pitch) {
#pragma GCC unroll 2
        for (int phase = 0; phase < stride; phase++, y++, inner += pitch) {
            const real *from =
                (size_t)(y - 1) < inner_rows ? inner : edge_row(image, y) + left * stride;
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v * stride * VECTOR_BYTES % CNET_ALIGNMENT == 0)
                    __builtin_prefetch(from + (v * stride * LANES + ahead), 0, 2);
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++, from += stride * between) {
#pragma GCC unroll 5
                for (int j = 0; j < k; j++) {
                    vec cells = strided_cells(from, j, stride);
                    if (v == 0 ? j < half : j > half)
                        cells = (vec)((ivec)cells & counted[v][j]);
#pragma GCC unroll 5
                    for (int i = phase; i < k; i += stride)
                        sums[i / stride][v] += weights[i * k + j] * cells;
                }
            }
        }
        __builtin_prefetch(to + to_ahead, 1, 2);
        if (row >= 0) {
            store(to, strided_order(sums[places - 1][0], stride));
            store(to + between, strided_order(sums[places - 1][1], stride));
        }
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
#pragma GCC unroll 5
            for (int i = places - 1; i > 0; i--)
                sums[i][v] = sums[i - 1][v];
            sums[0][v] = bias;
        }
    }
}

INLINE void sum_square(const outputs_t *out, const image_t *image, const real *filter, const int k,
                       const int stride) {
    vec weights[LARGEST_SQUARE * LARGEST_SQUARE];
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        weights[t] = broadcast(filter[t]);
    for (ptrdiff_t column = 0; column < out->columns; column += 2 * LANES)
        sweep(out, image, weights, column, k, stride);
}

/* A filter of 3 x 3 or 5 x 5, and strides of 1 or 2. */
static void sum_image(const outputs_t *out, const image_t *image, const real *filter, ptrdiff_t k,
                      ptrdiff_t stride) {
    if (k == 3 && stride == 1)
        sum_square(out, image, filter, 3, 1);
    else if (k == 3)
        sum_square(out, image, filter, 3, 2);
    else if (stride == 1)
        sum_square(out, image, filter, 5, 1);
    else
        sum_square(out, image, filter, 5, 2);
}

/* Any taps, or fewer columns than a vector: one tile of output rows at a time. The last tile begins
 * earlier, so that it ends with the last row, if there are enough rows. */
static void sum_listed(const outputs_t *out, const tap_list *taps, const real *band,
                       ptrdiff_t pitch) {
    for (ptrdiff_t column = 0; column < out->columns; column += LANES) {
        const ptrdiff_t x = vector_at(column, out->columns);
        for (ptrdiff_t row = 0; row < out->rows; row += TILE_HEIGHT) {
            const ptrdiff_t y = max_size(min_size(row, out->rows - TILE_HEIGHT), 0);
            const real *from = band + y * pitch + x;
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
                    sums[r] += weight * load(cells + r * pitch);
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
    const outputs_t out = {bias, rows, columns, to, to_pitch, 0};
    const ptrdiff_t k = is_square(taps->count, taps->offsets, pitch, 3)   ? 3
                        : is_square(taps->count, taps->offsets, pitch, 5) ? 5
                                                                          : 0;
    const image_t image = {
        .plane = from,
        .pitch = pitch,
        .height = rows + k - 1,
        .width = columns + k - 1,
        .first = from,
        .last = from + (rows + k - 2) * pitch,
    };
    if (k > 0 && columns >= LANES)
        sum_image(&out, &image, taps->weights, k, 1);
    else
        sum_listed(&out, taps, from, pitch);
}

/* Sweeps bands of rows, so that neighbouring vectors find their cells in the cache. */
void CNET_FN(sweep_plane)(const cnet_conv2d *g, const real *x, ptrdiff_t plane, const real *filter,
                          real bias, real *memory, real *to, ptrdiff_t next) {
    const ptrdiff_t fitting = SWEPT_BYTES / (g->sh * g->w * (ptrdiff_t)sizeof(real));
    const ptrdiff_t band = min_size(g->oh, max_size(fitting, LEAST_ROWS));
    image_t image = image_of(g, x, plane, memory);
    image.ahead = next * g->h * g->w;
    for (ptrdiff_t top = 0; top < g->oh; top += band) {
        image.ph = g->ph - top * g->sh;
        const outputs_t out = {
            .bias = bias,
            .rows = min_size(band, g->oh - top),
            .columns = g->ow,
            .to = to + top * g->ow,
            .to_pitch = g->ow,
            .ahead = next * g->oh * g->ow,
        };
        sum_image(&out, &image, filter, g->kh, g->sh);
    }
}

void CNET_FN(sum_pairs)(const tap_list taps[2], const real *from, ptrdiff_t pitch, ptrdiff_t rows,
                        ptrdiff_t width, real *to, ptrdiff_t to_pitch, ptrdiff_t ahead) {
    const ptrdiff_t pairs = ceil_div(width, 2);
    for (ptrdiff_t row = 0; row < rows; row += TILE_HEIGHT) {
        const ptrdiff_t y = max_size(min_size(row, rows - TILE_HEIGHT), 0);
        for (ptrdiff_t column = 0; column < pairs; column += LANES) {
            const ptrdiff_t x = vector_at(column, pairs),
                            cells = min_size(2 * LANES, width - 2 * x);
            real *tile = to + y * to_pitch + 2 * x;
            vec sums[2][TILE_HEIGHT] = {{{0}}};
#pragma GCC unroll 2
            for (int residue = 0; residue < 2; residue++)
                for (ptrdiff_t t = 0; t < taps[residue].count; t++) {
                    const vec weight = broadcast(taps[residue].weights[t]);
                    const real *at = from + taps[residue].offsets[t] + y * pitch + x;
#pragma GCC unroll 4
                    for (int r = 0; r < TILE_HEIGHT; r++)
                        sums[residue][r] += weight * load(at + r * pitch);
                }
            if (cells == 2 * LANES && rows >= TILE_HEIGHT) {
#pragma GCC unroll 4
                for (int r = 0; r < TILE_HEIGHT; r++) {
                    store(tile + r * to_pitch, zip_first(sums[0][r], sums[1][r]));
                    store(tile + r * to_pitch + LANES, zip_second(sums[0][r], sums[1][r]));
                    __builtin_prefetch(tile + r * to_pitch + ahead, 1, 2);
                    __builtin_prefetch(tile + r * to_pitch + LANES + ahead, 1, 2);
                }
            } else {
                vec joined[TILE_HEIGHT][2];
#pragma GCC unroll 4
                for (int r = 0; r < TILE_HEIGHT; r++) {
                    joined[r][0] = zip_first(sums[0][r], sums[1][r]);
                    joined[r][1] = zip_second(sums[0][r], sums[1][r]);
                }
                for (ptrdiff_t r = 0; r < min_size(TILE_HEIGHT, rows); r++)
                    copy_row((const real *)joined[r], cells, tile + r * to_pitch);
            }
        }
    }
}

/* ---- Forward --------------------------------------------------------------------------- */

typedef struct {
    conv2d_arrays arrays;
    const cnet_conv2d *g;
    int sweeps;
    stage band;
    const ptrdiff_t *offsets;
    char *slots;
    ptrdiff_t planes; /* planes of inputs per chunk */
} job_t;

/* Memory per thread: two padded rows, or a band. */
static size_t slot_bytes(const cnet_conv2d *g, const stage *band) {
    return can_be_swept(g) ? sweep_bytes(g) : band_bytes(band, 1);
}

static outputs_t outputs_of(const job_t *job, ptrdiff_t plane, ptrdiff_t k, ptrdiff_t top,
                            ptrdiff_t rows) {
    const cnet_conv2d *g = job->g;
    const ptrdiff_t outputs = g->o / g->g, o = plane % g->c * outputs + k;
    return (outputs_t){
        .bias = job->arrays.bias ? job->arrays.bias[o] : 0,
        .rows = rows,
        .columns = g->ow,
        .to = job->arrays.to + ((plane * outputs + k) * g->oh + top) * g->ow,
        .to_pitch = g->ow,
    };
}

static void sweep_outputs(const job_t *job, ptrdiff_t plane, real *memory) {
    const cnet_conv2d *g = job->g;
    const ptrdiff_t outputs = g->o / g->g;
    for (ptrdiff_t k = 0; k < outputs; k++) {
        const outputs_t out = outputs_of(job, plane, k, 0, g->oh);
        const real *filters = job->arrays.weight + plane % g->c * outputs * g->kh * g->kw;
        CNET_FN(sweep_plane)(g, job->arrays.x, plane, filters + k * g->kh * g->kw, out.bias, memory,
                             out.to, 1);
    }
}

static void stage_plane(const job_t *job, ptrdiff_t plane, real *band) {
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
            const outputs_t out = outputs_of(job, plane, k, top, rows);
            CNET_FN(sum_taps)(&list, band, job->band.pitch, out.bias, rows, g->ow, out.to, g->ow);
        }
    }
}

static void convolve_planes(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const size_t bytes = slot_bytes(job->g, &job->band);
    char *memory = job->slots + (size_t)slot * bytes;
    memset(memory, 0, bytes);
    const ptrdiff_t end = min_size((chunk + 1) * job->planes, job->g->n * job->g->c);
    for (ptrdiff_t plane = chunk * job->planes; plane < end; plane++) {
        if (job->sweeps)
            sweep_outputs(job, plane, (real *)memory);
        else
            stage_plane(job, plane, (real *)memory);
    }
}

size_t CNET_FN(depthwise_forward_workspace)(const cnet_conv2d *g, int threads) {
    const special_kernel special = special_kernel_for(g);
    if (special.workspace)
        return special.workspace(g, threads);
    const stage band = band_of(g, 1);
    return bytes_of(g->kh * g->kw, sizeof(ptrdiff_t)) + (size_t)threads * slot_bytes(g, &band);
}

/* Parallel over chunks of input planes. */
void CNET_FN(depthwise_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                const cnet_call *call) {
    const special_kernel special = special_kernel_for(g);
    if (special.forward) {
        special.forward(arrays, g, call);
        return;
    }
    const stage band = band_of(g, 1);
    ptrdiff_t *offsets = (ptrdiff_t *)call->workspace;
    for (ptrdiff_t t = 0; t < g->kh * g->kw; t++)
        offsets[t] = stage_offset(g, &band, 0, t / g->kw, t % g->kw);
    const job_t job = {
        .arrays = *arrays,
        .g = g,
        .sweeps = can_be_swept(g),
        .band = band,
        .offsets = offsets,
        .slots = call->workspace + bytes_of(g->kh * g->kw, sizeof(ptrdiff_t)),
        .planes = max_size(1, ELEMENTS_PER_CHUNK / (g->h * g->w)),
    };
    cnet_parallel(convolve_planes, &job, ceil_div(g->n * g->c, job.planes), call->threads);
}
