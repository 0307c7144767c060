/* Conversions between numbers and 8-bit integers in any layout, and maxima of 8-bit images. */
#include "quantized.h"
#include "window.h"

typedef struct {
    const void *x;
    void *y;
    ptrdiff_t count;
    float scale, zero;
    cnet_window2d window;
} job_t;

static void quantize_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const real *x = job->x;
    uint8_t *y = job->y;
    const vec scale = broadcast(job->scale), zero = broadcast(job->zero);
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t += LANES) {
        const vec v = load_run(x + t, end - t) * scale + zero;
        const ivec q = nearest(between(v, (vec){0}, broadcast(255)));
        if (end - t >= LANES)
            store_bytes(y + t, q);
        else
            for (ptrdiff_t lane = 0; lane < end - t; lane++)
                y[t + lane] = (uint8_t)q[lane];
    }
}

/* y = x * scale + zero, limited to [0, 255] and rounded to the nearest integer, halves to even.
 *
 * NaN becomes 0. Overwrites y. Parallel over elements. */
void CNET_FN(quantize)(const cnet_call *call) {
    const cnet_quantize_arguments *a = &call->quantize;
    const job_t job = {
        .x = a->x, .y = a->y, .count = a->count, .scale = (float)a->scale, .zero = (float)a->zero};
    cnet_parallel(quantize_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
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
