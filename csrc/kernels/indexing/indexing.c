/* Reading and writing of elements at positions along an axis. */
#include "simd.h"

#include <stdatomic.h>

typedef struct {
    const real *from;
    const int64_t *index;
    real *to;
    cnet_cells g;
    int is_valid;     /* whether a shared index is known to have no invalid position */
    int operation;    /* of `scatter` */
    int shared;       /* whether there is one position for each run, not for each element */
    ptrdiff_t block;  /* rows of a chunk of `gather`, elements of a run in one of `scatter` */
    ptrdiff_t blocks; /* chunks of each of the n arrays; used by `scatter` */
    _Atomic ptrdiff_t *invalid;
} job_t;

/* Positions are checked, and then used, in runs of this length, which stay in the nearest cache. */
enum { RUN = 512 };

static int is_inside(int64_t position, ptrdiff_t size) {
    return (uint64_t)position < (uint64_t)size;
}

static ptrdiff_t count_outside(const int64_t *index, ptrdiff_t count, ptrdiff_t size) {
    int64_t inside = 0;
    for (ptrdiff_t t = 0; t < count; t++)
        inside += is_inside(index[t], size);
    return count - (ptrdiff_t)inside;
}

static void note_invalid(const job_t *job, ptrdiff_t count) {
    if (count)
        atomic_fetch_add(job->invalid, count);
}

/* Whether the positions for a vector follow each other. */
static inline int is_vector(const int64_t *index) {
    int64_t differences = index[LANES - 1] - index[0] - (LANES - 1);
    if (differences)
        return 0;
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        differences |= index[lane] - index[0] - lane;
    return !differences;
}

/* to[t] = from[index[t]] for valid positions. */
static void gather_cells(const real *from, const int64_t *index, real *to, ptrdiff_t count) {
    ptrdiff_t t = 0;
    while (t + LANES <= count) {
        if (is_vector(index + t)) {
            store(to + t, load(from + index[t]));
            t += LANES;
            continue;
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8 && i < LANES; i++, t++)
            to[t] = from[index[t]];
    }
    for (; t < count; t++)
        to[t] = from[index[t]];
}

/* to[t] = from[index[t] * inner + t * step] for a run of positions. */
static void gather_elements(const job_t *job, const real *from, const int64_t *index, real *to,
                            ptrdiff_t count, ptrdiff_t inner, ptrdiff_t step) {
    const ptrdiff_t size = job->g.size;
    for (ptrdiff_t begin = 0; begin < count; begin += RUN) {
        const ptrdiff_t end = min_size(count, begin + RUN);
        const ptrdiff_t outside =
            job->is_valid ? 0 : count_outside(index + begin, end - begin, size);
        note_invalid(job, outside);
        if (outside) {
            for (ptrdiff_t t = begin; t < end; t++)
                to[t] = is_inside(index[t], size) ? from[index[t] * inner + t * step] : 0;
        } else if (inner == 1 && step == 0) {
            gather_cells(from, index + begin, to + begin, end - begin);
        } else {
            for (ptrdiff_t t = begin; t < end; t++)
                to[t] = from[index[t] * inner + t * step];
        }
    }
}

/* The rows of y [chunk * block, …): row (n, j) is a run of `inner` elements. */
static void gather_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_cells g = job->g;
    const ptrdiff_t end = min_size(g.n * g.count, (chunk + 1) * job->block);
    for (ptrdiff_t row = chunk * job->block; row < end;) {
        const ptrdiff_t n = row / g.count, j = row % g.count;
        const real *from = job->from + n * g.size * g.inner;
        real *to = job->to + row * g.inner;
        if (g.inner == 1) {
            const ptrdiff_t rows = min_size(g.count - j, end - row);
            gather_elements(job, from, job->index + (job->shared ? j : row), to, rows, 1, 0);
            row += rows;
            continue;
        }
        if (!job->shared)
            gather_elements(job, from, job->index + row * g.inner, to, g.inner, g.inner, 1);
        else if (is_inside(job->index[j], g.size))
            memcpy(to, from + job->index[j] * g.inner, (size_t)g.inner * sizeof(real));
        else {
            note_invalid(job, 1);
            memset(to, 0, (size_t)g.inner * sizeof(real));
        }
        row++;
    }
}

/* y[n, j, s] = x[n, index[n, j, s], s], or x[n, index[j], s] if the index is shared.
 *
 * x (n, size, inner), index (n, count, inner) or (count), y (n, count, inner); overwrites y.
 * Invalid: the number of positions that are read and outside of [0, size); their elements are 0.
 * Parallel over (n, j). */
