/* The vector type of the variant, in the compiler's portable vector extension. */
#ifndef CNET_SIMD_H
#define CNET_SIMD_H

#include "variant.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

/* Elements in a vector. */
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(real)))

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
/* The same at any address: arrays from outside are aligned to their element only. */
typedef real unaligned_vec
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

static inline vec load(const real *p) { return *(const unaligned_vec *)p; }
static inline void store(real *p, vec v) { *(unaligned_vec *)p = v; }
static inline vec broadcast(real x) { return x - (vec){0}; }

#endif
