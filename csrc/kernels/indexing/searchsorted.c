/* Positions in sorted rows. */
#include "variant.h"

/* Values of a chunk; values whose steps are computed together, without branches. */
enum { VALUES = ELEMENTS_PER_CHUNK / 16, TOGETHER = 16 };

/* y[j] = the number of elements of a sorted row that are less than values[j] or, if `inclusive`,
 * equal, for up to TOGETHER values. */
static inline __attribute__((always_inline)) void count_before(const real *x, const ptrdiff_t size,
                                                               const real *values,
                                                               const int inclusive, ptrdiff_t count,
                                                               int64_t *y) {
    real numbers[TOGETHER] = {0};
    mask_t at[TOGETHER] = {0};
    memcpy(numbers, values, (size_t)count * sizeof(real));
    for (ptrdiff_t rest = size; rest > 0;) {
        const mask_t half = (mask_t)(rest - rest / 2); /* of 1 it is 1 */
        const real *middle = x + half - 1;
        for (int j = 0; j < TOGETHER; j++) {
            const real element = middle[at[j]];
            at[j] += (inclusive ? element <= numbers[j] : element < numbers[j]) ? half : 0;
        }
        rest -= half;
    }
    for (ptrdiff_t j = 0; j < count; j++)
        y[j] = at[j];
}

static void searchsorted_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const cnet_searchsorted_arguments *a = argument;
    const ptrdiff_t count = a->g.count, size = a->g.size;
    const ptrdiff_t end = min_size(a->g.n * count, (chunk + 1) * VALUES);
    static const real greatest = REAL_INFINITY;
    for (ptrdiff_t t = chunk * VALUES; t < end;) {
        const real *x = (const real *)a->x + t / count * size,
                   *values = (const real *)a->values + t;
        int64_t *y = (int64_t *)a->y + t;
        const ptrdiff_t together = min_size(min_size(TOGETHER, end - t), count - t % count);
        if (a->right)
            count_before(x, size, values, 1, together, y);
        else
            count_before(x, size, values, 0, together, y);
        for (ptrdiff_t j = 0; j < together; j++)
            if (values[j] != values[j] && a->right)
                y[j] = size;
            else if (values[j] != values[j])
                count_before(x, size, &greatest, 1, 1, y + j);
        t += together;
    }
}

/* y[n, j] = the number of elements of x[n] that are less than values[n, j]; with `right`, also of
 * those that are equal.
 *
 * x (n, size) with ascending rows, values and y (n, count); overwrites y. inner is 1, and size less
 * than 2^31. NaN is greater than numbers and equal to NaN. Parallel over n and j. */
void CNET_FN(searchsorted)(const cnet_call *call) {
    const cnet_searchsorted_arguments *a = &call->searchsorted;
    cnet_parallel(searchsorted_chunk, a, ceil_div(a->g.n * a->g.count, VALUES), call->threads);
}
