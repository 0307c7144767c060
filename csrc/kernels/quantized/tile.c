/* Register tiles of convolutions: sums over taps for a few pixels and one block of outputs.
 *
 * The sizes of a tile are constants of the code, so that the sums stay in registers. */
#include "quantized.h"

/* Filters are prefetched this many vectors of a block ahead. */
enum { FILTERS_AHEAD = 48 };

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

/* Pixels whose bytes fill a vector. */
enum { TOGETHER = VECTOR_BYTES / QBLOCK };

#if HAS_PACKING
/* Limits are applied to integers, because rounding keeps the order; but the upper one first to
 * numbers, which may have no integer. NaN becomes the lower one. */
UNROLLED void finish_together(const outputs *to, ptrdiff_t at, const int32_t *sums,
                              const vec scale[BLOCK_VECTORS], const vec bias[BLOCK_VECTORS]) {
    ivec integers[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int v = i % BLOCK_VECTORS;
        const vec y = finished(to, at + i * BLOCK_LANES, load_ints(sums + i * BLOCK_LANES),
                               scale[v], bias[v], INT8);
        integers[i] = nearest_below(y, broadcast(to->high));
    }
    store_packed((uint8_t *)to->y + at, integers, (uint8_t)lrintf(to->low));
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
#if HAS_PACKING
    if (format == INT8 && to.y && y_pixel == QBLOCK)
        for (; p + TOGETHER <= count; p += TOGETHER)
            finish_together(&to, at + p * QBLOCK, sums + p * QBLOCK, scale, bias);
#endif
#pragma GCC unroll 1
    for (; p < count; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            const ptrdiff_t place = at + p * y_pixel + v * BLOCK_LANES;
            const ivec sum = load_ints(sums + p * QBLOCK + v * BLOCK_LANES);
            const vec all = finished(&to, place, sum, scale[v], bias[v], format);
            const vec y = format == BFLOAT16 ? limited(all, low, high) : between(all, low, high);
            if (!to.y)
                store(to.real_y + place, y);
            else if (format == BFLOAT16)
                store_halves((uint16_t *)to.y + place, bfloat16_of(y));
            else
                store_bytes((uint8_t *)to.y + place, nearest(y));
        }
}
__attribute__((noinline)) void CNET_FN(quantized_finish)(const tile *t, ptrdiff_t at,
                                                         ptrdiff_t count, const int32_t *sums) {
    if (t->format == BFLOAT16)
        finish(t, at, count, sums, BFLOAT16);
    else
        finish(t, at, count, sums, INT8);
}

/* What a tile computes, as constants of its code. */
typedef struct {
    tile_kind kind;
    number_format format;
} arithmetic;

UNROLLED ivec add_dot(ivec sum, ivec x, ivec filter, const arithmetic how) {
#if HAS_QUADS
    if (how.format == INT8)
        return add_quads(sum, x, filter);
    if (how.format == INT8_PAIRS)
        return add_pairs_of_quads(sum, x, filter);
#endif
    if (how.format == INT8_WORDS)
        return add_pairs(sum, x, filter);
    return (ivec)add_product((vec)sum, (vec)x, (vec)filter);
}

/* Bytes from a pixel to the next one, and from a tap to the next one. */
UNROLLED ptrdiff_t pixel_bytes(const arithmetic how) {
    return how.kind == TILE_CHANNELS ? QBLOCK * QUAD : staged_bytes(how.format);
}
UNROLLED ptrdiff_t tap_bytes(const arithmetic how) {
    return QBLOCK * quad_size(how.format) * filter_bytes(how.format);
}

UNROLLED ivec load_filters(const char *filters, int v, const arithmetic how) {
    if (how.format == BFLOAT16)
        return (ivec)of_bfloat16(load_halves((const uint16_t *)filters + v * BLOCK_LANES));
    return load_ints(filters + v * VECTOR_BYTES);
}

UNROLLED void compute(const tile *t, const uint8_t *at, int32_t *to, const int rows,
                      const int width, const arithmetic how) {
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
            x[r] = at + (t->offsets[k] + r * t->x_row);
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
#pragma GCC unroll 16
    for (int p = 0; p < rows * width; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            store_ints(to + p * QBLOCK + v * BLOCK_LANES, sums[p][v]);
}

UNROLLED void compute_all(const tile *t, const uint8_t *x, int32_t *sums, const int rows,
                          const int width, const arithmetic how) {
    for (ptrdiff_t left = has_count(how.format) ? t->count : 1; left > 0; left--) {
        compute(t, x, sums, rows, width, how);
        x += width * pixel_bytes(how);
        sums += rows * width * QBLOCK;
    }
}

/* A case for each size; larger ones than tile_pixels compile to nothing. */
#define CASE(rows, width)                                                                          \
    case rows * 32 + width:                                                                        \
        if (rows * width <= tile_pixels(how.format))                                               \
            compute_all(t, x, sums, rows, rows *width <= MOST_PIXELS ? width : 1, how);            \
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
    const uint8_t *x = t->x;
    int32_t *sums = t->sums;
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
#if HAS_QUADS
OF_SIZE(dense_int8, TILE_DENSE, INT8)
OF_SIZE(channels_int8, TILE_CHANNELS, INT8)
#endif
OF_SIZE(dense_bfloat16, TILE_DENSE, BFLOAT16)
OF_SIZE(channels_bfloat16, TILE_CHANNELS, BFLOAT16)

/* ---- Tiles row by row, which is enough where there are few registers ---- */

typedef void compute_row(const tile *t, const uint8_t *x, int32_t *sums, int width);

UNROLLED void of_width(const tile *t, const uint8_t *x, int32_t *sums, int width,
                       const arithmetic how) {
    const int rows = 1;
    switch (rows * 32 + width) { WIDTHS(1) }
}

UNROLLED void row_by_row(const tile *t, int rows, int width, compute_row *row) {
    for (int r = 0; r < rows; r++)
        row(t, t->x + r * t->x_row, t->sums + r * width * QBLOCK, width);
}
#define ROW_BY_ROW(name, ...)                                                                      \
    static __attribute__((noinline)) void name##_row(const tile *t, const uint8_t *x,              \
                                                     int32_t *sums, int width) {                   \
        of_width(t, x, sums, width, (arithmetic){__VA_ARGS__});                                    \
    }                                                                                              \
    static void name(const tile *t, int rows, int width) { row_by_row(t, rows, width, name##_row); }
#if HAS_QUADS
ROW_BY_ROW(dense_pairs, TILE_DENSE, INT8_PAIRS)
ROW_BY_ROW(channels_pairs, TILE_CHANNELS, INT8_PAIRS)
#else
ROW_BY_ROW(channels_words, TILE_CHANNELS, INT8_WORDS)
#endif
#if HAS_WINOGRAD || !HAS_QUADS
ROW_BY_ROW(dense_words, TILE_DENSE, INT8_WORDS)
#endif

void CNET_FN(quantized_tile)(const tile *t, tile_kind kind, int rows, int width) {
    typedef void compute_tile(const tile *t, int rows, int width);
    static compute_tile *const tiles[][TILE_KINDS] = {
#if HAS_QUADS
        [INT8] = {dense_int8, channels_int8},
        [INT8_PAIRS] = {dense_pairs, channels_pairs},
#else
        [INT8_WORDS] = {dense_words, channels_words},
#endif
#if HAS_WINOGRAD
        [INT8_WORDS] = {dense_words},
#endif
        [BFLOAT16] = {dense_bfloat16, channels_bfloat16},
    };
    tiles[t->format][kind](t, rows, width);
}
