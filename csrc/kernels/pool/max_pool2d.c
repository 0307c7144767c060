/* Maximum pooling and its gradient. */
#include "pool/small_planes.h"

#include <stdatomic.h>

typedef struct {
    const real *from;
    real *to;
    int32_t *indices;     /* to write, or NULL */
    const int32_t *given; /* indices to read */
    const cnet_window2d *g;
    _Atomic ptrdiff_t *invalid;
} job_t;

/* Stands for all strides with which no vectors of cells are loaded. */
enum { LONG_STRIDE = 3 };

static inline __attribute__((always_inline)) void
store_maxima(vec best, ivec where, ptrdiff_t stored, real *y, int32_t *indices) {
    const positions at = __builtin_convertvector(where, positions);
    store_run(y, best, stored);
    if (indices)
        memcpy(indices, &at, stored == LANES ? sizeof at : (size_t)stored * sizeof *indices);
}

/* The cells x[lane * stride + j]. With stride 2, the loads for one tap also hold the cells of its
 * neighbour, so the compiler can share them. */
static inline __attribute__((always_inline)) vec cells_of_tap(const real *x, const ptrdiff_t stride,
                                                              const ptrdiff_t j) {
    if (stride == 1)
        return load(x + j);
    return j % 2 ? odds(load(x + (j - 1)), load(x + (j - 1 + LANES)))
                 : evens(load(x + j), load(x + (j + LANES)));
}

/* A run of vectors of outputs whose taps all lie in the image. `at` is the position of the first
 * tap of the first output: it is the maximum until a larger cell is found. `kh`, `kw` and `dw` are
 * those of the window, passed as constants where possible. */
static inline __attribute__((always_inline)) void
max_inside(const real *x, ptrdiff_t at, const cnet_window2d *g, const ptrdiff_t kh,
           const ptrdiff_t kw, const ptrdiff_t dw, const ptrdiff_t stride, ptrdiff_t vectors,
           ptrdiff_t stored, real *y, int32_t *indices) {
    for (ptrdiff_t v = 0; v < vectors; v++, x += stride * LANES, at += stride * LANES, y += LANES) {
        vec best = broadcast(-REAL_INFINITY);
        ivec where = splat(0);
        for (ptrdiff_t i = 0; i < kh; i++) {
            const ptrdiff_t row = i * g->dh * g->w;
            for (ptrdiff_t j = 0; j < kw; j++) {
                const vec cells = cells_of_tap(x + row, stride, j * dw);
                const ivec take = (cells > best) | (cells != cells);
                best = select_cell(take, cells, best);
                if (indices)
                    where = select_index(take, splat(row + j * dw), where);
            }
        }
        where += splat(at) + lane_numbers() * splat(stride);
        store_maxima(best, where, stored, y, indices ? indices + v * LANES : NULL);
    }
}

/* Outputs with taps outside of the image: there is no maximum until a tap lies in the image. Taps
 * that lie outside for all lanes are left out. */
static void max_at_edge(const real *x, ptrdiff_t origin, ptrdiff_t end, ptrdiff_t top,
                        ptrdiff_t left, const cnet_window2d *g, ptrdiff_t stored, real *y,
                        int32_t *indices) {
    const range rows = inside(top, g->dh, g->h, g->kh);
    const range taps = {inside(left + (LANES - 1) * g->sw, g->dw, g->w, g->kw).begin,
                        inside(left, g->dw, g->w, g->kw).end};
    const ivec columns = splat(left) + lane_numbers() * splat(g->sw);
    vec best = broadcast(-REAL_INFINITY);
    ivec where = splat(-1);
    for (ptrdiff_t i = rows.begin; i < rows.end; i++) {
        const ptrdiff_t row = (top + i * g->dh) * g->w;
        for (ptrdiff_t j = taps.begin; j < taps.end; j++) {
            const vec cells = cells_at(x, origin + row + left + j * g->dw, g->sw, end);
            const ivec column = columns + splat(j * g->dw);
            const ivec take = (column >= splat(0)) & (column < splat(g->w)) &
                              ((where < splat(0)) | (cells > best) | (cells != cells));
            best = select_cell(take, cells, best);
            where = select_index(take, column + splat(row), where);
        }
    }
    store_maxima(best, where, stored, y, indices);
}

/* One row of outputs. The last vector overlaps the one before it, if that keeps it full; else it
 * extends into the next row, which is written later, unless that row begins at `results`. */
