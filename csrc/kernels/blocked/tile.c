/* Register tiles of blocked convolutions: sums over taps for a few pixels and one block of outputs.
 *
 * A tap of one number is multiplied with a vector of filters for each pixel. The sizes of a tile
 * are constants of the code, so that the sums stay in registers. */
#include "blocked.h"

/* Filters are prefetched this many vectors ahead: few pixels need them faster than the memory
 * behind the caches gives them unasked. */
enum { FILTERS_AHEAD = 64 };

#define UNROLLED static inline __attribute__((always_inline))

/* Adds the bias and the residual to the sums of a row, limits and stores them. */
UNROLLED void finish_row(const tile *t, ptrdiff_t row, int width, const vec *sums,
                         const int has_residual) {
    const limits l = t->limits;
    real *y = t->y + row;
    vec bias[BLOCK_VECTORS];
    for (int v = 0; v < BLOCK_VECTORS; v++)
        bias[v] = load(t->bias + v * LANES);
#pragma GCC unroll 1
    for (int p = 0; p < width; p++, sums += BLOCK_VECTORS)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            const ptrdiff_t at = p * BLOCK + v * LANES;
            vec sum = sums[v] + bias[v];
            if (has_residual)
                sum += load(t->residual + row + at);
            store(y + at, limited(sum, &l));
        }
}

/* Finishes the rows of a tile, and moves t to the next one. Returns whether there is one. One
 * function for all tiles, because unrolled code would be as large as that of the sums. */
static __attribute__((noinline)) int finish(tile *t, int rows, int width, const vec *sums) {
    t->x += width * t->x_pixel;
    for (int r = 0; r < rows; r++, sums += width * BLOCK_VECTORS)
        if (t->residual)
            finish_row(t, r * t->y_row, width, sums, 1);
        else
            finish_row(t, r * t->y_row, width, sums, 0);
    t->y += width * BLOCK;
    if (t->residual)
        t->residual += width * BLOCK;
    return --t->tiles > 0;
}

/* Computes a tile. Returns whether there is another one. */
UNROLLED int compute(tile *t, const int rows, const int width, const ptrdiff_t step,
                     const int depth, const int has_channels, const int is_sum) {
    vec sums[MOST_PIXELS][BLOCK_VECTORS] = {0};
    const real *filters = t->filters;
    const ptrdiff_t whole = t->whole;
    const int rest = t->rest;
    ptrdiff_t k = 0;
    do {
        const real *x[4];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            x[r] = t->x + (t->offsets[k] + r * t->x_row);
            __asm__("" : "+r"(x[r])); /* else cells are kept in registers, and spilled */
        }
        ptrdiff_t tap = k;
        __asm__("" : "+r"(tap)); /* else taps of whole blocks have a loop of their own */
        const int channels = depth == 1 || tap < whole ? depth : rest;
        int d = 0;
#pragma GCC unroll 1
        do {
            if (depth > 1)
                __builtin_prefetch(filters + FILTERS_AHEAD * BLOCK);
            vec filter[BLOCK_VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < BLOCK_VECTORS; v++)
                filter[v] = load(filters + v * LANES);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 28
                for (int p = 0; p < width; p++)
#pragma GCC unroll 4
                    for (int v = 0; v < BLOCK_VECTORS; v++)
                        sums[r * width + p][v] +=
                            has_channels ? load(x[r] + p * step + v * LANES) * filter[v]
                                         : x[r][p * step + d] * filter[v];
            filters += BLOCK;
        } while (++d < channels);
    } while (++k < t->taps);
    vec finished[MOST_PIXELS * BLOCK_VECTORS];
#pragma GCC unroll 28
    for (int p = 0; p < rows * width; p++)
#pragma GCC unroll 4
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            if (is_sum)
                store(t->y + p * BLOCK + v * LANES, sums[p][v]);
            else
                finished[p * BLOCK_VECTORS + v] = sums[p][v];
        }
    return !is_sum && finish(t, rows, width, finished);
}

#define WIDTHS_3(CASE, rows) CASE(rows, 1) CASE(rows, 2) CASE(rows, 3)
#if ISA_REGISTERS >= 32 && ISA_VECTOR_BYTES < 64
#define WIDTHS(CASE, rows)                                                                         \
    WIDTHS_3(CASE, rows) CASE(rows, 4) CASE(rows, 5) CASE(rows, 6) CASE(rows, 7)
