/* Weight gradient of a 1 x 1 convolution with few channels: each weight is the dot product of a
 * plane of grad_output and one of x, which are read in place.
 *
 * Lanes are pixels. A tile is ROWS planes of one array and COLS planes of the other; its sums are
 * kept as vectors for all images of a part, and their lanes are added at the end. Chunks are parts
 * of the batch and blocks of planes. Each part has its own copy of dw; the copies are added in
 * order. */
#include "conv.h"
#include "simd.h"

enum {
    ROWS = ISA_REGISTERS == 32 ? 4 : 3,
    COLS = ISA_REGISTERS == 32 ? 6 : 4,
    FEW_CHANNELS = 64, /* of the array with fewer */
    MOST_WEIGHTS = 1 << 14,
    CACHED_BYTES = ISA_CORE_CACHE_BYTES / 2, /* of the planes of the array with fewer */
    LEAST_PIXELS = 128,
    ENOUGH_CHUNKS = 16,
    ENOUGH_PIXELS = 1 << 10,                                                   /* of a part */
    SUMS = (ROWS * COLS * (int)sizeof(real) + VECTOR_BYTES - 1) / VECTOR_BYTES /* in vectors */
};

/* Planes (n, planes, pixels), and the step of their weights in dw. */
typedef struct {
    const real *from;
    ptrdiff_t planes, step;
} operand;

typedef struct {
    operand rows, cols;
    ptrdiff_t n, pixels, weights;
    ptrdiff_t parts, images;  /* of the batch; of a part */
    ptrdiff_t blocks, planes; /* of the array with more planes; of a block */
    real *copies, *dw;
} job_t;

/* sum[r][c] += the products of `count` pixels: of a vector, or of fewer at the end of the planes.
 */
static inline __attribute__((always_inline)) void add_products(const real *rows, const real *cols,
                                                               ptrdiff_t pixels, ptrdiff_t count,
                                                               vec sum[ROWS][COLS]) {
    vec row[ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++)
        row[r] = load_run(rows + r * pixels, count);
#pragma GCC unroll 6
    for (int c = 0; c < COLS; c++) {
        const vec col = load_run(cols + c * pixels, count);
#pragma GCC unroll 4
        for (int r = 0; r < ROWS; r++)
            sum[r][c] += row[r] * col;
    }
}

/* sums[r * COLS + c] = the dot product of planes r of `rows` and c of `cols`, over some images. */
static void sum_tile(const job_t *job, const real *rows, const real *cols, ptrdiff_t images,
                     real *sums) {
    const ptrdiff_t pixels = job->pixels, whole = pixels / LANES * LANES;
    const ptrdiff_t row_image = job->rows.planes * pixels, col_image = job->cols.planes * pixels;
    vec sum[ROWS][COLS] = {0};
    for (ptrdiff_t n = 0; n < images; n++, rows += row_image, cols += col_image) {
        for (ptrdiff_t p = 0; p < whole; p += LANES)
            add_products(rows + p, cols + p, pixels, LANES, sum);
        if (whole < pixels)
            add_products(rows + whole, cols + whole, pixels, pixels - whole, sum);
    }
    vec all[SUMS * (VECTOR_BYTES / (int)sizeof(real))] = {0};
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 6
        for (int c = 0; c < COLS; c++)
            all[r * COLS + c] = sum[r][c];
    add_lanes(all, SUMS * (int)LANES);
#pragma GCC unroll 3
    for (int i = 0; i < SUMS; i++)
        store(sums + i * LANES, all[i]);
}

/* A chunk: some planes of the array with more of them, all planes of the other. The last tile
 * begins earlier, so that it ends with the last plane. */
