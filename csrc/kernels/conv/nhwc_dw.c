/* The weight gradient of convolution with channels last: rows of the register tile are taps, and
 * each step of its sum is an output. */
#include "nhwc.h"

enum {
    PARTS = 16, /* of the sum over images, in order */
    PARTS_BYTES = 1 << 22
};

/* Positions in an image: rows of columns, and how far they are apart. */
typedef struct {
    ptrdiff_t rows, row, columns, column;
} walk;

/* A tile of all taps in `taps` and so many vectors of grad_output. */
static inline __attribute__((always_inline)) void
sum_vectors(const real *image, const ptrdiff_t *taps, const walk outputs, const real *grad,
            ptrdiff_t columns, const int vectors, real *to) {
    tile_t sum;
    const real *at[TILE_ROWS];
    begin_tile(image, taps, TILE_ROWS, 1, vectors, at, sum);
    for (ptrdiff_t i = 0; i < outputs.rows; i++) {
        ptrdiff_t cell = i * outputs.row;
        for (ptrdiff_t t = 0; t < outputs.columns; t++, cell += outputs.column, grad += columns)
            add_products(at, cell, 0, TILE_ROWS, 1, grad, vectors, sum);
    }
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(to + r * TILE_COLS + v * LANES, sum[r][v]);
}

/* The same with as many vectors as hold `cols` columns of grad_output. */
static void sum_taps(const real *image, const ptrdiff_t *taps, const walk outputs, const real *grad,
                     ptrdiff_t columns, ptrdiff_t cols, real *to) {
    if (cols <= LANES)
        sum_vectors(image, taps, outputs, grad, columns, 1, to);
    else if (cols <= 2 * LANES || TILE_VECTORS == 2)
        sum_vectors(image, taps, outputs, grad, columns, 2, to);
    else
        sum_vectors(image, taps, outputs, grad, columns, TILE_VECTORS, to);
}

typedef struct {
    window s;
    const real *grad_output;
    real *dw, *parts;
    ptrdiff_t count, items; /* parts, and blocks of a part */
    ptrdiff_t columns;      /* of a row of grad_output: whole vectors */
    size_t grad_bytes;      /* of a block of grad_output, if it has to be copied */
    char *grads;
} dw_job;

static ptrdiff_t weight_count(const window *s) { return s->taps * s->o; }

static dw_job make_dw_job(const cnet_conv2d *g) {
    dw_job job = {.s = forward_window(g)};
    window *s = &job.s;
    CNET_FN(nhwc_complete)(s);
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

/* The sum over the blocks of a part. */
static void dw_part(const void *argument, ptrdiff_t part, int slot) {
    const dw_job *job = argument;
    const window *s = &job->s;
    real *to = job->count > 1 ? job->parts + part * weight_count(s) : job->dw;
    const ptrdiff_t end = min_size(s->n * s->blocks, (part + 1) * job->items);
    for (ptrdiff_t item = part * job->items; item < end; item++) {
        const ptrdiff_t n = item / s->blocks, first = item % s->blocks * s->rows;
        const ptrdiff_t rows = min_size(s->rows, s->oh - first);
        const real *image = CNET_FN(nhwc_padded_rows)(s, n, first, rows, slot);
        const real *grad = grad_rows(job, (n * s->oh + first) * s->ow, rows * s->ow, slot);
        const walk outputs = {rows, s->sh * s->pitch, s->ow, s->sw * s->image.c};
        for (ptrdiff_t tap = 0; tap < s->taps; tap += TILE_ROWS) {
            for (ptrdiff_t j = 0; j < s->o; j += TILE_COLS) {
                _Alignas(CNET_ALIGNMENT) real tile[TILE_ROWS * TILE_COLS];
                const ptrdiff_t cols = min_size(TILE_COLS, s->o - j);
                sum_taps(image, s->places + tap, outputs, grad + j, job->columns, cols, tile);
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

size_t CNET_FN(nhwc_dw_workspace)(const cnet_conv2d *g, int threads) {
    const dw_job job = make_dw_job(g);
    return parts_bytes(&job) + places_bytes(&job.s) +
           (size_t)threads * (job.s.image_bytes + job.grad_bytes);
}

void CNET_FN(nhwc_dw)(const cnet_conv2d_nhwc_backward_arguments *a, const cnet_call *call) {
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
    s->places = (ptrdiff_t *)(call->workspace + parts_bytes(&job));
    list_taps(s, s->places);
    for (ptrdiff_t t = s->taps; t % TILE_ROWS; t++)
        s->places[t] = s->places[t - 1];
    s->images = (char *)s->places + places_bytes(s);
    job.grads = s->images + (size_t)call->threads * s->image_bytes;
    const int threads = threads_for(s, call->threads);
    cnet_parallel(dw_part, &job, job.count, threads);
    if (job.count > 1)
        cnet_parallel(add_parts, &job, ceil_div(weight_count(s), ELEMENTS_PER_CHUNK), threads);
}
