/* Sums over the taps of one channel, for depthwise convolution and its gradients.
 *
 * A channel is staged (stage.h) for a band of output rows at a time, so that it stays in the
 * first-level cache; every tap is then a fixed distance from its output. */
#ifndef CNET_DEPTHWISE_H
#define CNET_DEPTHWISE_H

#include "conv.h"
#include "lanes.h"
#include "simd.h"
#include "stage.h"

#define INLINE static inline __attribute__((always_inline))

/* Bytes of a band; rows of a tile of outputs; largest k of the specialised k x k filters. */
enum { BAND_BYTES = 1 << 14, TILE_HEIGHT = 4, LARGEST_SQUARE = 5 };

/* Taps to sum: their distances from the output, and their weights. */
typedef struct {
    ptrdiff_t count;
    const ptrdiff_t *offsets;
    const real *weights;
} tap_list;

/* The stage of a band of `copies` channels, with rows aligned to vectors. */
static inline stage band_of(const cnet_conv2d *g, ptrdiff_t copies) {
    stage s = stage_of(g, 1);
    const ptrdiff_t halo = s.phase_rows - 1;
    s.pitch = round_up(s.pitch, LANES);
    const ptrdiff_t row = copies * s.phases_h * s.phases_w * s.pitch * (ptrdiff_t)sizeof(real);
    const ptrdiff_t fitting = (BAND_BYTES / row - halo) / TILE_HEIGHT * TILE_HEIGHT;
    s.rows = min_size(g->oh, max_size(fitting, TILE_HEIGHT));
    s.phase_rows = s.rows + halo;
    s.phase = s.phase_rows * s.pitch;
    s.channel = s.phases_h * s.phases_w * s.phase;
    return s;
}

/* Bytes of a band, including the excess that tiles and vectors may read after it. */
static inline size_t band_bytes(const stage *s, ptrdiff_t copies) {
    const ptrdiff_t behind = TILE_HEIGHT * s->pitch + LANES;
    return bytes_of(copies * s->channel + behind, sizeof(real));
}

/* Vectors begin at columns 0, LANES, 2 LANES, …; the last one begins earlier so that it ends with
 * the last column, if there are at least LANES columns. */
static inline ptrdiff_t vector_at(ptrdiff_t column, ptrdiff_t columns) {
    return max_size(min_size(column, columns - LANES), 0);
}

/* Splits from[2 t] and from[2 t + 1], t < pairs, into even and odd. */
static inline void split_pairs(const real *from, ptrdiff_t pairs, real *even, real *odd) {
    if (pairs < LANES) {
        for (ptrdiff_t t = 0; t < pairs; t++) {
            even[t] = from[2 * t];
            odd[t] = from[2 * t + 1];
        }
        return;
    }
    for (ptrdiff_t begin = 0; begin < pairs; begin += LANES) {
        const ptrdiff_t t = vector_at(begin, pairs);
        const vec first = load(from + 2 * t), second = load(from + 2 * t + LANES);
        store(even + t, evens(first, second));
        store(odd + t, odds(first, second));
    }
}

/* Copies a row of an image to the phases of its columns; each phase is filled up to its pitch. */
static inline void stage_row(const cnet_conv2d *g, const stage *s, const real *from, real *to) {
    const ptrdiff_t even = g->pw / 2, odd = (g->pw + 1) / 2; /* where cells 0 and 1 go */
    if (g->sw == 2 && s->phases_w == 2 && odd < s->pitch) {
        const ptrdiff_t pairs = min_size(g->w / 2, s->pitch - odd);
        real *to_even = to + (g->pw % 2 * s->phase + even);
        split_pairs(from, pairs, to_even, to + ((g->pw + 1) % 2 * s->phase + odd));
        if (2 * pairs < g->w && even + pairs < s->pitch)
            to_even[pairs] = from[2 * pairs];
        return;
    }
    for (ptrdiff_t phase_w = 0; phase_w < s->phases_w; phase_w++, to += s->phase) {
        const ptrdiff_t first = phase_w - g->pw;
        const range in = inside(first, g->sw, g->w, s->pitch);
        if (g->sw == 1 && in.begin < in.end)
            copy_run(to + in.begin, from + (first + in.begin), in.end - in.begin);
        else
            for (ptrdiff_t t = in.begin; t < in.end; t++)
                to[t] = from[first + t * g->sw];
    }
}

