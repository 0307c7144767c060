/* Gradients of a depthwise convolution, all in one pass over the images: while a plane of
 * grad_output and one of x are in the cache, their contributions to dx, dw and db are computed.
 *
 * dx is a sum over taps of grad_output, without zeros for the strides: for each residue of its rows
 * and columns modulo the strides, only over the taps that reach it. dw keeps its taps in vectors
 * whose lanes are columns, and adds the lanes up at the end.
 *
 * Chunks are channels. If there are few, the batch is also split into parts, each with its own copy
 * of dw and db, and the copies are added in order. */
#include "depthwise.h"
#include "lanes.h"
#include "sums.h"

enum { ENOUGH_CHUNKS = 16, LISTED_TAPS = 9, FETCHED_BYTES = 1 << 16, SWEPT_BYTES = 1 << 13 };

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    ptrdiff_t outputs, taps;      /* per channel; per output */
    int is_in_place;              /* whether x is read in place, for dw */
    int sweeps_gradient;          /* whether grad_output is read in place, for dx */
    ptrdiff_t parts, images;      /* parts of the batch, and images per part */
    stage band, gradient_band;    /* of x for dw, of grad_output for dx */
    cnet_conv2d gradient;         /* geometry that stages grad_output */
    ptrdiff_t padded_taps, pitch; /* of dw; of the columns of dx with one residue */
    /* Shared by all slots. Tap t of dw is at tap_offsets[t]. Tap t of dx is at gradient_offsets[t]
     * and uses weight number order[t] of its channel; the taps of residue r begin at begins[r]. The
     * copies of dw and db have taps + 1 numbers for each output. */
    ptrdiff_t *tap_offsets, *gradient_offsets, *order, *begins;
    real *copies;
    char *slots;
} job_t;

/* Memory of one thread. */
typedef struct {
    real *band, *gradient_band, *columns, *weights;
    vec *sums;
} scratch;

/* ---- Gradient of the weights ----------------------------------------------------------- */

/* Not inlined, because few rows are shorter than a vector. */
static __attribute__((noinline)) vec load_short(const real *from, ptrdiff_t count) {
    return load_run(from, count);
}

INLINE vec load_row(const real *from, ptrdiff_t count) {
    return count >= LANES ? load(from) : load_short(from, count);
}

/* sums[t] += grad_output[y, x] * from[offset of tap t + (y, x)], for a vector of columns and
 * `height` rows, with the taps of a dense k x k filter. */
INLINE void square_rows(const real *from, ptrdiff_t pitch, const real *grad_output,
                        ptrdiff_t dy_pitch, ptrdiff_t columns, const int k, const int height,
                        vec *sums) {
    vec rows[TILE_HEIGHT];
#pragma GCC unroll 4
    for (int r = 0; r < height; r++)
        rows[r] = load_row(grad_output + r * dy_pitch, columns);
#pragma GCC unroll 8
    for (int row = 0; row < height + k - 1; row++)
#pragma GCC unroll 5
        for (int j = 0; j < k; j++) {
            const vec cells = load(from + row * pitch + j);
#pragma GCC unroll 5
            for (int i = 0; i < k; i++)
                if (row >= i && row - i < height)
                    sums[i * k + j] += rows[row - i] * cells;
        }
}

/* All rows of a vector of columns; lanes that do not count are not added to `totals`. */
INLINE void square_columns(const real *from, ptrdiff_t pitch, const real *grad_output,
                           ptrdiff_t dy_pitch, ptrdiff_t rows, ptrdiff_t columns, ivec counted,
                           const int k, vec *totals) {
    vec sums[LARGEST_SQUARE * LARGEST_SQUARE] = {{0}};
    ptrdiff_t y = 0;
    for (; y + TILE_HEIGHT <= rows; y += TILE_HEIGHT)
        square_rows(from + y * pitch, pitch, grad_output + y * dy_pitch, dy_pitch, columns, k,
                    TILE_HEIGHT, sums);
    for (; y < rows; y++)
        square_rows(from + y * pitch, pitch, grad_output + y * dy_pitch, dy_pitch, columns, k, 1,
                    sums);
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        totals[t] += (vec)((ivec)sums[t] & counted);
}