static inline __attribute__((always_inline)) void max_row(const job_t *job, const cnet_window2d *g,
                                                          ptrdiff_t plane, ptrdiff_t oh,
                                                          ptrdiff_t results,
                                                          const ptrdiff_t stride) {
    const ptrdiff_t origin = plane * g->h * g->w, end = g->n * g->c * g->h * g->w;
    const ptrdiff_t top = oh * g->sh - g->ph, first = (plane * g->oh + oh) * g->ow;
    const ptrdiff_t lowest = top + (g->kh - 1) * g->dh, width = (g->kw - 1) * g->dw;
    const ptrdiff_t count = min_size(LANES, g->ow); /* outputs of a vector */
    /* Where the last vector begins whose taps lie in the image and whose loads lie in x. */
    ptrdiff_t last = min_size(g->w - 1 - width - (count - 1) * stride,
                              end - origin - lowest * g->w - width - LANES * stride);
    if (stride == LONG_STRIDE || top < 0 || lowest >= g->h)
        last = -1;
    ptrdiff_t vectors;
    for (ptrdiff_t t = 0; t < g->ow; t += vectors * LANES) {
        const ptrdiff_t ow = min_size(t, g->ow - count), left = ow * g->sw - g->pw;
        const ptrdiff_t at = top * g->w + left, stored = min_size(LANES, results - first - ow);
        const real *x = job->from + (origin + at);
        real *y = job->to + (first + ow);
        int32_t *indices = job->indices ? job->indices + (first + ow) : NULL;
        vectors = 1;
        if (left < 0 || left > last) {
            max_at_edge(job->from, origin, end, top, left, g, stored, y, indices);
            continue;
        }
        vectors = max_size(1, min_size((g->ow - ow) / LANES, (last - left) / (LANES * stride) + 1));
        if (g->kh == 2 && g->kw == 2 && g->dw == 1)
            max_inside(x, at, g, 2, 2, 1, stride, vectors, stored, y, indices);
        else if (g->kw == 2 && g->dw == 1)
            max_inside(x, at, g, g->kh, 2, 1, stride, vectors, stored, y, indices);
        else if (g->kw == 3 && g->dw == 1)
            max_inside(x, at, g, g->kh, 3, 1, stride, vectors, stored, y, indices);
        else
            max_inside(x, at, g, g->kh, g->kw, g->dw, stride, vectors, stored, y, indices);
    }
}

static void max_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(&g, chunk);
    const ptrdiff_t results = planes.end * g.oh * g.ow;
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            if (g.sw == 1)
                max_row(job, &g, plane, oh, results, 1);
            else if (g.sw == 2)
                max_row(job, &g, plane, oh, results, 2);
            else
                max_row(job, &g, plane, oh, results, LONG_STRIDE);
        }
    }
}

static const small_pool_t SMALL = {.run = CNET_FN(max_pool2d_nhwc), .arrays = 3};

size_t CNET_FN(max_pool2d_workspace)(cnet_call *call) {
    return has_small_planes(&call->max_pool2d.g) ? CNET_FN(small_planes_workspace)(&SMALL, call)
                                                 : 0;
}

/* y[n, c, oh, ow] = the largest cell of the window, indices[n, c, oh, ow] = its position ih * w +
 * iw in the plane.
 *
 * x (n, c, h, w), y and indices (n, c, oh, ow), indices may be NULL; overwrites both. Of equal
 * cells, the first in row-major order is taken. NaN is larger than every number; of several NaN,
 * the last is taken. A window without cells in the image gives -inf and -1. Exact. Parallel over
 * planes (n, c). Workspace: small planes with channels last. */
void CNET_FN(max_pool2d)(const cnet_call *call) {
    const cnet_max_pool2d_arguments *a = &call->max_pool2d;
    if (has_small_planes(&a->g)) {
        CNET_FN(pool_small_planes)(&SMALL, call);
        return;
    }
    const job_t job = {.from = a->x, .to = a->y, .indices = a->indices, .g = &a->g};
    cnet_parallel(max_planes, &job, pool_chunks(&a->g), call->threads);
}

static void scatter_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(&g, chunk);
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

/* dx[n, c, indices[n, c, oh, ow]] += grad_output[n, c, oh, ow], starting from zero.
 *
 * grad_output and indices (n, c, oh, ow), dx (n, c, h, w); overwrites dx. Terms are added in
 * row-major order of the outputs: exact. An index of -1 receives no gradient. Invalid: the number
 * of other indices outside of the plane; nothing is written for them. Parallel over planes
 * (n, c). */
void CNET_FN(max_pool2d_backward)(const cnet_call *call) {
    const cnet_max_pool2d_backward_arguments *a = &call->max_pool2d_backward;
    _Atomic ptrdiff_t invalid = 0;
    const job_t job = {
        .from = a->grad_output, .to = a->dx, .given = a->indices, .g = &a->g, .invalid = &invalid};
    cnet_parallel(scatter_planes, &job, pool_chunks(&a->g), call->threads);
    *call->invalid = invalid;
}
