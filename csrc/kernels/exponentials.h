/* Sums of exponentials of a row, which softmax and cross-entropy divide by. */
#ifndef CNET_EXPONENTIALS_H
#define CNET_EXPONENTIALS_H

#include "simd_math.h"

/* The greatest number of a row; NaN if it contains NaN. */
static inline real greatest_of(const real *x, ptrdiff_t c) {
    real greatest = -REAL_INFINITY;
    ptrdiff_t t = 0;
    if (c >= LANES) {
        vec lanes = load(x);
        for (t = LANES; t + LANES <= c; t += LANES) {
            const vec next = load(x + t);
            lanes = choose((next > lanes) | (next != next), next, lanes);
        }
        for (ptrdiff_t lane = 0; lane < LANES; lane++)
            greatest =
                lanes[lane] > greatest || lanes[lane] != lanes[lane] ? lanes[lane] : greatest;
    }
    for (; t < c; t++)
        greatest = x[t] > greatest || x[t] != x[t] ? x[t] : greatest;
    return greatest;
}

/* The sum of exp(x[t] - greatest). Stores the terms in y unless that is NULL. */
static inline real sum_of_powers(const real *x, real greatest, real *y, ptrdiff_t c) {
    vec lanes = {0};
    real sum = 0;
    for (ptrdiff_t t = 0; t < c; t += LANES) {
        const ptrdiff_t count = min_size(LANES, c - t);
        const vec power = vec_exp(load_run(x + t, count) - greatest);
        if (y)
            store_run(y + t, power, count);
        if (count == LANES)
            lanes += power;
        else
            for (ptrdiff_t lane = 0; lane < count; lane++)
                sum += power[lane];
    }
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    return sum;
}

#endif
