/* Transposition of matrices: between channels first and channels last. */
#define SHORT_VECTORS /* channels are often fewer than the lanes of longer vectors */
#include "simd.h"
#include "window.h"

typedef struct {
    const real *x;
    real *y;
    cnet_norm g;
    ptrdiff_t column_blocks, blocks; /* blocks of a matrix: in a row, and in total */
    ptrdiff_t per_chunk;
} job_t;

/* Rows and columns of a block: few enough that its cache lines stay in the cache. */
enum { SIDE = 64 };

static range block_of(ptrdiff_t block, ptrdiff_t size) {
    return (range){block * SIDE, min_size(size, block * SIDE + SIDE)};
}

/* Cells at these distances in x and y. */
typedef struct {
    ptrdiff_t count, in_x, in_y;
} line_t;

/* Copies the cells of lines, one by one; `three` means that each line has three. */
static inline __attribute__((always_inline)) void
copy_cells(const real *x, real *y, const line_t *lines, const line_t *line, const int three) {
    for (ptrdiff_t i = 0; i < lines->count; i++)
        for (ptrdiff_t j = 0; j < (three ? 3 : line->count); j++)
            y[i * lines->in_y + j * line->in_y] = x[i * lines->in_x + j * line->in_x];
}

/* y[s, c] = x[c, s] for some rows c and columns s. The longer loop is the inner one, except for
 * three rows or columns, as images in color have them: their cells are copied together. */
static void transpose_cells(const real *x, real *y, const cnet_norm *g, range rows, range columns) {
    const line_t down = {rows.end - rows.begin, g->size, 1};
    const line_t along = {columns.end - columns.begin, 1, g->c};
    x += rows.begin * g->size + columns.begin;
    y += columns.begin * g->c + rows.begin;
    const int is_wide = down.count < along.count;
    const line_t *few = is_wide ? &down : &along, *many = is_wide ? &along : &down;
    if (few->count == 3)
        copy_cells(x, y, many, few, 1);
    else
        copy_cells(x, y, few, many, 0);
}

/* The same in squares of vectors, with the cells that remain at the end of rows and columns. */
static void transpose_block(const real *x, real *y, const cnet_norm *g, range rows, range columns) {
    const ptrdiff_t end = rows.begin + (rows.end - rows.begin) / LANES * LANES;
    const ptrdiff_t right = columns.begin + (columns.end - columns.begin) / LANES * LANES;
    for (ptrdiff_t c = rows.begin; c < end; c += LANES) {
        for (ptrdiff_t s = columns.begin; s < right; s += LANES)
            transpose_square(x + (c * g->size + s), g->size, y + (s * g->c + c), g->c);
    }
    transpose_cells(x, y, g, (range){rows.begin, end}, (range){right, columns.end});
    transpose_cells(x, y, g, (range){end, rows.end}, columns);
}

static void transpose_blocks(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_norm g = job->g;
    const ptrdiff_t begin = chunk * job->per_chunk;
    const ptrdiff_t end = min_size(g.n * job->blocks, begin + job->per_chunk);
    for (ptrdiff_t unit = begin; unit < end; unit++) {
        const ptrdiff_t first = unit / job->blocks * g.c * g.size, block = unit % job->blocks;
        transpose_block(job->x + first, job->y + first, &g,
                        block_of(block / job->column_blocks, g.c),
                        block_of(block % job->column_blocks, g.size));
    }
}

/* y[n, s, c] = x[n, c, s].
 *
 * x (n, c, size), y (n, size, c); overwrites y. Copies only, so exact on every instruction set.
 * Parallel over blocks of the matrices. */
void CNET_FN(transpose)(const cnet_call *call) {
    const cnet_transpose_arguments *a = &call->transpose;
    const ptrdiff_t columns = ceil_div(a->g.size, SIDE), blocks = ceil_div(a->g.c, SIDE) * columns;
    const ptrdiff_t cells = min_size(a->g.c, SIDE) * min_size(a->g.size, SIDE);
    const job_t job = {
        .x = a->x,
        .y = a->y,
        .g = a->g,
        .column_blocks = columns,
        .blocks = blocks,
        .per_chunk = ceil_div(ELEMENTS_PER_CHUNK, max_size(1, cells)),
    };
    cnet_parallel(transpose_blocks, &job, ceil_div(a->g.n * blocks, job.per_chunk), call->threads);
}
