/* Random integers and permutations. */
#include "random.h"

__extension__ typedef unsigned __int128 product_t;

/* Steps before an element is read at which it is prefetched. */
enum { AHEAD = 16 };

/* An integer in [0, range). */
static int64_t below(uint64_t word, uint64_t range) {
    return (int64_t)((product_t)word * range >> 64);
}

void cnet_integers(const uint64_t *words, int64_t *y, ptrdiff_t count, int64_t low,
                   uint64_t range) {
    if (range > CNET_HALVES) {
        for (ptrdiff_t i = 0; i < count; i++)
            y[i] = low + below(words[i], range);
        return;
    }
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint64_t half = i % 2 ? words[i / 2] & UINT32_MAX : words[i / 2] >> 32;
        y[i] = low + (int64_t)(half * range >> 32);
    }
}

void cnet_permutation(const uint64_t *words, int64_t *y, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t next = i + AHEAD;
        if (next < count)
            __builtin_prefetch(y + below(words[next], (uint64_t)next + 1));
        const ptrdiff_t j = (ptrdiff_t)below(words[i], (uint64_t)i + 1);
        y[i] = y[j];
        y[j] = i;
    }
}
