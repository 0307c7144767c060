/* Convolution of images with channels last, and its gradients: nothing is transposed.
 *
 * Register tiles hold TILE_ROWS outputs (or, for the weight gradient, taps) and TILE_COLS filters.
 * A tap of all channels is a run in the image, so that cells are read in place; images with padding
 * are first copied with it, a block of rows at a time. The input gradient is the convolution of
 * grad_output with rotated filters, with zeros between its cells if the stride is longer than 1. */
#include "conv.h"
#include "gemm/column_sums.h"
#include "gemm/product.h"

enum {
    IMAGE_BYTES = 1 << 17, /* of a block of rows with padding */
    PARTS = 16,            /* of the sum over images for the weight gradient, in order */
    PARTS_BYTES = 1 << 22,
    ENOUGH_CHUNKS = 16,
    ENOUGH_OUTPUTS = 4 * TILE_ROWS, /* of a block */
    ENOUGH_PRODUCTS = 1 << 17       /* for several threads */
};

/* Images with padding: cell (y, x) of an image lies at (top + y*sh, left + x*sw) of the padded one,
 * whose other cells are 0. Cells that would lie outside are left out. */
typedef struct {
    const real *from; /* (n, h, w, c) */
    ptrdiff_t h, w, c, top, left, sh, sw;
    ptrdiff_t height, width; /* of the padded image */
} padded;

/* A window that slides over padded images. */
typedef struct {
    padded image;
    ptrdiff_t n, kh, kw, sh, sw, dh, dw, oh, ow;
    ptrdiff_t o;                /* filters */
    ptrdiff_t taps;             /* of a filter */
    ptrdiff_t rows, blocks;     /* output rows of a block, blocks of an image */
    int in_place;               /* whether the images are their own padded images */
    ptrdiff_t pitch;            /* of a row of the padded image */
    size_t image_bytes;         /* of the padded image of a block */
    const real *weights, *bias; /* panels of TILE_COLS filters; bias may be NULL */
    real *to;
    char *images; /* a padded image for each thread */
} window;

/* Positions count[0] x count[1] x count[2], with these distances. */
typedef struct {
    ptrdiff_t count[3], step[3];
} walk;

/* to[r * TILE_COLS + s] = sum over positions of a[lanes[r] + position] * b[t * b_step + s], where t
 * counts the positions. */
