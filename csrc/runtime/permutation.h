/* Random permutations. */
#ifndef CNET_PERMUTATION_H
#define CNET_PERMUTATION_H

#include <stddef.h>
#include <stdint.h>

/* y = the integers from 0 to count - 1 in an order that words of 64 random bits determine, one for
 * each integer: y[i] = y[j] and y[j] = i for i = 0, 1, and so on, j = floor(word[i] * (i + 1) /
 * 2^64). The probabilities of all orders are equal but for a relative error of count^2 / 2^64. */
void cnet_permutation(const uint64_t *words, int64_t *y, ptrdiff_t count);

#endif
