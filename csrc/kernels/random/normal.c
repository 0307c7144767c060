/* Normally distributed random numbers. */
#define SAME_ON_ALL_ISAS
#include "sine.h"

#if defined(CNET_REAL_f32)
#define UNUSED_BITS 1 /* of an integer, so that it is not negative, and its conversion is exact */
#define QUARTER_TURN (0x1.921fb6p+0 * 0x1p-32)
#else
#define UNUSED_BITS 11
#define QUARTER_TURN (0x1.921fb54442d18p+0 * 0x1p-64)
#endif
#define UNIT ((real)1 / (real)((bits_t)1 << (8 * sizeof(real) - UNUSED_BITS)))

/* High and low halves of words, or the words of both halves of the array, as bits of numbers. */
typedef struct {
    bits_vec first, second;
} pair_t;

typedef struct {
    const int64_t *words;
    real *y;
    ptrdiff_t count, half;
    real mean, std;
} job_t;

static inline vec as_number(bits_vec bits) { return __builtin_convertvector((mask_vec)bits, vec); }

static inline pair_t load_pair(const int64_t *words, ptrdiff_t half, ptrdiff_t count) {
    const real *at = (const real *)words;
#if defined(CNET_REAL_f32)
    (void)half;
    const vec a = load_run(at, 2 * count), b = load_run(at + LANES, 2 * count - LANES);
    return (pair_t){(bits_vec)odds(a, b), (bits_vec)evens(a, b)};
#else
    return (pair_t){(bits_vec)load_run(at, count), (bits_vec)load_run(at + half, count)};
#endif
}

static void normal_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t half = job->half;
    const ptrdiff_t end = min_size(half, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end; t += LANES) {
        const pair_t bits = load_pair(job->words + t, half, end - t);
        const vec uniform = (as_number(bits.first >> UNUSED_BITS) + HALF) * UNIT;
        const vec radius = vec_sqrt(-2 * vec_log(uniform));
        /* The highest bit is a sign, the next one exchanges the coordinates. */
        const vec angle = as_number(bits.second << 2) * (real)QUARTER_TURN;
        const vec sine = sine_of_rest(angle),
                  cosine = copy_sign(cosine_of_rest(angle), (vec)bits.second);
        const mask_vec exchanged = (mask_vec)(bits.second << 1) < 0;
        store_run(job->y + t, job->mean + job->std * (radius * choose(exchanged, sine, cosine)),
                  end - t);
        store_run(job->y + half + t,
                  job->mean + job->std * (radius * choose(exchanged, cosine, sine)),
                  min_size(end, job->count - half) - t);
    }
}

/* y[i] = mean + std r cos(a), y[h + i] = mean + std r sin(a), h = ceil(count / 2): numbers of a
 * normal distribution (G. E. P. Box and M. E. Muller, A Note on the Generation of Random Normal
 * Deviates, 1958), r = sqrt(-2 log u).
 *
 * words (h, float64: 2 h) are random bits. u in (0, 1] and a are from the high and the low half of
 * words[i] in float32, from words[i] and words[h + i] in float64. The two highest bits of an angle
 * select a quarter turn. y (count); overwrites y. The same bits on every instruction set. Parallel
 * over blocks of i. */
void CNET_FN(normal)(const cnet_call *call) {
    const cnet_normal_arguments *a = &call->normal;
    const job_t job = {
        .words = a->words,
        .y = a->y,
        .count = a->count,
        .half = ceil_div(a->count, 2),
        .mean = (real)a->mean,
        .std = (real)a->std,
    };
    cnet_parallel(normal_chunk, &job, ceil_div(job.half, ELEMENTS_PER_CHUNK), call->threads);
}
