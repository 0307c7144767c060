/* Maximum pooling of images with channels last: vectors hold channels of one cell. */
#include "pool/channels_last.h"

#include <stdatomic.h>

typedef struct {
    const real *from;
    real *to;
    int32_t *indices;     /* to write, or NULL */
    const int32_t *given; /* indices to read */
    const cnet_window2d *g;
    _Atomic ptrdiff_t *invalid;
} job_t;

/* The maxima of up to LANES channels, and their positions. */
static inline void max_of_window(const job_t *job, const window_t *window, ptrdiff_t first,
                                 ptrdiff_t count, vec *best, ivec *where) {
    const cnet_window2d *g = job->g;
    const ptrdiff_t end = g->n * g->h * g->w * g->c;
    *best = broadcast(-REAL_INFINITY);
    *where = splat(-1);
    for (ptrdiff_t i = window->rows.begin; i < window->rows.end; i++) {
        for (ptrdiff_t j = window->columns.begin; j < window->columns.end; j++) {
            const ptrdiff_t position = position_of(g, window, i, j);
            const vec cells = channels_at(job->from, first + position * g->c, count, end);
            const ivec take = (cells > *best) | (cells != cells) | (*where < splat(0));
            *best = select_cell(take, cells, *best);
            *where = select_index(take, splat(position), *where);
        }
    }
}

/* Stores some maxima and their positions. */
static inline void store_maxima(const job_t *job, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end,
                                vec values, ivec where) {
    store_channels(job->to, at, count, end, values);
    if (job->indices) {
        const positions narrow = __builtin_convertvector(where, positions);
        if (at + LANES <= end)
            memcpy(job->indices + at, &narrow, sizeof narrow);
        else
            memcpy(job->indices + at, &narrow, (size_t)count * sizeof *job->indices);
    }
}

/* The maxima of any windows of a row. */
static void max_at_edge(const job_t *job, ptrdiff_t row, range outputs, ptrdiff_t end) {
    const cnet_window2d *g = job->g;
    const ptrdiff_t image = row / g->oh * g->h * g->w * g->c;
    for (ptrdiff_t ow = outputs.begin; ow < outputs.end; ow++) {
        const window_t window = window_at(g, row % g->oh, ow);
        for (ptrdiff_t ch = 0; ch < g->c; ch += LANES) {
            const ptrdiff_t count = min_size(LANES, g->c - ch);
            vec best;
            ivec where;
            max_of_window(job, &window, image + ch, count, &best, &where);
            store_maxima(job, (row * g->ow + ow) * g->c + ch, count, end, best, where);
        }
    }
}

/* The maxima of windows from inner_outputs. `kh` and `kw` are those of the window, passed as
 * constants where possible. */
static inline __attribute__((always_inline)) void max_inside(const job_t *job,
                                                             const cnet_window2d *g, ptrdiff_t row,
                                                             range outputs, const ptrdiff_t kh,
                                                             const ptrdiff_t kw, ptrdiff_t end) {
    const real *x = job->from;
    const ptrdiff_t pitch = g->dh * g->w * g->c, step = g->dw * g->c;
    ptrdiff_t position = first_tap(g, row, outputs.begin);
    ptrdiff_t first = (row / g->oh * g->h * g->w + position) * g->c;
    ptrdiff_t at = (row * g->ow + outputs.begin) * g->c;
    for (ptrdiff_t ow = outputs.begin; ow < outputs.end; ow++) {
        for (ptrdiff_t ch = 0; ch < g->c; ch += LANES) {
            vec best = broadcast(-REAL_INFINITY);
            ivec where = splat(0);
            const real *left = x + (first + ch);
            for (ptrdiff_t i = 0; i < kh; i++, left += pitch) {
                const real *cell = left;
                for (ptrdiff_t j = 0; j < kw; j++, cell += step) {
                    const vec cells = load(cell);
                    const ivec take = (cells > best) | (cells != cells);
                    best = select_cell(take, cells, best);
                    where = select_index(take, splat(i * g->dh * g->w + j * g->dw), where);
                }
            }
            store_maxima(job, at + ch, min_size(LANES, g->c - ch), end, best,
                         where + splat(position));
        }
        position += g->sw;
        first += g->sw * g->c;
        at += g->c;
    }
}