/* Stages the rows of a channel, beginning with that of output row `top`. The cells left and right
 * of the image must be 0 already. Prefetches the plane `next` meanwhile. */
static inline void stage_band(const cnet_conv2d *g, const stage *s, const real *plane,
                              const real *next, ptrdiff_t top, real *to) {
    for (ptrdiff_t phase_h = 0; phase_h < s->phases_h; phase_h++, to += s->phases_w * s->phase) {
        for (ptrdiff_t row = 0; row < s->phase_rows; row++) {
            const ptrdiff_t ih = (top + row) * g->sh + phase_h - g->ph;
            if (ih >= 0 && ih < g->h) {
                for (ptrdiff_t t = 0; t < g->w; t += CNET_ALIGNMENT / (ptrdiff_t)sizeof(real))
                    __builtin_prefetch(next + ih * g->w + t, 0, 2);
                stage_row(g, s, plane + ih * g->w, to + row * s->pitch);
            } else {
                for (ptrdiff_t phase_w = 0; phase_w < s->phases_w; phase_w++)
                    zero_run(to + phase_w * s->phase + row * s->pitch, s->pitch);
            }
        }
    }
}

/* A plane with its padding. Vectors extend over the ends of its rows; cells there count as 0. */
typedef struct {
    const real *plane;
    ptrdiff_t pitch, height, width;
    ptrdiff_t ph, pw;
    ptrdiff_t ahead;          /* cells that far ahead are prefetched */
    const real *first, *last; /* its first and last padded row, or copies of them */
    const real *zeros;        /* a padded row outside of the image */
} image_t;

/* The number of cells of a padded row that vectors read. */
static inline ptrdiff_t cells_read(const cnet_conv2d *g) {
    return g->sw * max_size(g->ow, LANES) + g->kw - 1;
}

static inline size_t padded_row_bytes(const cnet_conv2d *g) {
    return bytes_of(max_size(g->w + g->pw, cells_read(g)), sizeof(real));
}

/* Not inlined, because few rows are copied. */
static __attribute__((noinline, unused)) void copy_row(const real *from, ptrdiff_t count,
                                                       real *to) {
    copy_run(to, from, count);
}

/* Row y of the image with its padding; edge_row for the first and last row and those outside. */
static __attribute__((noinline, unused)) const real *edge_row(const image_t *image, ptrdiff_t y) {
    return y == 0 ? image->first : y == image->height - 1 ? image->last : image->zeros;
}

INLINE const real *padded_row(const image_t *image, ptrdiff_t y) {
    return 0 < y && y < image->height - 1 ? image->plane + (y * image->pitch - image->pw)
                                          : edge_row(image, y);
}

/* from[j + t * stride] for all lanes t; with a stride of 2, in the order of quick_evens. */
INLINE vec strided_cells(const real *from, const int j, const int stride) {
    if (stride == 1)
        return load(from + j);
    const vec first = load(from + j / 2 * 2), second = load(from + (j / 2 * 2 + LANES));
    return j % 2 ? quick_odds(first, second) : quick_evens(first, second);
}

/* A vector in that order, or back. */
INLINE vec strided_order(vec v, const int stride) { return stride == 1 ? v : ordered(v); }

/* Whether the lanes of strided_cells lie in a range. */
INLINE ivec strided_lanes_in(range in, const int stride) {
    const ivec inside = (lane_numbers() >= splat(in.begin)) & (lane_numbers() < splat(in.end));
    return (ivec)strided_order((vec)inside, stride);
}

