/* Conversions between numbers and 8-bit integers in any layout, and maxima of 8-bit images. */
#include "quantized.h"
#include "window.h"

enum { PIXELS_PER_CHUNK = 1 << 11 };

typedef struct {
    const void *x;
    void *y;
    cnet_norm g;
    ptrdiff_t count;
    float scale, zero;
    cnet_window2d window;
} job_t;

/* The pixels of a block of channels: rows of a plain image, columns of a blocked one. */
static void quantize_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_norm *g = &job->g;
    const ptrdiff_t blocks = qblocks_of(g->c), parts = ceil_div(g->size, PIXELS_PER_CHUNK);
    const ptrdiff_t block = chunk / parts % blocks, n = chunk / parts / blocks;
    const ptrdiff_t channels = min_size(QBLOCK, g->c - block * QBLOCK);
    const ptrdiff_t first = chunk % parts * PIXELS_PER_CHUNK;
    const ptrdiff_t last = min_size(g->size, first + PIXELS_PER_CHUNK);
    const real *x = (const real *)job->x + (n * g->c + block * QBLOCK) * g->size;
    uint8_t *y = (uint8_t *)job->y + (n * blocks + block) * g->size * QBLOCK;
    const vec scale = broadcast(job->scale), zero = broadcast(job->zero);
    for (ptrdiff_t p = first; p < last; p += LANES)
        for (ptrdiff_t s = 0; s < QBLOCK; s += LANES) {
            vec rows[VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 1
            for (ptrdiff_t r = 0; r < LANES; r++)
                rows[r] =
                    s + r < channels ? load_run(x + (s + r) * g->size + p, last - p) : (vec){0};
            transpose(rows);
#pragma GCC unroll 1
            for (ptrdiff_t r = 0; r < min_size(LANES, last - p); r++) {
                const vec v = rows[r] * scale + zero;
                store_bytes(y + (p + r) * QBLOCK + s,
                            nearest(between(v, (vec){0}, broadcast(255))));
            }
        }
}

/* A block of channels of one pixel each, as they are: already blocked images, or rows. */
static void quantize_run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const vec scale = broadcast(job->scale), zero = broadcast(job->zero);
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t += LANES) {
        const vec v = load((const real *)job->x + t) * scale + zero;
        store_bytes((uint8_t *)job->y + t, nearest(between(v, (vec){0}, broadcast(255))));
    }
}

/* y = x * scale + zero, limited to [0, 255] and rounded to the nearest integer, halves to even.
 *
 * x (n, c, size) is plain, y is blocked. A blocked x has the same elements as a plain one with n
 * pixels of 16 channels, (n, 16, 1). NaN becomes 0. Overwrites y. Parallel over blocks and pixels.
 */
void CNET_FN(quantize)(const cnet_call *call) {
    const cnet_quantize_arguments *a = &call->quantize;
    const job_t job = {.x = a->x,
                       .y = a->y,
                       .g = a->g,
                       .count = a->g.n * a->g.c,
                       .scale = (float)a->scale,
                       .zero = (float)a->zero};
    if (a->g.size == 1 && a->g.c % QBLOCK == 0)
        cnet_parallel(quantize_run_chunk, &job, ceil_div(job.count, ELEMENTS_PER_CHUNK),
                      call->threads);
    else
        cnet_parallel(quantize_chunk, &job,
                      a->g.n * qblocks_of(a->g.c) * ceil_div(a->g.size, PIXELS_PER_CHUNK),
                      call->threads);
}

static void dequantize_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const uint8_t *x = job->x;
    real *y = job->y;
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK;
    for (; t + LANES <= end; t += LANES)
        store(y + t, (__builtin_convertvector(load_bytes(x + t), vec) - job->zero) * job->scale);
    for (; t < end; t++)
        y[t] = ((real)x[t] - job->zero) * job->scale;
}

/* y = (x - zero) * scale. Overwrites y. Parallel over elements. */
void CNET_FN(dequantize)(const cnet_call *call) {
    const cnet_dequantize_arguments *a = &call->dequantize;
    const job_t job = {
        .x = a->x, .y = a->y, .count = a->count, .scale = (float)a->scale, .zero = (float)a->zero};
    cnet_parallel(dequantize_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}

static void pool_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d *g = &job->window;
    const uint8_t *x = (const uint8_t *)job->x + chunk * g->h * g->w * QBLOCK;
    uint8_t *y = (uint8_t *)job->y + chunk * g->oh * g->ow * QBLOCK;
    for (ptrdiff_t oy = 0; oy < g->oh; oy++) {
        const ptrdiff_t top = oy * g->sh - g->ph;
        const range rows = inside(top, g->dh, g->h, g->kh);
        for (ptrdiff_t ox = 0; ox < g->ow; ox++, y += QBLOCK) {
            const ptrdiff_t left = ox * g->sw - g->pw;
            const range columns = inside(left, g->dw, g->w, g->kw);
            uint8_t most[QBLOCK] = {0};
            for (ptrdiff_t i = rows.begin; i < rows.end; i++)
                for (ptrdiff_t j = columns.begin; j < columns.end; j++) {
                    const uint8_t *cell =
                        x + ((top + i * g->dh) * g->w + left + j * g->dw) * QBLOCK;
                    for (int lane = 0; lane < QBLOCK; lane++)
                        most[lane] = cell[lane] > most[lane] ? cell[lane] : most[lane];
                }
            memcpy(y, most, QBLOCK);
        }
    }
}

/* The maximum of each window of blocked 8-bit images, x (n, c, h, w) and y (n, c, oh, ow); padding
 * does not count. Overwrites y. Parallel over blocks. */
void CNET_FN(quantized_max_pool2d)(const cnet_call *call) {
    const cnet_quantized_max_pool2d_arguments *a = &call->quantized_max_pool2d;
    const job_t job = {.x = a->x, .y = a->y, .window = a->g};
    cnet_parallel(pool_chunk, &job, a->g.n * qblocks_of(a->g.c), call->threads);
}
