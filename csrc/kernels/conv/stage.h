/* Images staged for direct convolution: padded, and split by the phases of the stride, so that
 * every tap of every output is at a fixed distance from the position of the output.
 *
 * Output (y, x) has the flat position y * pitch + x. Its tap (c, i, j) lies in phase (i*dh % sh,
 * j*dw % sw) of channel c, (i*dh / sh) rows and (j*dw / sw) columns further. Rows are one `pitch`
 * apart in every phase, so vectors may extend across row ends; results there belong to no output
 * and are ignored. They are fewer where rows share padding: the zeros that end a row are then those
 * that begin the next one. */
#ifndef CNET_STAGE_H
#define CNET_STAGE_H

#include "strided.h"
#include "window.h"

typedef struct {
    ptrdiff_t rows;               /* of outputs */
    ptrdiff_t pitch;              /* from row to row */
    ptrdiff_t flat;               /* positions of outputs: from the first to the last */
    ptrdiff_t phase_rows;         /* rows per phase */
    ptrdiff_t phases_h, phases_w; /* phases that taps can lie in */
    ptrdiff_t phase, channel;     /* steps from phase to phase, from channel to channel */
} stage;

/* The padding that rows can share, at most a vector: they need as much on the left as on the right,
 * where outputs may leave out columns. */
static inline ptrdiff_t shareable_padding(const cnet_conv2d *g) {
    const ptrdiff_t right = g->ow + (g->kw - 1) * g->dw - g->pw - g->w;
    return g->sw == 1 ? max_size(0, min_size(LANES, min_size(g->pw, right))) : 0;
}

/* A stage whose rows share so much padding. As many zeros belong after the last channel. */
static inline stage stage_sharing(const cnet_conv2d *g, ptrdiff_t rows, ptrdiff_t shared) {
    stage s = {.rows = rows};
    s.pitch = g->ow + (g->kw - 1) * g->dw / g->sw - shared;
    s.flat = (rows - 1) * s.pitch + g->ow;
    s.phase_rows = rows + (g->kh - 1) * g->dh / g->sh;
    s.phases_h = min_size(g->sh, (g->kh - 1) * g->dh + 1);
    s.phases_w = min_size(g->sw, (g->kw - 1) * g->dw + 1);
    s.phase = s.phase_rows * s.pitch;
    s.channel = s.phases_h * s.phases_w * s.phase;
    return s;
}

static inline stage stage_of(const cnet_conv2d *g, ptrdiff_t rows) {
    return stage_sharing(g, rows, 0);
}

/* Elements of `channels` staged channels, plus `slack` that vectors may read after them. */
static inline ptrdiff_t stage_size(const stage *s, ptrdiff_t channels, ptrdiff_t slack) {
    return channels * s->channel + slack;
}

/* Distance of tap (c, i, j) from the position of its output. */
static inline ptrdiff_t stage_offset(const cnet_conv2d *g, const stage *s, ptrdiff_t c, ptrdiff_t i,
                                     ptrdiff_t j) {
    const ptrdiff_t y = i * g->dh, x = j * g->dw;
    return c * s->channel + (y % g->sh * s->phases_w + x % g->sw) * s->phase +
           y / g->sh * s->pitch + x / g->sw;
}

/* to[t] = from[t * stride], for cells that are vectors. */
static inline void copy_cells(real *to, const real *from, ptrdiff_t stride, ptrdiff_t count) {
    for (ptrdiff_t t = 0; t < count; t++)
        store(to + t * LANES, load(from + t * stride * LANES));
}

/* Stages a plane of h x w cells, of `lanes` elements each, for the outputs of row `top` and below.
 * Zeros between cells of the plane are written at once: those after a row and before the next. */
static inline __attribute__((always_inline)) void stage_lanes(const cnet_conv2d *g, const stage *s,
                                                              const real *plane, ptrdiff_t top,
                                                              const ptrdiff_t lanes, real *to) {
    real *zeros = to;
    for (ptrdiff_t phase_h = 0; phase_h < s->phases_h; phase_h++) {
        for (ptrdiff_t phase_w = 0; phase_w < s->phases_w; phase_w++) {
            const range in = inside(phase_w - g->pw, g->sw, g->w, s->pitch);
            for (ptrdiff_t row = 0; row < s->phase_rows; row++, to += s->pitch * lanes) {
                const ptrdiff_t ih = (top + row) * g->sh + phase_h - g->ph;
                if (ih < 0 || ih >= g->h || in.begin == in.end)
                    continue;
                const ptrdiff_t first = ih * g->w + in.begin * g->sw + phase_w - g->pw;
                zero_run(zeros, to + in.begin * lanes - zeros);
                zeros = to + in.end * lanes;
                if (lanes == 1)
                    gather_run(to + in.begin, plane + first, g->sw, in.end - in.begin);
                else
                    copy_cells(to + in.begin * lanes, plane + first * lanes, g->sw,
                               in.end - in.begin);
            }
        }
    }
    zero_run(zeros, to - zeros);
}

/* Stages one channel of an image. */
static inline void stage_channel(const cnet_conv2d *g, const stage *s, const real *plane,
                                 ptrdiff_t top, real *to) {
    stage_lanes(g, s, plane, top, 1, to);
}

/* Stages one channel of LANES images whose cells are interleaved. */
static inline void stage_batch(const cnet_conv2d *g, const stage *s, const real *plane, real *to) {
    stage_lanes(g, s, plane, 0, LANES, to);
}

#endif
