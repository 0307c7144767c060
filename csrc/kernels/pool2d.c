#include "lanes.h"
#include "window.h"

#include <stdatomic.h>

typedef struct {
    const real *from;
    real *to;
    int32_t *argmax;
    const int32_t *indices;
    const uint8_t *codes;
    const cnet_window2d *g;
    ptrdiff_t planes; /* in a chunk */
    int include_pad;
    ptrdiff_t divisor;
    _Atomic ptrdiff_t *bad;
} job_t;

static ptrdiff_t planes_per_chunk(const cnet_window2d *g) {
    return max_size(1, ELEMENTS_PER_CHUNK / max_size(1, max_size(g->h * g->w, g->oh * g->ow)));
}

static void run(cnet_task *task, job_t *job, const cnet_exec *e) {
    job->planes = planes_per_chunk(job->g);
    cnet_parallel(task, job, ceil_div(job->g->n * job->g->c, job->planes), e->threads);
}

static range planes_of(const job_t *job, ptrdiff_t chunk) {
    const ptrdiff_t begin = chunk * job->planes;
    return (range){begin, min_size(job->g->n * job->g->c, begin + job->planes)};
}

/* ---- Maximum --------------------------------------------------------------------------- */

/* The cells at + lane * stride. Vectors may read cells of other rows, but nothing outside of the
 * images, which end at `end`; lanes out there are 0. */
static inline __attribute__((always_inline)) vec cells_at(const real *x, ptrdiff_t at,
                                                          const ptrdiff_t stride, ptrdiff_t end) {
    if (stride <= 2 && at >= 0 && at + stride * LANES <= end)
        return stride == 1 ? load(x + at) : evens(load(x + at), load(x + at + LANES));
    vec cells = {0};
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        if (at + lane * stride >= 0 && at + lane * stride < end)
            cells[lane] = x[at + lane * stride];
    return cells;
}

/* One row of outputs, a vector at a time, over all cells of their windows. */
static inline __attribute__((always_inline)) void max_row(const job_t *job, ptrdiff_t plane,
                                                          ptrdiff_t oh, const ptrdiff_t stride,
                                                          real *y, int32_t *argmax) {
    const cnet_window2d g = *job->g;
    const ptrdiff_t top = oh * g.sh - g.ph, end = g.n * g.c * g.h * g.w;
    const range rows = inside(top, g.dh, g.h, g.kh);
    const ivec steps = lane_numbers() * splat(stride);
    for (ptrdiff_t ow = 0; ow < g.ow; ow += LANES) {
        vec best = broadcast(-REAL_INFINITY);
        ivec where = splat(-1);
        for (ptrdiff_t i = rows.begin; i < rows.end; i++) {
            const ptrdiff_t row = (top + i * g.dh) * g.w;
            for (ptrdiff_t j = 0; j < g.kw; j++) {
                const ptrdiff_t left = ow * stride + j * g.dw - g.pw;
                const vec cells = cells_at(job->from, plane * g.h * g.w + row + left, stride, end);
                const ivec columns = steps + splat(left);
                const ivec take = (columns >= splat(0)) & (columns < splat(g.w)) &
                                  ((where < splat(0)) | (cells > best) | (cells != cells));
                best = select_cell(take, cells, best);
                where = select_index(take, columns + splat(row), where);
            }
        }
        const ptrdiff_t count = min_size(LANES, g.ow - ow);
        for (ptrdiff_t lane = 0; lane < count; lane++) {
            y[ow + lane] = best[lane];
            argmax[ow + lane] = (int32_t)where[lane];
        }
    }
}

static void max_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            real *y = job->to + (plane * g.oh + oh) * g.ow;
            int32_t *argmax = job->argmax + (plane * g.oh + oh) * g.ow;
            if (g.sw == 1)
                max_row(job, plane, oh, 1, y, argmax);
            else if (g.sw == 2)
                max_row(job, plane, oh, 2, y, argmax);
            else
                max_row(job, plane, oh, g.sw, y, argmax);
        }
    }
}

