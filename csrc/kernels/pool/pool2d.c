#include "lanes.h"
#include "strided.h"
#include "window.h"

#include <stdatomic.h>

typedef struct {
    const real *from;
    real *to;
    int32_t *indices;     /* to write, or NULL */
    const int32_t *given; /* indices to read */
    const cnet_window2d *g;
    ptrdiff_t planes; /* in a chunk */
    int count_include_pad;
    ptrdiff_t divisor_override;
    _Atomic ptrdiff_t *invalid;
} job_t;

static ptrdiff_t planes_per_chunk(const cnet_window2d *g) {
    return max_size(1, ELEMENTS_PER_CHUNK / max_size(1, max_size(g->h * g->w, g->oh * g->ow)));
}

static void run(cnet_task *task, job_t *job, const cnet_call *call) {
    job->planes = planes_per_chunk(job->g);
    cnet_parallel(task, job, ceil_div(job->g->n * job->g->c, job->planes), call->threads);
}

static range planes_of(const job_t *job, ptrdiff_t chunk) {
    const ptrdiff_t begin = chunk * job->planes;
    return (range){begin, min_size(job->g->n * job->g->c, begin + job->planes)};
}

/* ---- Maximum --------------------------------------------------------------------------- */

/* The positions of the maxima in a vector of outputs. */
typedef int32_t positions
    __attribute__((vector_size(VECTOR_BYTES / sizeof(real) * sizeof(int32_t))));

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

static inline __attribute__((always_inline)) void
store_maxima(vec best, ivec where, ptrdiff_t stored, real *y, int32_t *indices) {
    const positions at = __builtin_convertvector(where, positions);
    store_run(y, best, stored);
    if (indices)
        memcpy(indices, &at, stored == LANES ? sizeof at : (size_t)stored * sizeof *indices);
}

/* Cells x[lane * stride + j]: of every other cell, what the loads of its neighbour hold is used. */
static inline __attribute__((always_inline)) vec cells_of_tap(const real *x, const ptrdiff_t stride,
                                                              const ptrdiff_t j) {
    if (stride == 1)
        return load(x + j);
    return j % 2 ? odds(load(x + (j - 1)), load(x + (j - 1 + LANES)))
                 : evens(load(x + j), load(x + (j + LANES)));
}

/* Outputs whose taps are all in the image, `at` being the first of the first: it is the maximum
 * until another is larger. `kh`, `kw` and `dw` are those of the window, or known beforehand. */
static inline __attribute__((always_inline)) void
max_inside(const real *x, ptrdiff_t at, const cnet_window2d *g, const ptrdiff_t kh,
           const ptrdiff_t kw, const ptrdiff_t dw, const ptrdiff_t stride, ptrdiff_t stored,
           real *y, int32_t *indices) {
    vec best = broadcast(-REAL_INFINITY);
    ivec where = splat(0);
    for (ptrdiff_t i = 0; i < kh; i++) {
        const ptrdiff_t row = i * g->dh * g->w;
        for (ptrdiff_t j = 0; j < kw; j++) {
            const vec cells = cells_of_tap(x + row, stride, j * dw);
            const ivec take = (cells > best) | (cells != cells);
            best = select_cell(take, cells, best);
            where = select_index(take, splat(row + j * dw), where);
        }
    }
    store_maxima(best, where + splat(at) + lane_numbers() * splat(stride), stored, y, indices);
}

/* Outputs some of whose taps are outside of the image: there is no maximum until a tap is in it. */
static void max_at_edge(const real *x, ptrdiff_t origin, ptrdiff_t end, ptrdiff_t top,
                        ptrdiff_t left, const cnet_window2d *g, ptrdiff_t count, ptrdiff_t stored,
                        real *y, int32_t *indices) {
    const ptrdiff_t stride = g->sw, last = left + (count - 1) * stride;
    const range rows = inside(top, g->dh, g->h, g->kh);
    const range columns = {inside(last, g->dw, g->w, g->kw).begin,
                           inside(left, g->dw, g->w, g->kw).end};
    const ivec lanes = lane_numbers();
    vec best = broadcast(-REAL_INFINITY);
    ivec where = splat(-1);
    for (ptrdiff_t i = rows.begin; i < rows.end; i++) {
        for (ptrdiff_t j = columns.begin; j < columns.end; j++) {
            const ptrdiff_t at = (top + i * g->dh) * g->w + left + j * g->dw;
            const vec cells = cells_at(x, origin + at, stride, end);
            const range in = inside(left + j * g->dw, stride, g->w, count);
            const ivec take = (lanes >= splat(in.begin)) & (lanes < splat(in.end)) &
                              ((where < splat(0)) | (cells > best) | (cells != cells));
            best = select_cell(take, cells, best);
            where = select_index(take, splat(at) + lanes * splat(stride), where);
        }
    }
    store_maxima(best, where, stored, y, indices);
}

