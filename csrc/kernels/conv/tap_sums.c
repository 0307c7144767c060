#include "tap_sums.h"

/* The register tiles are ISA_TAP_TILES, rows x vectors of accumulators. */
enum { MOST_ROWS = 9, MOST_VECTORS = 6 };

/* Some vectors of positions: where they are read, and where their sums are written. */
typedef struct {
    const real *from[MOST_VECTORS];
    ptrdiff_t to[MOST_VECTORS];
    ptrdiff_t row, column; /* the next vector */
} vectors_at;

static inline __attribute__((always_inline)) void
next_vectors(const tap_positions *at, const real *x, const int vectors, vectors_at *next) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        next->from[v] = x + (next->row * at->from + next->column);
        next->to[v] = next->row * at->to + next->column;
        next->column += LANES;
        if (next->column >= at->columns) {
            next->column = 0;
            next->row++;
        }
    }
}

/* Handles the end of the sums of a filter, which may not fill a vector. */
static __attribute__((noinline)) void store_end(const tap_filters *f, const tap_positions *at,
                                                const vectors_at *next, int vectors,
                                                const real *sums, real *to) {
    const ptrdiff_t end = (at->rows - 1) * at->to + at->columns;
    for (ptrdiff_t r = 0; r < f->filters; r++)
        for (int v = 0; v < vectors; v++)
            store_run(to + (r * at->step + next->to[v]),
                      load(sums + (r * MOST_VECTORS + v) * LANES), end - next->to[v]);
}

static inline __attribute__((always_inline)) void sum_tile(const int rows, const int vectors,
                                                           const tap_filters *f,
                                                           const tap_positions *at, const real *x,
                                                           vectors_at *next, real *to) {
    next_vectors(at, x, vectors, next);
    vec sum[MOST_ROWS][MOST_VECTORS] = {0};
    const real *weights = f->weights;
    for (ptrdiff_t t = 0; t < f->depth; t++, weights += rows) {
        const ptrdiff_t offset = f->offsets[t];
        vec cells[MOST_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            cells[v] = load(next->from[v] + offset);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[r][v] += weights[r] * cells[v];
    }
    if (f->bias)
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
            if (r < f->filters)
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    sum[r][v] += f->bias[r];
    if (next->to[vectors - 1] + LANES <= (at->rows - 1) * at->to + at->columns) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++, to += at->step)
            if (r < f->filters)
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    store(to + next->to[v], sum[r][v]);
        return;
    }
    real sums[MOST_ROWS * MOST_VECTORS * VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(sums + (r * MOST_VECTORS + v) * LANES, sum[r][v]);
    store_end(f, at, next, vectors, sums, to);
}

/* Takes as many vectors at a time as a tile has; the last two tiles share the rest evenly. */
#define SUM_TILE(ROWS, VECTORS, size)                                                              \
    case size:                                                                                     \
        if (size <= VECTORS)                                                                       \
            sum_tile(ROWS, size, f, at, x, &next, to);                                             \
        break;
#define SUM_ROWS(ROWS, VECTORS)                                                                    \
    static void sum_##ROWS##_rows(const tap_filters *f, const tap_positions *at, const real *x,    \
                                  real *to) {                                                      \
        vectors_at next = {.row = 0};                                                              \
        ptrdiff_t left = at->rows * ceil_div(at->columns, LANES);                                  \
        while (left > 0) {                                                                         \
            const ptrdiff_t size =                                                                 \
                left <= VECTORS || left >= 2 * VECTORS ? min_size(left, VECTORS) : (left + 1) / 2; \
            switch (size) {                                                                        \
                SUM_TILE(ROWS, VECTORS, 1)                                                         \
                SUM_TILE(ROWS, VECTORS, 2)                                                         \
                SUM_TILE(ROWS, VECTORS, 3)                                                         \
                SUM_TILE(ROWS, VECTORS, 4)                                                         \
                SUM_TILE(ROWS, VECTORS, 5)                                                         \
                SUM_TILE(ROWS, VECTORS, 6)                                                         \
            }                                                                                      \
            left -= size;                                                                          \
        }                                                                                          \
    }
ISA_TAP_TILES(SUM_ROWS)

ptrdiff_t CNET_FN(tap_sums_tile)(ptrdiff_t filters) {
    ptrdiff_t best = 0;
#define BETTER(ROWS, VECTORS)                                                                      \
    if (best == 0 || round_up(filters, ROWS) <= round_up(filters, best))                           \
        best = ROWS;
    ISA_TAP_TILES(BETTER)
    return best;
}

void CNET_FN(tap_sums)(const tap_filters *f, const tap_positions *at, const real *x, real *to) {
    switch (f->tile) {
#define RUN_ROWS(ROWS, VECTORS)                                                                    \
    case ROWS:                                                                                     \
        sum_##ROWS##_rows(f, at, x, to);                                                           \
        break;
        ISA_TAP_TILES(RUN_ROWS)
    }
}
