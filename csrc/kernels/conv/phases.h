/* The input gradient by the phases of the stride, so that no zeros are inserted into grad_output.
 *
 * Along one axis, cell u = position + padding of dx lies in phase u % stride at q = u / stride, and
 *     dx(u) = sum of weight(i) grad_output(q - i * dilation / stride) over the taps i with
 *             i * dilation % stride == u % stride.
 * All phases read grad_output on the same grid of q, each with its own taps. */
#ifndef CNET_PHASES_H
#define CNET_PHASES_H

#include "simd.h"
#include "window.h"

typedef struct {
    ptrdiff_t stride, padding, size; /* of the convolution; size of x */
    ptrdiff_t first, count;          /* q of the cells in x: the first, and their number */
    ptrdiff_t reach;                 /* distance back to the last tap */
} phase_axis;

static inline phase_axis phase_axis_of(ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t stride,
                                       ptrdiff_t padding, ptrdiff_t dilation) {
    phase_axis a = {.stride = stride, .padding = padding, .size = size};
    a.first = padding / stride;
    a.count = (padding + size - 1) / stride - a.first + 1;
    a.reach = (kernel - 1) * dilation / stride;
    return a;
}
static inline phase_axis phase_rows(const cnet_conv2d *g) {
    return phase_axis_of(g->h, g->kh, g->sh, g->ph, g->dh);
}
static inline phase_axis phase_columns(const cnet_conv2d *g) {
    return phase_axis_of(g->w, g->kw, g->sw, g->pw, g->dw);
}

/* The position in x of cell q of the grid in a phase; may lie outside of x. */
static inline ptrdiff_t phase_position(const phase_axis *a, ptrdiff_t q, ptrdiff_t phase) {
    return (a->first + q) * a->stride + phase - a->padding;
}

/* Writes a row of x from the rows of its phases, which are `step` apart. Reads whole vectors. */
static inline void join_phases(const phase_axis *a, const real *phases, ptrdiff_t step, real *to) {
    if (a->stride == 1) {
        copy_run(to, phases, a->size);
        return;
    }
    if (a->stride == 2) {
        for (ptrdiff_t q = 0; q < a->count; q += LANES) {
            const vec even = load(phases + q), odd = load(phases + step + q);
            const ptrdiff_t at = phase_position(a, q, 0);
            real pair[2 * VECTOR_BYTES / sizeof(real)];
            store(pair, zip_first(even, odd));
            store(pair + LANES, zip_second(even, odd));
            const range in = inside(at, 1, a->size, 2 * LANES);
            copy_run(to + (at + in.begin), pair + in.begin, in.end - in.begin);
        }
        return;
    }
    for (ptrdiff_t phase = 0; phase < a->stride; phase++) {
        const ptrdiff_t at = phase_position(a, 0, phase);
        const range in = inside(at, a->stride, a->size, a->count);
        for (ptrdiff_t q = in.begin; q < in.end; q++)
            to[at + q * a->stride] = phases[phase * step + q];
    }
}

#endif
