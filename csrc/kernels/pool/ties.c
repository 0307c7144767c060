/* The gradient of maximum pooling with channels last, for equal maxima. */
#include "pool/channels_last.h"

typedef struct {
    const real *grad_output, *x, *y;
    real *dx;
    cnet_window2d g;
    ptrdiff_t cells, outputs; /* addresses of their ends */
    cnet_ties ties;
} job_t;

/* The channels of a cell that equal the maxima. */
static inline ivec are_maxima(const job_t *job, ptrdiff_t at, ptrdiff_t count, vec maxima) {
    const vec cells = channels_at(job->x, at, count, job->cells);
    return (cells == maxima) | ((cells != cells) & (maxima != maxima));
}

/* ---- Windows that share no cell ----------------------------------------------------------- */

static inline int shares_no_cell(const cnet_window2d *g) {
    return g->dh * (g->kh - 1) < g->sh && g->dw * (g->kw - 1) < g->sw;
}

/* Writes the gradients of some images in the order of their addresses, a vector for each cell. With
 * few channels, lanes without a channel are 0, in cells that are written later or stay 0. */
static void write_each_cell(const job_t *given, range images) {
    const job_t job = *given;
    const cnet_window2d g = job.g;
    const ptrdiff_t end = g.c < LANES ? images.end * g.h * g.w * g.c : 0;
    const range inner = inner_columns(&g);
    for (ptrdiff_t row = images.begin * g.oh; row < images.end * g.oh; row++) {
        const ptrdiff_t top = row % g.oh * g.sh - g.ph;
        const range rows = inside(top, g.dh, g.h, g.kh);
        for (ptrdiff_t i = rows.begin; i < rows.end; i++) {
            const ptrdiff_t first = (row / g.oh * g.h + top + i * g.dh) * g.w;
            for (ptrdiff_t ow = 0; ow < g.ow; ow++) {
                const ptrdiff_t left = ow * g.sw - g.pw;
                const int is_inner = ow >= inner.begin && ow < inner.end;
                const range columns = is_inner ? (range){0, g.kw} : inside(left, g.dw, g.w, g.kw);
                for (ptrdiff_t ch = 0; ch < g.c; ch += LANES) {
                    const ptrdiff_t count = min_size(LANES, g.c - ch);
                    const ptrdiff_t output = (row * g.ow + ow) * g.c + ch;
                    const vec shares = few_channels_at(job.grad_output, output, count, job.outputs);
                    const vec maxima = channels_at(job.y, output, count, job.outputs);
                    for (ptrdiff_t j = columns.begin; j < columns.end; j++) {
                        const ptrdiff_t at = (first + left + j * g.dw) * g.c + ch;
                        const ivec takes = are_maxima(&job, at, count, maxima);
                        const vec share = (vec){0} + select_cell(takes, shares, (vec){0});
                        if (at + LANES <= end)
                            store(job.dx + at, share);
                        else
                            store_run(job.dx + at, share, count);
                    }
                }
            }
        }
    }
}

/* ---- Any windows -------------------------------------------------------------------------- */

/* Adds the gradient of up to LANES channels of a window to the cells that get it. `first` is the
 * address of these channels in the image, `end` that of the first cell of another chunk. */
static void spread(const job_t *job, const window_t *window, ptrdiff_t first, ptrdiff_t count,
                   vec shares, vec maxima, ptrdiff_t end) {
    const cnet_window2d *g = &job->g;
    vec number = {0};
    ivec last = splat(-1);
    for (int is_second = job->ties == CNET_TIES_ALL; is_second < 2; is_second++) {
        for (ptrdiff_t i = window->rows.begin; i < window->rows.end; i++) {
            for (ptrdiff_t j = window->columns.begin; j < window->columns.end; j++) {
                const ptrdiff_t position = position_of(g, window, i, j);
                const ptrdiff_t at = first + position * g->c;
                ivec takes = are_maxima(job, at, count, maxima);
                if (!is_second) {
                    number += select_cell(takes, broadcast(1), (vec){0});
                    last = select_index(takes, splat(position), last);
                    continue;
                }
                if (job->ties == CNET_TIES_LAST)
                    takes &= last == splat(position);
                const vec share = select_cell(takes, shares, (vec){0});
                if (at + LANES <= end)
                    store(job->dx + at, load(job->dx + at) + share);
                else
                    store_run(job->dx + at, load_run(job->dx + at, count) + share, count);
            }
        }
        if (job->ties == CNET_TIES_SHARE && !is_second)
            shares /= select_cell(number > (vec){0}, number, broadcast(1));
    }
}

static void spread_images(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = job->g;
    const range images = part_of(chunk, images_per_chunk(&g), g.n);
    const ptrdiff_t plane = g.h * g.w * g.c, end = images.end * plane;
    memset(job->dx + images.begin * plane, 0,
           (size_t)((images.end - images.begin) * plane) * sizeof(real));
    if (job->ties == CNET_TIES_ALL && shares_no_cell(&g)) {
        write_each_cell(job, images);
        return;
    }
    for (ptrdiff_t t = images.begin * g.oh * g.ow; t < images.end * g.oh * g.ow; t++) {
        const window_t window = window_at(&g, t / g.ow % g.oh, t % g.ow);
        for (ptrdiff_t ch = 0; ch < g.c; ch += LANES) {
            const ptrdiff_t count = min_size(LANES, g.c - ch), at = t * g.c + ch;
            const ptrdiff_t first = t / (g.oh * g.ow) * plane + ch;
            const vec shares = few_channels_at(job->grad_output, at, count, job->outputs);
            spread(job, &window, first, count, shares, channels_at(job->y, at, count, job->outputs),
                   end);
        }
    }
}

/* The gradient of max_pool2d_nhwc by the images: every cell that equals the maximum of its window
 * gets its gradient, or a share, or only the last does (cnet_ties).
 *
 * grad_output and y (n, oh, ow, c), x and dx (n, h, w, c); overwrites dx. If the maximum is NaN,
 * all NaN equal it. The terms of a cell are added in the order of the windows. Parallel over
 * images. */
void CNET_FN(max_pool2d_ties_backward)(const cnet_call *call) {
    const cnet_max_pool2d_ties_backward_arguments *a = &call->max_pool2d_ties_backward;
    const job_t job = {.grad_output = a->grad_output,
                       .x = a->x,
                       .y = a->y,
                       .dx = a->dx,
                       .g = a->g,
                       .cells = a->g.n * a->g.h * a->g.w * a->g.c,
                       .outputs = a->g.n * a->g.oh * a->g.ow * a->g.c,
                       .ties = (cnet_ties)a->ties};
    cnet_parallel(spread_images, &job, ceil_div(a->g.n, images_per_chunk(&a->g)), call->threads);
}
