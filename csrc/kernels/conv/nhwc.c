/* Convolution of images with channels last, and its gradients: nothing is transposed.
 *
 * Register tiles hold outputs and filters; with few filters, outputs and channels. A tap of all
 * channels is a run in the image, so that cells are read in place; images with padding are first
 * copied with it, a block of rows at a time. Each phase of the stride of the input gradient is a
 * convolution of grad_output with the taps of that phase, in reverse order. */
#include "nhwc.h"

#include "gemm/column_sums.h"

enum {
    IMAGE_BYTES = 1 << 17, /* of a block of rows with padding */
    ENOUGH_CHUNKS = 16,
    ENOUGH_OUTPUTS = 4 * TILE_ROWS /* of a block */
};

/* The outputs of a tile of one vector of filters are runs of so many neighbours, of two vectors
 * half as many. */
enum { RUNS = 2 * TILE_ROWS / RUN };

/* ---- Padded images ------------------------------------------------------------------------ */

/* Rows of the padded image that a block needs. */
static ptrdiff_t rows_of_image(const window *s, ptrdiff_t rows) {
    return (rows - 1) * s->sh + s->dh * (s->kh - 1) + 1;
}

static void copy_line(const padded *p, const real *from, real *to) {
    const ptrdiff_t first = min_size(p->width, max_size(0, p->left)), skipped = first - p->left;
    const ptrdiff_t count = max_size(0, min_size(p->w - skipped, p->width - first));
    zero_run(to, first * p->c);
    if (count)
        memcpy(to + first * p->c, from + skipped * p->c, (size_t)(count * p->c) * sizeof(real));
    zero_run(to + (first + count) * p->c, (p->width - first - count) * p->c);
}

const real *CNET_FN(nhwc_padded_rows)(const window *s, ptrdiff_t n, ptrdiff_t first,
                                      ptrdiff_t count, int slot) {
    const padded *p = &s->image;
    if (s->in_place)
        return p->from + (n * p->h + first * s->sh) * s->pitch;
    real *to = (real *)(s->images + (size_t)slot * s->image_bytes);
    for (ptrdiff_t row = 0; row < rows_of_image(s, count); row++) {
        const ptrdiff_t at = first * s->sh + row - p->top;
        if (at < 0 || at >= p->h)
            memset(to + row * s->pitch, 0, (size_t)s->pitch * sizeof(real));
        else
            copy_line(p, p->from + (n * p->h + at) * p->w * p->c, to + row * s->pitch);
    }
    return to;
}

void CNET_FN(nhwc_complete)(window *s) {
    padded *p = &s->image;
    s->taps = s->kh * s->kw * p->c;
    s->is_few = 2 * s->o <= FEW_LANES && p->c % FEW_LANES == 0 && s->ow >= RUN;
    s->is_dense = s->o <= TILE_COLS && s->to_column == s->o && s->to_row == s->ow * s->o;
    p->height = rows_of_image(s, s->oh);
    p->width = (s->ow - 1) * s->sw + s->dw * (s->kw - 1) + 1;
    s->in_place = !s->taps || (!p->top && !p->left && p->height <= p->h && p->width <= p->w);
    s->pitch = (s->in_place ? p->w : p->width) * p->c;
    const ptrdiff_t row = max_size(1, s->pitch) * (ptrdiff_t)sizeof(real);
    s->rows = s->blocks = 1;
    if (!s->oh || !s->ow) {
        s->n = 0; /* no outputs */
        return;
    }
    s->rows = s->oh;
    while (s->rows > 1 && rows_of_image(s, s->rows) * row > IMAGE_BYTES)
        s->rows = ceil_div(s->rows, 2);
    while (s->rows > 1 && s->rows * s->ow > ENOUGH_OUTPUTS &&
           s->n * ceil_div(s->oh, s->rows) < ENOUGH_CHUNKS)
        s->rows = ceil_div(s->rows, 2);
    s->blocks = ceil_div(s->oh, s->rows);
    s->image_bytes = s->in_place ? 0 : bytes_of(rows_of_image(s, s->rows) * s->pitch, sizeof(real));
}

/* ---- Filters ------------------------------------------------------------------------------ */

/* Weights in the order of a window: its row i is row `row` + i * `row_step` of the filter, and so
 * for columns. */
typedef struct {
    const window *s;
    const real *weight; /* (kh, kw, c, o) */
    real *to;
    ptrdiff_t kw, row, row_step, column, column_step;
    ptrdiff_t position, ch, f; /* from one position, channel of the image and filter to the next */
} packing;

/* Packs the weights of TILE_COLS filters: a row for each tap, or for few filters, for each of
 * them. */