static inline __attribute__((always_inline)) void sum_tile(const real *a, const ptrdiff_t *lanes,
                                                           const walk *positions, const real *b,
                                                           ptrdiff_t b_step, const int vectors,
                                                           real *to) {
    vec sum[TILE_ROWS][TILE_VECTORS] = {0};
    const real *at[TILE_ROWS];
    for (int r = 0; r < TILE_ROWS; r++)
        at[r] = a + lanes[r];
    const ptrdiff_t step = positions->step[2];
    for (ptrdiff_t i = 0; i < positions->count[0]; i++) {
        for (ptrdiff_t j = 0; j < positions->count[1]; j++) {
            ptrdiff_t cell = i * positions->step[0] + j * positions->step[1];
            for (ptrdiff_t t = 0; t < positions->count[2]; t++, cell += step, b += b_step) {
                vec row[TILE_VECTORS];
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    row[v] = load(b + v * LANES);
#pragma GCC unroll 8
                for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
                    for (int v = 0; v < vectors; v++)
                        sum[r][v] += at[r][cell] * row[v];
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            *(vec *)(to + r * TILE_COLS + v * LANES) = sum[r][v];
}

/* The same with as many vectors as hold `cols` columns. */
static void sum_columns_of_tile(const real *a, const ptrdiff_t *lanes, const walk *positions,
                                const real *b, ptrdiff_t b_step, ptrdiff_t cols, real *to) {
    if (cols <= LANES)
        sum_tile(a, lanes, positions, b, b_step, 1, to);
    else if (cols <= 2 * LANES || TILE_VECTORS == 2)
        sum_tile(a, lanes, positions, b, b_step, 2, to);
    else
        sum_tile(a, lanes, positions, b, b_step, TILE_VECTORS, to);
}

/* ---- Padded images ------------------------------------------------------------------------ */

/* Rows of the padded image that a block needs. */
static ptrdiff_t rows_of_image(const window *s, ptrdiff_t rows) {
    return (rows - 1) * s->sh + s->dh * (s->kh - 1) + 1;
}

static void copy_line(const padded *p, const real *from, real *to) {
    if (p->sw != 1) {
        memset(to, 0, (size_t)(p->width * p->c) * sizeof(real));
        for (ptrdiff_t x = 0; x < p->w; x++) {
            const ptrdiff_t column = p->left + x * p->sw;
            if (column >= 0 && column < p->width)
                memcpy(to + column * p->c, from + x * p->c, (size_t)p->c * sizeof(real));
        }
        return;
    }
    const ptrdiff_t first = min_size(p->width, max_size(0, p->left)), skipped = first - p->left;
    const ptrdiff_t count = max_size(0, min_size(p->w - skipped, p->width - first));
    memset(to, 0, (size_t)(first * p->c) * sizeof(real));
    if (count)
        memcpy(to + first * p->c, from + skipped * p->c, (size_t)(count * p->c) * sizeof(real));
    memset(to + (first + count) * p->c, 0,
           (size_t)((p->width - first - count) * p->c) * sizeof(real));
}

/* The padded image for the outputs of `count` rows from `first` on: where it lies. */
static const real *padded_rows(const window *s, ptrdiff_t n, ptrdiff_t first, ptrdiff_t count,
                               int slot) {
    const padded *p = &s->image;
    if (s->in_place)
        return p->from + (n * p->h + first * s->sh) * s->pitch;
    real *to = (real *)(s->images + (size_t)slot * s->image_bytes);
    for (ptrdiff_t row = 0; row < rows_of_image(s, count); row++) {
        const ptrdiff_t at = first * s->sh + row - p->top;
        if (at < 0 || at % p->sh || at / p->sh >= p->h)
            memset(to + row * s->pitch, 0, (size_t)s->pitch * sizeof(real));
        else
            copy_line(p, p->from + (n * p->h + at / p->sh) * p->w * p->c, to + row * s->pitch);
    }
    return to;
}

/* The window over x. */
static window forward_window(const cnet_conv2d *g) {
    return (window){
        .image = {.h = g->h, .w = g->w, .c = g->c, .top = g->ph, .left = g->pw, .sh = 1, .sw = 1},
        .n = g->n,
        .kh = g->kh,
        .kw = g->kw,
        .sh = g->sh,
        .sw = g->sw,
        .dh = g->dh,
        .dw = g->dw,
        .oh = g->oh,
        .ow = g->ow,
        .o = g->o,
    };
}

/* The window over grad_output that gives dx. */
static window gradient_window(const cnet_conv2d *g) {
    return (window){
        .image = {.h = g->oh,
                  .w = g->ow,
                  .c = g->o,
                  .top = g->dh * (g->kh - 1) - g->ph,
                  .left = g->dw * (g->kw - 1) - g->pw,
                  .sh = g->sh,
                  .sw = g->sw},
        .n = g->n,
        .kh = g->kh,
        .kw = g->kw,
        .sh = 1,
        .sw = 1,
        .dh = g->dh,
        .dw = g->dw,
        .oh = g->h,
        .ow = g->w,
        .o = g->c,
    };
}

/* Everything that follows from the sizes of a window. */
static void complete(window *s) {
    padded *p = &s->image;
    s->taps = s->kh * s->kw * p->c;
    p->height = rows_of_image(s, s->oh);
    p->width = (s->ow - 1) * s->sw + s->dw * (s->kw - 1) + 1;
    s->in_place =
        !p->top && !p->left && p->sh == 1 && p->sw == 1 && p->height <= p->h && p->width <= p->w;
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

/* The number of threads: one for little work. */
static int threads_for(const window *s, int threads) {
    const double products = (double)(s->n * s->oh * s->ow) * (double)(s->taps * s->o);
    return products < ENOUGH_PRODUCTS ? 1 : threads;
}

/* ---- Convolution -------------------------------------------------------------------------- */

static walk walk_of_taps(const window *s) {
    const ptrdiff_t c = s->image.c;
    if (s->dw == 1)
        return (walk){{s->kh, 1, s->kw * c}, {s->dh * s->pitch, 0, 1}};
    return (walk){{s->kh, s->kw, c}, {s->dh * s->pitch, s->dw * c, 1}};
}

/* Where the taps of the next TILE_ROWS outputs of a block begin, from output (y, x) on; the last of
 * `outputs` is repeated in lanes without one. Moves (y, x) on. */
static void list_outputs(const window *s, ptrdiff_t *y, ptrdiff_t *x, ptrdiff_t outputs,
                         ptrdiff_t *lanes) {
    for (int r = 0; r < TILE_ROWS; r++) {
        lanes[r] = *y * s->sh * s->pitch + *x * s->sw * s->image.c;
        if (r + 1 < outputs && ++*x == s->ow) {
            *x = 0;
            ++*y;
        }
    }
}

/* Stores columns of a tile, with bias, as filters from `first` on. `left` filters of the block have
 * not been stored: if a tile holds all filters, vectors may extend into those that come later. */
static void store_tile(const window *s, const real *tile, ptrdiff_t first, ptrdiff_t rows,
                       ptrdiff_t cols, real *to, ptrdiff_t left) {
    const int in_order = s->o <= TILE_COLS;
    vec bias[TILE_VECTORS] = {0};
    for (ptrdiff_t f = 0; s->bias && f < cols; f += LANES)
        bias[f / LANES] = load_run(s->bias + first + f, cols - f);
    for (ptrdiff_t r = 0; r < rows; r++, to += s->o, left -= s->o) {
        for (ptrdiff_t f = 0; f < cols; f += LANES) {
            const vec y = load(tile + r * TILE_COLS + f) + bias[f / LANES];
            store_run(to + f, y, in_order && f + LANES <= left ? LANES : cols - f);
        }
    }
}

static void convolve_block(const void *argument, ptrdiff_t chunk, int slot) {
    const window *s = argument;
    const ptrdiff_t n = chunk / s->blocks, first = chunk % s->blocks * s->rows;
    const ptrdiff_t rows = min_size(s->rows, s->oh - first), outputs = rows * s->ow;
    const real *image = padded_rows(s, n, first, rows, slot);
    const walk taps = walk_of_taps(s);
    real *to = s->to + (n * s->oh + first) * s->ow * s->o;
    ptrdiff_t y = 0, x = 0;
    for (ptrdiff_t at = 0; at < outputs; at += TILE_ROWS) {
        ptrdiff_t lanes[TILE_ROWS];
        list_outputs(s, &y, &x, outputs - at, lanes);
        for (ptrdiff_t j = 0; j < s->o; j += TILE_COLS) {
            _Alignas(CNET_ALIGNMENT) real tile[TILE_ROWS * TILE_COLS];
            const ptrdiff_t cols = min_size(TILE_COLS, s->o - j);
            sum_columns_of_tile(image, lanes, &taps, s->weights + j * s->taps, TILE_COLS, cols,
                                tile);
            store_tile(s, tile, j, min_size(TILE_ROWS, outputs - at), cols, to + at * s->o + j,
                       (outputs - at) * s->o);
        }
    }
}

typedef struct {
    const real *weight; /* (kh, kw, c, o) */
    real *to;
    cnet_conv2d g;
    int rotated; /* for the input gradient: rotated, with channels as filters */
} packing;

/* Packs the weights of TILE_COLS filters: a row for each tap. */
static void pack_panel(const void *argument, ptrdiff_t panel, int slot) {
    (void)slot;
    const packing *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t positions = g->kh * g->kw, first = panel * TILE_COLS;
    const ptrdiff_t c = job->rotated ? g->o : g->c, filters = job->rotated ? g->c : g->o;
    const ptrdiff_t cols = min_size(TILE_COLS, filters - first);
    real *to = job->to + first * positions * c;
    memset(to, 0, (size_t)(positions * c * TILE_COLS) * sizeof(real));
    for (ptrdiff_t position = 0; position < positions; position++) {
        const ptrdiff_t source = job->rotated ? positions - 1 - position : position;
        const real *weight = job->weight + source * g->c * g->o;
        for (ptrdiff_t ch = 0; ch < c; ch++, to += TILE_COLS)
            for (ptrdiff_t f = 0; f < cols; f++)
                to[f] =
                    job->rotated ? weight[(first + f) * g->o + ch] : weight[ch * g->o + first + f];
    }
}

static size_t weights_bytes(const window *s) {
    return bytes_of(round_up(s->o, TILE_COLS) * s->taps, sizeof(real));
}

static size_t convolution_bytes(window s, int threads) {
    complete(&s);
    return weights_bytes(&s) + (size_t)threads * s.image_bytes;
}

static void convolve(window s, const packing *filters, const cnet_call *call) {
    complete(&s);
    packing job = *filters;
    job.to = (real *)call->workspace;
    s.weights = job.to;
    s.images = call->workspace + weights_bytes(&s);
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
 * group. Summed in the order (i, j, c), the bias last. NaN and infinity propagate as in the sum
 * with padding of zeros. Parallel over blocks of rows of outputs. Workspace: the weights in panels,
 * and for each thread a block of padded rows. */
void CNET_FN(conv2d_nhwc)(const cnet_call *call) {
    const cnet_conv2d_nhwc_arguments *a = &call->conv2d_nhwc;
    window s = forward_window(&a->g);
    s.image.from = a->x;
    s.bias = a->bias;
    s.to = a->y;
    convolve(s, &(packing){.weight = a->weight, .g = a->g}, call);
}

/* ---- Gradients ---------------------------------------------------------------------------- */

typedef struct {
    window s;
    const real *grad_output;
    real *dw, *parts;
    ptrdiff_t count, items; /* parts, and blocks of a part */
    ptrdiff_t columns;      /* of a row of grad_output: whole vectors */
    size_t grad_bytes;      /* of a block of grad_output, if it has to be copied */
    char *grads;
    ptrdiff_t *taps; /* where they lie in a padded image */
} dw_job;

static ptrdiff_t weight_count(const window *s) { return s->taps * s->o; }

static dw_job make_dw_job(const cnet_conv2d *g) {
    dw_job job = {.s = forward_window(g)};
    window *s = &job.s;
    complete(s);
    const ptrdiff_t blocks = s->n * s->blocks;
    const ptrdiff_t part_bytes = max_size(1, weight_count(s)) * (ptrdiff_t)sizeof(real);
    const ptrdiff_t most = max_size(1, min_size(PARTS, PARTS_BYTES / part_bytes));
    job.items = max_size(1, ceil_div(blocks, most));
    job.count = ceil_div(blocks, job.items);
    job.columns = round_up(s->o, LANES);
    job.grad_bytes =
        job.columns == s->o ? 0 : bytes_of(s->rows * s->ow * job.columns, sizeof(real));
    return job;
}

static size_t parts_bytes(const dw_job *job) {
    return job->count > 1 ? bytes_of(job->count * weight_count(&job->s), sizeof(real)) : 0;
}

/* Where a block of grad_output lies, with rows of whole vectors. */
static const real *grad_rows(const dw_job *job, ptrdiff_t pixel, ptrdiff_t outputs, int slot) {
    const ptrdiff_t o = job->s.o;
    const real *from = job->grad_output + pixel * o;
    if (!job->grad_bytes)
        return from;
    real *to = (real *)(job->grads + (size_t)slot * job->grad_bytes);
    memset(to, 0, (size_t)(outputs * job->columns) * sizeof(real));
    for (ptrdiff_t t = 0; t < outputs; t++)
        memcpy(to + t * job->columns, from + t * o, (size_t)o * sizeof(real));
    return to;
}

/* Where the taps lie in a padded image; lanes after the last tap repeat it. */
static void list_taps(const window *s, ptrdiff_t *taps) {
    const ptrdiff_t c = s->image.c;
    ptrdiff_t *to = taps;
    for (ptrdiff_t i = 0; i < s->kh; i++)
        for (ptrdiff_t j = 0; j < s->kw; j++)
            for (ptrdiff_t ch = 0; ch < c; ch++)
                *to++ = i * s->dh * s->pitch + j * s->dw * c + ch;
    for (; (to - taps) % TILE_ROWS; to++)
        *to = to[-1];
}

static size_t taps_bytes(const window *s) {
    return bytes_of(round_up(s->taps, TILE_ROWS), sizeof(ptrdiff_t));
}

/* The sum over the blocks of a part. */
static void dw_part(const void *argument, ptrdiff_t part, int slot) {
    const dw_job *job = argument;
    const window *s = &job->s;
    real *to = job->count > 1 ? job->parts + part * weight_count(s) : job->dw;
    const ptrdiff_t end = min_size(s->n * s->blocks, (part + 1) * job->items);
    for (ptrdiff_t item = part * job->items; item < end; item++) {
        const ptrdiff_t n = item / s->blocks, first = item % s->blocks * s->rows;
        const ptrdiff_t rows = min_size(s->rows, s->oh - first);
        const real *image = padded_rows(s, n, first, rows, slot);
        const real *grad = grad_rows(job, (n * s->oh + first) * s->ow, rows * s->ow, slot);
        const walk outputs = {{1, rows, s->ow}, {0, s->sh * s->pitch, s->sw * s->image.c}};
        for (ptrdiff_t tap = 0; tap < s->taps; tap += TILE_ROWS) {
            for (ptrdiff_t j = 0; j < s->o; j += TILE_COLS) {
                _Alignas(CNET_ALIGNMENT) real tile[TILE_ROWS * TILE_COLS];
                const ptrdiff_t cols = min_size(TILE_COLS, s->o - j);
                sum_columns_of_tile(image, job->taps + tap, &outputs, grad + j, job->columns, cols,
                                    tile);
                for (ptrdiff_t r = 0; r < min_size(TILE_ROWS, s->taps - tap); r++)
                    put_row(to + (tap + r) * s->o + j, tile + r * TILE_COLS, cols,
                            item == part * job->items);
            }
        }
    }
}

static void add_parts(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const dw_job *job = argument;
    const ptrdiff_t count = weight_count(&job->s), first = chunk * ELEMENTS_PER_CHUNK;
    const ptrdiff_t size = min_size(ELEMENTS_PER_CHUNK, count - first);
    for (ptrdiff_t part = 0; part < job->count; part++)
        put_row(job->dw + first, job->parts + part * count + first, size, part == 0);
}

static size_t dw_bytes(const cnet_conv2d *g, int threads) {
    const dw_job job = make_dw_job(g);
    return parts_bytes(&job) + taps_bytes(&job.s) +
           (size_t)threads * (job.s.image_bytes + job.grad_bytes);
}

static void weight_gradient(const cnet_conv2d_nhwc_backward_arguments *a, const cnet_call *call) {
    dw_job job = make_dw_job(&a->g);
    window *s = &job.s;
    if (!job.count) {
        memset(a->dw, 0, (size_t)weight_count(s) * sizeof(real));
        return;
    }
    s->image.from = a->x;
    job.grad_output = a->grad_output;
    job.dw = a->dw;
    job.parts = (real *)call->workspace;
    job.taps = (ptrdiff_t *)(call->workspace + parts_bytes(&job));
    list_taps(s, job.taps);
    s->images = (char *)job.taps + taps_bytes(s);
    job.grads = s->images + (size_t)call->threads * s->image_bytes;
    const int threads = threads_for(s, call->threads);
    cnet_parallel(dw_part, &job, job.count, threads);
    if (job.count > 1)
        cnet_parallel(add_parts, &job, ceil_div(weight_count(s), ELEMENTS_PER_CHUNK), threads);
}

size_t CNET_FN(conv2d_nhwc_backward_workspace)(cnet_call *call) {
    const cnet_conv2d_nhwc_backward_arguments *a = &call->conv2d_nhwc_backward;
    const size_t for_dx = a->dx ? convolution_bytes(gradient_window(&a->g), call->threads) : 0;
    const size_t for_dw = a->dw ? dw_bytes(&a->g, call->threads) : 0;
    return for_dx > for_dw ? for_dx : for_dw;
}

/* dx, dw and db are the adjoints of conv2d_nhwc in x, weight and bias, applied to grad_output.
 *
 * grad_output (n, oh, ow, o), x (n, h, w, c), weight (kh, kw, c, o); dx, dw and db have the shapes
 * of x, weight and bias. Overwrites dx, dw and db; those that are NULL are not computed. x may be
 * NULL without dw, weight may be NULL without dx. dx is summed in the order (i, j, o) of rotated
 * filters. dw is summed over blocks of rows, these in up to PARTS parts, which are added in order;
 * db in double. Parallel over blocks of rows, over parts, and over o. Workspace: as conv2d_nhwc,
 * and the parts. */
void CNET_FN(conv2d_nhwc_backward)(const cnet_call *call) {
    const cnet_conv2d_nhwc_backward_arguments *a = &call->conv2d_nhwc_backward;
    if (a->dx) {
        window s = gradient_window(&a->g);
        s.image.from = a->grad_output;
        s.to = a->dx;
        convolve(s, &(packing){.weight = a->weight, .g = a->g, .rotated = 1}, call);
    }
    if (a->dw)
        weight_gradient(a, call);
    if (a->db)
        CNET_FN(sum_columns)(a->grad_output, a->db, a->g.n * a->g.oh * a->g.ow, a->g.o,
                             call->threads);
}
