/* Runs of elements `stride` apart: the outputs along a row read every stride-th cell of it. */
#ifndef CNET_STRIDED_H
#define CNET_STRIDED_H

#include "simd.h"

/* to[t] = from[t * stride]. Reads no element after the last of the run. */
static inline __attribute__((always_inline)) void gather_run(real *to, const real *from,
                                                             ptrdiff_t stride, ptrdiff_t count) {
    if (stride == 1) {
        copy_run(to, from, count);
        return;
    }
    ptrdiff_t t = 0;
    if (stride == 2)
        for (; t + LANES < count; t += LANES)
            store(to + t, evens(load(from + 2 * t), load(from + 2 * t + LANES)));
    for (; t < count; t++)
        to[t] = from[t * stride];
}

/* to[t * stride] += from[t]. With stride 2, the elements in between get + 0. */
static inline __attribute__((always_inline)) void scatter_run(real *to, const real *from,
                                                              ptrdiff_t stride, ptrdiff_t count) {
    ptrdiff_t t = 0;
    if (stride == 1) {
        for (; t + LANES <= count; t += LANES)
            store(to + t, load(to + t) + load(from + t));
    } else if (stride == 2) {
        for (; t + LANES < count; t += LANES) {
            const vec v = load(from + t);
            real *at = to + 2 * t;
            store(at, load(at) + zip_first(v, (vec){0}));
            store(at + LANES, load(at + LANES) + zip_second(v, (vec){0}));
        }
    }
    for (; t < count; t++)
        to[t * stride] += from[t];
}

#endif