static void pack_panel(const void *argument, ptrdiff_t panel, int slot) {
    (void)slot;
    const packing *job = argument;
    const window *s = job->s;
    const ptrdiff_t first = panel * TILE_COLS, filters = min_size(TILE_COLS, s->o - first);
    const ptrdiff_t tap = s->is_few ? 1 : TILE_COLS, filter = s->is_few ? s->taps : 1;
    real *to = job->to + first * s->taps;
    memset(to, 0, (size_t)(s->taps * TILE_COLS) * sizeof(real));
    for (ptrdiff_t i = 0; i < s->kh; i++)
        for (ptrdiff_t j = 0; j < s->kw; j++) {
            const ptrdiff_t row = job->row + i * job->row_step;
            const ptrdiff_t column = job->column + j * job->column_step;
            const real *from =
                job->weight + (row * job->kw + column) * job->position + first * job->f;
            for (ptrdiff_t ch = 0; ch < s->image.c; ch++, from += job->ch, to += tap)
                for (ptrdiff_t f = 0; f < filters; f++)
                    to[f * filter] = from[f * job->f];
        }
}

static size_t weights_bytes(const window *s) {
    return bytes_of(round_up(s->o, TILE_COLS) * s->taps, sizeof(real));
}

/* ---- Tiles -------------------------------------------------------------------------------- */

/* Stores `cols` columns of the sums of outputs, exactly. */
static __attribute__((noinline)) void store_part(const window *s, const outputs *at, int runs,
                                                 int run, const real *sums, ptrdiff_t cols,
                                                 real *to) {
    for (int r = 0; r < runs * run; r++)
        for (ptrdiff_t f = 0; f < cols; f += LANES)
            store_run(to + at->places[r / run] + r % run * s->to_column + f,
                      load(sums + r * TILE_COLS + f), cols - f);
}

/* Computes `cols` filters from `first` on. If a tile holds all filters, vectors may extend into
 * outputs of the block that are stored later. */
static inline __attribute__((always_inline)) void
convolve_tile(const window *s, const real *image, const outputs *at, const int runs, const int run,
              ptrdiff_t first, ptrdiff_t cols, const int vectors, real *to) {
    tile_t sum;
    vec bias[TILE_VECTORS] = {0};
    const real *rows[TILE_ROWS], *weights = s->weights + first * s->taps;
    begin_tile(image, at->lanes, runs, run, vectors, rows, sum);
    for (ptrdiff_t t = 0; t < s->taps; t++, weights += TILE_COLS)
        add_products(rows, s->places[t], s->sw * s->image.c, runs, run, weights, vectors, sum);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        if (s->bias)
            bias[v] = load_run(s->bias + first + v * LANES, cols - v * LANES);
#pragma GCC unroll 16
        for (int r = 0; r < runs * run; r++)
            sum[r][v] += bias[v];
    }
    to += first;
    const ptrdiff_t step = s->to_column;
    const ptrdiff_t end = at->places[runs - 1] + (run - 1) * step + vectors * LANES;
    if (cols == vectors * LANES || (s->is_dense && end <= at->rows * s->to_row)) {
#pragma GCC unroll 16
        for (int r = 0; r < runs; r++) {
            real *row = to + at->places[r];
#pragma GCC unroll 8
            for (int k = 0; k < run; k++, row += step)
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    store(row + v * LANES, sum[r * run + k][v]);
        }
        return;
    }
    real sums[RUNS * RUN * TILE_COLS];
#pragma GCC unroll 16
    for (int r = 0; r < runs * run; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(sums + r * TILE_COLS + v * LANES, sum[r][v]);
    store_part(s, at, runs, run, sums, cols, to);
}

/* The outputs of a block of rows, if all filters fill at most `vectors` vectors: tiles of runs. */
static inline __attribute__((always_inline)) void convolve_runs(const window *s, const real *image,
                                                                ptrdiff_t rows, const int runs,
                                                                const int run, const int vectors,
                                                                real *to) {
    outputs at = {.rows = rows};
    int is_open = 1;
    while (is_open) {
        is_open = list_outputs(s, runs, run, &at);
        convolve_tile(s, image, &at, runs, run, 0, s->o, vectors, to);
    }
}

static __attribute__((noinline)) void convolve_one_vector(const window *s, const real *image,
                                                          ptrdiff_t rows, real *to) {
    convolve_runs(s, image, rows, RUNS, RUN, 1, to);
}

static __attribute__((noinline)) void convolve_two_vectors(const window *s, const real *image,
                                                           ptrdiff_t rows, real *to) {
    convolve_runs(s, image, rows, RUNS, RUN / 2, 2, to);
}

