/* The sums of the columns of a matrix, for kernels that need them with other results. */
#ifndef CNET_COLUMN_SUMS_H
#define CNET_COLUMN_SUMS_H

#include "variant.h"

/* y[j] = sum_i x[i, j] of x (rows, columns), as the kernel column_sums. */
void CNET_FN(sum_columns)(const real *x, real *y, ptrdiff_t rows, ptrdiff_t columns, int threads);

#endif
