/* The matrix product. */
#include "gemm/dots.h"
#include "gemm/product.h"
#include "lanes.h"

typedef struct {
    product base;
    const real *a, *b, *bias;
    real *y;
    cnet_gemm g;
    int relu;
} job_t;

/* The distances of the matrices number b from the first ones. */
static ptrdiff_t a_distance(const product *q, ptrdiff_t b) {
    const cnet_gemm *g = &((const job_t *)q)->g;
    return b / g->inner * g->a_outer + b % g->inner * g->a_inner;
}

static ptrdiff_t b_distance(const product *q, ptrdiff_t b) {
    const cnet_gemm *g = &((const job_t *)q)->g;
    return b / g->inner * g->b_outer + b % g->inner * g->b_inner;
}

static void pack_a(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t p,
                   ptrdiff_t depth, real *to) {
    const job_t *job = (const job_t *)q;
    pack_strided(job->a + (a_distance(q, b) + i * job->g.a_row + p * job->g.a_col), job->g.a_row,
                 job->g.a_col, rows, depth, TILE_ROWS, to);
}

static void pack_b(const product *q, ptrdiff_t b, ptrdiff_t p, ptrdiff_t depth, ptrdiff_t j,
                   ptrdiff_t cols, real *to) {
    const job_t *job = (const job_t *)q;
    pack_columns(job->b + (b_distance(q, b) + p * job->g.b_row + j * job->g.b_col), job->g.b_col,
                 job->g.b_row, cols, depth, to);
}

static strided find_b(const product *q, ptrdiff_t b, ptrdiff_t p, ptrdiff_t j) {
    const cnet_gemm *g = &((const job_t *)q)->g;
    return (strided){((const job_t *)q)->b + (b_distance(q, b) + p * g->b_row + j * g->b_col),
                     g->b_col, g->b_row};
}

static strided find_c(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t j) {
    const job_t *job = (const job_t *)q;
    return (strided){job->y + ((b * job->g.m + i) * job->g.n + j), 1, job->g.n};
}

static void store_strip(const product *q, ptrdiff_t b, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                        ptrdiff_t cols, const real *strip, int first, int last) {
    const job_t *job = (const job_t *)q;
    const real *bias = first && job->bias ? job->bias + j : NULL;
    const int relu = last && job->relu;
    for (ptrdiff_t r = 0; r < rows; r++, strip += STRIP_COLS) {
        real *y = job->y + ((b * job->g.m + i + r) * job->g.n + j);
        for (ptrdiff_t s = 0; s < cols; s += LANES) {
            vec sum = load(strip + s);
            if (!first)
                sum = load_run(y + s, cols - s) + sum;
            if (bias)
                sum += load_run(bias + s, cols - s);
            if (relu)
                sum = (vec)((ivec)sum & ~(sum <= 0));
            store_run(y + s, sum, cols - s);
        }
    }
}

/* A copy pays if a panel is read many times, or several times if its rows compete for the same
 * cache sets. */
enum { FEW_COLS = 768 };

/* Dot products need no copy, but have to add up lanes for each element of C. */
enum { FEWEST_ROWS = 16, LONG_VECTORS = 8, FEW_PRODUCTS = 1 << 17 };

static int dots_pay(const cnet_gemm *g) {
    return g->outer * g->inner == 1 && g->m <= FEWEST_ROWS && g->k >= LONG_VECTORS * LANES &&
           g->a_col == 1 && g->b_row == 1;
}

/* One row: each vector of columns is summed over blocks of the depth, as B lies in memory. The last
 * columns are computed with those before them, which fill whole vectors. */
enum {
    ROW_VECTORS = 8,
    ROW_COLS = ROW_VECTORS * VECTOR_BYTES / (int)sizeof(real),
    ROW_DEPTH = 512,
    MANY_CHUNKS = 16
};

/* If the chunks are few, only up to a size that does not need many. */
static int row_pays(const cnet_gemm_arguments *a) {
    const cnet_gemm *g = &a->g;
    const int fits = g->n >= MANY_CHUNKS * ROW_COLS || g->n * g->k < 8 * FEW_PRODUCTS;
    return g->outer * g->inner == 1 && g->m == 1 && g->n >= ROW_COLS && g->b_col == 1 && fits &&
           !a->bias && !a->relu;
}