/* The same for any number of filters, and for rows that are shorter than a run. */
static __attribute__((noinline)) void convolve_vectors(const window *s, const real *image,
                                                       ptrdiff_t rows, real *to) {
    outputs at = {.rows = rows};
    int is_open = 1;
    while (is_open) {
        is_open = list_outputs(s, TILE_ROWS, 1, &at);
        for (ptrdiff_t j = 0; j < s->o; j += TILE_COLS) {
            const ptrdiff_t cols = min_size(TILE_COLS, s->o - j);
            if (cols <= LANES)
                convolve_tile(s, image, &at, TILE_ROWS, 1, j, cols, 1, to);
            else if (cols <= 2 * LANES || TILE_VECTORS == 2)
                convolve_tile(s, image, &at, TILE_ROWS, 1, j, cols, 2, to);
            else
                convolve_tile(s, image, &at, TILE_ROWS, 1, j, cols, TILE_VECTORS, to);
        }
    }
}

static void convolve_block(const void *argument, ptrdiff_t chunk, int slot) {
    const window *s = argument;
    const ptrdiff_t n = chunk / s->blocks, first = chunk % s->blocks * s->rows;
    const ptrdiff_t rows = min_size(s->rows, s->oh - first);
    const real *image = CNET_FN(nhwc_padded_rows)(s, n, first, rows, slot);
    real *to = s->to + n * s->to_n + first * s->to_row;
    if (s->is_few)
        CNET_FN(nhwc_few)(s, image, rows, to);
    else if (s->o <= LANES && s->ow >= RUN)
        convolve_one_vector(s, image, rows, to);
    else if (s->o > LANES && s->o <= 2 * LANES && s->ow % (RUN / 2) == 0)
        convolve_two_vectors(s, image, rows, to);
    else
        convolve_vectors(s, image, rows, to);
}

static size_t convolution_bytes(window s, int threads) {
    CNET_FN(nhwc_complete)(&s);
    return weights_bytes(&s) + places_bytes(&s) + (size_t)threads * s.image_bytes;
}

static __attribute__((noinline)) void convolve(window s, const packing *filters,
                                               const cnet_call *call) {
    CNET_FN(nhwc_complete)(&s);
    packing job = *filters;
    job.s = &s;
    job.to = (real *)call->workspace;
    s.weights = job.to;
    s.places = (ptrdiff_t *)(call->workspace + weights_bytes(&s));
    list_taps(&s, s.places);
    s.images = (char *)s.places + places_bytes(&s);
    const int threads = threads_for(&s, call->threads);
    cnet_parallel(pack_panel, &job, ceil_div(s.o, TILE_COLS), threads);
    cnet_parallel(convolve_block, &s, s.n * s.blocks, threads);
}

size_t CNET_FN(conv2d_nhwc_workspace)(cnet_call *call) {
    return convolution_bytes(forward_window(&call->conv2d_nhwc.g), call->threads);
}

/* y[n, oh, ow, o] = bias[o] + sum over i, j, c of
 *                   x[n, oh*sh + i*dh - ph, ow*sw + j*dw - pw, c] * weight[i, j, c, o]
 * with x = 0 outside of the image.
 *
 * x (n, h, w, c), weight (kh, kw, c, o), bias (o) or NULL, y (n, oh, ow, o); overwrites y. One
 * group. Summed in the order (i, j, c), the bias last; with few filters, in lanes of channels,
 * which are added at the end. NaN and infinity propagate as in the sum with padding of zeros.
 * Parallel over blocks of rows of outputs. Workspace: the weights in panels, and for each thread a
 * block of padded rows. */
void CNET_FN(conv2d_nhwc)(const cnet_call *call) {
    const cnet_conv2d_nhwc_arguments *a = &call->conv2d_nhwc;
    window s = forward_window(&a->g);
    s.image.from = a->x;
    s.bias = a->bias;
    s.to = a->y;
    const packing filters = {.weight = a->weight,
                             .kw = a->g.kw,
                             .row_step = 1,
                             .column_step = 1,
                             .position = a->g.c * a->g.o,
                             .ch = a->g.o,
                             .f = 1};
    convolve(s, &filters, call);
}

/* ---- Gradients ---------------------------------------------------------------------------- */

/* A phase of one axis: the cells u = position + padding of dx with u % stride == phase, and the
 * taps i with i * dilation % stride == phase. Cell q of the phase, u = q * stride + phase, is the
 * sum of grad_output(q - i * dilation / stride) * weight(i). */
typedef struct {
    ptrdiff_t first, count;   /* position of the first cell, and their number */
    ptrdiff_t tap, step;      /* the last tap, and the distance of the taps before it */
    ptrdiff_t taps, dilation; /* their number, and their distance in grad_output */
    ptrdiff_t begin;          /* padding of grad_output before its first cell */
} phase;

