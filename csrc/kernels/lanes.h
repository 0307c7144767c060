/* Integer vectors, and selection by lane. */
#ifndef CNET_LANES_H
#define CNET_LANES_H

#include "simd.h"

/* One integer of the size of a real per lane; one byte per lane. */
typedef mask_t ivec __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t lane_bytes __attribute__((vector_size(VECTOR_BYTES / sizeof(real))));

/* The code of a pooled output that ReLU set to 0; other codes are positions in the window. */
enum { POOL_DEAD = 4 };

static inline ivec lane_numbers(void) {
    ivec numbers;
    for (int lane = 0; lane < LANES; lane++)
        numbers[lane] = lane;
    return numbers;
}

static inline ivec splat(ptrdiff_t x) { return (mask_t)x - (ivec){0}; }

static inline ivec select_index(ivec mask, ivec a, ivec b) { return (mask & a) | (~mask & b); }

static inline vec select_cell(ivec mask, vec a, vec b) {
    return (vec)select_index(mask, (ivec)a, (ivec)b);
}

#endif