/* y[n, c, oh, ow] = the largest cell of the window, argmax its position ih * w + iw in the plane.
 *
 * x (n, c, h, w), y and argmax (n, c, oh, ow); overwrites both. Of equal cells the first in
 * row-major order is taken; a cell that is not a number wins over numbers, the last one stays. A
 * window without a cell of the image gives -inf and -1. Exact. Parallel over planes (n, c). */
void CNET_FN(max_pool2d)(const void *x, void *y, int32_t *argmax, const cnet_window2d *g,
                         const cnet_exec *e) {
    job_t job = {.from = x, .to = y, .argmax = argmax, .g = g};
    run(max_planes, &job, e);
}

static void scatter_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    const ptrdiff_t cells = g.h * g.w, outputs = g.oh * g.ow;
    ptrdiff_t bad = 0;
    memset(job->to + planes.begin * cells, 0,
           (size_t)((planes.end - planes.begin) * cells) * sizeof(real));
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        const real *dy = job->from + plane * outputs;
        const int32_t *at = job->indices + plane * outputs;
        real *dx = job->to + plane * cells;
        for (ptrdiff_t t = 0; t < outputs; t++) {
            if (at[t] >= 0 && at[t] < cells)
                dx[at[t]] += dy[t];
            else
                bad += at[t] != -1;
        }
    }
    if (bad)
        atomic_fetch_add(job->bad, bad);
}

/* dx[n, c, argmax[n, c, oh, ow]] += dy[n, c, oh, ow], from zero.
 *
 * dy and argmax (n, c, oh, ow), dx (n, c, h, w); overwrites dx. Adds in row-major order of the
 * outputs: exact. An argmax of -1 takes no gradient. Returns how many others lie outside of the
 * plane; nothing is written for them. Parallel over planes (n, c). */
ptrdiff_t CNET_FN(max_pool2d_backward)(const void *dy, const int32_t *argmax, void *dx,
                                       const cnet_window2d *g, const cnet_exec *e) {
    _Atomic ptrdiff_t bad = 0;
    job_t job = {.from = dy, .to = dx, .indices = argmax, .g = g, .bad = &bad};
    run(scatter_planes, &job, e);
    return bad;
}

static void unpool_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    const ptrdiff_t end = g.n * g.c * g.oh * g.ow;
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        for (ptrdiff_t row = 0; row < g.h; row++) {
            real *dx = job->to + (plane * g.h + row) * g.w;
            if (row >= 2 * g.oh) {
                memset(dx, 0, (size_t)g.w * sizeof(real));
                continue;
            }
            const ptrdiff_t first = (plane * g.oh + row / 2) * g.ow;
            const int left = 2 * (int)(row % 2);
            for (ptrdiff_t t = 0; t < g.ow; t += LANES) {
                const ptrdiff_t count = min_size(LANES, g.ow - t);
                lane_bytes packed = {0};
                vec dy = {0};
                if (first + t + LANES <= end) { /* lanes from count on are not stored */
                    memcpy(&packed, job->codes + first + t, sizeof packed);
                    dy = load(job->from + first + t);
                } else {
                    memcpy(&packed, job->codes + first + t, (size_t)count);
                    dy = load_run(job->from + first + t, count);
                }
                const ivec code = __builtin_convertvector(packed, ivec);
                const vec a = select_cell(code == splat(left), dy, (vec){0});
                const vec b = select_cell(code == splat(left + 1), dy, (vec){0});
                store_run(dx + 2 * t, zip_first(a, b), min_size(LANES, 2 * count));
                store_run(dx + 2 * t + LANES, zip_second(a, b), 2 * count - LANES);
            }
            if (g.w > 2 * g.ow)
                dx[2 * g.ow] = 0;
        }
    }
}

/* The gradient of relu and max_pool2d(2) from the codes of conv2d_relu_pool: dx is dy where the
 * code says that the maximum was, else 0.
 *
 * dy and codes (n, c, oh, ow), dx (n, c, h, w) with oh = h / 2 and ow = w / 2; overwrites dx.
 * Exact. Parallel over planes (n, c). */
