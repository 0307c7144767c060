/* Sums, products and extrema along an axis. */
#include "reductions.h"
#include "simd_math.h"
#include "sums.h"

/* Columns whose results are kept in the cache while rows are added. */
enum { TILE = 1024 };

typedef int64_t wide_mask __attribute__((vector_size(VECTOR_BYTES)));

static inline wide splat_wide(double x) { return x - (wide){0}; }
static inline wide wide_abs(wide x) { return (wide)((wide_mask)x & INT64_MAX); }
/* The greater number; y if either is NaN. */
static inline wide wide_at_least(wide y, wide x) {
#if defined(__AVX512F__) && VECTOR_BYTES == 64
    return (wide)_mm512_max_pd((__m512d)x, (__m512d)y);
#elif defined(__AVX__) && VECTOR_BYTES == 32
    return (wide)_mm256_max_pd((__m256d)x, (__m256d)y);
#else
    const wide_mask takes_x = x > y;
    return (wide)((takes_x & (wide_mask)x) | (~takes_x & (wide_mask)y));
#endif
}
/* As greater_of. */
static inline wide wide_greater_of(wide y, wide x) {
    return (wide)((wide_mask)wide_at_least(y, x) | (wide_mask)wide_at_least(x, y));
}

/* The numbers of the lanes, and positions that exchange the neighbours, the pairs and the fours of
 * a vector. */
#if VECTOR_BYTES == 64
static const wide_mask lane_numbers = {0, 1, 2, 3, 4, 5, 6, 7};
#define SWAPPED_ONES 1, 0, 3, 2, 5, 4, 7, 6
#define SWAPPED_TWOS 2, 3, 0, 1, 6, 7, 4, 5
#define SWAPPED_FOURS 4, 5, 6, 7, 0, 1, 2, 3
#elif VECTOR_BYTES == 32
static const wide_mask lane_numbers = {0, 1, 2, 3};
#define SWAPPED_ONES 1, 0, 3, 2
#define SWAPPED_TWOS 2, 3, 0, 1
#else
static const wide_mask lane_numbers = {0, 1};
#define SWAPPED_ONES 1, 0
#endif
#define SWAPPED(x, positions) __builtin_shufflevector(x, x, positions)

typedef wide step_t(wide y, wide x);
typedef vec group_t(vec y, vec x);
#define INLINE static inline __attribute__((always_inline))

/* Results can be those of groups: four numbers are joined in their own precision and then widened,
 * because widening each of them would take longer than all the rest. */
enum { GROUP = 4 };

static inline vec group_sum(vec y, vec x) { return y + x; }
static inline vec group_maximum(vec y, vec x) { return greater_of(y, x); }
static inline vec group_minimum(vec y, vec x) { return -greater_of(-y, -x); }

INLINE vec group_of(group_t *group, const real *x, ptrdiff_t stride) {
    return group(group(load(x), load(x + stride)),
                 group(load(x + 2 * stride), load(x + 3 * stride)));
}

/* The reduction of a contiguous run; of groups unless `group` is NULL. */
INLINE double run_of(step_t *step, step_t *join, group_t *group, double start, const real *x,
                     ptrdiff_t count) {
    wide results[4] = {splat_wide(start), splat_wide(start), splat_wide(start), splat_wide(start)};
    ptrdiff_t t = 0;
    if (group)
        for (; t + GROUP * WIDE_BLOCK <= count; t += GROUP * WIDE_BLOCK) {
            real groups[WIDE_BLOCK];
#pragma GCC unroll 4
            for (ptrdiff_t i = 0; i < WIDE_BLOCK; i += LANES)
                store(groups + i, group_of(group, x + t + i, WIDE_BLOCK));
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
                results[i] = join(results[i], load_wide(groups + i * WIDE_LANES));
        }
    for (; t + WIDE_BLOCK <= count; t += WIDE_BLOCK)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            results[i] = step(results[i], load_wide(x + t + i * WIDE_LANES));
    for (; t + WIDE_LANES <= count; t += WIDE_LANES)
        results[0] = step(results[0], load_wide(x + t));
    if (t < count) {
        const wide_mask is_read = lane_numbers < (int64_t)(count - t);
        const wide result = step(results[1], load_wide_run(x + t, count - t));
        results[1] = (wide)((is_read & (wide_mask)result) | (~is_read & (wide_mask)results[1]));
    }
    wide lanes = join(join(results[0], results[1]), join(results[2], results[3]));
#if defined(SWAPPED_FOURS)
    lanes = join(lanes, SWAPPED(lanes, SWAPPED_FOURS));
#endif
#if defined(SWAPPED_TWOS)
    lanes = join(lanes, SWAPPED(lanes, SWAPPED_TWOS));
#endif
    lanes = join(lanes, SWAPPED(lanes, SWAPPED_ONES));
    return lanes[0];
}

