/* ReLU and 2 x 2 maximum pooling of the result of a convolution, and its gradient.
 *
 * Used after a convolution whose own algorithm is faster than the one in conv2d_relu_pool. For the
 * backward pass they save one byte for every four cells. */
#include "pool/relu_pool.h"
#include "window.h"

typedef struct {
    const real *from;
    real *to;
    uint8_t *codes;       /* output */
    const uint8_t *given; /* input */
    const cnet_window2d *g;
    ptrdiff_t planes; /* in a chunk */
} job_t;

static void run(cnet_task *task, job_t *job, const cnet_call *call) {
    job->planes = max_size(1, ELEMENTS_PER_CHUNK / max_size(1, job->g->h * job->g->w));
    cnet_parallel(task, job, ceil_div(job->g->n * job->g->c, job->planes), call->threads);
}

static range planes_of(const job_t *job, ptrdiff_t chunk) {
    const ptrdiff_t begin = chunk * job->planes;
    return (range){begin, min_size(job->g->n * job->g->c, begin + job->planes)};
}

/* The cells from `at` on; cells after the last image are 0. */
static inline vec cells_at(const real *x, ptrdiff_t at, ptrdiff_t end) {
    if (at + LANES <= end)
        return load(x + at);
    return at < end ? load_run(x + at, end - at) : (vec){0};
}

/* Vectors extend into the next rows of results, which are written later. */
static void pool_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    const ptrdiff_t end = g.n * g.c * g.h * g.w, last = planes.end * g.oh * g.ow;
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        for (ptrdiff_t row = 0; row < g.oh; row++) {
            const ptrdiff_t first = (plane * g.oh + row) * g.ow;
            const ptrdiff_t above = (plane * g.h + 2 * row) * g.w, below = above + g.w;
            for (ptrdiff_t t = 0; t < g.ow; t += LANES)
                relu_pool_run(cells_at(job->from, above + 2 * t, end),
                              cells_at(job->from, above + 2 * t + LANES, end),
                              cells_at(job->from, below + 2 * t, end),
                              cells_at(job->from, below + 2 * t + LANES, end),
                              job->to + (first + t), job->codes + (first + t),
                              min_size(LANES, last - first - t));
        }
    }
}

/* y = max_pool2d(relu(x), 2), bit for bit, without the intermediate array.
 *
 * x (n, c, h, w), y and codes (n, c, oh, ow) with oh = h / 2 and ow = w / 2; overwrites both.
 * Codes, ties and NaN as in conv2d_relu_pool. Exact. Parallel over planes (n, c). */
void CNET_FN(relu_pool)(const cnet_call *call) {
    const cnet_relu_pool_arguments *a = &call->relu_pool;
    job_t job = {.from = a->x, .to = a->y, .codes = a->codes, .g = &a->g};
    run(pool_planes, &job, call);
}

static void unpool_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    const ptrdiff_t end = g.n * g.c * g.oh * g.ow;
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        for (ptrdiff_t row = 0; row < g.h; row++) {
            real *dx = job->to + (plane * g.h + row) * g.w;
            if (row >= 2 * g.oh) {
                memset(dx, 0, (size_t)g.w * sizeof(real));
                continue;
            }
            const ptrdiff_t first = (plane * g.oh + row / 2) * g.ow;
            const int left = 2 * (int)(row % 2);
            for (ptrdiff_t t = 0; t < g.ow; t += LANES) {
                const ptrdiff_t count = min_size(LANES, g.ow - t);
                const int is_whole = first + t + LANES <= end; /* not all lanes are stored */
                const ivec code = is_whole ? load_bytes(job->given + first + t)
                                           : load_bytes_run(job->given + first + t, count);
                const vec grad_output =
                    is_whole ? load(job->from + first + t) : load_run(job->from + first + t, count);
                const vec a = select_cell(code == splat(left), grad_output, (vec){0});
                const vec b = select_cell(code == splat(left + 1), grad_output, (vec){0});
                store_run(dx + 2 * t, zip_first(a, b), min_size(LANES, 2 * count));
                store_run(dx + 2 * t + LANES, zip_second(a, b), 2 * count - LANES);
            }
            if (g.w > 2 * g.ow)
                dx[2 * g.ow] = 0;
        }
    }
}

/* The gradient of relu and max_pool2d(2) from the codes of relu_pool: dx is grad_output at the
 * position that the code gives, else 0.
 *
 * grad_output and codes (n, c, oh, ow), dx (n, c, h, w) with oh = h / 2 and ow = w / 2; overwrites
 * dx. Exact. Parallel over planes (n, c). */
void CNET_FN(relu_pool_backward)(const cnet_call *call) {
    const cnet_relu_pool_backward_arguments *a = &call->relu_pool_backward;
    job_t job = {.from = a->grad_output, .to = a->dx, .given = a->codes, .g = &a->g};
    run(unpool_planes, &job, call);
}