static void max_rows(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range rows = part_of(chunk, rows_per_chunk(&g), g.n * g.oh);
    const range columns = inner_columns(&g);
    const ptrdiff_t end = rows.end * g.ow * g.c;
    for (ptrdiff_t row = rows.begin; row < rows.end; row++) {
        const range inner = inner_outputs(&g, columns, row);
        max_at_edge(job, row, (range){0, inner.begin}, end);
        if (g.kh == 2 && g.kw == 2)
            max_inside(job, &g, row, inner, 2, 2, end);
        else if (g.kh == 3 && g.kw == 3)
            max_inside(job, &g, row, inner, 3, 3, end);
        else
            max_inside(job, &g, row, inner, g.kh, g.kw, end);
        max_at_edge(job, row, (range){inner.end, g.ow}, end);
    }
}

/* max_pool2d of x (n, h, w, c), with y and indices (n, oh, ow, c). Parallel over rows of outputs.
 */
void CNET_FN(max_pool2d_nhwc)(const cnet_call *call) {
    const cnet_max_pool2d_nhwc_arguments *a = &call->max_pool2d_nhwc;
    const job_t job = {.from = a->x, .to = a->y, .indices = a->indices, .g = &a->g};
    cnet_parallel(max_rows, &job, ceil_div(a->g.n * a->g.oh, rows_per_chunk(&a->g)), call->threads);
}

/* The gradient of an image; returns how many positions are invalid. The number of channels is a
 * constant for images in color. */
static inline __attribute__((always_inline)) ptrdiff_t scatter_image(const real *grad_output,
                                                                     const int32_t *at,
                                                                     ptrdiff_t outputs,
                                                                     size_t cells, const size_t c,
                                                                     real *dx) {
    ptrdiff_t invalid = 0;
    for (ptrdiff_t t = 0; t < outputs; t++, grad_output += c, at += c) {
        for (size_t ch = 0; ch < c; ch++) {
            const size_t position = (size_t)at[ch]; /* huge if it is negative */
            if (position < cells)
                dx[position * c + ch] += grad_output[ch];
            else
                invalid += at[ch] != -1;
        }
    }
    return invalid;
}

static void scatter_images(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range images = part_of(chunk, images_per_chunk(&g), g.n);
    const ptrdiff_t outputs = g.oh * g.ow;
    const size_t cells = (size_t)(g.h * g.w), c = (size_t)g.c;
    ptrdiff_t invalid = 0;
    memset(job->to + images.begin * g.h * g.w * g.c, 0,
           (size_t)(images.end - images.begin) * cells * c * sizeof(real));
    for (ptrdiff_t image = images.begin; image < images.end; image++) {
        const ptrdiff_t first = image * outputs * g.c;
        const real *grad_output = job->from + first;
        const int32_t *at = job->given + first;
        real *dx = job->to + image * g.h * g.w * g.c;
        invalid += c == 3 ? scatter_image(grad_output, at, outputs, cells, 3, dx)
                          : scatter_image(grad_output, at, outputs, cells, c, dx);
    }
    if (invalid)
        atomic_fetch_add(job->invalid, invalid);
}

/* max_pool2d_backward of grad_output and indices (n, oh, ow, c), with dx (n, h, w, c). Parallel
 * over images. */
void CNET_FN(max_pool2d_nhwc_backward)(const cnet_call *call) {
    const cnet_max_pool2d_nhwc_backward_arguments *a = &call->max_pool2d_nhwc_backward;
    _Atomic ptrdiff_t invalid = 0;
    const job_t job = {
        .from = a->grad_output, .to = a->dx, .given = a->indices, .g = &a->g, .invalid = &invalid};
    cnet_parallel(scatter_images, &job, ceil_div(a->g.n, images_per_chunk(&a->g)), call->threads);
    *call->invalid = invalid;
}
