/* Register tiles of convolutions: sums over taps for a few pixels and one block of outputs.
 *
 * The sizes of a tile are constants of the code, so that the sums stay in registers. */
#include "quantized.h"

/* Filters are prefetched this many vectors of a block ahead. */
enum { FILTERS_AHEAD = 48 };

#define UNROLLED static inline __attribute__((always_inline))

/* The numbers of a vector of outputs of one pixel, before they are limited. */
UNROLLED vec finished(const outputs *to, ptrdiff_t place, ivec sum, vec scale, vec bias,
                      const number_format format) {
    if (format == BFLOAT16) {
        const vec y = (vec)sum + bias;
        return to->residual ? y + of_bfloat16(load_halves((const uint16_t *)to->residual + place))
                            : y;
    }
    const vec y = __builtin_convertvector(sum, vec) * scale + bias;
    if (!to->residual)
        return y;
    return y + __builtin_convertvector(load_bytes((const uint8_t *)to->residual + place), vec) *
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
        const vec y =
            finished(to, at + p * QBLOCK, load_ints(sums + p * QBLOCK), scale, bias, INT8);
        q[p] = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(to->high), (__m512)y));
    }
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes =
        _mm512_packus_epi16(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3]));
    const __m512i low = _mm512_set1_epi8((char)lrintf(to->low));
    _mm512_storeu_si512((uint8_t *)to->y + at,
                        _mm512_max_epu8(_mm512_permutexvar_epi32(order, bytes), low));
}
#endif

/* A loop for all tiles, because unrolled code would be as large as that of the sums. Bytes may
 * alias everything, so what the loops read is copied first. */
UNROLLED void finish(const tile *t, ptrdiff_t at, ptrdiff_t count, const int32_t *sums,
                     const number_format format) {
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
    if (format == INT8 && to.y && y_pixel == QBLOCK)
        for (; p + TOGETHER <= count; p += TOGETHER)
            finish_together(&to, at + p * QBLOCK, sums + p * QBLOCK, scale[0], bias[0]);
#endif
#pragma GCC unroll 1
    for (; p < count; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            const ptrdiff_t place = at + p * y_pixel + v * BLOCK_LANES;
            const ivec sum = load_ints(sums + p * QBLOCK + v * BLOCK_LANES);
            const vec all = finished(&to, place, sum, scale[v], bias[v], format);
            const vec y = format == INT8 ? between(all, low, high) : limited(all, low, high);
            if (!to.y)
                store(to.real_y + place, y);
            else if (format == INT8)
                store_bytes((uint8_t *)to.y + place, nearest(y));
            else
                store_halves((uint16_t *)to.y + place, bfloat16_of(y));
        }
}
__attribute__((noinline)) void CNET_FN(quantized_finish)(const tile *t, ptrdiff_t at,
                                                         ptrdiff_t count, const int32_t *sums) {
    if (t->format == INT8)
        finish(t, at, count, sums, INT8);
    else
        finish(t, at, count, sums, BFLOAT16);
}

/* What a tile computes, as constants of its code. */
typedef struct {
    tile_kind kind;
    number_format format;
    int vnni;
} arithmetic;

UNROLLED ivec add_dot(ivec sum, ivec x, ivec filter, const arithmetic how) {
    if (how.format == INT8)
        return dot(sum, x, filter, how.vnni);
    return (ivec)add_product((vec)sum, (vec)x, (vec)filter);
}

/* Bytes from a pixel to the next one, and from a tap to the next one. */
UNROLLED ptrdiff_t pixel_bytes(const arithmetic how) {
    return how.kind == TILE_CHANNELS || how.format == BFLOAT16 ? QBLOCK * QUAD : QBLOCK;
}
UNROLLED ptrdiff_t tap_bytes(const arithmetic how) {
    return how.format == BFLOAT16 ? block_bytes(how.format) : QBLOCK * QUAD;
}

UNROLLED ivec load_filters(const char *filters, int v, const arithmetic how) {
    if (how.format == BFLOAT16)
        return (ivec)of_bfloat16(load_halves((const uint16_t *)filters + v * BLOCK_LANES));
    return load_ints(filters + v * VECTOR_BYTES);
}

