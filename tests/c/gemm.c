#include "tests.h"

/* The layout of a matrix in memory. */
typedef enum { ROWS, COLUMNS, PADDED_ROWS, BACKWARDS, ONE_ROW, LAYOUTS } layout;

/* Element (i, j) is in cell first + i * row + j * col, of `count` cells. */
typedef struct {
    ptrdiff_t first, row, col, count;
} matrix;

static matrix lay_out(layout how, ptrdiff_t rows, ptrdiff_t cols) {
    enum { GAP = 3 };
    if (rows == 0 || cols == 0)
        return (matrix){0, cols, 1, 0};
    switch (how) {
    case COLUMNS:
        return (matrix){0, 1, rows, rows * cols};
    case PADDED_ROWS:
        return (matrix){0, cols + GAP, 1, (rows - 1) * (cols + GAP) + cols};
    case BACKWARDS:
        return (matrix){rows * cols - 1, -cols, -1, rows * cols};
    case ONE_ROW:
        return (matrix){0, 0, 1, cols};
    default:
        return (matrix){0, cols, 1, rows * cols};
    }
}

static const ptrdiff_t sizes_mnk[][3] = {
    {1, 1, 1},     {0, 3, 2},       {3, 0, 2},      {3, 2, 0},    {0, 0, 0},    {5, 7, 3},
    {6, 16, 256},  {7, 17, 257},    {8, 48, 255},   {9, 49, 9},   {13, 33, 31}, {1, 100, 64},
    {100, 1, 64},  {96, 480, 5},    {97, 481, 11},  {95, 239, 3}, {2, 961, 2},  {193, 24, 513},
    {24, 25, 600}, {130, 500, 300}, {40, 90, 7000},               /* parts of the depth */
    {5, 66, 300},  {13, 35, 133},   {16, 3, 128},   {1, 49, 131}, /* dot products */
    {1, 301, 9},   {1, 1500, 100},                                /* one row */
};
enum { SIZES = sizeof sizes_mnk / sizeof sizes_mnk[0] };

typedef struct {
    cnet_gemm g;
    matrix a, b;
    int relu;
} gemm_arguments;

static gemm_arguments make_arguments(const ptrdiff_t mnk[3], layout how_a, layout how_b) {
    const ptrdiff_t m = mnk[0], n = mnk[1], k = mnk[2];
    const matrix a = lay_out(how_a, m, k), b = lay_out(how_b, k, n);
    describe("m=%td n=%td k=%td, layouts %d and %d", m, n, k, how_a, how_b);
    return (gemm_arguments){
        .g = {m, n, k, a.row, a.col, b.row, b.col, .outer = 1, .inner = 1}, .a = a, .b = b};
}

static void gemm_case(const gemm_arguments *arguments, int with_bias) {
    const cnet_gemm *g = &arguments->g;
    const matrix ma = arguments->a, mb = arguments->b;
    const ptrdiff_t a_count = ma.count + (g->outer - 1) * g->a_outer + (g->inner - 1) * g->a_inner;
    const ptrdiff_t b_count = mb.count + (g->outer - 1) * g->b_outer + (g->inner - 1) * g->b_inner;
    const double *a = randoms(a_count), *b = randoms(b_count);
    const double *bias = with_bias ? randoms(g->n) : NULL;
    const ptrdiff_t c_count = g->outer * g->inner * g->m * g->n;
    sum *c = sums(c_count);
    for (ptrdiff_t t = 0; t < c_count; t++) {
        const ptrdiff_t j = t % g->n, i = t / g->n % g->m, number = t / g->n / g->m;
        const ptrdiff_t outer = number / g->inner, inner = number % g->inner;
        const double *row = a + ma.first + outer * g->a_outer + inner * g->a_inner + i * ma.row;
        const double *column = b + mb.first + outer * g->b_outer + inner * g->b_inner + j * mb.col;
        for (ptrdiff_t p = 0; p < g->k; p++)
            add(&c[t], row[p * ma.col] * column[p * mb.row]);
        if (bias)
            add(&c[t], bias[j]);
        if (arguments->relu && c[t].value <= 0)
            c[t].value = 0;
    }
    check(&(subject){
        .call = {CNET_KERNEL_gemm, .gemm = {.g = *g, .relu = arguments->relu}},
        .first = {ma.first, mb.first},
        .in = {{a_count, a}, {b_count, b}, {g->n, bias}},
        .out = {{c_count, c, NULL}},
    });
}

/* Products of several matrices, each pair in the same layouts; the same B along one axis. */
static void gemm_batches(void) {
    static const ptrdiff_t sizes[][3] = {{1, 1, 1},    {3, 2, 0},   {9, 49, 7},  {16, 16, 5},
                                         {64, 64, 16}, {64, 16, 9}, {33, 150, 4}};
    for (int i = 0; i < (int)(sizeof sizes / sizeof sizes[0]); i++) {
        for (layout how = 0; how < LAYOUTS; how++) {
            gemm_arguments arguments = make_arguments(sizes[i], how, (how + i) % LAYOUTS);
            cnet_gemm *g = &arguments.g;
            g->outer = 3;
            g->inner = 2;
            g->a_inner = arguments.a.count;
            g->a_outer = 2 * arguments.a.count + 1;
            g->b_inner = i % 2 ? 0 : 3 * arguments.b.count;
            g->b_outer = i % 2 ? arguments.b.count : arguments.b.count / 2;
            gemm_case(&arguments, i % 2);
        }
    }
}

/* Every pair of layouts, each with a third of the sizes. */
void test_gemm(void) {
    for (int i = 0; i < SIZES; i++) {
        for (layout a = 0; a < LAYOUTS; a++) {
            for (layout b = (i + a) % 3; b < LAYOUTS; b += 3) {
                gemm_arguments arguments = make_arguments(sizes_mnk[i], a, b);
                arguments.relu = (i + a) % 2;
                gemm_case(&arguments, (a + b) % 2);
            }
        }
    }
    gemm_batches();
}

/* n, c: around a block of 64 columns or 1024 rows; the last ones are computed by several threads.
 */
static const cnet_rows column_sizes[] = {{0, 3},     {3, 0},     {1, 1},     {5, 63},
                                         {7, 64},    {9, 65},    {1024, 17}, {1025, 100},
                                         {2049, 33}, {300, 300}, {40, 1000}};
enum { COLUMN_SIZES = sizeof column_sizes / sizeof column_sizes[0] };

void test_column_sums(void) {
    for (int i = 0; i < COLUMN_SIZES; i++) {
        const cnet_rows g = column_sizes[i];
        describe("n=%td c=%td", g.n, g.c);
        const double *x = randoms(g.n * g.c);
        sum *y = sums(g.c);
        for (ptrdiff_t t = 0; t < g.n * g.c; t++)
            add(&y[t % g.c], x[t]);
        check(&(subject){.call = {CNET_KERNEL_column_sums, .column_sums = {.g = g}},
                         .in = {{g.n * g.c, x}},
                         .out = {{g.c, y}}});
    }
}
