/* Conversions between float32 and 8-bit integers or bfloat16 in any layout, and maxima of such
 * images. */
#include "quantized.h"
#include "window.h"

enum { PIXELS_PER_CHUNK = 1 << 11, WORD = sizeof(int32_t) };

typedef struct {
    const void *x;
    void *y;
    cnet_norm g;
    ptrdiff_t count;
    float scale, zero;
    cnet_window2d window;
} job_t;

/* ---- From float32 ------------------------------------------------------------------------- */

UNROLLED ivec integers(const job_t *job, vec x, const number_format format) {
    if (format == BFLOAT16)
        return bfloat16_of(x);
    const vec scaled = x * broadcast(job->scale) + broadcast(job->zero);
    return nearest(between(scaled, (vec){0}, broadcast(255)));
}

/* The channels in a word of 4 bytes, or the first `count` of them, for some pixels. */
UNROLLED ivec words_of(const job_t *job, const real *x, ptrdiff_t count, ptrdiff_t pixels,
                       const number_format format) {
    const int channels = WORD / (int)element_bytes(format);
    ivec words = {0};
#pragma GCC unroll 4
    for (int i = 0; i < channels; i++)
        if (i < count)
            words |= integers(job, load_run(x + i * job->g.size, pixels), format)
                     << 8 * WORD / channels * i;
    return words;
}

/* The pixels of a block of channels: rows of a plain image, columns of a blocked one. */
UNROLLED void convert_block(const job_t *job, ptrdiff_t chunk, const number_format format) {
    const cnet_norm *g = &job->g;
    const ptrdiff_t blocks = qblocks_of(g->c), parts = ceil_div(g->size, PIXELS_PER_CHUNK);
    const ptrdiff_t block = chunk / parts % blocks, n = chunk / parts / blocks;
    const ptrdiff_t channels = min_size(QBLOCK, g->c - block * QBLOCK);
    const ptrdiff_t first = chunk % parts * PIXELS_PER_CHUNK;
    const ptrdiff_t last = min_size(g->size, first + PIXELS_PER_CHUNK);
    const ptrdiff_t bytes = element_bytes(format), together = WORD / bytes;
    const real *x = (const real *)job->x + (n * g->c + block * QBLOCK) * g->size;
    char *y = (char *)job->y + (n * blocks + block) * g->size * QBLOCK * bytes;
    for (ptrdiff_t p = first; p < last; p += LANES)
        for (ptrdiff_t s = 0; s < QBLOCK; s += PART * together) {
            vec words[PART];
#pragma GCC unroll 1
            for (ptrdiff_t w = 0; w < PART; w++) {
                const ptrdiff_t c = s + w * together;
                words[w] = (vec)words_of(job, x + c * g->size + p, channels - c, last - p, format);
            }
            transpose_parts(words);
            for (ptrdiff_t r = 0; r < min_size(LANES, last - p); r++)
                memcpy(y + ((p + r) * QBLOCK + s) * bytes,
                       (real *)&words[r % PART] + r / PART * PART, PART * WORD);
        }
}

UNROLLED void store_integers(const job_t *job, ptrdiff_t at, ivec x, const number_format format) {
    if (format == INT8)
        store_bytes((uint8_t *)job->y + at, x);
    else
        store_halves((uint16_t *)job->y + at, x);
}

/* A block of channels of one pixel each, as they are: already blocked images, or rows. */
UNROLLED void convert_run(const job_t *job, ptrdiff_t chunk, const number_format format) {
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t += LANES)
        store_integers(job, t, integers(job, load((const real *)job->x + t), format), format);
}

UNROLLED void convert_chunk(const job_t *job, ptrdiff_t chunk, const number_format format) {
    if (job->g.size == 1 && job->g.c % QBLOCK == 0)
        convert_run(job, chunk, format);
    else
        convert_block(job, chunk, format);
}
static void quantize_chunk(const void *job, ptrdiff_t chunk, int slot) {
    (void)slot;
    convert_chunk(job, chunk, INT8);
}
static void round_chunk(const void *job, ptrdiff_t chunk, int slot) {
    (void)slot;
    convert_chunk(job, chunk, BFLOAT16);
}

static void convert_all(job_t job, cnet_task *task, int threads) {
    const cnet_norm *g = &job.g;
    job.count = g->n * g->c;
    cnet_parallel(task, &job,
                  g->size == 1 && g->c % QBLOCK == 0
                      ? ceil_div(job.count, ELEMENTS_PER_CHUNK)
                      : g->n * qblocks_of(g->c) * ceil_div(g->size, PIXELS_PER_CHUNK),
                  threads);
}

/* y = x * scale + zero, limited to [0, 255] and rounded to the nearest integer, halves to even.
 *
 * x (n, c, size) is plain, y is blocked. A blocked x has the same elements as a plain one with n
 * pixels of 16 channels, (n, 16, 1). NaN becomes 0. Overwrites y. Parallel over blocks and pixels.
 */
void CNET_FN(quantize)(const cnet_call *call) {
    const cnet_quantize_arguments *a = &call->quantize;
    convert_all(
        (job_t){.x = a->x, .y = a->y, .g = a->g, .scale = (float)a->scale, .zero = (float)a->zero},
        quantize_chunk, call->threads);
}

