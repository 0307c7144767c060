/* Conversions between plain and blocked images, and pooling of blocked images. */
#include "blocked.h"
#include "window.h"

typedef struct {
    const real *x;
    real *y;
    cnet_norm g;
    cnet_window2d window;
    int is_maximum;
} job_t;

/* The pixels [p, p + LANES) of LANES channels: rows of a plain image, columns of a blocked one. */
static void block_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t size = job->g.size, blocks = blocks_of(job->g.c);
    const ptrdiff_t channels = min_size(BLOCK, job->g.c - chunk % blocks * BLOCK);
    const real *x = job->x + (chunk / blocks * job->g.c + chunk % blocks * BLOCK) * size;
    real *y = job->y + chunk * size * BLOCK;
    for (ptrdiff_t p = 0; p < size; p += LANES)
        for (ptrdiff_t s = 0; s < BLOCK; s += LANES) {
            vec rows[VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 1
            for (ptrdiff_t r = 0; r < LANES; r++)
                rows[r] = s + r < channels ? load_run(x + (s + r) * size + p, size - p) : (vec){0};
            transpose(rows);
            for (ptrdiff_t r = 0; r < min_size(LANES, size - p); r++)
                store(y + (p + r) * BLOCK + s, rows[r]);
        }
}

static void unblock_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t size = job->g.size, blocks = blocks_of(job->g.c);
    const ptrdiff_t channels = min_size(BLOCK, job->g.c - chunk % blocks * BLOCK);
    const real *x = job->x + chunk * size * BLOCK;
    real *y = job->y + (chunk / blocks * job->g.c + chunk % blocks * BLOCK) * size;
    for (ptrdiff_t p = 0; p < size; p += LANES)
        for (ptrdiff_t s = 0; s < channels; s += LANES) {
            vec rows[VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 1
            for (ptrdiff_t r = 0; r < LANES; r++)
                rows[r] = p + r < size ? load(x + (p + r) * BLOCK + s) : (vec){0};
            transpose(rows);
#pragma GCC unroll 1
            for (ptrdiff_t r = 0; r < min_size(LANES, channels - s); r++)
                store_run(y + (s + r) * size + p, rows[r], size - p);
        }
}

/* y = x, blocked. x (n, c, size) is plain; channels beyond c are 0. Exact. Parallel over blocks. */
void CNET_FN(block)(const cnet_call *call) {
    const cnet_block_arguments *a = &call->block;
    const job_t job = {.x = a->x, .y = a->y, .g = a->g};
    cnet_parallel(block_chunk, &job, a->g.n * blocks_of(a->g.c), call->threads);
}

/* y = x, plain. x (n, c, size) is blocked. Exact. Parallel over blocks. */
void CNET_FN(unblock)(const cnet_call *call) {
    const cnet_unblock_arguments *a = &call->unblock;
    const job_t job = {.x = a->x, .y = a->y, .g = a->g};
    cnet_parallel(unblock_chunk, &job, a->g.n * blocks_of(a->g.c), call->threads);
}

/* Cells that are added one after the other; longer sums are sums of such sums. */
enum { RUN = 64 };

/* Pools the cells of a window, a block of channels each. */
static inline void pool_window(const job_t *job, const real *x, range rows, range columns,
                               real *y) {
    const cnet_window2d *g = &job->window;
    vec all[BLOCK_VECTORS], part[BLOCK_VECTORS] = {0};
    ptrdiff_t cells = 0;
    for (int v = 0; v < BLOCK_VECTORS; v++)
        all[v] = broadcast(job->is_maximum ? -REAL_INFINITY : 0);
    for (ptrdiff_t i = rows.begin; i < rows.end; i++)
        for (ptrdiff_t j = columns.begin; j < columns.end; j++) {
            const real *cell = x + (i * g->dh * g->w + j * g->dw) * BLOCK;
            cells++;
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                const vec values = load(cell + v * LANES);
                if (job->is_maximum) {
                    all[v] = choose((values > all[v]) | (values != values), values, all[v]);
                } else {
                    part[v] += values;
                    if (cells % RUN == 0) {
                        all[v] += part[v];
                        part[v] = (vec){0};
                    }
                }
            }
        }
    for (int v = 0; v < BLOCK_VECTORS; v++)
        store(y + v * LANES, job->is_maximum ? all[v] : (all[v] + part[v]) / (real)(g->kh * g->kw));
}

static void pool_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d *g = &job->window;
    const real *x = job->x + chunk * g->h * g->w * BLOCK;
    real *y = job->y + chunk * g->oh * g->ow * BLOCK;
    for (ptrdiff_t oy = 0; oy < g->oh; oy++) {
        const ptrdiff_t top = oy * g->sh - g->ph;
        const range rows = inside(top, g->dh, g->h, g->kh);
        for (ptrdiff_t ox = 0; ox < g->ow; ox++, y += BLOCK) {
            const ptrdiff_t left = ox * g->sw - g->pw;
            const range columns = inside(left, g->dw, g->w, g->kw);
            pool_window(job, x + (top * g->w + left) * BLOCK, rows, columns, y);
        }
    }
}

/* The maximum of each window of blocked images, or its mean.
 *
 * x (n, c, h, w) and y (n, c, oh, ow) are blocked. Padding does not count for a maximum, of which
 * NaN is the largest; a mean is over kh * kw cells. Overwrites y. Parallel over blocks. */
void CNET_FN(blocked_pool2d)(const cnet_call *call) {
    const cnet_blocked_pool2d_arguments *a = &call->blocked_pool2d;
    const job_t job = {.x = a->x, .y = a->y, .window = a->g, .is_maximum = a->is_maximum != 0};
    cnet_parallel(pool_chunk, &job, a->g.n * blocks_of(a->g.c), call->threads);
}