/* The same for LISTED_TAPS taps at any offsets. */
static void listed_columns(const ptrdiff_t *offsets, const real *from, ptrdiff_t pitch,
                           const real *grad_output, ptrdiff_t dy_pitch, ptrdiff_t rows,
                           ptrdiff_t columns, ivec counted, vec *totals) {
    vec sums[LISTED_TAPS] = {{0}};
    for (ptrdiff_t y = 0; y < rows; y++) {
        const vec row = load_row(grad_output + y * dy_pitch, columns);
#pragma GCC unroll 9
        for (int t = 0; t < LISTED_TAPS; t++)
            sums[t] += row * load(from + offsets[t] + y * pitch);
    }
#pragma GCC unroll 9
    for (int t = 0; t < LISTED_TAPS; t++)
        totals[t] += (vec)((ivec)sums[t] & counted);
}

/* totals[t] += the contribution of some rows of one plane to dw, lane by lane. */
static void add_dw(const job_t *job, const real *from, const real *grad_output, ptrdiff_t rows,
                   vec *totals) {
    const ptrdiff_t pitch = job->band.pitch, columns = job->g.ow;
    const int is_3x3 = is_square(job->taps, job->tap_offsets, pitch, 3);
    const int is_5x5 = is_square(job->taps, job->tap_offsets, pitch, 5);
    for (ptrdiff_t column = 0; column < columns; column += LANES) {
        const ptrdiff_t x = vector_at(column, columns);
        const ivec counted =
            (lane_numbers() >= splat(column - x)) & (lane_numbers() < splat(columns - x));
        const real *cells = from + x, *row = grad_output + x;
        if (is_3x3)
            square_columns(cells, pitch, row, columns, rows, columns - x, counted, 3, totals);
        else if (is_5x5)
            square_columns(cells, pitch, row, columns, rows, columns - x, counted, 5, totals);
        else
            for (ptrdiff_t t = 0; t < job->padded_taps; t += LISTED_TAPS)
                listed_columns(job->tap_offsets + t, cells, pitch, row, columns, rows, columns - x,
                               counted, totals + t);
    }
}

/* The same for a band of a plane that is read in place, with the taps of a 3 x 3 filter and strides
 * of 2. Prefetches the cells `ahead` meanwhile. */
static void add_dw_in_place(const image_t *image, const real *grad_output, ptrdiff_t rows,
                            ptrdiff_t columns, const real *ahead, vec *totals) {
    enum { K = 3, STRIDE = 2 };
    for (ptrdiff_t column = 0; column < columns; column += LANES) {
        const ptrdiff_t x = vector_at(column, columns);
        vec sums[K * K] = {{0}};
        ivec inside_image[K];
        for (int j = 0; j < K; j++) {
            const range in = inside(x * STRIDE + j - image->pw, STRIDE, image->width, LANES);
            inside_image[j] = strided_lanes_in(in, STRIDE);
        }
        for (ptrdiff_t y = 0; y < rows; y++) {
            const vec row =
                strided_order(load_row(grad_output + y * columns + x, columns - x), STRIDE);
            if (column == 0)
                for (ptrdiff_t t = 0; t < STRIDE * image->width; t += CNET_ALIGNMENT / sizeof(real))
                    __builtin_prefetch(ahead + y * STRIDE * image->width + t, 0, 2);
#pragma GCC unroll 3
            for (int i = 0; i < K; i++) {
                const real *from = padded_row(image, y * STRIDE + i - image->ph) + x * STRIDE;
#pragma GCC unroll 3
                for (int j = 0; j < K; j++) {
                    const vec cells = strided_cells(from, j, STRIDE);
                    sums[i * K + j] += row * (vec)((ivec)cells & inside_image[j]);
                }
            }
        }
        const ivec counted = strided_lanes_in((range){column - x, columns - x}, STRIDE);
#pragma GCC unroll 9
        for (int t = 0; t < K * K; t++)
            totals[t] += (vec)((ivec)sums[t] & counted);
    }
}