/* y = x rounded to the nearest bfloat16, halves to even, in the layouts of quantize. NaN stays NaN.
 * Overwrites y. Parallel over blocks and pixels. */
void CNET_FN(to_bfloat16)(const cnet_call *call) {
    const cnet_to_bfloat16_arguments *a = &call->to_bfloat16;
    convert_all((job_t){.x = a->x, .y = a->y, .g = a->g}, round_chunk, call->threads);
}

/* ---- To float32 --------------------------------------------------------------------------- */

UNROLLED vec numbers(const job_t *job, const void *x, const number_format format) {
    if (format == BFLOAT16)
        return of_bfloat16(load_halves(x));
    return (__builtin_convertvector(load_bytes(x), vec) - job->zero) * job->scale;
}

UNROLLED void widen_chunk(const job_t *job, ptrdiff_t chunk, const number_format format) {
    const char *x = job->x;
    real *y = job->y;
    const ptrdiff_t end = min_size(job->count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK;
    for (; t + LANES <= end; t += LANES)
        store(y + t, numbers(job, x + t * element_bytes(format), format));
    if (t < end) {
        char rest[VECTOR_BYTES] = {0};
        memcpy(rest, x + t * element_bytes(format), (size_t)((end - t) * element_bytes(format)));
        store_run(y + t, numbers(job, rest, format), end - t);
    }
}
static void dequantize_chunk(const void *job, ptrdiff_t chunk, int slot) {
    (void)slot;
    widen_chunk(job, chunk, INT8);
}
static void from_bfloat16_chunk(const void *job, ptrdiff_t chunk, int slot) {
    (void)slot;
    widen_chunk(job, chunk, BFLOAT16);
}

/* y = (x - zero) * scale. Overwrites y. Parallel over elements. */
void CNET_FN(dequantize)(const cnet_call *call) {
    const cnet_dequantize_arguments *a = &call->dequantize;
    const job_t job = {
        .x = a->x, .y = a->y, .count = a->count, .scale = (float)a->scale, .zero = (float)a->zero};
    cnet_parallel(dequantize_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}

/* y = x as float32. Overwrites y. Parallel over elements. */
void CNET_FN(from_bfloat16)(const cnet_call *call) {
    const cnet_from_bfloat16_arguments *a = &call->from_bfloat16;
    const job_t job = {.x = a->x, .y = a->y, .count = a->count};
    cnet_parallel(from_bfloat16_chunk, &job, ceil_div(a->count, ELEMENTS_PER_CHUNK), call->threads);
}

/* ---- Maxima ------------------------------------------------------------------------------- */

/* Of bfloat16 images; NaN is the largest, and the first of equal maxima is taken. */
static void bfloat16_pool_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d *g = &job->window;
    const uint16_t *x = (const uint16_t *)job->x + chunk * g->h * g->w * QBLOCK;
    uint16_t *y = (uint16_t *)job->y + chunk * g->oh * g->ow * QBLOCK;
    for (ptrdiff_t oy = 0; oy < g->oh; oy++) {
        const ptrdiff_t top = oy * g->sh - g->ph;
        const range rows = inside(top, g->dh, g->h, g->kh);
        for (ptrdiff_t ox = 0; ox < g->ow; ox++) {
            const ptrdiff_t left = ox * g->sw - g->pw;
            const range columns = inside(left, g->dw, g->w, g->kw);
            for (int v = 0; v < BLOCK_VECTORS; v++, y += BLOCK_LANES) {
                vec most = broadcast(-INFINITY);
                for (ptrdiff_t i = rows.begin; i < rows.end; i++)
                    for (ptrdiff_t j = columns.begin; j < columns.end; j++) {
                        const ptrdiff_t pixel = (top + i * g->dh) * g->w + left + j * g->dw;
                        const vec cell =
                            of_bfloat16(load_halves(x + pixel * QBLOCK + v * BLOCK_LANES));
                        most = select_cell((cell <= most) | (most != most), most, cell);
                    }
                store_halves(y, shift_right((ivec)most, 16));
            }
        }
    }
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

/* The maximum of each window of blocked images, x (n, c, h, w) and y (n, c, oh, ow); padding does
 * not count. Overwrites y. Parallel over blocks. */
void CNET_FN(quantized_max_pool2d)(const cnet_call *call) {
    const cnet_quantized_max_pool2d_arguments *a = &call->quantized_max_pool2d;
    const job_t job = {.x = a->x, .y = a->y, .window = a->g};
    cnet_parallel(pool_chunk, &job, a->g.n * qblocks_of(a->g.c), call->threads);
}
void CNET_FN(bfloat16_max_pool2d)(const cnet_call *call) {
    const cnet_bfloat16_max_pool2d_arguments *a = &call->bfloat16_max_pool2d;
    const job_t job = {.x = a->x, .y = a->y, .window = a->g};
    cnet_parallel(bfloat16_pool_chunk, &job, a->g.n * qblocks_of(a->g.c), call->threads);
}
