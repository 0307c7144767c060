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

/* The kernel for channels last that computes the planes. It has the same arguments as the kernel
 * of the call: an array that is read, one that is written, indices to write if there are any, a
 * geometry, and options. */
typedef struct {
    void (*run)(const cnet_call *);
    size_t (*workspace)(cnet_call *); /* or NULL */
    int arrays;                       /* 3 with indices, which may be NULL; else 2 */
    int is_backward;                  /* whether it reads outputs and writes planes */
} small_pool_t;

/* The bytes for a call of the kernel for planes. */
size_t CNET_FN(small_planes_workspace)(const small_pool_t *pool, const cnet_call *call);

/* Transposes planes, runs the kernel, and transposes its results. Lanes without a plane are 0.
 * Parallel over planes. */
void CNET_FN(pool_small_planes)(const small_pool_t *pool, const cnet_call *call);

#endif