/* Adds `count` rows, `stride` elements apart, to the results y of `width` columns. */
INLINE void add_rows(step_t *step, const real *x, const int count, ptrdiff_t stride,
                     ptrdiff_t width, double *y) {
    ptrdiff_t t = 0;
    for (; t + WIDE_LANES <= width; t += WIDE_LANES) {
        wide result = load_doubles(y + t);
#pragma GCC unroll 8
        for (int row = 0; row < count; row++)
            result = step(result, load_wide(x + row * stride + t));
        store_doubles(y + t, result);
    }
    for (; t < width; t++)
        for (int row = 0; row < count; row++)
            y[t] = step(splat_wide(y[t]), splat_wide((double)x[row * stride + t]))[0];
}
/* Adds two groups of rows to the results y. */
INLINE void add_groups(step_t *join, group_t *group, const real *x, ptrdiff_t stride,
                       ptrdiff_t width, double *y) {
    const real *next = x + GROUP * stride;
    ptrdiff_t t = 0;
    for (; t + LANES <= width; t += LANES) {
        real groups[2][VECTOR_BYTES / sizeof(real)];
        store(groups[0], group_of(group, x + t, stride));
        store(groups[1], group_of(group, next + t, stride));
#pragma GCC unroll 2
        for (ptrdiff_t i = 0; i < LANES; i += WIDE_LANES) {
            const wide first = join(load_doubles(y + t + i), load_wide(groups[0] + i));
            store_doubles(y + t + i, join(first, load_wide(groups[1] + i)));
        }
    }
    for (; t < width; t++)
        for (const real *at = x + t; at <= next + t; at += GROUP * stride) {
            const vec first = group(broadcast(at[0]), broadcast(at[stride]));
            const vec second = group(broadcast(at[2 * stride]), broadcast(at[3 * stride]));
            y[t] = join(splat_wide(y[t]), splat_wide((double)group(first, second)[0]))[0];
        }
}
INLINE void rows_of(step_t *step, step_t *join, group_t *group, const real *x, ptrdiff_t rows,
                    ptrdiff_t stride, ptrdiff_t width, double *y) {
    ptrdiff_t row = 0;
    for (; row + 2 * GROUP <= rows; row += 2 * GROUP)
        if (group)
            add_groups(join, group, x + row * stride, stride, width, y);
        else
            add_rows(step, x + row * stride, 2 * GROUP, stride, width, y);
    for (; row < rows; row++)
        add_rows(step, x + row * stride, 1, stride, width, y);
}

/* Joins `count` results of `width` columns to y. */
INLINE void fold_of(step_t *join, const double *results, ptrdiff_t count, ptrdiff_t width,
                    double *y) {
    for (ptrdiff_t row = 0; row < count; row++, results += width) {
        ptrdiff_t t = 0;
        for (; t + WIDE_LANES <= width; t += WIDE_LANES)
            store_doubles(y + t, join(load_doubles(y + t), load_doubles(results + t)));
        for (; t < width; t++)
            y[t] = join(splat_wide(y[t]), splat_wide(results[t]))[0];
    }
}

