#include "strided.h"
#include "window.h"

typedef struct {
    const real *from;
    real *to;
    const cnet_window2d *g;
    ptrdiff_t planes; /* per chunk */
} job_t;

static void run(cnet_task *task, const void *from, void *to, const cnet_window2d *g,
                const cnet_call *call) {
    const ptrdiff_t cells = max_size(g->h * g->w, g->kh * g->kw * g->oh * g->ow);
    const ptrdiff_t planes = max_size(1, ELEMENTS_PER_CHUNK / max_size(1, cells));
    const job_t job = {from, to, g, planes};
    cnet_parallel(task, &job, ceil_div(g->n * g->c, planes), call->threads);
}

static range planes_of(const job_t *job, ptrdiff_t chunk) {
    const ptrdiff_t begin = chunk * job->planes;
    return (range){begin, min_size(job->g->n * job->g->c, begin + job->planes)};
}

/* Writes the kh * kw rows of cols of one plane (image, channel). */
static void im2col_plane(const cnet_window2d *g, const real *x, real *cols) {
    for (ptrdiff_t i = 0; i < g->kh; i++) {
        for (ptrdiff_t j = 0; j < g->kw; j++) {
            const ptrdiff_t left = j * g->dw - g->pw;
            const range row = inside(left, g->sw, g->w, g->ow);
            for (ptrdiff_t oh = 0; oh < g->oh; oh++, cols += g->ow) {
                const ptrdiff_t ih = oh * g->sh + i * g->dh - g->ph;
                if (ih < 0 || ih >= g->h || row.begin == row.end) {
                    zero_run(cols, g->ow);
                    continue;
                }
                zero_run(cols, row.begin);
                gather_run(cols + row.begin, x + (ih * g->w + left + row.begin * g->sw), g->sw,
                           row.end - row.begin);
                zero_run(cols + row.end, g->ow - row.end);
            }
        }
    }
}

static void im2col_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++)
        im2col_plane(&g, job->from + plane * g.h * g.w,
                     job->to + plane * g.kh * g.kw * g.oh * g.ow);
}

/* cols[n, (c, i, j), (oh, ow)] = x[n, c, oh*sh + i*dh - ph, ow*sw + j*dw - pw], 0 outside of x.
 *
 * x (n, c, h, w), cols (n, c*kh*kw, oh*ow); overwrites cols. Copies only, so exact on every
 * instruction set. Parallel over planes (n, c). */
void CNET_FN(im2col)(const cnet_call *call) {
    run(im2col_planes, call->im2col.x, call->im2col.cols, &call->im2col.g, call);
}

/* Sums one plane from its kh * kw rows of cols. */
static void col2im_plane(const cnet_window2d *g, const real *cols, real *x) {
    memset(x, 0, (size_t)(g->h * g->w) * sizeof(real));
    for (ptrdiff_t i = 0; i < g->kh; i++) {
        for (ptrdiff_t j = 0; j < g->kw; j++) {
            const ptrdiff_t left = j * g->dw - g->pw;
            const range row = inside(left, g->sw, g->w, g->ow);
            for (ptrdiff_t oh = 0; oh < g->oh; oh++, cols += g->ow) {
                const ptrdiff_t ih = oh * g->sh + i * g->dh - g->ph;
                if (ih >= 0 && ih < g->h && row.begin < row.end)
                    scatter_run(x + (ih * g->w + left + row.begin * g->sw), cols + row.begin, g->sw,
                                row.end - row.begin);
            }
        }
    }
}

static void col2im_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(job, chunk);
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++)
        col2im_plane(&g, job->from + plane * g.kh * g.kw * g.oh * g.ow,
                     job->to + plane * g.h * g.w);
}

/* The adjoint of im2col: x[n, c, ih, iw] = sum of the elements of cols that im2col copies from that
 * cell.
 *
 * cols (n, c*kh*kw, oh*ow), x (n, c, h, w); overwrites x. The terms of a cell are added in the
 * order of (i, j), starting from 0: exact on every instruction set. Parallel over planes (n, c). */
void CNET_FN(col2im)(const cnet_call *call) {
    run(col2im_planes, call->col2im.cols, call->col2im.x, &call->col2im.g, call);
}