static void add_plane_in_place(const job_t *job, const scratch *s, ptrdiff_t n, ptrdiff_t c) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t plane = n * g->c + c, pixels = g->h * g->w;
    const ptrdiff_t next = min_size(n + 1, g->n - 1) * g->c + c;
    image_t image = image_of(g, job->arrays.x, plane, s->band);
    for (ptrdiff_t top = 0; top < g->oh; top += job->band.rows) {
        image.ph = g->ph - top * g->sh;
        add_dw_in_place(&image, job->arrays.grad_output + (plane * g->oh + top) * g->ow,
                        min_size(job->band.rows, g->oh - top), g->ow,
                        job->arrays.x + next * pixels + top * g->sh * g->w, s->sums);
    }
}

static void add_plane_to_dw(const job_t *job, const scratch *s, ptrdiff_t n, ptrdiff_t c) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t next = min_size(n + 1, g->n - 1);
    if (job->is_in_place) {
        add_plane_in_place(job, s, n, c);
        return;
    }
    for (ptrdiff_t top = 0; top < g->oh; top += job->band.rows) {
        const ptrdiff_t rows = min_size(job->band.rows, g->oh - top);
        stage_band(g, &job->band, job->arrays.x + (n * g->c + c) * g->h * g->w,
                   job->arrays.x + (next * g->c + c) * g->h * g->w, top, s->band);
        for (ptrdiff_t k = 0; k < job->outputs; k++) {
            const ptrdiff_t o = n * g->o + c * job->outputs + k;
            add_dw(job, s->band, job->arrays.grad_output + (o * g->oh + top) * g->ow, rows,
                   s->sums + k * job->padded_taps);
        }
    }
}

/* ---- Gradient of the input ------------------------------------------------------------- */

/* The geometry that stages grad_output: on the grid of rows and columns of dx divided by the
 * strides. For some residues the taps begin up to one row and one column later (see `meets`). */
static cnet_conv2d gradient_stage(const cnet_conv2d *g) {
    const ptrdiff_t back_h = (g->kh - 1) * g->dh / g->sh, back_w = (g->kw - 1) * g->dw / g->sw;
    return (cnet_conv2d){
        .n = g->n,
        .c = g->o,
        .h = g->oh,
        .w = g->ow,
        .kh = back_h + 1 + (g->sh > 1),
        .kw = back_w + 1 + (g->sw > 1),
        .sh = 1,
        .sw = 1,
        .ph = back_h - g->ph / g->sh,
        .pw = back_w - g->pw / g->sw,
        .dh = 1,
        .dw = 1,
        .oh = ceil_div(g->h, g->sh),
        .ow = ceil_div(g->w, g->sw),
        .o = g->o,
        .g = g->g,
    };
}

/* Whether tap i of an axis reaches the cells of this residue, and its distance from them. */
static int meets(ptrdiff_t i, ptrdiff_t residue, ptrdiff_t size, ptrdiff_t stride,
                 ptrdiff_t padding, ptrdiff_t dilation, ptrdiff_t *distance) {
    const ptrdiff_t at = padding % stride + residue, tap = i * dilation;
    *distance = at / stride + ((size - 1) * dilation) / stride - tap / stride;
    return at % stride == tap % stride;
}

