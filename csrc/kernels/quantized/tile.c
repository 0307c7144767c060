/* Register tiles of 8-bit convolutions: sums over taps for a few pixels and one block of outputs.
 *
 * The sizes of a tile are constants of the code, so that the sums stay in registers. */
#include "quantized.h"

/* Filters are prefetched this many vectors of a block ahead. */
enum { FILTERS_AHEAD = 48 };

#define UNROLLED static inline __attribute__((always_inline))

/* The numbers of a vector of outputs of one pixel, before they are limited. */
UNROLLED vec scaled(const outputs *to, ptrdiff_t place, ivec sum, vec scale, vec bias) {
    const vec y = __builtin_convertvector(sum, vec) * scale + bias;
    if (!to->residual)
        return y;
    return y + __builtin_convertvector(load_bytes(to->residual + place), vec) *
                   broadcast(to->residual_scale);
}

#if defined(__AVX512F__)
/* Pixels in 64 bytes. Limits are applied to integers, because rounding keeps the order; but the
 * upper one first to numbers, which may have no integer. NaN becomes the lower one. */
enum { TOGETHER = 4 };
UNROLLED void finish_together(const outputs *to, ptrdiff_t at, const int32_t *sums, vec scale,
                              vec bias) {
    __m512i q[TOGETHER];
#pragma GCC unroll 4
    for (int p = 0; p < TOGETHER; p++) {
        const vec y = scaled(to, at + p * QBLOCK, load_ints(sums + p * QBLOCK), scale, bias);
        q[p] = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(to->high), (__m512)y));
    }
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes =
        _mm512_packus_epi16(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3]));
    const __m512i low = _mm512_set1_epi8((char)lrintf(to->low));
    _mm512_storeu_si512(to->y + at, _mm512_max_epu8(_mm512_permutexvar_epi32(order, bytes), low));
}
#endif

/* A loop for all tiles, because unrolled code would be as large as that of the sums. Bytes may
 * alias everything, so what the loops read is copied first. */
__attribute__((noinline)) void CNET_FN(quantized_finish)(const tile *t, ptrdiff_t at,
                                                         ptrdiff_t count, const int32_t *sums) {
    const outputs to = *t->outputs;
    const vec low = broadcast(to.low), high = broadcast(to.high);
    const ptrdiff_t y_pixel = t->y_pixel;
    vec scale[BLOCK_VECTORS], bias[BLOCK_VECTORS];
    for (int v = 0; v < BLOCK_VECTORS; v++) {
        scale[v] = load(t->scale + v * BLOCK_LANES);
        bias[v] = load(t->bias + v * BLOCK_LANES);
    }
    ptrdiff_t p = 0;
#if defined(__AVX512F__)
    if (to.y && y_pixel == QBLOCK)
        for (; p + TOGETHER <= count; p += TOGETHER)
            finish_together(&to, at + p * QBLOCK, sums + p * QBLOCK, scale[0], bias[0]);
#endif
#pragma GCC unroll 1
    for (; p < count; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            const ptrdiff_t place = at + p * y_pixel + v * BLOCK_LANES;
            const ivec sum = load_ints(sums + p * QBLOCK + v * BLOCK_LANES);
            const vec y = between(scaled(&to, place, sum, scale[v], bias[v]), low, high);
            if (to.y)
                store_bytes(to.y + place, nearest(y));
            else
                store(to.real_y + place, y);
        }
}

