/* Streaming stores, for results that are larger than what a core keeps in its cache until they are
 * read. A store to memory that is not cached reads its cache line first; a streaming store does
 * not, so that a kernel limited by memory bandwidth moves a third less.
 *
 * A task that has streamed ends with `end_streams`: streaming stores are not ordered otherwise. */
#ifndef CNET_STREAMS_H
#define CNET_STREAMS_H

#include "simd.h"

/* Whether a result of so many elements is streamed. */
static inline int is_streamed(ptrdiff_t elements) {
    return elements >= ISA_SHARED_CACHE_BYTES / 4 / (ptrdiff_t)sizeof(real);
}

/* Whether streaming stores can begin at an address. Elsewhere stores are used. */
static inline int takes_streams(const real *to) {
#if defined(__AVX__) && !defined(SHORT_VECTORS)
    return (uintptr_t)to % VECTOR_BYTES == 0;
#else
    (void)to;
    return 0;
#endif
}

/* Stores a vector past the caches; `to` must take streams. */
static inline void stream(real *to, vec v) {
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    _mm512_stream_si512((void *)to, (__m512i)v);
#elif defined(__AVX__) && VECTOR_BYTES == 32
    _mm256_stream_si256((void *)to, (__m256i)v);
#else
    store(to, v);
#endif
}

/* Copies a run past the caches. */
static inline void stream_copy(real *to, const real *from, ptrdiff_t count) {
    const ptrdiff_t end = takes_streams(to) ? count / LANES * LANES : 0;
    for (ptrdiff_t t = 0; t < end; t += LANES)
        stream(to + t, load(from + t));
    memcpy(to + end, from + end, (size_t)(count - end) * sizeof(real));
}

static inline void end_streams(void) {
#if defined(__AVX__)
    _mm_sfence();
#endif
}

#endif
