/* What the passes of batch normalisation share: the channels, and the activations that the kernels
 * compute together with it. */
#ifndef CNET_BATCH_NORM_H
#define CNET_BATCH_NORM_H

#include "elementwise/formulas.h"
#include "elementwise/operations.h"
#include "sums.h"
#include "window.h"

/* The activations, X(index, operation): operations of operations.h. */
#define ACTIVATIONS(X) X(1, relu) X(2, hardtanh) X(3, silu) X(4, hardswish)
enum { ACTIVATION_COUNT = 5, NO_OPERATION = -1 };

/* The index of an argument `activation`: 0 for none, or 1 + the number of an operation. */
static inline int activation_index(ptrdiff_t activation) {
#define INDEX(index, name)                                                                         \
    if (activation == 1 + CNET_OPERATION_##name)                                                   \
        return index;
    ACTIVATIONS(INDEX)
#undef INDEX
    return 0;
}

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* f(x) for an operation that is known when this is compiled. */
ALWAYS_INLINE vec activate(const int operation, vec x, vec a, vec b) {
    (void)a, (void)b;
    switch (operation) {
#define OP(name, value, saved, gradient)                                                           \
    case CNET_OPERATION_##name:                                                                    \
        return value;
        CNET_ACTIVATIONS(OP)
#undef OP
    default:
        return x;
    }
}

/* g f'(x), where y = f(x). */
ALWAYS_INLINE vec activation_gradient(const int operation, vec g, vec x, vec y, vec a, vec b) {
    (void)a, (void)b, (void)x, (void)y;
    switch (operation) {
#define OP(name, value, saved, gradient)                                                           \
    case CNET_OPERATION_##name:                                                                    \
        return gradient;
        CNET_ACTIVATIONS(OP)
#undef OP
    default:
        return g;
    }
}

static inline double inverse_deviation(real var, double eps) { return 1 / sqrt((double)var + eps); }

/* ---- Channels ---- */

/* Long runs are computed one by one, and a number of their channel is repeated in a vector. The
 * short runs of channels that follow each other are computed as one run, and a number is repeated
 * for each element of its channel. Such numbers are cells of an array: those of channel i begin at
 * i * cells, and element t of a run uses cell t & mask from there. */
enum { SHORT_RUN = 48, MOST_CELLS = 512, ROW_CELLS = MOST_CELLS + VECTOR_BYTES / sizeof(real) };
enum { ENOUGH_CHUNKS = 16 };
/* Vectors that are added before they are widened. */
enum { FEW = 4 };
typedef struct {
    cnet_norm g;
    ptrdiff_t cells, mask;
    ptrdiff_t channels; /* per chunk */
} division;

static inline int has_short_runs(cnet_norm g) { return g.size <= SHORT_RUN; }

/* Chunks of at most this many channels. */
static inline division divided(cnet_norm g, ptrdiff_t channels) {
    const ptrdiff_t cells = has_short_runs(g) ? max_size(1, g.size) : LANES;
    const ptrdiff_t most = max_size(1, min_size(g.c, MOST_CELLS / cells));
    return (division){g, cells, has_short_runs(g) ? -1 : 0, min_size(most, max_size(1, channels))};
}

/* Chunks that have all images. Two arrays of a chunk fit into the cache of a core, so that a second
 * pass finds them there. */
static inline division divided_for_sums(cnet_norm g) {
    const ptrdiff_t elements = ISA_CORE_CACHE_BYTES / 2 / (ptrdiff_t)sizeof(real);
    const ptrdiff_t fitting = elements / max_size(1, g.n * g.size);
    const ptrdiff_t least = MOST_CELLS / max_size(1, g.size);
    return divided(g, max_size(least, min_size(fitting, g.c / ENOUGH_CHUNKS)));
}

/* The channels of a chunk, and the runs of an image that they are. */
typedef struct {
    ptrdiff_t first, count, runs, length;
} span;

static inline span span_of(const division *d, ptrdiff_t number) {
    const ptrdiff_t first = number * d->channels, count = min_size(d->channels, d->g.c - first);
    return d->mask ? (span){first, count, 1, count * d->g.size}
                   : (span){first, count, count, d->g.size};
}

/* Chunks of long runs that are computed in the order of memory: images per part, and channels per
 * block; the blocks of a part follow each other. A part has enough elements of a channel for what
 * is done once for them. */
enum { MOST_PARTS = 32, CHANNELS_PER_CHUNK = 64, PART_ELEMENTS = 1024 };
typedef struct {
    ptrdiff_t images, channels, parts, blocks;
} image_parts;

static inline image_parts parts_of(cnet_norm g) {
    const ptrdiff_t least = max_size(1, min_size(g.n, ceil_div(PART_ELEMENTS, g.size)));
    image_parts p = {.images = max_size(least, ceil_div(g.n, MOST_PARTS))};
    p.parts = ceil_div(g.n, p.images);
    p.channels = max_size(1, ceil_div(g.c, ceil_div(ENOUGH_CHUNKS, max_size(1, p.parts))));
    p.blocks = ceil_div(g.c, p.channels);
    return p;
}

typedef struct {
    range channels, images;
    ptrdiff_t part;
} piece;

static inline piece piece_of(const cnet_norm *g, const image_parts *p, ptrdiff_t chunk) {
    const ptrdiff_t part = chunk / p->blocks, c = chunk % p->blocks * p->channels;
    return (piece){
        .channels = {c, min_size(g->c, c + p->channels)},
        .images = {part * p->images, min_size(g->n, (part + 1) * p->images)},
        .part = part,
    };
}

/* Fills the cells of channel i of a chunk. */
static inline void fill_cells(const division *d, real *row, ptrdiff_t i, real number) {
    for (ptrdiff_t t = 0; t < d->cells; t++)
        row[i * d->cells + t] = number;
}

/* Normalisation: (x - mean) * scale + bias. */
typedef struct {
    real mean[ROW_CELLS], scale[ROW_CELLS], bias[ROW_CELLS];
} affine_cells;
typedef struct {
    vec mean, scale, bias;
} affine;

ALWAYS_INLINE affine affine_at(const affine_cells *f, ptrdiff_t cell) {
    return (affine){load(f->mean + cell), load(f->scale + cell), load(f->bias + cell)};
}

ALWAYS_INLINE vec normalise(vec x, affine f) { return (x - f.mean) * f.scale + f.bias; }

/* A NULL weight means ones, a NULL bias zeros. */
static inline void fill_affine(const division *d, const span *s, const real *mean, const real *var,
                               const real *weight, const real *bias, double eps, affine_cells *f) {
    for (ptrdiff_t i = 0; i < s->count; i++) {
        const ptrdiff_t c = s->first + i;
        const double scale = (weight ? (double)weight[c] : 1) * inverse_deviation(var[c], eps);
        fill_cells(d, f->mean, i, mean[c]);
        fill_cells(d, f->scale, i, (real)scale);
        fill_cells(d, f->bias, i, bias ? bias[c] : 0);
    }
}

/* ---- Sums over channels ---- */

/* Two sums of each channel: a partial sum for each cell, each in a fixed order. */
typedef struct {
    double first[ROW_CELLS], second[ROW_CELLS];
} cell_sums;

/* The sum of the cells of channel i. */
static inline double total_of(const division *d, const double *row, ptrdiff_t i) {
    double sums[4] = {0};
    ptrdiff_t t = 0;
    for (row += i * d->cells; t + 4 <= d->cells; t += 4)
        for (int k = 0; k < 4; k++)
            sums[k] += row[t + k];
    for (; t < d->cells; t++)
        sums[0] += row[t];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* A vector of reals, as doubles. */
enum { WIDES = sizeof(double) / sizeof(real) };
typedef struct {
    wide part[WIDES];
} wide_vec;

ALWAYS_INLINE wide_vec load_as_wide(const real *p) {
    wide_vec v;
#pragma GCC unroll 2
    for (int i = 0; i < WIDES; i++)
        v.part[i] = load_wide(p + i * WIDE_LANES);
    return v;
}

ALWAYS_INLINE void add_vector(vec v, wide_vec *sums) {
    const wide_vec wide = load_as_wide((const real *)&v);
#pragma GCC unroll 2
    for (int i = 0; i < WIDES; i++)
        sums->part[i] += wide.part[i];
}

ALWAYS_INLINE wide_vec load_sums(const double *p) {
    wide_vec v;
#pragma GCC unroll 2
    for (int i = 0; i < WIDES; i++)
        v.part[i] = load_doubles(p + i * WIDE_LANES);
    return v;
}
ALWAYS_INLINE void store_sums(double *p, wide_vec v) {
#pragma GCC unroll 2
    for (int i = 0; i < WIDES; i++)
        store_doubles(p + i * WIDE_LANES, v.part[i]);
}

#endif
