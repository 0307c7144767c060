/* Random integers, from words of 64 random bits. */
#ifndef CNET_RANDOM_H
#define CNET_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Below as many different integers, each half of a word gives one. */
enum { CNET_HALVES = 1 << 16 };

/* y[i] = low + floor(bits * range / 2^size) for the `size` bits of word i; or, if range is at most
 * CNET_HALVES, for those of the high half of word i / 2 if i is even, and of the low half if i is
 * odd. The probabilities of all integers are equal but for a relative error of range / 2^size. */
void cnet_integers(const uint64_t *words, int64_t *y, ptrdiff_t count, int64_t low, uint64_t range);

/* y = the integers from 0 to count - 1 in random order, with one word for each: y[i] = y[j] and
 * y[j] = i for i = 0, 1, and so on, with j = floor(word[i] * (i + 1) / 2^64). The probabilities of
 * all orders are equal but for a relative error of count^2 / 2^64. */
void cnet_permutation(const uint64_t *words, int64_t *y, ptrdiff_t count);

#endif
