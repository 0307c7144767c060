/* Sums over taps, in registers: rows of a tile are filters, lanes are positions, and each step of
 * the depth is one tap, loaded where a table of offsets says. */
#ifndef CNET_TAP_SUMS_H
#define CNET_TAP_SUMS_H

#include "simd.h"

/* The taps of so many filters: weights[t * tile + r] sees what lies at offsets[t]. */
typedef struct {
    ptrdiff_t tile, filters, depth; /* rows of the tile; how many of them are wanted */
    const real *weights;
    const ptrdiff_t *offsets;
    const real *bias; /* of the filters, or NULL */
} tap_filters;

/* Positions, in rows. */
typedef struct {
    ptrdiff_t rows, columns;
    ptrdiff_t from, to; /* from row to row, where cells are read and where sums are written */
    ptrdiff_t step;     /* from the sums of one filter to those of the next */
} tap_positions;

/* Rows of the tile that wastes least on so many filters. */
ptrdiff_t CNET_FN(tap_sums_tile)(ptrdiff_t filters);

/* to[r * step + row * to + p] = sum over t of weights[t * tile + r] * x[offsets[t] + row * from +
 * p]
 * + bias[r], with t ascending, for the filters r and the positions p of each row; overwrites.
 *
 * Reads whole vectors of x. Writes whole vectors too, in order, but none beyond the sums of a
 * filter: what goes beyond a row is in the next one, or in what lies between them. A sum does not
 * depend on its place in a vector. */
void CNET_FN(tap_sums)(const tap_filters *f, const tap_positions *at, const real *x, real *to);

#endif