static void multiply_row(const job_t *job, ptrdiff_t j) {
    const cnet_gemm *g = &job->g;
    const real *b = job->b + j;
    vec total[ROW_VECTORS] = {0};
    for (ptrdiff_t p = 0; p < g->k; p += ROW_DEPTH) {
        vec sum[ROW_VECTORS] = {0};
        for (ptrdiff_t t = p; t < min_size(g->k, p + ROW_DEPTH); t++, b += g->b_row) {
            const real x = job->a[t * g->a_col];
#pragma GCC unroll 8
            for (int v = 0; v < ROW_VECTORS; v++)
                sum[v] += x * load(b + v * LANES);
        }
#pragma GCC unroll 8
        for (int v = 0; v < ROW_VECTORS; v++)
            total[v] += sum[v];
    }
#pragma GCC unroll 8
    for (int v = 0; v < ROW_VECTORS; v++)
        store(job->y + j + v * LANES, total[v]);
}

static void row_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t j = chunk * ROW_COLS, rest = job->g.n - j - ROW_COLS;
    multiply_row(job, j);
    if (0 < rest && rest < ROW_COLS)
        multiply_row(job, j + rest);
}

enum { PRODUCT, DOTS, ROW };

/* choices[0] is what computes the result. */
size_t CNET_FN(gemm_workspace)(cnet_call *call) {
    const cnet_gemm *g = &call->gemm.g;
    call->choices[0] = dots_pay(g) ? DOTS : row_pays(&call->gemm) ? ROW : PRODUCT;
    return call->choices[0] != PRODUCT
               ? 0
               : CNET_FN(product_workspace)(g->outer * g->inner, g->m, g->n, g->k, call->threads);
}

/* Y[b] = A[b] B[b], plus bias[j] in every row if bias is not NULL; with `relu`, results <= 0 become
 * 0 and NaN stays.
 *
 * A (outer, inner, m, k) and B (outer, inner, k, n) have any strides, so that transposed and
 * repeated operands need no copy. Y (outer, inner, m, n) is contiguous, is overwritten, and
 * overlaps no other array. Order of summation, parallel axis and workspace as in product.h; as in
 * dots.h for one product of a few long rows and contiguous columns. One row times contiguous
 * rows, without bias and ReLU, is summed in blocks like that, parallel over columns, without a
 * workspace. */
void CNET_FN(gemm)(const cnet_call *call) {
    const cnet_gemm_arguments *a = &call->gemm;
    const cnet_gemm *g = &a->g;
    const int threads = g->m * g->n * g->k < FEW_PRODUCTS ? 1 : call->threads;
    if (call->choices[0] == DOTS) {
        const dots d = {a->a, a->b, g->a_row, g->b_col,     a->bias, a->y,
                        g->m, g->n, g->k,     a->relu != 0, 0};
        CNET_FN(dots)(&d, threads);
        return;
    }
    job_t job = {
        .base = {.batch = g->outer * g->inner,
                 .m = g->m,
                 .n = g->n,
                 .k = g->k,
                 .pack_a = pack_a,
                 .pack_b = pack_b,
                 .a_distance = a_distance,
                 .b_distance = b_distance,
                 .store = store_strip,
                 .find_c = find_c,
                 .is_direct = !a->bias && !a->relu},
        .a = a->a,
        .b = a->b,
        .bias = a->bias,
        .y = a->y,
        .g = *g,
        .relu = a->relu != 0,
    };
    if (call->choices[0] == ROW) {
        cnet_parallel(row_chunk, &job, g->n / ROW_COLS, threads);
        return;
    }
    if (g->m >= TILE_ROWS && g->n <= (shares_cache_sets(g->a_row) ? STRIP_COLS : FEW_COLS))
        job.base.a = (strided){a->a, g->a_row, g->a_col};
    if (g->b_col == 1 && g->m <= ISA_MATRIX_ROWS && !shares_cache_sets(g->b_row))
        job.base.b = (strided){a->b, 1, g->b_row};
    else if (g->b_col == 1 || g->b_row == 1)
        job.base.find_b = find_b;
    job.base.has_rows = g->b_col == 1 && !shares_cache_sets(g->b_row);
    CNET_FN(product)(&job.base, call);
}
