/* Sums of losses in parts that do not depend on the number of threads. */
#ifndef CNET_LOSS_PARTS_H
#define CNET_LOSS_PARTS_H

#include "sums.h"
#include "variant.h"

enum { PARTS = 64, LOSSES_PER_PART = 1 << 13 };

/* The sum of each part, and what it adds to the divisor of the mean. */
typedef struct {
    ptrdiff_t losses; /* per part */
    double sums[PARTS], divisors[PARTS];
} loss_parts;

static inline ptrdiff_t losses_per_part(ptrdiff_t n) {
    return max_size(LOSSES_PER_PART, ceil_div(n, PARTS));
}

/* loss = the sum of all parts / divisor, which is 1 if `mean` is not set. */
static inline void divide_sums(const loss_parts *parts, ptrdiff_t n, ptrdiff_t mean, real *loss,
                               real *divisor) {
    double sum = 0, divisors = mean ? 0 : 1;
    for (ptrdiff_t i = 0; i < ceil_div(n, parts->losses); i++) {
        sum += parts->sums[i];
        divisors += mean ? parts->divisors[i] : 0;
    }
    *divisor = (real)divisors;
    *loss = (real)(sum / divisors);
}

#endif
