/* The sums of the columns of a matrix: the gradient of the bias of a linear layer. */
#include "gemm/column_sums.h"

enum { COLUMNS = 64, ROWS = 1024 };

typedef struct {
    const real *x;
    real *y;
    cnet_rows g;
} job_t;

/* Adds rows to the sums of up to COLUMNS columns. */
static void add_rows(const real *x, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                     double *restrict sums) {
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            sums[j] += (double)x[i * stride + j];
}

/* Few columns are summed as more columns of fewer rows, which lie side by side in memory: so sums
 * are vectors, and do not wait for the one before. */
static void columns_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t first = chunk * COLUMNS, columns = min_size(COLUMNS, job->g.c - first);
    const ptrdiff_t together = max_size(1, COLUMNS / job->g.c);
    double sums[COLUMNS] = {0};
    for (ptrdiff_t i = 0; i < job->g.n; i += ROWS) {
        const real *x = job->x + i * job->g.c + first;
        const ptrdiff_t rows = min_size(ROWS, job->g.n - i), whole = rows / together;
        double block[COLUMNS] = {0};
        add_rows(x, together * job->g.c, whole, together * columns, block);
        add_rows(x + whole * together * job->g.c, job->g.c, rows % together, columns, block);
        for (ptrdiff_t j = 0; j < together * columns; j++)
            sums[j % columns] += block[j];
    }
    for (ptrdiff_t j = 0; j < columns; j++)
        job->y[first + j] = (real)sums[j];
}

void CNET_FN(sum_columns)(const real *x, real *y, ptrdiff_t rows, ptrdiff_t columns, int threads) {
    const job_t job = {.x = x, .y = y, .g = {.n = rows, .c = columns}};
    const int small = rows * columns < ELEMENTS_PER_CHUNK;
    cnet_parallel(columns_chunk, &job, ceil_div(columns, COLUMNS), small ? 1 : threads);
}

/* y[j] = sum_i x[i, j].
 *
 * x (n, c), y (c); overwrites y. Computed in double, in blocks of ROWS rows. Parallel over j. */
void CNET_FN(column_sums)(const cnet_call *call) {
    const cnet_column_sums_arguments *a = &call->column_sums;
    CNET_FN(sum_columns)(a->x, a->y, a->g.n, a->g.c, call->threads);
}
