#include "product.h"

/* A block of A, BLOCK_ROWS x DEPTH, and a block of B, DEPTH x BLOCK_COLS, lie in the second-level
 * cache together (0.6 MB); a panel of A, TILE_ROWS x DEPTH, stays in the first while the panels of
 * B stream past it. */
enum {
    DEPTH = 256,
    BLOCK_ROWS = 96,
    BLOCK_COLS = 1920 / (int)sizeof(real) / TILE_COLS * TILE_COLS,
    ENOUGH_CHUNKS = 8
};

static void multiply_panels(ptrdiff_t depth, const real *a, const real *b, ptrdiff_t cols,
                            real *tile) {
    multiply_columns(depth, a, 1, TILE_ROWS, b, cols, tile);
}

/* How C is cut: blocks of rows x cols, each one chunk. */
typedef struct {
    ptrdiff_t rows, cols, row_blocks, col_blocks;
} grid;

static grid cut(ptrdiff_t m, ptrdiff_t n, ptrdiff_t rows, ptrdiff_t cols) {
    return (grid){rows, cols, ceil_div(m, rows), ceil_div(n, cols)};
}

/* Blocks as large as the cache allows, then smaller ones until there is work for several threads:
 * a rule of the sizes alone, never of the number of threads. */
static grid choose_grid(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n) {
    grid g = cut(m, n, max_size(min_size(round_up(m, TILE_ROWS), BLOCK_ROWS), TILE_ROWS),
                 max_size(min_size(round_up(n, TILE_COLS), BLOCK_COLS), TILE_COLS));
    while (batch * g.row_blocks * g.col_blocks < ENOUGH_CHUNKS) {
        const int can_halve_rows = g.rows >= 2 * TILE_ROWS,
                  can_halve_cols = g.cols >= 2 * TILE_COLS;
        if (can_halve_rows && (g.rows >= g.cols || !can_halve_cols))
            g = cut(m, n, round_up(g.rows / 2, TILE_ROWS), g.cols);
        else if (can_halve_cols)
            g = cut(m, n, g.rows, round_up(g.cols / 2, TILE_COLS));
        else
            break;
    }
    return g;
}

static size_t panel_bytes(ptrdiff_t lanes, ptrdiff_t k) {
    const ptrdiff_t bytes = lanes * min_size(k, DEPTH) * (ptrdiff_t)sizeof(real);
    return (size_t)round_up(bytes + VECTOR_BYTES, CNET_ALIGNMENT); /* pack_strided writes past it */
}

static size_t block_bytes(ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t k) {
    return panel_bytes(rows, k) + panel_bytes(cols, k);
}

static void no_depth(const product *q, ptrdiff_t b, ptrdiff_t i0, ptrdiff_t i1, ptrdiff_t j0,
                     ptrdiff_t j1) {
    _Alignas(CNET_ALIGNMENT) const real zeros[TILE_ROWS * TILE_COLS] = {0};
    for (ptrdiff_t i = i0; i < i1; i += TILE_ROWS)
        for (ptrdiff_t j = j0; j < j1; j += TILE_COLS)
            q->store(q, b, i, min_size(TILE_ROWS, i1 - i), j, min_size(TILE_COLS, j1 - j), zeros,
                     1);
}

/* C(i0..i1, j0..j1): at most one block of rows and columns. */
static void multiply_block(const product *q, ptrdiff_t b, ptrdiff_t i0, ptrdiff_t i1, ptrdiff_t j0,
                           ptrdiff_t j1, char *workspace) {
    _Alignas(CNET_ALIGNMENT) real tile[TILE_ROWS * TILE_COLS];
    real *a_panels = (real *)workspace;
    real *b_panels = (real *)(workspace + panel_bytes(round_up(i1 - i0, TILE_ROWS), q->k));
    if (q->k == 0)
        no_depth(q, b, i0, i1, j0, j1);
    for (ptrdiff_t p = 0; p < q->k; p += DEPTH) {
        const ptrdiff_t depth = min_size(DEPTH, q->k - p);
        for (ptrdiff_t i = i0; i < i1; i += TILE_ROWS)
            q->pack_a(q, b, i, min_size(TILE_ROWS, i1 - i), p, depth, a_panels + (i - i0) * depth);
        for (ptrdiff_t j = j0; j < j1; j += TILE_COLS)
            q->pack_b(q, b, p, depth, j, min_size(TILE_COLS, j1 - j), b_panels + (j - j0) * depth);
        for (ptrdiff_t i = i0; i < i1; i += TILE_ROWS) {
            for (ptrdiff_t j = j0; j < j1; j += TILE_COLS) {
                multiply_panels(depth, a_panels + (i - i0) * depth, b_panels + (j - j0) * depth,
                                j1 - j, tile);
                q->store(q, b, i, min_size(TILE_ROWS, i1 - i), j, min_size(TILE_COLS, j1 - j), tile,
                         p == 0);
            }
        }
    }
}

typedef struct {
    const product *q;
    grid g;
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* Chunks with the same columns follow each other: what they read of B is still in a cache. */
static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const product *q = job->q;
    const ptrdiff_t i = chunk % job->g.row_blocks * job->g.rows;
    const ptrdiff_t j = chunk / job->g.row_blocks % job->g.col_blocks * job->g.cols;
    const ptrdiff_t b = chunk / job->g.row_blocks / job->g.col_blocks;
    multiply_block(q, b, i, min_size(q->m, i + job->g.rows), j, min_size(q->n, j + job->g.cols),
                   job->workspace + (size_t)slot * job->bytes_per_thread);
}

size_t CNET_FN(product_workspace)(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                  int threads) {
    const grid g = choose_grid(batch, m, n);
    return (size_t)threads * block_bytes(g.rows, g.cols, k);
}

void CNET_FN(product)(const product *q, const cnet_exec *e) {
    if (q->batch == 0 || q->m == 0 || q->n == 0)
        return;
    const grid g = choose_grid(q->batch, q->m, q->n);
    const job_t job = {q, g, e->workspace, block_bytes(g.rows, g.cols, q->k)};
    cnet_parallel(run_chunk, &job, q->batch * g.row_blocks * g.col_blocks, e->threads);
}

static ptrdiff_t serial_rows(ptrdiff_t m) { return min_size(round_up(m, TILE_ROWS), BLOCK_ROWS); }
static ptrdiff_t serial_cols(ptrdiff_t n) { return min_size(round_up(n, TILE_COLS), BLOCK_COLS); }

size_t CNET_FN(serial_product_workspace)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k) {
    return block_bytes(serial_rows(m), serial_cols(n), k);
}

void CNET_FN(serial_product)(const product *q, ptrdiff_t b, char *workspace) {
    const ptrdiff_t rows = serial_rows(q->m), cols = serial_cols(q->n);
    for (ptrdiff_t j = 0; j < q->n; j += cols)
        for (ptrdiff_t i = 0; i < q->m; i += rows)
            multiply_block(q, b, i, min_size(q->m, i + rows), j, min_size(q->n, j + cols),
                           workspace);
}

ptrdiff_t CNET_FN(product_tiles)(ptrdiff_t m, ptrdiff_t n) {
    return ceil_div(m, BLOCK_ROWS) * ceil_div(n, BLOCK_COLS);
}
