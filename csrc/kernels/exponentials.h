/* Sums of exponentials of a row, which softmax and cross-entropy divide by. */
#ifndef CNET_EXPONENTIALS_H
#define CNET_EXPONENTIALS_H

#include "simd_math.h"

/* The exponential of a number of this size is a normal number. Smaller ones count as 0 in sums with
 * a term of 1: instructions with subnormal results take a hundred times as long as others. */
#if defined(CNET_REAL_f32)
#define LEAST_POWER ((real) - 87.3)
#else
#define LEAST_POWER ((real) - 708.3)
#endif
static inline vec power_of(vec x) {
    return choose(x < LEAST_POWER, (vec){0}, vec_exp(at_least(x, broadcast(LEAST_POWER))));
}

/* The greatest number of a row; NaN if it contains NaN. */
static inline real greatest_of(const real *x, ptrdiff_t c) {
    real greatest = -REAL_INFINITY;
    ptrdiff_t t = 0;
    if (c >= LANES) {
        vec lanes = load(x), others = lanes;
        for (t = LANES; t + 2 * LANES <= c; t += 2 * LANES) {
            lanes = greater_of(lanes, load(x + t));
            others = greater_of(others, load(x + t + LANES));
        }
        lanes = greater_of(lanes, others);
        for (; t + LANES <= c; t += LANES)
            lanes = greater_of(lanes, load(x + t));
        for (ptrdiff_t count = LANES; count > 1; count /= 2)
            lanes = greater_of(evens(lanes, lanes), odds(lanes, lanes));
        greatest = lanes[0];
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
        const vec power = power_of(load_run(x + t, count) - greatest);
        if (y)
            store_run(y + t, power, count);
        if (count == LANES)
            lanes += power;
        else
            for (ptrdiff_t lane = 0; lane < count; lane++)
                sum += power[lane];
    }
    for (ptrdiff_t count = LANES; count > 1; count /= 2)
        lanes = evens(lanes, lanes) + odds(lanes, lanes);
    return sum + lanes[0];
}

#endif