/* One row of outputs. Its last vector overlaps the one before it where that keeps it full; else it
 * runs on into the next row, which is written later, unless that begins at `results`. */
static inline __attribute__((always_inline)) void max_row(const job_t *job, const cnet_window2d *g,
                                                          ptrdiff_t plane, ptrdiff_t oh,
                                                          ptrdiff_t results,
                                                          const ptrdiff_t stride) {
    const ptrdiff_t origin = plane * g->h * g->w, end = g->n * g->c * g->h * g->w;
    const ptrdiff_t top = oh * g->sh - g->ph, first = (plane * g->oh + oh) * g->ow;
    const ptrdiff_t lowest = top + (g->kh - 1) * g->dh, width = (g->kw - 1) * g->dw;
    const int rows_are_inside = top >= 0 && lowest < g->h;
    for (ptrdiff_t t = 0; t < g->ow; t += LANES) {
        const ptrdiff_t ow = min_size(t, max_size(0, g->ow - LANES));
        const ptrdiff_t count = min_size(LANES, g->ow - ow), left = ow * stride - g->pw;
        const ptrdiff_t at = top * g->w + left, stored = min_size(LANES, results - first - ow);
        real *y = job->to + (first + ow);
        int32_t *indices = job->indices ? job->indices + (first + ow) : NULL;
        if (stride > 2 || !rows_are_inside || left < 0 ||
            left + (count - 1) * stride + width >= g->w ||
            origin + lowest * g->w + left + width + stride * LANES > end)
            max_at_edge(job->from, origin, end, top, left, g, count, stored, y, indices);
        else if (g->kh == 2 && g->kw == 2 && g->dw == 1)
            max_inside(job->from + (origin + at), at, g, 2, 2, 1, stride, stored, y, indices);
        else if (g->kh == 3 && g->kw == 3 && g->dw == 1)
            max_inside(job->from + (origin + at), at, g, 3, 3, 1, stride, stored, y, indices);
        else
            max_inside(job->from + (origin + at), at, g, g->kh, g->kw, g->dw, stride, stored, y,
                       indices);
    }
}

static void max_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    const ptrdiff_t results = planes.end * g.oh * g.ow;
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            if (g.sw == 1)
                max_row(job, &g, plane, oh, results, 1);
            else if (g.sw == 2)
                max_row(job, &g, plane, oh, results, 2);
            else
                max_row(job, &g, plane, oh, results, g.sw);
        }
    }
}

/* y[n, c, oh, ow] = the largest cell of the window, indices[n, c, oh, ow] = its position
 * ih * w + iw in the plane.
 *
 * x (n, c, h, w), y and indices (n, c, oh, ow), indices NULL where nobody reads them; overwrites
 * both. Of equal cells the first in row-major order is taken; a cell that is not a number wins over
 * numbers, the last one stays. A window without a cell of the image gives -inf and -1. Exact.
 * Parallel over planes (n, c). */
void CNET_FN(max_pool2d)(const cnet_call *call) {
    const cnet_max_pool2d_arguments *a = &call->max_pool2d;
    job_t job = {.from = a->x, .to = a->y, .indices = a->indices, .g = &a->g};
    run(max_planes, &job, call);
}

static void scatter_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    const ptrdiff_t cells = g.h * g.w, outputs = g.oh * g.ow;
    ptrdiff_t invalid = 0;
    memset(job->to + planes.begin * cells, 0,
           (size_t)((planes.end - planes.begin) * cells) * sizeof(real));
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        const real *grad_output = job->from + plane * outputs;
        const int32_t *at = job->given + plane * outputs;
        real *dx = job->to + plane * cells;
        for (ptrdiff_t t = 0; t < outputs; t++) {
            if (at[t] >= 0 && at[t] < cells)
                dx[at[t]] += grad_output[t];
            else
                invalid += at[t] != -1;
        }
    }
    if (invalid)
        atomic_fetch_add(job->invalid, invalid);
}

