/* The gradient of maximum pooling with channels last, for equal maxima. */
#include "pool/channels_last.h"

typedef struct {
    const real *grad_output, *x, *y;
    real *dx;
    const cnet_window2d *g;
    cnet_ties ties;
} job_t;

/* Up to LANES channels of one window. */
typedef struct {
    window_t window;
    const real *x;
    real *dx;
    vec maxima, shares;
    ptrdiff_t count;
    ivec last; /* the number of the tap that gets the gradient, if only one does */
} part_t;

static inline ivec is_maximum(const part_t *part, vec cells) {
    return (cells == part->maxima) | ((cells != cells) & (part->maxima != part->maxima));
}

/* Divides the gradient by the number of maxima, or finds the last of them. */
static void choose(const cnet_window2d *g, cnet_ties ties, part_t *part) {
    vec maxima = {0};
    for (ptrdiff_t i = part->window.rows.begin; i < part->window.rows.end; i++) {
        for (ptrdiff_t j = part->window.columns.begin; j < part->window.columns.end; j++) {
            const ptrdiff_t at = position_of(g, &part->window, i, j) * g->c;
            const ivec is_max = is_maximum(part, load_run(part->x + at, part->count));
            maxima += select_cell(is_max, broadcast(1), (vec){0});
            part->last = select_index(is_max, splat(i * g->kw + j), part->last);
        }
    }
    if (ties == CNET_TIES_SHARE)
        part->shares /= select_cell(maxima == 0, broadcast(1), maxima);
}

static void spread(const cnet_window2d *g, cnet_ties ties, const part_t *part) {
    for (ptrdiff_t i = part->window.rows.begin; i < part->window.rows.end; i++) {
        for (ptrdiff_t j = part->window.columns.begin; j < part->window.columns.end; j++) {
            const ptrdiff_t at = position_of(g, &part->window, i, j) * g->c;
            ivec gets = is_maximum(part, load_run(part->x + at, part->count));
            if (ties == CNET_TIES_LAST)
                gets = part->last == splat(i * g->kw + j);
            real *dx = part->dx + at;
            store_run(dx,
                      load_run(dx, part->count) + select_cell(gets, part->shares, (vec){0}),
                      part->count);
        }
    }
}

static void spread_images(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range images = part_of(chunk, images_per_chunk(&g), g.n);
    for (ptrdiff_t image = images.begin; image < images.end; image++) {
        const ptrdiff_t cells = image * g.h * g.w * g.c;
        memset(job->dx + cells, 0, (size_t)(g.h * g.w * g.c) * sizeof(real));
        for (ptrdiff_t t = 0; t < g.oh * g.ow; t++) {
            const ptrdiff_t at = (image * g.oh * g.ow + t) * g.c;
            for (ptrdiff_t ch = 0; ch < g.c; ch += LANES) {
                const ptrdiff_t count = min_size(LANES, g.c - ch);
                part_t part = {
                    .window = window_at(&g, t / g.ow, t % g.ow),
                    .x = job->x + (cells + ch),
                    .dx = job->dx + (cells + ch),
                    .maxima = load_run(job->y + (at + ch), count),
                    .shares = load_run(job->grad_output + (at + ch), count),
                    .count = count,
                    .last = splat(-1),
                };
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
 * grad_output and y (n, oh, ow, c), x and dx (n, h, w, c); overwrites dx. If the maximum is NaN, all
 * NaN equal it. The terms of a cell are added in the order of the windows. Parallel over images. */
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