void CNET_FN(gather)(const cnet_call *call) {
    const cnet_gather_arguments *a = &call->gather;
    _Atomic ptrdiff_t invalid = 0;
    job_t job = {
        .from = a->x,
        .index = a->index,
        .to = a->y,
        .g = a->g,
        .is_valid = a->shared && count_outside(a->index, a->g.count, a->g.size) == 0,
        .shared = a->shared != 0,
        .block = max_size(1, ELEMENTS_PER_CHUNK / max_size(1, a->g.inner)),
        .invalid = &invalid,
    };
    cnet_parallel(gather_chunk, &job, ceil_div(a->g.n * a->g.count, job.block), call->threads);
    *call->invalid = invalid;
}

/* The ways in which an element is combined with its cell. A NaN wins over numbers. */
enum { WRITE, ADD, MULTIPLY, MAXIMUM, MINIMUM };

static inline __attribute__((always_inline)) real combined(const int operation, real y, real s) {
    switch (operation) {
    case WRITE:
        return s;
    case ADD:
        return y + s;
    case MULTIPLY:
        return y * s;
    case MAXIMUM:
        return s > y || s != s ? s : y;
    default:
        return s < y || s != s ? s : y;
    }
}

/* Combines elements with cells that are `step` apart, besides `inner` times their positions;
 * returns how many positions are outside. */
static inline __attribute__((always_inline)) ptrdiff_t
scatter_elements(const int operation, real *to, const real *from, const int64_t *index,
                 ptrdiff_t count, ptrdiff_t size, ptrdiff_t inner, ptrdiff_t step) {
    ptrdiff_t outside = 0;
    for (ptrdiff_t t = 0; t < count; t++) {
        if (!is_inside(index[t], size)) {
            outside++;
            continue;
        }
        real *cell = to + index[t] * inner + t * step;
        *cell = combined(operation, *cell, from[t]);
    }
    return outside;
}

/* A block of columns of one of the n arrays, so that each cell is written by one chunk, in the
 * order of j. */
static inline __attribute__((always_inline)) void scatter_block(const job_t *job, ptrdiff_t chunk,
                                                                const int operation) {
    const cnet_cells g = job->g;
    const ptrdiff_t n = chunk / job->blocks, first = chunk % job->blocks * job->block;
    const ptrdiff_t columns = min_size(job->block, g.inner - first);
    real *to = job->to + n * g.size * g.inner + first;
    const real *from = job->from + n * g.count * g.inner + first;
    const int64_t *index = job->shared ? job->index : job->index + (from - job->from);
    ptrdiff_t outside = 0;
    if (g.inner == 1) {
        outside = scatter_elements(operation, to, from, index, g.count, g.size, 1, 0);
    } else if (!job->shared) {
        for (ptrdiff_t j = 0; j < g.count; j++)
            outside += scatter_elements(operation, to, from + j * g.inner, index + j * g.inner,
                                        columns, g.size, g.inner, 1);
    } else {
        for (ptrdiff_t j = 0; j < g.count; j++) {
            if (!is_inside(index[j], g.size)) {
                outside += first == 0;
                continue;
            }
            real *cells = to + index[j] * g.inner;
            for (ptrdiff_t s = 0; s < columns; s++)
                cells[s] = combined(operation, cells[s], from[j * g.inner + s]);
        }
    }
    note_invalid(job, outside);
}

static void scatter_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    switch (job->operation) {
    case WRITE:
        scatter_block(job, chunk, WRITE);
        break;
    case ADD:
        scatter_block(job, chunk, ADD);
        break;
    case MULTIPLY:
        scatter_block(job, chunk, MULTIPLY);
        break;
    case MAXIMUM:
        scatter_block(job, chunk, MAXIMUM);
        break;
    case MINIMUM:
        scatter_block(job, chunk, MINIMUM);
        break;
    }
}

/* Columns of a block: few enough that its cells stay in the cache. */
enum { COLUMNS = 128 };

/* y[n, index[n, j, s], s] = combine(y[n, index[n, j, s], s], src[n, j, s]) for every n, j and s, in
 * the order of j; with a shared index, index[j] in place of index[n, j, s].
 *
 * src (n, count, inner), index (n, count, inner) or (count), y (n, size, inner); updates y.
 * operation as above, in the order of kernels/indexing.py: 0 writes, 1 adds, 2 multiplies, 3 and 4
 * take the maximum and the minimum. Invalid: the number of positions outside of [0, size), which
 * change nothing. Parallel over n and blocks of s. */
void CNET_FN(scatter)(const cnet_call *call) {
    const cnet_scatter_arguments *a = &call->scatter;
    _Atomic ptrdiff_t invalid = 0;
    job_t job = {
        .from = a->src,
        .index = a->index,
        .to = a->y,
        .g = a->g,
        .operation = (int)a->operation,
        .shared = a->shared != 0,
        .block = COLUMNS,
        .blocks = ceil_div(a->g.inner, COLUMNS),
        .invalid = &invalid,
    };
    const ptrdiff_t elements = a->g.n * a->g.count * a->g.inner;
    const int threads = elements < ELEMENTS_PER_CHUNK ? 1 : call->threads;
    cnet_parallel(scatter_chunk, &job, a->g.n * job.blocks, threads);
    *call->invalid = invalid;
}
