/* The peak of the machine: fused multiply-adds on independent sums, and copies.
 *
 * Twelve sums hide the latency of a multiply-add (four cycles, two a cycle) and leave registers for
 * the factors, even with only sixteen registers.
 */
#include <stddef.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define SUMS 12

#define DEFINE_FMA(NAME, REAL)                                                                     \
    REAL NAME(size_t flops, REAL factor, REAL term) {                                              \
        typedef REAL vector __attribute__((vector_size(VECTOR_BYTES)));                            \
        enum { LANES = VECTOR_BYTES / sizeof(REAL) };                                              \
        vector a = factor - (vector){0}, b = term - (vector){0}, sums[SUMS];                       \
        for (int i = 0; i < SUMS; i++)                                                             \
            sums[i] = b * (REAL)i;                                                                 \
        for (size_t done = 0; done < flops; done += 2 * SUMS * LANES)                              \
            for (int i = 0; i < SUMS; i++)                                                         \
                sums[i] = sums[i] * a + b;                                                         \
        for (int i = 1; i < SUMS; i++)                                                             \
            sums[0] += sums[i];                                                                    \
        return sums[0][0];                                                                         \
    }

DEFINE_FMA(fma_float32, float)
DEFINE_FMA(fma_float64, double)

/* Arrays are aligned to 64 bytes, and their sizes are multiples of 64. */
typedef char line __attribute__((vector_size(64)));

/* Ordinary stores, as in kernels whose results are used soon: the old content is read first. */
void copy(void *target, const void *source, size_t size) {
    for (size_t i = 0; i < size / sizeof(line); i++)
        ((line *)target)[i] = ((const line *)source)[i];
}

/* Streaming stores, which bypass the caches, where the CPU has them. */
void copy_streaming(void *target, const void *source, size_t size) {
#if defined(__AVX512F__)
    for (size_t i = 0; i < size; i += sizeof(__m512i))
        _mm512_stream_si512((void *)((char *)target + i),
                            *(const __m512i *)((const char *)source + i));
    _mm_sfence();
#elif defined(__SSE2__)
    for (size_t i = 0; i < size; i += sizeof(__m128i))
        _mm_stream_si128((void *)((char *)target + i),
                         *(const __m128i *)((const char *)source + i));
    _mm_sfence();
#else
    copy(target, source, size);
#endif
}
