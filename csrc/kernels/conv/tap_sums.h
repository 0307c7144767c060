/* Sums over taps, in registers: rows of a tile are filters, lanes are positions, and each step of
 * the depth is one tap, loaded from the offset in a table. */
#ifndef CNET_TAP_SUMS_H
#define CNET_TAP_SUMS_H

#include "simd.h"

/* The taps of `filters` filters: weights[t * tile + r] multiplies the cell at offsets[t]. */
typedef struct {
    ptrdiff_t tile, filters, depth; /* rows of the tile; how many are used; taps */
    const real *weights;
    const ptrdiff_t *offsets;
    const real *bias; /* one per filter, or NULL */
} tap_filters;

/* Positions in rows. */
typedef struct {
    ptrdiff_t rows, columns;
    ptrdiff_t from, to; /* steps from row to row, of the cells that are read and of the sums */
    ptrdiff_t step;     /* step from the sums of one filter to the next */
} tap_positions;

/* The number of rows of the tile that wastes least for this many filters. */
ptrdiff_t CNET_FN(tap_sums_tile)(ptrdiff_t filters);

/* to[r * step + row * to + p] = bias[r] + sum over t of weights[t * tile + r] *
 *                               x[offsets[t] + row * from + p]
 * with t ascending and the bias added last, for the filters r and the positions p of each row;
 * overwrites.
 *
 * Reads whole vectors of x. Also writes whole vectors, in order, but none beyond the sums of a
 * filter: the excess of a row lies in the next row or in the gap before it. A sum does not depend
 * on its position in a vector. */
void CNET_FN(tap_sums)(const tap_filters *f, const tap_positions *at, const real *x, real *to);

#endif