static phase phase_of(ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding,
                      ptrdiff_t dilation, ptrdiff_t number) {
    const ptrdiff_t q = ceil_div(max_size(0, padding - number), stride);
    phase p = {.first = q * stride + number - padding, .step = 1, .dilation = 1};
    p.count = p.first < size ? (size - 1 - p.first) / stride + 1 : 0;
    ptrdiff_t tap = 0;
    while (tap < kernel && tap * dilation % stride != number)
        tap++;
    if (tap == kernel)
        return p;
    while (p.step * dilation % stride)
        p.step++;
    p.taps = (kernel - 1 - tap) / p.step + 1;
    p.dilation = p.step * dilation / stride;
    p.tap = tap + (p.taps - 1) * p.step;
    p.begin = p.tap * dilation / stride - q;
    return p;
}

static phase phase_of_rows(const cnet_conv2d *g, ptrdiff_t number) {
    return phase_of(g->h, g->kh, g->sh, g->ph, g->dh, number);
}

static phase phase_of_columns(const cnet_conv2d *g, ptrdiff_t number) {
    return phase_of(g->w, g->kw, g->sw, g->pw, g->dw, number);
}

/* The window over grad_output that gives the cells of a phase; without taps, they are 0. */
static __attribute__((noinline)) window gradient_window(const cnet_conv2d *g, phase rows,
                                                        phase columns) {
    const int has_taps = rows.taps && columns.taps;
    return (window){
        .image = {.h = g->oh, .w = g->ow, .c = g->o, .top = rows.begin, .left = columns.begin},
        .n = g->n,
        .kh = has_taps ? rows.taps : 0,
        .kw = has_taps ? columns.taps : 0,
        .sh = 1,
        .sw = 1,
        .dh = rows.dilation,
        .dw = columns.dilation,
        .oh = rows.count,
        .ow = columns.count,
        .o = g->c,
        .to_n = g->h * g->w * g->c,
        .to_row = g->sh * g->w * g->c,
        .to_column = g->sw * g->c,
    };
}

static size_t dx_bytes(const cnet_conv2d *g, int threads) {
    size_t most = 0;
    for (ptrdiff_t i = 0; i < g->sh; i++)
        for (ptrdiff_t j = 0; j < g->sw; j++) {
            const window s = gradient_window(g, phase_of_rows(g, i), phase_of_columns(g, j));
            const size_t bytes = convolution_bytes(s, threads);
            most = bytes > most ? bytes : most;
        }
    return most;
}

static void input_gradient(const cnet_conv2d_nhwc_backward_arguments *a, const cnet_call *call) {
    const cnet_conv2d *g = &a->g;
    for (ptrdiff_t i = 0; i < g->sh; i++)
        for (ptrdiff_t j = 0; j < g->sw; j++) {
            const phase rows = phase_of_rows(g, i), columns = phase_of_columns(g, j);
            const packing filters = {.weight = a->weight,
                                     .kw = g->kw,
                                     .row = rows.tap,
                                     .row_step = -rows.step,
                                     .column = columns.tap,
                                     .column_step = -columns.step,
                                     .position = g->c * g->o,
                                     .ch = 1,
                                     .f = g->o};
            window s = gradient_window(g, rows, columns);
            s.image.from = a->grad_output;
            s.to = (real *)a->dx + (rows.first * g->w + columns.first) * g->c;
            convolve(s, &filters, call);
        }
}

size_t CNET_FN(conv2d_nhwc_backward_workspace)(cnet_call *call) {
    const cnet_conv2d_nhwc_backward_arguments *a = &call->conv2d_nhwc_backward;
    const size_t for_dx = a->dx ? dx_bytes(&a->g, call->threads) : 0;
    const size_t for_dw = a->dw ? CNET_FN(nhwc_dw_workspace)(&a->g, call->threads) : 0;
    return for_dx > for_dw ? for_dx : for_dw;
}

/* dx, dw and db are the adjoints of conv2d_nhwc in x, weight and bias, applied to grad_output.
 *
 * grad_output (n, oh, ow, o), x (n, h, w, c), weight (kh, kw, c, o); dx, dw and db have the shapes
 * of x, weight and bias. Overwrites dx, dw and db; those that are NULL are not computed. x may be
 * NULL without dw, weight may be NULL without dx. dx is summed over the taps in reverse order, and
 * for each over o, with few channels in lanes. dw is summed over blocks of rows, these in up to
 * PARTS parts, which are added in order; db in double. Parallel over blocks of rows, over parts,
 * and over o. Workspace: as conv2d_nhwc, and the parts. */
void CNET_FN(conv2d_nhwc_backward)(const cnet_call *call) {
    const cnet_conv2d_nhwc_backward_arguments *a = &call->conv2d_nhwc_backward;
    if (a->dx)
        input_gradient(a, call);
    if (a->dw)
        CNET_FN(nhwc_dw)(a, call);
    if (a->db)
        CNET_FN(sum_columns)(a->grad_output, a->db, a->g.n * a->g.oh * a->g.ow, a->g.o,
                             call->threads);
}