UNROLLED void compute(const tile *t, const int rows, const int width, const int has_channels,
                      const int vnni) {
    ivec sums[MOST_PIXELS][BLOCK_VECTORS];
#pragma GCC unroll 16
    for (int p = 0; p < rows * width; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            sums[p][v] = load_ints(t->start + v * BLOCK_LANES);
    const int8_t *filters = t->filters;
#pragma GCC unroll 1
    for (ptrdiff_t k = 0; k < t->taps; k++, filters += QBLOCK * QUAD) {
        const uint8_t *x[4];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            x[r] = t->x + (t->offsets[k] + r * t->x_row);
            __asm__("" : "+r"(x[r])); /* one pointer for each row */
        }
        __builtin_prefetch(filters + FILTERS_AHEAD * QBLOCK * QUAD);
        ivec filter[BLOCK_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            filter[v] = load_ints(filters + v * VECTOR_BYTES);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
            for (int p = 0; p < width; p++) {
                int32_t quad;
                memcpy(&quad, x[r] + p * QBLOCK, sizeof quad);
#pragma GCC unroll 4
                for (int v = 0; v < BLOCK_VECTORS; v++) {
                    const ivec cells = has_channels
                                           ? load_ints(x[r] + p * QBLOCK * QUAD + v * VECTOR_BYTES)
                                           : splat(quad);
                    sums[r * width + p][v] = dot(sums[r * width + p][v], cells, filter[v], vnni);
                }
            }
    }
    int32_t finished[MOST_PIXELS * QBLOCK];
#pragma GCC unroll 16
    for (int p = 0; p < rows * width; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            store_ints(finished + p * QBLOCK + v * BLOCK_LANES, sums[p][v]);
#pragma GCC unroll 1
    for (int r = 0; r < rows; r++)
        CNET_FN(quantized_finish)(t, t->at + r * t->y_row, width, finished + r * width * QBLOCK);
}

#define WIDTHS(CASE, rows)                                                                         \
    CASE(rows, 1)                                                                                  \
    CASE(rows, 2)                                                                                  \
    CASE(rows, 3)                                                                                  \
    CASE(rows, 4)                                                                                  \
    CASE(rows, 5)                                                                                  \
    CASE(rows, 6)                                                                                  \
    CASE(rows, 7)                                                                                  \
    CASE(rows, 8)                                                                                  \
    CASE(rows, 9)                                                                                  \
    CASE(rows, 10)                                                                                 \
    CASE(rows, 11)                                                                                 \
    CASE(rows, 12)                                                                                 \
    CASE(rows, 13)                                                                                 \
    CASE(rows, 14)                                                                                 \
    CASE(rows, 15)                                                                                 \
    CASE(rows, 16)

/* Tiles of one row that other tiles are computed in: dots that are several instructions need more
 * registers, and have shorter chains of sums. */
enum {
    FREE_OF_PART = (ISA_REGISTERS - 3 - 2 * BLOCK_VECTORS) / BLOCK_VECTORS,
    PART_PIXELS = FREE_OF_PART > 4 ? 4
    : FREE_OF_PART < 1             ? 1
                                   : FREE_OF_PART
};

/* A part of a tile: `width` pixels of one row, from pixel p on. */
UNROLLED void compute_part(const tile *t, int row, int p, const int width, const int has_channels,
                           const int vnni) {
    tile part = *t;
    part.x += row * t->x_row + p * (has_channels ? QBLOCK * QUAD : QBLOCK);
    part.at += row * t->y_row + p * t->y_pixel;
    compute(&part, 1, width, has_channels, vnni);
}

UNROLLED void in_parts(const tile *t, int rows, int width, const int most, const int has_channels,
                       const int vnni) {
    for (int row = 0; row < rows; row++) {
        int p = 0;
        for (; p + most <= width; p += most)
            compute_part(t, row, p, most, has_channels, vnni);
        for (; p + 2 <= width && most > 2; p += 2)
            compute_part(t, row, p, 2, has_channels, vnni);
        for (; p < width && most > 1; p++)
            compute_part(t, row, p, 1, has_channels, vnni);
    }
}

#define PARTS(name, most, has_channels, vnni)                                                      \
    static void name(const tile *t, int rows, int width) {                                         \
        in_parts(t, rows, width, most, has_channels, vnni);                                        \
    }
PARTS(dense, PART_PIXELS, 0, 0)
PARTS(channels, PART_PIXELS, 1, 0)

#if HAS_VNNI
/* A case for each size; sizes beyond MOST_PIXELS compile to nothing. */
#define CASE(rows, width)                                                                          \
    case rows * 32 + width:                                                                        \
        if (rows * width <= MOST_PIXELS)                                                           \
            compute(t, rows, rows *width <= MOST_PIXELS ? width : 1, has_channels, 1);             \
        break;
UNROLLED void of_size(const tile *t, int rows, int width, const int has_channels) {
    switch (rows * 32 + width) {
        WIDTHS(CASE, 1)
        WIDTHS(CASE, 2)
        WIDTHS(CASE, 4)
    }
}
static void dense_vnni(const tile *t, int rows, int width) { of_size(t, rows, width, 0); }
static void channels_vnni(const tile *t, int rows, int width) { of_size(t, rows, width, 1); }
#else
#define dense_vnni dense
#define channels_vnni channels
#endif

void CNET_FN(quantized_tile)(const tile *t, tile_kind kind, int vnni, int rows, int width) {
    typedef void compute_tile(const tile *t, int rows, int width);
    static compute_tile *const tiles[TILE_KINDS][2] = {
        [TILE_DENSE] = {dense, dense_vnni},
        [TILE_CHANNELS] = {channels, channels_vnni},
    };
    tiles[kind][vnni](t, rows, width);
}
