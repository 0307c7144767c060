/* Stores that bypass the caches. */
#ifndef CNET_STREAM_H
#define CNET_STREAM_H

#include "simd.h"

/* Stores a vector without reading its cache line first or keeping it, where the instruction set
 * can. For whole lines of results that the caches cannot hold; `p` is aligned. A task calls
 * end_streams before it ends, so that other threads see the stores. */
static inline void stream(real *p, vec v) {
#if VECTOR_BYTES == 64
    _mm512_stream_ps((float *)p, (__m512)v);
#elif VECTOR_BYTES == 32
    _mm256_stream_ps((float *)p, (__m256)v);
#else
    *(vec *)p = v;
#endif
}

static inline void end_streams(void) {
#if defined(__AVX__)
    _mm_sfence();
#endif
}

#endif
