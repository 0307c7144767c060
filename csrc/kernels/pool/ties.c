/* The gradient of maximum pooling with channels last, for equal maxima. */
#include "pool/channels_last.h"

typedef struct {
    const real *grad_output, *x, *y;
    real *dx;
    const cnet_window2d *g;
    cnet_ties ties;
} job_t;

enum { BLOCK = 64 };

/* Up to BLOCK channels of one window: pointers to their first cells, and what each gets. */
typedef struct {
    window_t window;
    const real *x, *maxima;
    real *dx;
    ptrdiff_t count;
    real shares[BLOCK];
    mask_t last[BLOCK]; /* the number of the tap that gets the share, if only one does */
} part_t;

static inline int is_maximum(real cell, real maximum) {
    return (cell == maximum) | ((cell != cell) & (maximum != maximum));
}

/* Divides the gradient by the number of maxima, or finds the last of them. */
static void choose(const cnet_window2d *g, cnet_ties ties, part_t *part) {
    real maxima[BLOCK] = {0};
    for (ptrdiff_t i = part->window.rows.begin; i < part->window.rows.end; i++) {
        for (ptrdiff_t j = part->window.columns.begin; j < part->window.columns.end; j++) {
            const real *x = part->x + position_of(g, &part->window, i, j) * g->c;
            const mask_t tap = (mask_t)(i * g->kw + j);
            for (ptrdiff_t ch = 0; ch < part->count; ch++) {
                const int is_max = is_maximum(x[ch], part->maxima[ch]);
                maxima[ch] += is_max ? (real)1 : (real)0;
                part->last[ch] = is_max ? tap : part->last[ch];
            }
        }
    }
    for (ptrdiff_t ch = 0; ties == CNET_TIES_SHARE && ch < part->count; ch++)
        part->shares[ch] /= maxima[ch] > 0 ? maxima[ch] : (real)1;
}

static void spread(const cnet_window2d *g, cnet_ties ties, const part_t *part) {
    for (ptrdiff_t i = part->window.rows.begin; i < part->window.rows.end; i++) {
        for (ptrdiff_t j = part->window.columns.begin; j < part->window.columns.end; j++) {
            const ptrdiff_t at = position_of(g, &part->window, i, j) * g->c;
            const real *x = part->x + at;
            real *dx = part->dx + at;
            const mask_t tap = (mask_t)(i * g->kw + j);
            if (ties == CNET_TIES_LAST)
                for (ptrdiff_t ch = 0; ch < part->count; ch++)
                    dx[ch] += part->last[ch] == tap ? part->shares[ch] : (real)0;
            else
                for (ptrdiff_t ch = 0; ch < part->count; ch++)
                    dx[ch] += is_maximum(x[ch], part->maxima[ch]) ? part->shares[ch] : (real)0;
        }
    }
}

/* ---- Few channels, in windows that share no cell ----------------------------------------- */

static inline int shares_no_cell(const cnet_window2d *g) {
    return g->c < LANES && g->dh * (g->kh - 1) < g->sh && g->dw * (g->kw - 1) < g->sw;
}

/* The share of one cell. */
static inline vec share_of_maximum(const job_t *job, vec shares, vec maxima, ptrdiff_t at,
                                   ptrdiff_t end) {
    const vec cells = channels_at(job->x, at, job->g->c, end);
    const ivec both_nan = (cells != cells) & (maxima != maxima);
    return (vec){0} + select_cell((cells == maxima) | both_nan, shares, (vec){0});
}

/* Writes the gradients of some images in the order of their addresses, a vector for each cell. The
 * lanes without a channel are 0, in cells that are written later or stay 0. */
static void write_each_cell(const job_t *job, range images) {
    const cnet_window2d g = *job->g;
    const ptrdiff_t plane = g.h * g.w * g.c, end = images.end * plane, cells = g.n * plane;
    const ptrdiff_t outputs = g.n * g.oh * g.ow * g.c;
    memset(job->dx + images.begin * plane, 0,
           (size_t)((images.end - images.begin) * plane) * sizeof(real));
    for (ptrdiff_t row = images.begin * g.oh; row < images.end * g.oh; row++) {
        const ptrdiff_t top = row % g.oh * g.sh - g.ph;
        const range rows = inside(top, g.dh, g.h, g.kh);
        for (ptrdiff_t i = rows.begin; i < rows.end; i++) {
            const ptrdiff_t first = (row / g.oh * g.h + top + i * g.dh) * g.w;
            for (ptrdiff_t ow = 0; ow < g.ow; ow++) {
                const ptrdiff_t left = ow * g.sw - g.pw, output = (row * g.ow + ow) * g.c;
                const range columns = inside(left, g.dw, g.w, g.kw);
                const vec shares = few_channels_at(job->grad_output, output, g.c, outputs);
                const vec maxima = channels_at(job->y, output, g.c, outputs);
                for (ptrdiff_t j = columns.begin; j < columns.end; j++) {
                    const ptrdiff_t at = (first + left + j * g.dw) * g.c;
                    const vec share = share_of_maximum(job, shares, maxima, at, cells);
                    if (at + LANES <= end)
                        store(job->dx + at, share);
                    else
                        store_run(job->dx + at, share, g.c);
                }
            }
        }
    }
}

static void spread_images(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range images = part_of(chunk, images_per_chunk(&g), g.n);
    if (job->ties == CNET_TIES_ALL && shares_no_cell(&g)) {
        write_each_cell(job, images);
        return;
    }
    part_t part;
    for (ptrdiff_t image = images.begin; image < images.end; image++) {
        const ptrdiff_t cells = image * g.h * g.w * g.c;
        memset(job->dx + cells, 0, (size_t)(g.h * g.w * g.c) * sizeof(real));
        for (ptrdiff_t t = 0; t < g.oh * g.ow; t++) {
            const ptrdiff_t at = (image * g.oh * g.ow + t) * g.c;
            part.window = window_at(&g, t / g.ow, t % g.ow);
            for (ptrdiff_t ch = 0; ch < g.c; ch += BLOCK) {
                part.x = job->x + (cells + ch);
                part.dx = job->dx + (cells + ch);
                part.maxima = job->y + (at + ch);
                part.count = min_size(BLOCK, g.c - ch);
                for (ptrdiff_t k = 0; k < part.count; k++) {
                    part.shares[k] = job->grad_output[at + ch + k];
                    part.last[k] = -1;
                }
                if (job->ties != CNET_TIES_ALL)
                    choose(&g, job->ties, &part);
                spread(&g, job->ties, &part);
            }
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
                       .g = &a->g,
                       .ties = (cnet_ties)a->ties};
    cnet_parallel(spread_images, &job, ceil_div(a->g.n, images_per_chunk(&a->g)), call->threads);
}
