/* How a product is split.
 *
 * The depth is split into blocks, C into chunks of rows and columns. A panel that only one chunk
 * needs is packed by that chunk, just before it is multiplied. Panels that several chunks need (of
 * A if C is split into columns, of B if it is split into rows) are packed first and shared, for as
 * many blocks of the depth at a time as the memory for them holds: a slab. Beside an A that is read
 * in place, columns are cut, so that nothing is shared, unless B is much smaller. Where C is small
 * and the depth long, the depth is split into parts instead, each with its own copy of C, and
 * nothing is shared. The split of the depth, and with it every sum, depends on the sizes alone. A
 * single thread needs no small chunks. */
#ifndef CNET_SPLIT_H
#define CNET_SPLIT_H

#include "gemm/product.h"

/* A panel of A, TILE_ROWS x DEPTH, stays in the first-level cache while the panels of a strip,
 * which stay in the second-level cache, stream past it. */
enum {
    DEPTH = sizeof(real) == 4 ? 512 : 256,
    CHUNK_PANELS = 8,
    CHUNK_TILES = 24,
    SLAB_TILES = (2304 * 4 / (int)sizeof(real)) / TILE_ROWS,
    PART_TILES = 64,
    MUCH_TALLER = 8,
    CHUNKS_EACH = 4,
    ENOUGH_PARTS = 16,
    SLAB_BYTES = 4 << 20,
    PARTS_BYTES = 4 << 20
};

typedef struct {
    ptrdiff_t parts, part_depth; /* of the depth */
    ptrdiff_t depth;             /* of a block */
    ptrdiff_t rows, col_chunks;  /* of a chunk, at most; into which the columns are cut */
    ptrdiff_t batches, slab_rows, slab_depth; /* of a slab */
    ptrdiff_t a_lanes, b_lanes;               /* shared in a slab, of each product */
} plan;

static inline ptrdiff_t at_least_1(ptrdiff_t x) { return max_size(x, 1); }

static inline ptrdiff_t halved(ptrdiff_t x, ptrdiff_t unit) { return ceil_div(x / unit, 2) * unit; }

static inline ptrdiff_t parts_of(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k) {
    const ptrdiff_t wanted = ceil_div(ENOUGH_PARTS, batch);
    const ptrdiff_t most = PARTS_BYTES / (ptrdiff_t)sizeof(real) / n / m / batch;
    const ptrdiff_t parts = min_size(min_size(wanted, most), k / DEPTH);
    return 2 * parts >= wanted && m <= PART_TILES * TILE_ROWS ? parts : 1;
}

/* The next power of two. Numbers of threads with the same one split C in the same way. */
static inline int rounded_up(int threads) {
    int power = 1;
    while (power < threads)
        power *= 2;
    return power;
}

static inline void cut_result(plan *s, ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, int threads,
                              int a_in_place) {
    /* Rows that are packed are cut first if there are more of them than columns. */
    const int tall = m > (a_in_place ? MUCH_TALLER : 1) * n && n <= CHUNK_PANELS * TILE_COLS;
    s->rows = min_size(round_up(m, TILE_ROWS), (tall ? CHUNK_TILES : SLAB_TILES) * TILE_ROWS);
    ptrdiff_t cols = min_size(round_up(n, TILE_COLS), CHUNK_PANELS * TILE_COLS);
    const ptrdiff_t wanted = threads > 1 ? CHUNKS_EACH * rounded_up(threads) : 1;
    while (batch * ceil_div(m, s->rows) * ceil_div(n, cols) < wanted) {
        const int can_halve_rows = s->rows > 4 * TILE_ROWS, can_halve_cols = cols > TILE_COLS;
        if (can_halve_rows && (tall || !can_halve_cols))
            s->rows = halved(s->rows, TILE_ROWS);
        else if (can_halve_cols)
            cols = halved(cols, TILE_COLS);
        else
            break;
    }
    s->col_chunks =
        min_size(round_up(ceil_div(n, cols), rounded_up(threads)), ceil_div(n, TILE_COLS));
    s->slab_rows = tall ? m : min_size(m, SLAB_TILES * TILE_ROWS);
    s->rows = round_up(ceil_div(s->slab_rows, ceil_div(s->slab_rows, s->rows)), TILE_ROWS);
}

/* The depth of a block: blocks have about equal depths, at most DEPTH. */
static inline ptrdiff_t block_depth(ptrdiff_t k) {
    return round_up(at_least_1(ceil_div(k, at_least_1(ceil_div(k, DEPTH)))), LANES);
}

static inline plan whole(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t k) {
    return (plan){
        .parts = 1,
        .part_depth = k,
        .depth = block_depth(k),
        .rows = m,
        .col_chunks = 1,
        .batches = batch,
        .slab_rows = m,
        .slab_depth = k,
    };
}

static inline plan plan_of(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int threads,
                           int a_in_place) {
    plan s = whole(batch, m, k);
    const ptrdiff_t parts = parts_of(batch, m, n, k);
    if (parts > 1) {
        s.depth = block_depth(ceil_div(k, parts));
        s.part_depth = round_up(ceil_div(k, parts), s.depth);
        s.parts = ceil_div(k, s.part_depth);
        return s;
    }
    cut_result(&s, batch, m, n, threads, a_in_place);
    s.a_lanes = s.col_chunks > 1 ? round_up(s.slab_rows, TILE_ROWS) : 0;
    s.b_lanes = s.rows < s.slab_rows ? round_up(n, TILE_COLS) : 0;
    const ptrdiff_t lanes = s.a_lanes + s.b_lanes;
    if (lanes) {
        const ptrdiff_t most = SLAB_BYTES / (ptrdiff_t)sizeof(real) / s.depth / lanes;
        s.batches = min_size(batch, at_least_1(most));
        s.slab_depth = min_size(k, s.depth * at_least_1(most / s.batches));
    }
    return s;
}

#endif