UNROLLED void compute(const tile *t, const int rows, const int width, const arithmetic how) {
    ivec sums[MOST_PIXELS][BLOCK_VECTORS];
#pragma GCC unroll 16
    for (int p = 0; p < rows * width; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            sums[p][v] = load_ints(t->start + v * BLOCK_LANES);
    const char *filters = t->filters;
#pragma GCC unroll 1
    for (ptrdiff_t k = 0; k < t->taps; k++, filters += tap_bytes(how)) {
        const uint8_t *x[4];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            x[r] = t->x + (t->offsets[k] + r * t->x_row);
            __asm__("" : "+r"(x[r])); /* one pointer for each row */
        }
        __builtin_prefetch(filters + FILTERS_AHEAD * tap_bytes(how));
        ivec filter[BLOCK_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            filter[v] = load_filters(filters, v, how);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
            for (int p = 0; p < width; p++) {
                const uint8_t *cells = x[r] + p * pixel_bytes(how);
                int32_t quad;
                memcpy(&quad, cells, sizeof quad);
#pragma GCC unroll 4
                for (int v = 0; v < BLOCK_VECTORS; v++)
                    sums[r * width + p][v] =
                        add_dot(sums[r * width + p][v],
                                how.kind == TILE_CHANNELS ? load_ints(cells + v * VECTOR_BYTES)
                                                          : splat(quad),
                                filter[v], how);
            }
    }
    int32_t finished[MOST_PIXELS * QBLOCK];
#pragma GCC unroll 16
    for (int p = 0; p < rows * width; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            store_ints(finished + p * QBLOCK + v * BLOCK_LANES, sums[p][v]);
    const int is_run = t->y_row == width * t->y_pixel; /* all rows, one after the other */
    const int count = is_run ? rows * width : width;
    for (int p = 0, r = 0; p < rows * width; p += count, r++)
        CNET_FN(quantized_finish)(t, t->at + r * t->y_row, count, finished + p * QBLOCK);
}

/* ---- Tiles in parts of one row: dots that are several instructions need more registers, and have
 * shorter chains of sums ---- */

enum {
    FREE_OF_PART = (ISA_REGISTERS - 3 - 2 * BLOCK_VECTORS) / BLOCK_VECTORS,
    PART_PIXELS = FREE_OF_PART >= 8 ? 8
    : FREE_OF_PART >= 4             ? 4
    : FREE_OF_PART >= 2             ? 2
                                    : 1
};

/* As many parts of `width` pixels of a row as fit, from pixel p on; returns what follows them. */
UNROLLED int compute_parts(const tile *t, int row, int p, int end, const int width,
                           const arithmetic how) {
    for (; width <= PART_PIXELS && p + width <= end; p += width) {
        tile part = *t;
        part.x += row * t->x_row + p * pixel_bytes(how);
        part.at += row * t->y_row + p * t->y_pixel;
        compute(&part, 1, width <= PART_PIXELS ? width : 1, how);
    }
    return p;
}

UNROLLED void in_parts(const tile *t, int rows, int width, const arithmetic how) {
    for (int row = 0; row < rows; row++) {
        int p = compute_parts(t, row, 0, width, 8, how);
        p = compute_parts(t, row, p, width, 4, how);
        p = compute_parts(t, row, p, width, 2, how);
        compute_parts(t, row, p, width, 1, how);
    }
}

#define PARTS(name, ...)                                                                           \
    static void name(const tile *t, int rows, int width) {                                         \
        in_parts(t, rows, width, (arithmetic){__VA_ARGS__});                                       \
    }
PARTS(dense_int8, TILE_DENSE, INT8, 0)
PARTS(channels_int8, TILE_CHANNELS, INT8, 0)

/* ---- Tiles whose size is a constant ---- */

/* A case for each size; sizes beyond MOST_PIXELS compile to nothing. */
#define CASE(rows, width)                                                                          \
    case rows * 32 + width:                                                                        \
        if (rows * width <= MOST_PIXELS)                                                           \
            compute(t, rows, rows *width <= MOST_PIXELS ? width : 1, how);                         \
        break;
#define WIDTHS(rows)                                                                               \
    CASE(rows, 1)                                                                                  \
    CASE(rows, 2)                                                                                  \
    CASE(rows, 3)                                                                                  \
    CASE(rows, 4)                                                                                  \
    CASE(rows, 5)                                                                                  \
    CASE(rows, 6)                                                                                  \
    CASE(rows, 7)                                                                                  \
    CASE(rows, 8)
#define MORE_WIDTHS(rows)                                                                          \
    CASE(rows, 9)                                                                                  \
    CASE(rows, 10)                                                                                 \
    CASE(rows, 11)                                                                                 \
    CASE(rows, 12)                                                                                 \
    CASE(rows, 13)                                                                                 \
    CASE(rows, 14)                                                                                 \
    CASE(rows, 15)                                                                                 \
    CASE(rows, 16)

UNROLLED void of_size(const tile *t, int rows, int width, const arithmetic how) {
    switch (rows * 32 + width) {
        WIDTHS(1)
        MORE_WIDTHS(1)
        WIDTHS(2)
        WIDTHS(4)
    }
}
#define OF_SIZE(name, ...)                                                                         \
    static void name(const tile *t, int rows, int width) {                                         \
        of_size(t, rows, width, (arithmetic){__VA_ARGS__});                                        \
    }
OF_SIZE(dense_bfloat16, TILE_DENSE, BFLOAT16, 0)
OF_SIZE(channels_bfloat16, TILE_CHANNELS, BFLOAT16, 0)
#if HAS_VNNI
OF_SIZE(dense_vnni, TILE_DENSE, INT8, 1)
OF_SIZE(channels_vnni, TILE_CHANNELS, INT8, 1)
#else
#define dense_vnni dense_int8
#define channels_vnni channels_int8
#endif

void CNET_FN(quantized_tile)(const tile *t, tile_kind kind, int rows, int width) {
    typedef void compute_tile(const tile *t, int rows, int width);
    static compute_tile *const of_int8[TILE_KINDS][2] = {
        [TILE_DENSE] = {dense_int8, dense_vnni},
        [TILE_CHANNELS] = {channels_int8, channels_vnni},
    };
    static compute_tile *const of_bfloat16[TILE_KINDS] = {
        [TILE_DENSE] = dense_bfloat16,
        [TILE_CHANNELS] = channels_bfloat16,
    };
    (t->format == INT8 ? of_int8[kind][t->vnni] : of_bfloat16[kind])(t, rows, width);
}
