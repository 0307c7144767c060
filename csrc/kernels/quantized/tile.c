/* Register tiles of 8-bit convolutions: sums over taps for a few pixels and one block of outputs.
 *
 * The sizes of a tile are constants of the code, so that the sums stay in registers. */
#include "quantized.h"

/* Filters are prefetched this many vectors of a block ahead. */
enum { FILTERS_AHEAD = 48 };

#define UNROLLED static inline __attribute__((always_inline))

/* Converts the sums to results. A loop for all tiles, because unrolled code would be as large as
 * that of the sums. Bytes may alias everything, so what the loop reads is copied first. */
static __attribute__((noinline, noclone)) void finish(const tile *t, int rows, int width,
                                                      const ivec *sums) {
    const outputs to = *t->outputs;
    const vec low = broadcast(to.low), high = broadcast(to.high);
    const vec residual_scale = broadcast(to.residual_scale);
    const ptrdiff_t y_row = t->y_row, y_pixel = t->y_pixel, first = t->at;
    vec scale[BLOCK_VECTORS], bias[BLOCK_VECTORS];
    for (int v = 0; v < BLOCK_VECTORS; v++) {
        scale[v] = load(t->scale + v * BLOCK_LANES);
        bias[v] = load(t->bias + v * BLOCK_LANES);
    }
#pragma GCC unroll 1
    for (int r = 0; r < rows; r++) {
        ptrdiff_t at = first + r * y_row;
#pragma GCC unroll 1
        for (int p = 0; p < width; p++, at += y_pixel, sums += BLOCK_VECTORS)
#pragma GCC unroll 4
            for (int v = 0; v < BLOCK_VECTORS; v++) {
                const ptrdiff_t place = at + v * BLOCK_LANES;
                vec y = __builtin_convertvector(sums[v], vec) * scale[v] + bias[v];
                if (to.residual)
                    y += __builtin_convertvector(load_bytes(to.residual + place), vec) *
                         residual_scale;
                y = between(y, low, high);
                if (to.y)
                    store_bytes(to.y + place, nearest(y));
                else
                    store(to.real_y + place, y);
            }
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
    ivec finished[MOST_PIXELS * BLOCK_VECTORS];
#pragma GCC unroll 16
    for (int p = 0; p < rows * width; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++)
            finished[p * BLOCK_VECTORS + v] = sums[p][v];
    finish(t, rows, width, finished);
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