#define OP(name, start, add, joined, group)                                                        \
    static inline wide step_##name(wide y, wide x) { return add; }                                 \
    static inline wide join_##name(wide y, wide x) { return joined; }                              \
    static double run_##name(const real *x, ptrdiff_t count) {                                     \
        return run_of(step_##name, join_##name, group, start, x, count);                           \
    }                                                                                              \
    static void rows_##name(const real *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t width,      \
                            double *y) {                                                           \
        rows_of(step_##name, join_##name, group, x, rows, stride, width, y);                       \
    }                                                                                              \
    static void fold_##name(const double *results, ptrdiff_t count, ptrdiff_t width, double *y) {  \
        fold_of(join_##name, results, count, width, y);                                            \
    }
CNET_REDUCTIONS(OP)
#undef OP

typedef struct {
    double start;
    double (*run)(const real *x, ptrdiff_t count);
    void (*rows)(const real *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t width, double *y);
    void (*fold)(const double *results, ptrdiff_t count, ptrdiff_t width, double *y);
} reduction_t;
#define OP(name, start, add, joined, group) {start, run_##name, rows_##name, fold_##name},
static const reduction_t reductions[] = {CNET_REDUCTIONS(OP)};
#undef OP
static int is_finite_run(const double *y, ptrdiff_t count) {
    wide zeros = {0};
    double zero = 0;
    ptrdiff_t t = 0;
    for (; t + WIDE_LANES <= count; t += WIDE_LANES)
        zeros += load_doubles(y + t) * 0;
    for (; t < count; t++)
        zero += y[t] * 0;
    for (int lane = 0; lane < WIDE_LANES; lane++)
        zero += zeros[lane];
    return zero == 0; /* infinity times 0 is NaN */
}

/* Computes sums of groups again that overflowed. */
static void repeat_overflowed(const real *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t width,
                              double *y) {
    if (is_finite_run(y, width))
        return;
    for (ptrdiff_t t = 0; t < width; t++)
        if (!isfinite(y[t])) {
            y[t] = 0;
            rows_of(step_sum, join_sum, NULL, x + t, rows, stride, 1, y + t);
        }
}

/* The work is divided into blocks of rows and tiles of columns, which depend on the geometry only.
 * If there is more than one block of rows, their results are joined in order at the end. */
typedef struct {
    const reduction_t *reduction;
    const real *x;
    double *y;
    cnet_norm g;
    ptrdiff_t rows, blocks, tiles; /* rows of a block, blocks of an array, tiles of a row */
    ptrdiff_t pieces, together;    /* all blocks and tiles, and how many of them are a chunk */
} job_t;

static job_t divided(const cnet_norm g) {
    job_t job = {.g = g};
    const ptrdiff_t width = max_size(1, min_size(g.size, TILE));
    job.rows = round_up(ELEMENTS_PER_CHUNK / width, WIDE_BLOCK);
    job.blocks = max_size(1, ceil_div(g.c, job.rows));
    job.tiles = ceil_div(g.size, TILE);
    job.pieces = g.n * job.blocks * job.tiles;
    const ptrdiff_t elements = width * max_size(1, min_size(g.c, job.rows));
    job.together = max_size(1, ELEMENTS_PER_CHUNK / elements);
    return job;
}

static void fill_doubles(double *y, double value, ptrdiff_t count) {
    for (ptrdiff_t t = 0; t < count; t++)
        y[t] = value;
}

/* Rows of few columns are joined to long rows. */
static void reduce_narrow(const reduction_t *reduction, const real *x, ptrdiff_t rows,
                          ptrdiff_t size, double *y) {
    double results[WIDE_BLOCK * WIDE_BLOCK];
    const ptrdiff_t width = WIDE_BLOCK * size, joined = rows / WIDE_BLOCK;
    if (joined > 1) {
        fill_doubles(results, reduction->start, width);
        reduction->rows(x, joined, width, width, results);
        reduction->fold(results, WIDE_BLOCK, size, y);
        x += joined * width;
        rows -= joined * WIDE_BLOCK;
    }
    reduction->rows(x, rows, size, size, y);
}

/* Rows that are reduced one after the other. */
static void reduce_rows(const job_t *job, ptrdiff_t row, ptrdiff_t end) {
    const ptrdiff_t c = job->g.c;
    for (; row < end; row++) {
        job->y[row] = job->reduction->run(job->x + row * c, c);
        if (job->reduction == &reductions[CNET_REDUCTION_sum])
            repeat_overflowed(job->x + row * c, c, 1, 1, job->y + row);
    }
}

static void reduce_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const reduction_t *reduction = job->reduction;
    const ptrdiff_t c = job->g.c, size = job->g.size;
    const ptrdiff_t end = min_size(job->pieces, (chunk + 1) * job->together);
    if (size == 1 && job->blocks == 1) {
        reduce_rows(job, chunk * job->together, end);
        return;
    }
    for (ptrdiff_t piece = chunk * job->together; piece < end; piece++) {
        const ptrdiff_t tile = piece % job->tiles, block = piece / job->tiles;
        const ptrdiff_t first = block % job->blocks * job->rows, column = tile * TILE;
        const ptrdiff_t rows = min_size(job->rows, c - first);
        const ptrdiff_t width = min_size(TILE, size - column);
        const real *x = job->x + (block / job->blocks * c + first) * size + column;
        double *y = job->y + block * size + column;
        if (size == 1) {
            *y = reduction->run(x, rows);
        } else {
            fill_doubles(y, reduction->start, width);
            if (size < WIDE_BLOCK)
                reduce_narrow(reduction, x, rows, size, y);
            else
                reduction->rows(x, rows, size, width, y);
        }
        if (reduction == &reductions[CNET_REDUCTION_sum])
            repeat_overflowed(x, rows, size, width, y);
    }
}

size_t CNET_FN(reduce_workspace)(cnet_call *call) {
    const cnet_norm g = call->reduce.g;
    const job_t job = divided(g);
    return job.blocks > 1 ? (size_t)(g.n * job.blocks * g.size) * sizeof(double) : 0;
}

/* y[n, t] = the reduction of x[n, :, t].
 *
 * x (n, c, size), y (n, size); overwrites y. Computed in double: numbers are added to at least 32
 * results per block, which are then joined in a fixed order, as are the blocks. For sums, these are
 * sums of up to four numbers, rounded to real unless they overflow. Extrema are exact. NaN stays
 * NaN.
 * Parallel over all three axes. */
void CNET_FN(reduce)(const cnet_call *call) {
    const cnet_reduce_arguments *a = &call->reduce;
    job_t job = divided(a->g);
    double *y = a->y;
    job.reduction = &reductions[a->operation];
    job.x = a->x;
    job.y = job.blocks > 1 ? (double *)call->workspace : y;
    cnet_parallel(reduce_chunk, &job, ceil_div(job.pieces, job.together), call->threads);
    if (job.blocks == 1)
        return;
    fill_doubles(y, job.reduction->start, a->g.n * a->g.size);
    for (ptrdiff_t n = 0; n < a->g.n; n++)
        job.reduction->fold(job.y + n * job.blocks * a->g.size, job.blocks, a->g.size,
                            y + n * a->g.size);
}
