/* ReLU and the maximum of 2 x 2 cells in one step, for a vector of results. */
#ifndef CNET_RELU_POOL_H
#define CNET_RELU_POOL_H

#include "lanes.h"

/* Writes the first `count` results for the cells a, b of one row and c, d of the row below: the
 * values y, and the codes for the backward pass, as defined in conv2d_relu_pool. */
static inline __attribute__((always_inline)) void relu_pool_run(vec a, vec b, vec c, vec d, real *y,
                                                                uint8_t *codes, ptrdiff_t count) {
    const vec cells[] = {evens(a, b), odds(a, b), evens(c, d), odds(c, d)};
    vec best = cells[0];
    ivec code = splat(0);
    for (int k = 1; k < 4; k++) {
        const ivec take = (cells[k] > best) | (cells[k] != cells[k]);
        best = select_cell(take, cells[k], best);
        code = select_index(take, splat(k), code);
    }
    const ivec dead = best <= (vec){0};
    code = select_index(dead, splat(POOL_DEAD), code);
    store_run(y, select_cell(dead, (vec){0}, best), count);
    if (count >= LANES)
        store_bytes(codes, code);
    else
        store_bytes_run(codes, code, count);
}

#endif
