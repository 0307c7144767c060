/* Pooling of small planes, whose rows are too short for vectors: LANES planes at a time become one
 * image with channels last. */
#ifndef CNET_SMALL_PLANES_H
#define CNET_SMALL_PLANES_H

#include "pool/pool.h"

/* The most bytes of a small plane: LANES of them fit into a cache beside their results. */
enum { SMALL_PLANE_BYTES = 1 << 14 };

/* The most cells of a small window: larger ones are computed faster by rows. */
enum { SMALL_WINDOW = 64 };

/* The most cells of a short row: longer ones are computed faster as they are. */
enum { SHORT_ROW = 64 };

/* Whether all planes and windows are small, rows short, and there are enough planes. */
static inline int has_small_planes(const cnet_window2d *g) {
    return g->n * g->c >= LANES && max_size(g->w, g->ow) <= SHORT_ROW && g->kh <= SMALL_WINDOW &&
           g->kw <= SMALL_WINDOW / g->kh &&
           max_size(g->h * g->w, g->oh * g->ow) * (ptrdiff_t)sizeof(real) <= SMALL_PLANE_BYTES;
}

/* The geometry of one image that has LANES planes as channels. */
static inline cnet_window2d planes_as_channels(const cnet_window2d *planes) {
    cnet_window2d g = *planes;
    g.n = 1;
    g.c = LANES;
    return g;
}

typedef struct {
    const real *from;
    real *to;
    int32_t *indices; /* to write, or NULL */
    ptrdiff_t planes;
    ptrdiff_t from_cells, to_cells;   /* of a plane: their numbers */
    void (*run)(const cnet_call *);   /* the kernel for channels last */
    cnet_call call;                   /* of that kernel; its first arguments are set here */
    size_t (*workspace)(cnet_call *); /* of that kernel, or NULL */
} small_planes_t;

/* The bytes for a call with `threads` threads. */
size_t CNET_FN(small_planes_workspace)(const small_planes_t *p, int threads);

/* Transposes planes, runs the kernel, and transposes its results. Lanes without a plane are 0.
 * Parallel over planes. */
void CNET_FN(pool_small_planes)(const small_planes_t *p, const cnet_call *call);

#endif
