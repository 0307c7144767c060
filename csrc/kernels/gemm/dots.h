/* The matrix product whose operands are both contiguous along the depth: dot products of rows. */
#ifndef CNET_DOTS_H
#define CNET_DOTS_H

#include "simd.h"

typedef struct {
    const real *a, *b; /* rows a[i * a_row], b[j * b_row], contiguous */
    ptrdiff_t a_row, b_row;
    const real *bias;
    real *c;
    ptrdiff_t m, n, k;
    int relu, adds; /* adds: to c instead of the bias, as all blocks of the depth but the first */
} dots;

/* c[i, j] = sum over t of a[i, t] * b[j, t], plus bias[j] if bias is not NULL; with `relu`, results
 * <= 0 become 0 and NaN stays. Each lane sums the cells at its position, in blocks of the depth;
 * the lanes are added at the end. Overwrites c; takes no workspace; parallel over blocks of columns
 * if `threads` is more than 1. */
void CNET_FN(dots)(const dots *d, int threads);

#endif