/* dx[n, c, indices[n, c, oh, ow]] += grad_output[n, c, oh, ow], from zero.
 *
 * grad_output and indices (n, c, oh, ow), dx (n, c, h, w); overwrites dx. Adds in row-major order
 * of the outputs: exact. An index of -1 takes no gradient. Invalid: how many others lie outside of
 * the plane; nothing is written for them. Parallel over planes (n, c). */
void CNET_FN(max_pool2d_backward)(const cnet_call *call) {
    const cnet_max_pool2d_backward_arguments *a = &call->max_pool2d_backward;
    _Atomic ptrdiff_t invalid = 0;
    job_t job = {
        .from = a->grad_output, .to = a->dx, .given = a->indices, .g = &a->g, .invalid = &invalid};
    run(scatter_planes, &job, call);
    *call->invalid = invalid;
}

/* ---- Average --------------------------------------------------------------------------- */

/* Columns of windows whose sums are at hand at a time, and zeros on both sides for the lanes of
 * vectors that reach beyond. */
enum { COLUMNS = 512, AROUND = 2 * VECTOR_BYTES / sizeof(real), ROW = COLUMNS + 2 * AROUND };

/* Outputs in one row, few enough for COLUMNS if their windows are not too large for that, and the
 * part of the image in their windows. */
typedef struct {
    range outputs, rows, columns;
} part_t;

static part_t part_at(const cnet_window2d *g, ptrdiff_t oh, ptrdiff_t ow) {
    const ptrdiff_t count = max_size(LANES, (COLUMNS - g->kw) / g->sw + 1);
    const ptrdiff_t top = oh * g->sh - g->ph, end = min_size(g->ow, ow + count);
    return (part_t){
        .outputs = {ow, end},
        .rows = {max_size(top, 0), min_size(top + g->kh, g->h)},
        .columns = {max_size(ow * g->sw - g->pw, 0),
                    min_size((end - 1) * g->sw - g->pw + g->kw, g->w)},
    };
}

/* The taps j that lie in some columns, for any of `count` outputs from `ow` on. */
static range taps_in(const cnet_window2d *g, ptrdiff_t ow, ptrdiff_t count, range columns) {
    const ptrdiff_t left = ow * g->sw - g->pw;
    return (range){max_size(0, columns.begin - left - (count - 1) * g->sw),
                   min_size(g->kw, columns.end - left)};
}

/* How many cells a window counts along one axis; `padding` is that behind the image. */
static ptrdiff_t counted(const job_t *job, ptrdiff_t begin, ptrdiff_t length, ptrdiff_t size,
                         ptrdiff_t padding) {
    if (job->count_include_pad)
        return min_size(begin + length, size + padding) - begin;
    return min_size(begin + length, size) - max_size(begin, 0);
}

/* What the sums of some outputs are divided by; 1 in the lanes that are none. */
static vec divisors(const job_t *job, ptrdiff_t oh, ptrdiff_t ow, ptrdiff_t count) {
    const cnet_window2d *g = job->g;
    if (job->divisor_override)
        return broadcast((real)job->divisor_override);
    const ptrdiff_t height = counted(job, oh * g->sh - g->ph, g->kh, g->h, g->qh);
    const ptrdiff_t left = ow * g->sw - g->pw;
    if (left >= 0 && left + (count - 1) * g->sw + g->kw <= g->w)
        return broadcast((real)(height * g->kw));
    vec cells = broadcast(1);
    for (ptrdiff_t lane = 0; lane < count; lane++)
        cells[lane] = (real)(height * counted(job, left + lane * g->sw, g->kw, g->w, g->qw));
    return cells;
}

static inline __attribute__((always_inline)) void
average_row(const job_t *job, const real *x, ptrdiff_t oh, const ptrdiff_t stride, real *y) {
    const cnet_window2d *g = job->g;
    part_t p = {0};
    real sums[ROW];
    for (ptrdiff_t done = 0; done < g->ow; done = p.outputs.end) {
        p = part_at(g, oh, done);
        memset(y + done, 0, (size_t)(p.outputs.end - done) * sizeof(real));
        for (ptrdiff_t first = p.columns.begin; first < p.columns.end; first += COLUMNS) {
            const range columns = {first, min_size(first + COLUMNS, p.columns.end)};
            const ptrdiff_t count = columns.end - first;
            zero_run(sums, AROUND + count + AROUND);
            for (ptrdiff_t ih = p.rows.begin; ih < p.rows.end; ih++)
                for (ptrdiff_t s = 0; s < count; s++)
                    sums[AROUND + s] += x[ih * g->w + first + s];
            for (ptrdiff_t ow = done; ow < p.outputs.end; ow += LANES) {
                const ptrdiff_t lanes = min_size(LANES, p.outputs.end - ow);
                const range taps = taps_in(g, ow, lanes, columns);
                const ptrdiff_t at = AROUND + ow * stride - g->pw - first;
                vec sum = first == p.columns.begin ? (vec){0} : load_run(y + ow, lanes);
                for (ptrdiff_t j = taps.begin; j < taps.end; j++)
                    sum += cells_at(sums, at + j, stride, AROUND + count + AROUND);
                if (columns.end == p.columns.end)
                    sum = select_cell(sum == 0, (vec){0}, sum / divisors(job, oh, ow, lanes));
                store_run(y + ow, sum, lanes);
            }
        }
    }
}

