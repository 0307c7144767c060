#include "window.h"

typedef struct {
    const real *from;
    real *to;
    const cnet_window2d *g;
} job_t;

/* One plane (image, channel): its kh * kw rows of cols. */
static void im2col_plane(const void *argument, ptrdiff_t plane, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const real *x = job->from + plane * g.h * g.w;
    real *cols = job->to + plane * g.kh * g.kw * g.oh * g.ow;
    for (ptrdiff_t i = 0; i < g.kh; i++) {
        for (ptrdiff_t j = 0; j < g.kw; j++) {
            const ptrdiff_t left = j * g.dw - g.pw;
            const range row = inside(left, g.sw, g.w, g.ow);
            for (ptrdiff_t oh = 0; oh < g.oh; oh++, cols += g.ow) {
                const ptrdiff_t ih = oh * g.sh + i * g.dh - g.ph;
                if (ih < 0 || ih >= g.h) {
                    memset(cols, 0, (size_t)g.ow * sizeof(real));
                    continue;
                }
                const ptrdiff_t first = ih * g.w + left;
                memset(cols, 0, (size_t)row.begin * sizeof(real));
                if (g.sw == 1 && row.end > row.begin)
                    memcpy(cols + row.begin, x + first + row.begin,
                           (size_t)(row.end - row.begin) * sizeof(real));
                else
                    for (ptrdiff_t ow = row.begin; ow < row.end; ow++)
                        cols[ow] = x[first + ow * g.sw];
                memset(cols + row.end, 0, (size_t)(g.ow - row.end) * sizeof(real));
            }
        }
    }
}

/* cols[n, (c, i, j), (oh, ow)] = x[n, c, oh*sh + i*dh - ph, ow*sw + j*dw - pw], 0 outside.
 *
 * x (n, c, h, w), cols (n, c*kh*kw, oh*ow); overwrites cols. Copies only, so exact on every
 * instruction set. Parallel over planes (n, c). */
void CNET_FN(im2col)(const void *x, void *cols, const cnet_window2d *g, const cnet_exec *e) {
    const job_t job = {x, cols, g};
    cnet_parallel(im2col_plane, &job, g->n * g->c, e->threads);
}

static void col2im_plane(const void *argument, ptrdiff_t plane, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const real *cols = job->from + plane * g.kh * g.kw * g.oh * g.ow;
    real *x = job->to + plane * g.h * g.w;
    memset(x, 0, (size_t)(g.h * g.w) * sizeof(real));
    for (ptrdiff_t i = 0; i < g.kh; i++) {
        for (ptrdiff_t j = 0; j < g.kw; j++) {
            const ptrdiff_t left = j * g.dw - g.pw;
            const range row = inside(left, g.sw, g.w, g.ow);
            for (ptrdiff_t oh = 0; oh < g.oh; oh++, cols += g.ow) {
                const ptrdiff_t ih = oh * g.sh + i * g.dh - g.ph;
                if (ih < 0 || ih >= g.h)
                    continue;
                const ptrdiff_t first = ih * g.w + left;
                if (g.sw == 1)
                    for (ptrdiff_t ow = row.begin; ow < row.end; ow++)
                        x[first + ow] += cols[ow];
                else
                    for (ptrdiff_t ow = row.begin; ow < row.end; ow++)
                        x[first + ow * g.sw] += cols[ow];
            }
        }
    }
}

/* The adjoint of im2col: x[n, c, ih, iw] = sum of the cols that were copied from that cell.
 *
 * cols (n, c*kh*kw, oh*ow), x (n, c, h, w); overwrites x. The terms of a cell are added in the
 * order of (i, j), starting from 0: exact on every instruction set. Parallel over planes (n, c). */
void CNET_FN(col2im)(const void *cols, void *x, const cnet_window2d *g, const cnet_exec *e) {
    const job_t job = {cols, x, g};
    cnet_parallel(col2im_plane, &job, g->n * g->c, e->threads);
}
