/* Random permutations. */
#include "permutation.h"

__extension__ typedef unsigned __int128 product_t;

/* Steps before an element is read at which it is prefetched. */
enum { AHEAD = 16 };

/* An integer in [0, count), from 64 random bits. */
static ptrdiff_t below(uint64_t word, ptrdiff_t count) {
    return (ptrdiff_t)((product_t)word * (uint64_t)count >> 64);
}

void cnet_permutation(const uint64_t *words, int64_t *y, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t next = i + AHEAD;
        if (next < count)
            __builtin_prefetch(y + below(words[next], next + 1));
        const ptrdiff_t j = below(words[i], i + 1);
        y[i] = y[j];
        y[j] = i;
    }
}