#elif ISA_VECTOR_BYTES == 32
#define WIDTHS(CASE, rows) WIDTHS_3(CASE, rows) CASE(rows, 4) CASE(rows, 5) CASE(rows, 6)
#elif ISA_VECTOR_BYTES == 64
#define WIDTHS_14(CASE, rows)                                                                      \
    WIDTHS_3(CASE, rows)                                                                           \
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
    CASE(rows, 14)
#ifdef CNET_REAL_f64
#define WIDTHS WIDTHS_14
#else
#define WIDTHS(CASE, rows)                                                                         \
    WIDTHS_14(CASE, rows)                                                                          \
    CASE(rows, 15)                                                                                 \
    CASE(rows, 16)                                                                                 \
    CASE(rows, 17)                                                                                 \
    CASE(rows, 18)                                                                                 \
    CASE(rows, 19)                                                                                 \
    CASE(rows, 20)                                                                                 \
    CASE(rows, 21)                                                                                 \
    CASE(rows, 22)                                                                                 \
    CASE(rows, 23)                                                                                 \
    CASE(rows, 24)                                                                                 \
    CASE(rows, 25)                                                                                 \
    CASE(rows, 26)                                                                                 \
    CASE(rows, 27)                                                                                 \
    CASE(rows, 28)
#endif
#else
#define WIDTHS(CASE, rows) WIDTHS_3(CASE, rows)
#endif

typedef void compute_tiles(tile *t);

/* One function for each kind and size; sizes beyond MOST_PIXELS compile to nothing. */
#define FUNCTION(kind, rows, width, step, depth, has_channels, is_sum)                             \
    static void kind##_##rows##x##width(tile *t) {                                                 \
        const int fits = rows * width <= MOST_PIXELS;                                              \
        while (fits && compute(t, rows, fits ? width : 1, step, depth, has_channels, is_sum))      \
            continue;                                                                              \
    }
#define ELEMENTS(rows, width) FUNCTION(elements, rows, width, 1, 1, 0, 0)
#define BLOCKS(rows, width) FUNCTION(blocks, rows, width, BLOCK, BLOCK, 0, 0)
#define STRIDED(rows, width) FUNCTION(strided, rows, width, 2 * BLOCK, BLOCK, 0, 0)
#define SUMS(rows, width) FUNCTION(sums, rows, width, BLOCK, BLOCK, 0, 1)
#define CHANNELS(rows, width) FUNCTION(channels, rows, width, BLOCK, 1, 1, 0)
#define CHANNELS_STRIDED(rows, width) FUNCTION(channels_strided, rows, width, 2 * BLOCK, 1, 1, 0)
#define ALL_ROWS(CASE) WIDTHS(CASE, 1) WIDTHS(CASE, 2) WIDTHS(CASE, 4)
ALL_ROWS(ELEMENTS)
ALL_ROWS(BLOCKS)
ALL_ROWS(STRIDED)
WIDTHS(SUMS, 1)
ALL_ROWS(CHANNELS)
ALL_ROWS(CHANNELS_STRIDED)

#define NAMES(kind)                                                                                \
    {                                                                                              \
        {WIDTHS(kind, 1)}, {WIDTHS(kind, 2)}, { WIDTHS(kind, 4) }                                  \
    }
#define elements_name(rows, width) elements_##rows##x##width,
#define blocks_name(rows, width) blocks_##rows##x##width,
#define strided_name(rows, width) strided_##rows##x##width,
#define sums_name(rows, width) sums_1x##width,
#define channels_name(rows, width) channels_##rows##x##width,
#define channels_strided_name(rows, width) channels_strided_##rows##x##width,
static compute_tiles *const tiles[TILE_KINDS][3][MOST_PIXELS] = {
    [TILE_ELEMENTS] = NAMES(elements_name), [TILE_BLOCKS] = NAMES(blocks_name),
    [TILE_STRIDED] = NAMES(strided_name),   [TILE_SUMS] = NAMES(sums_name),
    [TILE_CHANNELS] = NAMES(channels_name), [TILE_CHANNELS_STRIDED] = NAMES(channels_strided_name),
};

void CNET_FN(blocked_tiles)(tile *t, tile_kind kind, int rows, int width) {
    tiles[kind][rows / 2][width - 1](t);
}
