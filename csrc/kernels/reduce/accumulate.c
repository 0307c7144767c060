/* Running sums and products. */
#include "variant.h"

/* Rows that are computed together, and columns whose results are kept in the cache. */
enum { ROWS = 8, TILE = 512 };

typedef struct {
    const real *x;
    real *y;
    cnet_norm g;
    int is_product, is_reversed;
    ptrdiff_t tiles;
} job_t;

/* `count` runs along the axis, `apart` elements from each other, whose elements are `stride` apart.
 * The runs are independent, so that their operations overlap. */
static inline __attribute__((always_inline)) void
accumulate_runs(const real *restrict x, real *restrict y, const ptrdiff_t count,
                const ptrdiff_t apart, ptrdiff_t stride, ptrdiff_t length, const int is_product) {
    double results[TILE];
    for (ptrdiff_t i = 0; i < count; i++)
        results[i] = is_product;
    for (ptrdiff_t t = 0; t < length; t++, x += stride, y += stride)
        for (ptrdiff_t i = 0; i < count; i++) {
            const double next = (double)x[i * apart];
            results[i] = is_product ? results[i] * next : results[i] + next;
            y[i * apart] = (real)results[i];
        }
}

static void accumulate_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t n = job->g.n, c = job->g.c, size = job->g.size;
    ptrdiff_t first, count, apart;
    if (size == 1) {
        first = chunk * ROWS * c;
        count = min_size(ROWS, n - chunk * ROWS);
        apart = c;
    } else {
        const ptrdiff_t column = chunk % job->tiles * TILE;
        first = chunk / job->tiles * c * size + column;
        count = min_size(TILE, size - column);
        apart = 1;
    }
    first += job->is_reversed ? (c - 1) * size : 0;
    const ptrdiff_t stride = job->is_reversed ? -size : size;
    const real *x = job->x + first;
    real *y = job->y + first;
    if (count == ROWS && apart == c && job->is_product)
        accumulate_runs(x, y, ROWS, c, stride, c, 1);
    else if (count == ROWS && apart == c)
        accumulate_runs(x, y, ROWS, c, stride, c, 0);
    else if (apart == 1 && job->is_product)
        accumulate_runs(x, y, count, 1, stride, c, 1);
    else if (apart == 1)
        accumulate_runs(x, y, count, 1, stride, c, 0);
    else
        accumulate_runs(x, y, count, apart, stride, c, job->is_product);
}

/* y[n, i, t] = the sum, or with `product` the product, of x[n, :i + 1, t]; with `reversed`, of
 * x[n, i:, t].
 *
 * x and y (n, c, size); overwrites y. Computed in double, one element after the other. Parallel
 * over n and t. */
void CNET_FN(accumulate)(const cnet_call *call) {
    const cnet_accumulate_arguments *a = &call->accumulate;
    const ptrdiff_t tiles = ceil_div(a->g.size, TILE);
    const job_t job = {.x = a->x,
                       .y = a->y,
                       .g = a->g,
                       .is_product = a->product != 0,
                       .is_reversed = a->reversed != 0,
                       .tiles = tiles};
    const ptrdiff_t chunks = a->g.size == 1 ? ceil_div(a->g.n, ROWS) : a->g.n * tiles;
    const int is_small = a->g.n * a->g.c * a->g.size <= ELEMENTS_PER_CHUNK;
    cnet_parallel(accumulate_chunk, &job, chunks, is_small ? 1 : call->threads);
}