static void list_gradient_taps(job_t *job) {
    const cnet_conv2d *g = &job->g;
    ptrdiff_t count = 0, row, column;
    for (ptrdiff_t residue = 0; residue < g->sh * g->sw; residue++) {
        job->begins[residue] = count;
        for (ptrdiff_t t = job->outputs * job->taps - 1; t >= 0; t--) {
            const ptrdiff_t i = t % job->taps / g->kw, j = t % g->kw, k = t / job->taps;
            if (meets(i, residue / g->sw, g->kh, g->sh, g->ph, g->dh, &row) &&
                meets(j, residue % g->sw, g->kw, g->sw, g->pw, g->dw, &column)) {
                job->order[count] = t;
                job->gradient_offsets[count++] =
                    k * job->gradient_band.channel + row * job->gradient_band.pitch + column;
            }
        }
    }
    job->begins[g->sh * g->sw] = count;
}

/* Interleaves the columns of all residues, `next` apart, into a row. */
static void join_row(const real *columns, ptrdiff_t next, ptrdiff_t step, ptrdiff_t width,
                     real *to) {
    for (ptrdiff_t residue = 0; residue < step; residue++, columns += next)
        for (ptrdiff_t t = 0; t * step + residue < width; t++)
            to[t * step + residue] = columns[t];
}

/* Computes `rows` rows of dx, one stride apart. With a stride of 2 along the rows, it prefetches
 * the cells `ahead` of them. */
static void sum_rows_of_dx(const job_t *job, const scratch *s, ptrdiff_t residue_h, ptrdiff_t rows,
                           real *dx, ptrdiff_t ahead) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t next = job->gradient_band.rows * job->pitch;
    tap_list lists[LONGEST_STRIDE];
    for (ptrdiff_t residue_w = 0; residue_w < g->sw; residue_w++) {
        const ptrdiff_t begin = job->begins[residue_h * g->sw + residue_w];
        const ptrdiff_t end = job->begins[residue_h * g->sw + residue_w + 1];
        lists[residue_w] =
            (tap_list){end - begin, job->gradient_offsets + begin, s->weights + begin};
    }
    if (g->sw == 2) {
        CNET_FN(sum_pairs)(lists, s->gradient_band, job->gradient_band.pitch, rows, g->w, dx,
                           g->sh * g->w, ahead);
        return;
    }
    for (ptrdiff_t residue_w = 0; residue_w < min_size(g->sw, g->w); residue_w++) {
        const int is_row = g->sw == 1;
        CNET_FN(sum_taps)(&lists[residue_w], s->gradient_band, job->gradient_band.pitch, 0, rows,
                          ceil_div(g->w - residue_w, g->sw),
                          is_row ? dx : s->columns + residue_w * next,
                          is_row ? g->sh * g->w : job->pitch);
    }
    for (ptrdiff_t row = 0; g->sw > 1 && row < rows; row++)
        join_row(s->columns + row * job->pitch, next, g->sw, g->w, dx + row * g->sh * g->w);
}

/* Prefetches the next plane, or as much of it as fits beside the other data: otherwise loads and
 * stores of planes that are far apart wait for memory. */
INLINE void fetch_plane(const real *plane, ptrdiff_t count, const int for_writing) {
    const ptrdiff_t line = CNET_ALIGNMENT / (ptrdiff_t)sizeof(real);
    for (ptrdiff_t t = 0; t < min_size(count, FETCHED_BYTES / (ptrdiff_t)sizeof(real)); t += line)
        if (for_writing)
            __builtin_prefetch(plane + t, 1, 2);
        else
            __builtin_prefetch(plane + t, 0, 2);
}