/* Whether the taps are those of a dense k x k filter, in row-major order. */
static inline int is_square(ptrdiff_t count, const ptrdiff_t *offsets, ptrdiff_t pitch,
                            ptrdiff_t k) {
    if (count != k * k)
        return 0;
    for (ptrdiff_t t = 0; t < count; t++)
        if (offsets[t] != t / k * pitch + t % k)
            return 0;
    return 1;
}

/* to[y * to_pitch + x] = bias + sum over the taps t of weights[t] * from[offsets[t] + y * pitch +
 * x] for y < rows and x < columns; overwrites. `from` is a band. */
void CNET_FN(sum_taps)(const tap_list *taps, const real *from, ptrdiff_t pitch, real bias,
                       ptrdiff_t rows, ptrdiff_t columns, real *to, ptrdiff_t to_pitch);

/* to[y * to_pitch + 2 x + r] = sum over the taps t of taps[r] of weights[t] * from[offsets[t] + y *
 * pitch + x] for y < rows and 2 x + r < width; overwrites. Prefetches the cells `ahead` of each. */
void CNET_FN(sum_pairs)(const tap_list taps[2], const real *from, ptrdiff_t pitch, ptrdiff_t rows,
                        ptrdiff_t width, real *to, ptrdiff_t to_pitch, ptrdiff_t ahead);

/* Whether sweep_plane computes a convolution: two vectors reach at most half a filter over the ends
 * of a row, each over one of them. And the bytes of its memory, which must be 0. */
static inline int can_be_swept(const cnet_conv2d *g) {
    const ptrdiff_t half = g->kw / 2, last = (g->ow - 1) * g->sw + g->kw - 1 - g->pw;
    return (g->kh == 3 || g->kh == 5) && g->kw == g->kh && g->dh == 1 && g->dw == 1 && g->sh <= 2 &&
           g->sw == g->sh && g->pw <= half && last - g->w < half && g->ow >= LANES + half;
}
static inline size_t sweep_bytes(const cnet_conv2d *g) { return 3 * padded_row_bytes(g); }

/* Plane number `plane` of x. Where vectors would leave the array, its first or last row is copied
 * to the memory of a sweep. */
static inline image_t image_of(const cnet_conv2d *g, const real *x, ptrdiff_t plane, real *memory) {
    const ptrdiff_t last = (g->h - 1) * g->w, row = (ptrdiff_t)(padded_row_bytes(g) / sizeof(real));
    image_t image = {
        .plane = x + plane * g->h * g->w,
        .pitch = g->w,
        .height = g->h,
        .width = g->w,
        .ph = g->ph,
        .pw = g->pw,
        .zeros = memory,
    };
    image.first = image.plane - g->pw;
    image.last = image.first + last;
    if (plane == 0 || (g->h == 1 && plane == g->n * g->c - 1)) {
        copy_row(image.plane, g->w, memory + row + g->pw);
        image.first = memory + row;
    }
    if (plane == g->n * g->c - 1) {
        copy_row(image.plane + last, g->w, memory + 2 * row + g->pw);
        image.last = memory + 2 * row;
    }
    return image;
}

/* to = bias + the convolution of plane number `plane` of x, which is read in place, with one
 * filter; overwrites. Prefetches the planes of x and of `to` that are `next` planes ahead. */
void CNET_FN(sweep_plane)(const cnet_conv2d *g, const real *x, ptrdiff_t plane, const real *filter,
                          real bias, real *memory, real *to, ptrdiff_t next);

/* Not inlined, because the compiler would add up several vectors at a time, which is much code. */
static __attribute__((noinline, unused)) real sum_lanes(const vec *v) {
    real sum = 0;
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        sum += (*v)[lane];
    return sum;
}

/* Adds the copies of dw and db, copies[(part * outputs + o) * (taps + 1) + t], in order; t = taps
 * is db. */
