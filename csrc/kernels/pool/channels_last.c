/* Pooling of images with channels last, and its gradients: vectors hold channels of one cell. */
#include "pool/channels_last.h"

#include <stdatomic.h>

typedef struct {
    const real *from;
    real *to;
    int32_t *indices;     /* to write, or NULL */
    const int32_t *given; /* indices to read */
    const cnet_window2d *g;
    int count_include_pad;
    ptrdiff_t divisor_override;
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

/* Stores some channels. A vector may extend into cells of the chunk that are written later. */
static inline void store_channels(const job_t *job, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end,
                                  vec values, ivec where) {
    typedef int32_t positions
        __attribute__((vector_size(VECTOR_BYTES / sizeof(real) * sizeof(int32_t))));
    const positions narrow = __builtin_convertvector(where, positions);
    if (at + LANES <= end) {
        store(job->to + at, values);
        if (job->indices)
            memcpy(job->indices + at, &narrow, sizeof narrow);
        return;
    }
    store_run(job->to + at, values, count);
    if (job->indices)
        memcpy(job->indices + at, &narrow, (size_t)count * sizeof *job->indices);
}

/* Whether all taps of a window lie in the image, and vectors at them in the images. */
static inline int is_inside(const cnet_window2d *g, const window_t *window, ptrdiff_t image) {
    const ptrdiff_t last = position_of(g, window, g->kh - 1, g->kw - 1);
    return window->rows.end - window->rows.begin == g->kh &&
           window->columns.end - window->columns.begin == g->kw &&
           image + last * g->c + round_up(g->c, LANES) <= g->n * g->h * g->w * g->c;
}

/* The maxima of a window that is_inside. `kh` and `kw` are those of the window, passed as constants
 * where possible. */
static inline __attribute__((always_inline)) void
max_inside(const job_t *job, const cnet_window2d *g, const real *x, ptrdiff_t position,
           const ptrdiff_t kh, const ptrdiff_t kw, ptrdiff_t at, ptrdiff_t end) {
    for (ptrdiff_t ch = 0; ch < g->c; ch += LANES) {
        vec best = broadcast(-REAL_INFINITY);
        ivec where = splat(0);
        for (ptrdiff_t i = 0; i < kh; i++) {
            for (ptrdiff_t j = 0; j < kw; j++) {
                const ptrdiff_t tap = i * g->dh * g->w + j * g->dw;
                const vec cells = load(x + (tap * g->c + ch));
                const ivec take = (cells > best) | (cells != cells);
                best = select_cell(take, cells, best);
                where = select_index(take, splat(tap), where);
            }
        }
        store_channels(job, at + ch, min_size(LANES, g->c - ch), end, best,
                       where + splat(position));
    }
}

/* The maxima of any window. */
static void max_at_edge(const job_t *job, const cnet_window2d *g, const window_t *window,
                        ptrdiff_t image, ptrdiff_t at, ptrdiff_t end) {
    for (ptrdiff_t ch = 0; ch < g->c; ch += LANES) {
        const ptrdiff_t count = min_size(LANES, g->c - ch);
        vec best;
        ivec where;
        max_of_window(job, window, image + ch, count, &best, &where);
        store_channels(job, at + ch, count, end, best, where);
    }
}

static void max_rows(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range rows = part_of(chunk, rows_per_chunk(&g), g.n * g.oh);
    const ptrdiff_t end = rows.end * g.ow * g.c;
    for (ptrdiff_t row = rows.begin; row < rows.end; row++) {
        const ptrdiff_t image = row / g.oh * g.h * g.w * g.c;
        for (ptrdiff_t ow = 0; ow < g.ow; ow++) {
            const window_t window = window_at(&g, row % g.oh, ow);
            const ptrdiff_t at = (row * g.ow + ow) * g.c;
            const ptrdiff_t position = position_of(&g, &window, 0, 0);
            const real *x = job->from + max_size(0, image + position * g.c);
            if (!is_inside(&g, &window, image))
                max_at_edge(job, &g, &window, image, at, end);
            else if (g.kh == 2 && g.kw == 2)
                max_inside(job, &g, x, position, 2, 2, at, end);
            else if (g.kh == 3 && g.kw == 3)
                max_inside(job, &g, x, position, 3, 3, at, end);
            else
                max_inside(job, &g, x, position, g.kh, g.kw, at, end);
        }
    }
}

/* max_pool2d of x (n, h, w, c), with y and indices (n, oh, ow, c). Parallel over rows of outputs.
 */
void CNET_FN(max_pool2d_nhwc)(const cnet_call *call) {
    const cnet_max_pool2d_nhwc_arguments *a = &call->max_pool2d_nhwc;
    const job_t job = {.from = a->x, .to = a->y, .indices = a->indices, .g = &a->g};
    cnet_parallel(max_rows, &job, ceil_div(a->g.n * a->g.oh, rows_per_chunk(&a->g)), call->threads);
}

static void scatter_images(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range images = part_of(chunk, images_per_chunk(&g), g.n);
    const ptrdiff_t cells = g.h * g.w, outputs = g.oh * g.ow;
    ptrdiff_t invalid = 0;
    memset(job->to + images.begin * cells * g.c, 0,
           (size_t)((images.end - images.begin) * cells * g.c) * sizeof(real));
    for (ptrdiff_t image = images.begin; image < images.end; image++) {
        const real *grad_output = job->from + image * outputs * g.c;
        const int32_t *at = job->given + image * outputs * g.c;
        real *dx = job->to + image * cells * g.c;
        for (ptrdiff_t t = 0; t < outputs; t++, grad_output += g.c, at += g.c) {
            for (ptrdiff_t ch = 0; ch < g.c; ch++) {
                if (at[ch] >= 0 && at[ch] < cells)
                    dx[at[ch] * g.c + ch] += grad_output[ch];
                else
                    invalid += at[ch] != -1;
            }
        }
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

static vec divisor_of(const job_t *job, ptrdiff_t oh, ptrdiff_t ow) {
    const cnet_window2d *g = job->g;
    if (job->divisor_override)
        return broadcast((real)job->divisor_override);
    const int padded = job->count_include_pad;
    return broadcast((real)(counted(padded, oh * g->sh - g->ph, g->kh, g->h, g->qh) *
                            counted(padded, ow * g->sw - g->pw, g->kw, g->w, g->qw)));
}

/* The sums of up to LANES channels: the columns of the window, then their sums. */
static inline vec sum_of_window(const job_t *job, const window_t *window, ptrdiff_t first,
                                ptrdiff_t count) {
    const cnet_window2d *g = job->g;
    const ptrdiff_t end = g->n * g->h * g->w * g->c;
    vec sum = {0};
    for (ptrdiff_t j = window->columns.begin; j < window->columns.end; j++) {
        vec column = {0};
        for (ptrdiff_t i = window->rows.begin; i < window->rows.end; i++)
            column +=
                channels_at(job->from, first + position_of(g, window, i, j) * g->c, count, end);
        sum += column;
    }
    return sum;
}

/* The same of a window that is_inside, from its first tap. */
static inline __attribute__((always_inline)) vec sum_inside(const cnet_window2d *g, const real *x,
                                                            const ptrdiff_t kh,
                                                            const ptrdiff_t kw) {
    vec sum = {0};
    for (ptrdiff_t j = 0; j < kw; j++) {
        vec column = {0};
        for (ptrdiff_t i = 0; i < kh; i++)
            column += load(x + (i * g->w + j) * g->c);
        sum += column;
    }
    return sum;
}

static void average_rows(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range rows = part_of(chunk, rows_per_chunk(&g), g.n * g.oh);
    const ptrdiff_t end = rows.end * g.ow * g.c;
    for (ptrdiff_t row = rows.begin; row < rows.end; row++) {
        const ptrdiff_t image = row / g.oh * g.h * g.w * g.c;
        for (ptrdiff_t ow = 0; ow < g.ow; ow++) {
            const window_t window = window_at(&g, row % g.oh, ow);
            const vec divisor = divisor_of(job, row % g.oh, ow);
            const ptrdiff_t first = image + position_of(&g, &window, 0, 0) * g.c;
            const int inner = is_inside(&g, &window, image);
            for (ptrdiff_t ch = 0; ch < g.c; ch += LANES) {
                const ptrdiff_t count = min_size(LANES, g.c - ch);
                vec sum;
                if (!inner)
                    sum = sum_of_window(job, &window, image + ch, count);
                else if (g.kh == 2 && g.kw == 2)
                    sum = sum_inside(&g, job->from + (first + ch), 2, 2);
                else
                    sum = sum_inside(&g, job->from + (first + ch), g.kh, g.kw);
                store_channels(job, (row * g.ow + ow) * g.c + ch, count, end,
                               select_cell(sum == 0, (vec){0}, sum / divisor), splat(0));
            }
        }
    }
}

/* avg_pool2d of x (n, h, w, c), with y (n, oh, ow, c). Windows are summed in the same order.
 * Parallel over rows of outputs. */
void CNET_FN(avg_pool2d_nhwc)(const cnet_call *call) {
    const cnet_avg_pool2d_nhwc_arguments *a = &call->avg_pool2d_nhwc;
    const job_t job = {
        .from = a->x,
        .to = a->y,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
    };
    cnet_parallel(average_rows, &job, ceil_div(a->g.n * a->g.oh, rows_per_chunk(&a->g)),
                  call->threads);
}

/* Adds the shares of one window to its cells. */
static void spread_window(const job_t *job, const window_t *window, const real *grad_output,
                          vec divisor, real *dx) {
    const cnet_window2d *g = job->g;
    for (ptrdiff_t ch = 0; ch < g->c; ch += LANES) {
        const ptrdiff_t count = min_size(LANES, g->c - ch);
        const vec shares = load_run(grad_output + ch, count) / divisor;
        real each[VECTOR_BYTES / sizeof(real)];
        store(each, shares);
        for (ptrdiff_t i = window->rows.begin; i < window->rows.end; i++) {
            real *cells = dx + (position_of(g, window, i, window->columns.begin) * g->c + ch);
            for (ptrdiff_t j = window->columns.begin; j < window->columns.end; j++, cells += g->c) {
                if (count == LANES)
                    store(cells, load(cells) + shares);
                else
                    for (ptrdiff_t lane = 0; lane < count; lane++)
                        cells[lane] += each[lane];
            }
        }
    }
}

/* The shares of channels of a window that shares no cell, fewer than LANES. */
static inline row_of_taps spread_shares(const void *argument, ptrdiff_t oh, ptrdiff_t ow,
                                        ptrdiff_t output) {
    const job_t *job = argument;
    const cnet_window2d *g = job->g;
    const vec grads = few_channels_at(job->from, output, g->c, g->n * g->oh * g->ow * g->c);
    return (row_of_taps){.shares = grads / divisor_of(job, oh, ow)};
}

static inline vec whole_shares(const void *argument, const row_of_taps *row, ptrdiff_t at) {
    (void)argument, (void)at;
    return row->shares;
}

static void spread_images(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range images = part_of(chunk, images_per_chunk(&g), g.n);
    if (shares_no_cell(&g)) {
        write_each_cell(&g, images, job, job->to, spread_shares, whole_shares);
        return;
    }
    for (ptrdiff_t image = images.begin; image < images.end; image++) {
        const real *grad_output = job->from + image * g.oh * g.ow * g.c;
        real *dx = job->to + image * g.h * g.w * g.c;
        memset(dx, 0, (size_t)(g.h * g.w * g.c) * sizeof(real));
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            for (ptrdiff_t ow = 0; ow < g.ow; ow++) {
                const window_t window = window_at(&g, oh, ow);
                spread_window(job, &window, grad_output + (oh * g.ow + ow) * g.c,
                              divisor_of(job, oh, ow), dx);
            }
        }
    }
}

/* avg_pool2d_backward of grad_output (n, oh, ow, c), with dx (n, h, w, c). The terms of a cell are
 * added in the order of the windows. Parallel over images. */
void CNET_FN(avg_pool2d_nhwc_backward)(const cnet_call *call) {
    const cnet_avg_pool2d_nhwc_backward_arguments *a = &call->avg_pool2d_nhwc_backward;
    const job_t job = {
        .from = a->grad_output,
        .to = a->dx,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
    };
    cnet_parallel(spread_images, &job, ceil_div(a->g.n, images_per_chunk(&a->g)), call->threads);
}