static void compute_plane_of_dx(const job_t *job, const scratch *s, ptrdiff_t n, ptrdiff_t c) {
    const cnet_conv2d *g = &job->g;
    const stage *band = &job->gradient_band;
    real *dx = job->arrays.dx + (n * g->c + c) * g->h * g->w;
    const ptrdiff_t ahead = n + 1 < g->n ? g->c * g->h * g->w : 0;
    if (g->sw != 2)
        fetch_plane(dx + ahead, g->h * g->w, 1);
    if (job->sweeps_gradient) {
        const ptrdiff_t plane = n * g->c + c, next = n + 1 < g->n ? plane + g->c : plane;
        fetch_plane(job->arrays.grad_output + next * g->oh * g->ow, g->oh * g->ow, 0);
        CNET_FN(sweep_plane)(&job->gradient, job->arrays.grad_output, plane, s->weights, 0,
                             s->gradient_band, dx, 0);
        return;
    }
    for (ptrdiff_t top = 0; top < job->gradient.oh; top += band->rows) {
        for (ptrdiff_t k = 0; k < job->outputs; k++) {
            const ptrdiff_t o = n * g->o + c * job->outputs + k;
            const ptrdiff_t next = n + 1 < g->n ? o + g->o : o;
            stage_band(&job->gradient, band, job->arrays.grad_output + o * g->oh * g->ow,
                       job->arrays.grad_output + next * g->oh * g->ow, top,
                       s->gradient_band + k * band->channel);
        }
        for (ptrdiff_t residue = 0; top * g->sh + residue < min_size(g->h, (top + 1) * g->sh);
             residue++) {
            const ptrdiff_t rows = ceil_div(g->h - residue, g->sh) - top;
            sum_rows_of_dx(job, s, residue, min_size(rows, band->rows),
                           dx + (top * g->sh + residue) * g->w, ahead);
        }
    }
}

/* ---- All of them ----------------------------------------------------------------------- */

/* Bytes of a staged band of x, or of some rows where it is read in place. */
static size_t x_bytes(const job_t *job) {
    return job->is_in_place ? sweep_bytes(&job->g) : band_bytes(&job->band, 1);
}

static size_t gradient_bytes(const job_t *job) {
    return job->sweeps_gradient ? sweep_bytes(&job->gradient)
                                : band_bytes(&job->gradient_band, job->outputs);
}

static size_t lay_out_scratch(const job_t *job, char *memory, scratch *s) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t columns = g->sw > 2 ? g->sw * job->gradient_band.rows * job->pitch : 0;
    size_t used = 0;
#define PART(part, bytes) (s->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(sums, bytes_of(job->outputs * job->padded_taps, sizeof(vec)));
    PART(band, x_bytes(job));
    PART(gradient_band, gradient_bytes(job));
    PART(columns, bytes_of(columns, sizeof(real)));
    PART(weights, bytes_of(job->outputs * job->taps, sizeof(real)));
#undef PART
    return used;
}

static size_t lay_out(job_t *job, char *memory) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t taps = job->outputs * job->taps;
    size_t used = 0;
#define PART(part, bytes) (job->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(tap_offsets, bytes_of(job->padded_taps, sizeof(ptrdiff_t)));
    PART(gradient_offsets, bytes_of(taps, sizeof(ptrdiff_t)));
    PART(order, bytes_of(taps, sizeof(ptrdiff_t)));
    PART(begins, bytes_of(g->sh * g->sw + 1, sizeof(ptrdiff_t)));
    PART(copies, bytes_of(job->parts * g->o * (job->taps + 1), sizeof(real)));
    PART(slots, 0);
#undef PART
    return used;
}

static int can_be_read_in_place(const cnet_conv2d *g) {
    return g->o == g->c && g->kh == 3 && g->sh == 2 && can_be_swept(g);
}

/* Whether grad_output is read in place. Large planes are staged instead, because staging prefetches
 * the next plane meanwhile. */
static int sweeps_gradient_of(const cnet_conv2d *g, const cnet_conv2d *gradient) {
    return g->o == g->c && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1 &&
           can_be_swept(gradient) && g->oh * g->ow * (ptrdiff_t)sizeof(real) <= SWEPT_BYTES;
}