static inline void add_copies(const conv2d_arrays *arrays, const real *copies, ptrdiff_t parts,
                              ptrdiff_t outputs, ptrdiff_t taps) {
    for (ptrdiff_t o = 0; o < outputs; o++)
        for (ptrdiff_t t = 0; t <= taps; t++) {
            real sum = 0;
            for (ptrdiff_t part = 0; part < parts; part++)
                sum += copies[(part * outputs + o) * (taps + 1) + t];
            if (t < taps && arrays->dw)
                arrays->dw[o * taps + t] = sum;
            if (t == taps && arrays->db)
                arrays->db[o] = sum;
        }
}

/* The same convolution and gradients with pixels of a plane as lanes (depthwise_flat.c): for one
 * filter per channel, where that is faster. */
conv2d_bytes CNET_FN(depthwise_flat_workspace);
conv2d_run CNET_FN(depthwise_flat_forward), CNET_FN(depthwise_flat_backward);

/* The widest results with pixels of a plane as lanes, the fewest pixels, and the bytes of the
 * copies of a plane. */
enum { FLAT = 14, FLAT_PIXELS = 16, PLANE_COPIES_BYTES = 16 << 10 };

static inline int is_flat(const cnet_conv2d *g) {
    const ptrdiff_t reach_h = (g->kh - 1) * g->dh, reach_w = (g->kw - 1) * g->dw;
    const ptrdiff_t copy = g->h * g->w + 2 * (reach_h * g->w + reach_w);
    return g->o == g->c && g->sh == 1 && g->sw == 1 && g->oh == g->h && g->ow == g->w &&
           g->w <= FLAT && g->h * g->w >= FLAT_PIXELS && g->ph <= reach_h && g->pw <= reach_w &&
           g->kw * copy <= PLANE_COPIES_BYTES / (ptrdiff_t)sizeof(real);
}

/* The same convolution and gradients with channels as lanes (depthwise_cells.c): for one filter per
 * channel, where that is faster. */
conv2d_bytes CNET_FN(depthwise_cells_workspace);
conv2d_run CNET_FN(depthwise_cells_forward), CNET_FN(depthwise_cells_backward);

/* The widest results with channels as lanes, and the bytes of the cells of an image. */
enum { NARROW = 8, IMAGE_CELLS_BYTES = 48 << 10 };

static inline int is_narrow(const cnet_conv2d *g) {
    const ptrdiff_t rows = g->h + g->ph + g->qh, columns = g->w + g->pw + g->qw;
    return g->o == g->c && g->ow <= NARROW && rows * columns <= IMAGE_CELLS_BYTES / VECTOR_BYTES;
}

/* The same convolution and gradients with masked loads and stores (depthwise_rows.c), for float32
 * on instruction sets that have them. */
#if ISA_MASKED_ROWS && defined(CNET_REAL_f32)
#define MASKED_ROWS 1
#else
#define MASKED_ROWS 0
#endif
conv2d_bytes CNET_FN(depthwise_rows_workspace);
conv2d_run CNET_FN(depthwise_rows_forward), CNET_FN(depthwise_rows_backward);

static inline int is_masked(const cnet_conv2d *g) {
    return g->o == g->c && g->kh == g->kw && (g->kh == 3 || g->kh == 5) && g->sh == g->sw &&
           g->sh <= 2 && g->dh == 1 && g->dw == 1;
}

/* Kernels that compute only some geometries. */
typedef struct {
    conv2d_bytes *workspace;
    conv2d_run *forward, *backward;
} special_kernel;

/* The one for this geometry; its functions are NULL if there is none. */
static inline special_kernel special_kernel_for(const cnet_conv2d *g) {
#define KERNEL(name)                                                                               \
    (special_kernel) {                                                                             \
        CNET_FN(name##_workspace), CNET_FN(name##_forward), CNET_FN(name##_backward)               \
    }
#if MASKED_ROWS
    if (is_masked(g))
        return KERNEL(depthwise_rows);
#endif
    if (is_flat(g))
        return KERNEL(depthwise_flat);
    if (is_narrow(g))
        return KERNEL(depthwise_cells);
    return (special_kernel){0};
#undef KERNEL
}

#endif