static void average_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        const real *x = job->from + plane * g.h * g.w;
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            real *y = job->to + (plane * g.oh + oh) * g.ow;
            if (g.sw == 1)
                average_row(job, x, oh, 1, y);
            else if (g.sw == 2)
                average_row(job, x, oh, 2, y);
            else
                average_row(job, x, oh, g.sw, y);
        }
    }
}

/* y[n, c, oh, ow] = sum of the cells of the window / their divisor.
 *
 * x (n, c, h, w), y (n, c, oh, ow); overwrites y. The cells are divided by divisor_override if that
 * is not 0, else by the size of the window within the padded image (count_include_pad), else the
 * number of cells in the image; a window without a cell gives 0. The columns of a window are summed
 * downwards, then their sums from left to right. Parallel over planes (n, c). */
void CNET_FN(avg_pool2d)(const cnet_call *call) {
    const cnet_avg_pool2d_arguments *a = &call->avg_pool2d;
    job_t job = {
        .from = a->x,
        .to = a->y,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
    };
    run(average_planes, &job, call);
}

static void spread_row(const job_t *job, const real *grad_output, ptrdiff_t oh, real *dx) {
    const cnet_window2d *g = job->g;
    part_t p = {0};
    real sums[COLUMNS], shares[COLUMNS + LANES];
    for (ptrdiff_t done = 0; done < g->ow; done = p.outputs.end) {
        p = part_at(g, oh, done);
        const ptrdiff_t outputs = p.outputs.end - done, stride = outputs > 1 ? g->sw : 1;
        for (ptrdiff_t t = 0; t < outputs; t += LANES) {
            const ptrdiff_t lanes = min_size(LANES, outputs - t);
            store(shares + t,
                  load_run(grad_output + done + t, lanes) / divisors(job, oh, done + t, lanes));
        }
        for (ptrdiff_t first = p.columns.begin; first < p.columns.end; first += COLUMNS) {
            const range columns = {first, min_size(first + COLUMNS, p.columns.end)};
            const range taps = taps_in(g, done, outputs, columns);
            const ptrdiff_t count = columns.end - first;
            zero_run(sums, count);
            for (ptrdiff_t j = taps.begin; j < taps.end; j++) {
                const ptrdiff_t at = done * g->sw - g->pw + j - first;
                const range in = inside(at, stride, count, outputs);
                if (in.begin < in.end)
                    scatter_run(sums + (at + in.begin * stride), shares + in.begin, stride,
                                in.end - in.begin);
            }
            for (ptrdiff_t ih = p.rows.begin; ih < p.rows.end; ih++)
                for (ptrdiff_t s = 0; s < count; s++)
                    dx[ih * g->w + first + s] += sums[s];
        }
    }
}

static void spread_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        real *dx = job->to + plane * g.h * g.w;
        memset(dx, 0, (size_t)(g.h * g.w) * sizeof(real));
        for (ptrdiff_t oh = 0; oh < g.oh; oh++)
            spread_row(job, job->from + (plane * g.oh + oh) * g.ow, oh, dx);
    }
}

/* dx[n, c, ih, iw] = sum of grad_output / divisor over the windows that hold the cell.
 *
 * grad_output (n, c, oh, ow), dx (n, c, h, w); overwrites dx. Divisors as in avg_pool2d; what a row
 * of outputs gives a cell is summed first, then those sums downwards. Parallel over planes (n, c).
 */
void CNET_FN(avg_pool2d_backward)(const cnet_call *call) {
    const cnet_avg_pool2d_backward_arguments *a = &call->avg_pool2d_backward;
    job_t job = {
        .from = a->grad_output,
        .to = a->dx,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
    };
    run(spread_planes, &job, call);
}