static job_t make_job(const cnet_conv2d *g) {
    const cnet_conv2d gradient = gradient_stage(g);
    const ptrdiff_t parts = min_size(g->n, ceil_div(ENOUGH_CHUNKS, g->c));
    const ptrdiff_t images = ceil_div(g->n, parts);
    return (job_t){
        .g = *g,
        .outputs = g->o / g->c,
        .taps = g->kh * g->kw,
        .parts = ceil_div(g->n, images),
        .images = images,
        .band = band_of(g, 1),
        .gradient_band = band_of(&gradient, g->o / g->c),
        .gradient = gradient,
        .is_in_place = can_be_read_in_place(g),
        .sweeps_gradient = sweeps_gradient_of(g, &gradient),
        .padded_taps = round_up(g->kh * g->kw, LISTED_TAPS),
        .pitch = round_up(gradient.ow, LANES),
    };
}

size_t CNET_FN(depthwise_backward_workspace)(const cnet_conv2d *g, int threads) {
    const special_kernel special = special_kernel_for(g);
    if (special.workspace)
        return special.workspace(g, threads);
    job_t job = make_job(g);
    scratch s;
    const size_t shared = lay_out(&job, NULL);
    return shared + (size_t)threads * lay_out_scratch(&job, NULL, &s);
}

/* The contribution of some images to one channel. */
static void channel_backward(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t c = chunk / job->parts, part = chunk % job->parts;
    const ptrdiff_t taps = job->outputs * job->taps, pixels = g->oh * g->ow;
    double bias_sums[DEPTHWISE_MULTIPLIERS] = {0};
    scratch s;
    lay_out_scratch(job, job->slots + (size_t)slot * lay_out_scratch(job, NULL, &s), &s);
    real *copy = job->copies + (part * g->o + c * job->outputs) * (job->taps + 1);
    memset(s.band, 0, x_bytes(job));
    memset(s.gradient_band, 0, gradient_bytes(job));
    memset(s.sums, 0, (size_t)(job->outputs * job->padded_taps) * sizeof(vec));
    for (ptrdiff_t t = 0; job->arrays.dx && t < taps; t++)
        s.weights[t] = job->arrays.weight[c * taps + job->order[t]];
    for (ptrdiff_t n = part * job->images; n < min_size((part + 1) * job->images, g->n); n++) {
        if (job->arrays.dw)
            add_plane_to_dw(job, &s, n, c);
        for (ptrdiff_t k = 0; job->arrays.db && k < job->outputs; k++)
            bias_sums[k] += sum_run(
                job->arrays.grad_output + (n * g->o + c * job->outputs + k) * pixels, 0, pixels);
        if (job->arrays.dx)
            compute_plane_of_dx(job, &s, n, c);
    }
    for (ptrdiff_t k = 0; k < job->outputs; k++)
        copy[k * (job->taps + 1) + job->taps] = (real)bias_sums[k];
    for (ptrdiff_t k = 0; k < job->outputs; k++)
        for (ptrdiff_t t = 0; t < job->taps; t++)
            copy[k * (job->taps + 1) + t] = sum_lanes(s.sums + k * job->padded_taps + t);
}

/* Computes those of dx, dw and db that are not NULL. */
void CNET_FN(depthwise_backward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                 const cnet_call *call) {
    const special_kernel special = special_kernel_for(g);
    if (special.backward) {
        special.backward(arrays, g, call);
        return;
    }
    job_t job = make_job(g);
    job.arrays = *arrays;
    lay_out(&job, call->workspace);
    for (ptrdiff_t t = 0; t < job.padded_taps; t++) {
        const ptrdiff_t tap = min_size(t, job.taps - 1);
        job.tap_offsets[t] = stage_offset(g, &job.band, 0, tap / g->kw, tap % g->kw);
    }
    list_gradient_taps(&job);
    cnet_parallel(channel_backward, &job, g->c * job.parts, call->threads);
    add_copies(arrays, job.copies, job.parts, g->o, job.taps);
}
