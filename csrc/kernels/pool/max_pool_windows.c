/* Maximum pooling with windows at given bounds: adaptive and fractional pooling. */
#include "lanes.h"

typedef struct {
    const real *x;
    const int32_t *bounds;
    real *y;
    int32_t *indices;
    const cnet_windows *g;
    ptrdiff_t shared, planes; /* in a chunk */
} job_t;

/* The first cell of a window along an axis, and the cell after its last. */
typedef struct {
    int32_t begin, end;
} bounds_t;

/* Whether b is taken in place of a, which is at another position. */
static inline ivec precedes(vec b, ivec at_b, vec a, ivec at_a) {
    const ivec earlier = at_b < at_a, nan = b != b;
    return (b > a) | ((b == a) & earlier) | (nan & ((a == a) | ~earlier));
}

/* The maximum of one window of an image that begins at `first` in x, which has `end` elements, and
 * its position in the image. Each lane keeps the maximum of the cells that it has seen. */
static real max_of_window(const job_t *job, ptrdiff_t first, ptrdiff_t end, bounds_t slices,
                          bounds_t rows, bounds_t columns, int32_t *index) {
    const cnet_windows *g = job->g;
    const ivec lanes = lane_numbers();
    vec best = broadcast(-REAL_INFINITY);
    ivec where = splat((slices.begin * g->h + rows.begin) * g->w + columns.begin);
    for (ptrdiff_t slice = slices.begin; slice < slices.end; slice++) {
        for (ptrdiff_t row = rows.begin; row < rows.end; row++) {
            for (ptrdiff_t t = columns.begin; t < columns.end; t += LANES) {
                const ptrdiff_t at = (slice * g->h + row) * g->w + t, count = columns.end - t;
                const real *x = job->x + first + at;
                const vec cells = first + at + LANES <= end ? load(x) : load_run(x, count);
                const ivec take =
                    (lanes < splat(min_size(count, LANES))) & ((cells > best) | (cells != cells));
                best = select_cell(take, cells, best);
                where = select_index(take, splat(at) + lanes, where);
            }
        }
    }
    for (ptrdiff_t count = LANES; count > 1; count /= 2) {
        const vec a = evens(best, best), b = odds(best, best);
        const ivec at_a = (ivec)evens((vec)where, (vec)where);
        const ivec at_b = (ivec)odds((vec)where, (vec)where);
        const ivec take = precedes(b, at_b, a, at_a);
        best = select_cell(take, b, a);
        where = select_index(take, at_b, at_a);
    }
    *index = (int32_t)where[0];
    return best[0];
}

static void max_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_windows g = *job->g;
    const ptrdiff_t size = g.d * g.h * g.w, end = g.n * g.c * size, begin = chunk * job->planes;
    const ptrdiff_t last = min_size(g.n * g.c, begin + job->planes);
    ptrdiff_t t = begin * g.od * g.oh * g.ow;
    for (ptrdiff_t plane = begin; plane < last; plane++) {
        const bounds_t *slices = (const bounds_t *)job->bounds;
        slices += job->shared ? 0 : plane * (g.od + g.oh + g.ow);
        const bounds_t *rows = slices + g.od, *columns = rows + g.oh;
        for (ptrdiff_t od = 0; od < g.od; od++)
            for (ptrdiff_t oh = 0; oh < g.oh; oh++)
                for (ptrdiff_t ow = 0; ow < g.ow; ow++, t++)
                    job->y[t] = max_of_window(job, plane * size, end, slices[od], rows[oh],
                                              columns[ow], job->indices + t);
    }
}

/* y[n, c, od, oh, ow] = the largest cell of the window, indices[n, c, od, oh, ow] = its position
 * (slice * h + row) * w + column in the image.
 *
 * x (n, c, d, h, w), y and indices (n, c, od, oh, ow); overwrites both. bounds (od + oh + ow, 2) if
 * they are shared, else (n, c, od + oh + ow, 2): for each window along d, then h, then w, its first
 * cell and the cell after its last, which is another one. Of equal cells, the first in row-major
 * order is taken. NaN is larger than every number; of several NaN, the last is taken. Exact.
 * Parallel over images and channels. */
void CNET_FN(max_pool_windows)(const cnet_call *call) {
    const cnet_max_pool_windows_arguments *a = &call->max_pool_windows;
    const cnet_windows *g = &a->g;
    const ptrdiff_t largest = max_size(g->d * g->h * g->w, g->od * g->oh * g->ow);
    const job_t job = {
        .x = a->x,
        .bounds = a->bounds,
        .y = a->y,
        .indices = a->indices,
        .g = g,
        .shared = a->shared,
        .planes = max_size(1, ELEMENTS_PER_CHUNK / max_size(1, largest)),
    };
    cnet_parallel(max_planes, &job, ceil_div(g->n * g->c, job.planes), call->threads);
}