void CNET_FN(relu_pool_backward)(const void *dy, const uint8_t *codes, void *dx,
                                 const cnet_window2d *g, const cnet_exec *e) {
    job_t job = {.from = dy, .to = dx, .codes = codes, .g = g};
    run(unpool_planes, &job, e);
}

/* ---- Average --------------------------------------------------------------------------- */

/* The cells of one window, and what their sum is divided by. */
typedef struct {
    range rows, cols;
    real divisor;
} cells_t;

static cells_t cells_of(const job_t *job, ptrdiff_t oh, ptrdiff_t ow) {
    const cnet_window2d *g = job->g;
    const ptrdiff_t top = oh * g->sh - g->ph, left = ow * g->sw - g->pw;
    cells_t cells = {
        .rows = {max_size(top, 0), min_size(top + g->kh, g->h)},
        .cols = {max_size(left, 0), min_size(left + g->kw, g->w)},
    };
    ptrdiff_t count = (cells.rows.end - cells.rows.begin) * (cells.cols.end - cells.cols.begin);
    if (job->divisor)
        count = job->divisor;
    else if (job->include_pad)
        count = (min_size(top + g->kh, g->h + g->ph) - top) *
                (min_size(left + g->kw, g->w + g->pw) - left);
    cells.divisor = (real)count;
    return cells;
}

static void average_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        const real *x = job->from + plane * g.h * g.w;
        real *y = job->to + plane * g.oh * g.ow;
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            for (ptrdiff_t ow = 0; ow < g.ow; ow++) {
                const cells_t cells = cells_of(job, oh, ow);
                real sum = 0;
                for (ptrdiff_t ih = cells.rows.begin; ih < cells.rows.end; ih++)
                    for (ptrdiff_t iw = cells.cols.begin; iw < cells.cols.end; iw++)
                        sum += x[ih * g.w + iw];
                *y++ = sum == 0 ? 0 : sum / cells.divisor;
            }
        }
    }
}

/* y[n, c, oh, ow] = sum of the cells of the window / divisor.
 *
 * x (n, c, h, w), y (n, c, oh, ow); overwrites y. The divisor is `divisor` if that is not 0, else
 * the size of the window within the padded image (include_pad), else the number of cells in the
 * image; a window without a cell gives 0. Summed in row-major order. Parallel over planes (n, c).
 */
void CNET_FN(avg_pool2d)(const void *x, void *y, const cnet_window2d *g, int include_pad,
                         ptrdiff_t divisor, const cnet_exec *e) {
    job_t job = {.from = x, .to = y, .g = g, .include_pad = include_pad, .divisor = divisor};
    run(average_planes, &job, e);
}

static void spread_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        const real *dy = job->from + plane * g.oh * g.ow;
        real *dx = job->to + plane * g.h * g.w;
        memset(dx, 0, (size_t)(g.h * g.w) * sizeof(real));
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            for (ptrdiff_t ow = 0; ow < g.ow; ow++, dy++) {
                const cells_t cells = cells_of(job, oh, ow);
                const real share = *dy / cells.divisor;
                for (ptrdiff_t ih = cells.rows.begin; ih < cells.rows.end; ih++)
                    for (ptrdiff_t iw = cells.cols.begin; iw < cells.cols.end; iw++)
                        dx[ih * g.w + iw] += share;
            }
        }
    }
}

/* dx[n, c, ih, iw] = sum of dy / divisor over the windows that hold the cell.
 *
 * dy (n, c, oh, ow), dx (n, c, h, w); overwrites dx. Divisors as in avg_pool2d; adds in row-major
 * order of the outputs. Parallel over planes (n, c). */
void CNET_FN(avg_pool2d_backward)(const void *dy, void *dx, const cnet_window2d *g, int include_pad,
                                  ptrdiff_t divisor, const cnet_exec *e) {
    job_t job = {.from = dy, .to = dx, .g = g, .include_pad = include_pad, .divisor = divisor};
    run(spread_planes, &job, e);
}
