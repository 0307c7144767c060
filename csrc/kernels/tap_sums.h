/* Sums over taps, in registers: rows of a tile are filters, lanes are positions, and each step of
 * the depth is one tap, loaded where a table of offsets says. */
#ifndef CNET_TAP_SUMS_H
#define CNET_TAP_SUMS_H

#include "simd.h"

/* Rows of the tile that wastes least on so many filters. */
ptrdiff_t CNET_FN(tap_sums_rows)(ptrdiff_t filters);

/* to[r * pitch + p] = sum over t of weights[t * rows + r] * x[offsets[t] + p], t ascending, for the
 * `rows` of a tile and the positions p in [0, positions), rounded up to whole vectors, which x and
 * `to` must have; overwrites `to`. Sums do not depend on how positions fall into vectors. */
void CNET_FN(tap_sums)(ptrdiff_t rows, ptrdiff_t depth, const real *weights,
                       const ptrdiff_t *offsets, const real *x, ptrdiff_t positions,
                       ptrdiff_t pitch, real *to);

#endif