static void multiply_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const operand *rows = &job->rows, *cols = &job->cols;
    const ptrdiff_t part = chunk / job->blocks, begin = chunk % job->blocks * job->planes;
    const ptrdiff_t n = part * job->images, images = min_size(job->images, job->n - n);
    const int by_rows = rows->planes > cols->planes;
    const operand *more = by_rows ? rows : cols, *fewer = by_rows ? cols : rows;
    const ptrdiff_t end = min_size(begin + job->planes, more->planes);
    const ptrdiff_t step = by_rows ? ROWS : COLS, other_step = by_rows ? COLS : ROWS;
    real *copy = job->parts == 1 ? job->dw : job->copies + part * job->weights;
    for (ptrdiff_t i = begin; i < end; i += step)
        for (ptrdiff_t j = 0; j < fewer->planes; j += other_step) {
            const ptrdiff_t first = min_size(i, more->planes - step),
                            other = min_size(j, fewer->planes - other_step);
            const ptrdiff_t row = by_rows ? first : other, col = by_rows ? other : first;
            real sums[SUMS * LANES];
            sum_tile(job, rows->from + (n * rows->planes + row) * job->pixels,
                     cols->from + (n * cols->planes + col) * job->pixels, images, sums);
            for (ptrdiff_t r = 0; r < ROWS; r++)
                for (ptrdiff_t c = 0; c < COLS; c++)
                    copy[(row + r) * rows->step + (col + c) * cols->step] = sums[r * COLS + c];
        }
}

static void add_copies(const job_t *job) {
    for (ptrdiff_t t = 0; t < job->weights; t += LANES) {
        const ptrdiff_t count = job->weights - t;
        vec sum = {0};
        for (ptrdiff_t part = 0; part < job->parts; part++)
            sum += load_run(job->copies + part * job->weights + t, count);
        store_run(job->dw + t, sum, count);
    }
}

static ptrdiff_t tiled(ptrdiff_t rows, ptrdiff_t cols) {
    return round_up(rows, ROWS) * round_up(cols, COLS);
}

static job_t make_job(const cnet_conv2d *g) {
    const operand dy = {.planes = g->o, .step = g->c}, x = {.planes = g->c, .step = 1};
    const int rows_are_dy = tiled(g->o, g->c) <= tiled(g->c, g->o);
    job_t job = {.rows = rows_are_dy ? dy : x,
                 .cols = rows_are_dy ? x : dy,
                 .n = g->n,
                 .pixels = g->h * g->w,
                 .weights = g->o * g->c};
    job.images = min_size(g->n, ceil_div(ENOUGH_PIXELS, job.pixels));
    job.parts = ceil_div(g->n, job.images);
    job.planes =
        round_up(ceil_div(max_size(g->o, g->c), ceil_div(ENOUGH_CHUNKS, job.parts)), ROWS * COLS);
    job.blocks = ceil_div(max_size(g->o, g->c), job.planes);
    return job;
}

int CNET_FN(pointwise_dots_pay)(const cnet_conv2d *g) {
    const ptrdiff_t pixels = g->h * g->w, fewer = min_size(g->o, g->c);
    return g->g == 1 && g->sh == 1 && g->sw == 1 && fewer >= COLS && fewer <= FEW_CHANNELS &&
           g->o * g->c <= MOST_WEIGHTS && pixels >= LEAST_PIXELS &&
           fewer * pixels * (ptrdiff_t)sizeof(real) <= CACHED_BYTES;
}

size_t CNET_FN(pointwise_dots_workspace)(const cnet_conv2d *g, int threads) {
    (void)threads;
    const job_t job = make_job(g);
    return job.parts == 1 ? 0 : bytes_of(job.parts * job.weights, sizeof(real));
}

void CNET_FN(pointwise_dots)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                             const cnet_call *call) {
    job_t job = make_job(g);
    const int rows_are_dy = job.rows.step == g->c;
    job.rows.from = rows_are_dy ? arrays->grad_output : arrays->x;
    job.cols.from = rows_are_dy ? arrays->x : arrays->grad_output;
    job.copies = (real *)call->workspace;
    job.dw = arrays->to;
    cnet_parallel(multiply_chunk, &job, job.parts * job.blocks, call->threads);
    if (job.parts > 1)
        add_copies(&job);
}
