/* What the tests of 8-bit integers and of bfloat16 share: blocked images, and calls. */
#ifndef NARROW_H
#define NARROW_H

#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { LANES = 16, THREADS = 3 };

static inline ptrdiff_t blocked_channels(ptrdiff_t c) { return (c + LANES - 1) / LANES * LANES; }

/* Where channel c of pixel p of image n is in images of so many channels and pixels. */
static inline ptrdiff_t place(ptrdiff_t channels, ptrdiff_t pixels, ptrdiff_t n, ptrdiff_t c,
                              ptrdiff_t p) {
    return ((n * blocked_channels(channels) + c / LANES * LANES) * pixels) + p * LANES + c % LANES;
}

static inline void *allocate(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    require(memory != NULL, "no memory");
    memset(memory, 0x5a, bytes);
    return memory;
}

static inline uint8_t *random_bytes(ptrdiff_t count) {
    uint8_t *bytes = allocate((size_t)count);
    for (ptrdiff_t t = 0; t < count; t++)
        bytes[t] = (uint8_t)random_size(0, 255);
    return bytes;
}

static inline float *random_floats(ptrdiff_t count, double scale) {
    float *floats = allocate((size_t)count * sizeof *floats);
    const double *values = randoms(count);
    for (ptrdiff_t t = 0; t < count; t++)
        floats[t] = (float)(values[t] * scale);
    release_numbers();
    return floats;
}

/* Runs a call; returns its workspace, which the caller frees. */
static inline char *run(cnet_call *call, int threads) {
    const cnet_implementation *kernel = cnet_active_kernels(CNET_F32) + call->kernel;
    call->threads = threads;
    const size_t bytes = kernel->workspace ? kernel->workspace(call) : 0;
    call->workspace =
        aligned_alloc(CNET_ALIGNMENT, (bytes + CNET_ALIGNMENT) / CNET_ALIGNMENT * CNET_ALIGNMENT);
    require(call->workspace != NULL, "no memory");
    kernel->run(call);
    return call->workspace;
}

/* Calls a test for every instruction set, and each way to add products that the CPU has. */
static inline void everywhere(void (*test)(const void *, int dots), const void *data) {
    const int active = cnet_active_isa();
    for (int isa = 0; cnet_isa_name(isa); isa++) {
        if (!cnet_isa_supported(isa))
            continue;
        cnet_set_active_isa(isa);
        const int most = (int)cnet_active_dots();
        for (int dots = CNET_DOTS_PAIRS; dots <= most; dots++)
            test(data, dots);
    }
    cnet_set_active_isa(active);
}

/* ---- Geometries ---------------------------------------------------------------------------- */

static inline cnet_conv2d geometry(ptrdiff_t n, ptrdiff_t c, ptrdiff_t h, ptrdiff_t w, ptrdiff_t o,
                                   ptrdiff_t k, ptrdiff_t stride, ptrdiff_t pad, ptrdiff_t dilation,
                                   ptrdiff_t groups) {
    const ptrdiff_t reach = (k - 1) * dilation + 1;
    return (cnet_conv2d){.n = n,
                         .c = c,
                         .h = h,
                         .w = w,
                         .kh = k,
                         .kw = k,
                         .sh = stride,
                         .sw = stride,
                         .ph = pad,
                         .pw = pad,
                         .qh = pad,
                         .qw = pad,
                         .dh = dilation,
                         .dw = dilation,
                         .oh = (h + 2 * pad - reach) / stride + 1,
                         .ow = (w + 2 * pad - reach) / stride + 1,
                         .o = o,
                         .g = groups};
}

enum { GEOMETRIES = 31 };

static inline cnet_conv2d geometry_of(size_t number) {
    const cnet_conv2d geometries[GEOMETRIES] = {
        geometry(2, 3, 9, 7, 16, 3, 1, 1, 1, 1),     geometry(1, 3, 17, 30, 20, 3, 2, 1, 1, 1),
        geometry(1, 5, 12, 11, 16, 5, 3, 2, 1, 1),   geometry(3, 16, 3, 3, 33, 1, 1, 0, 1, 1),
        geometry(2, 24, 6, 9, 40, 3, 1, 1, 1, 1),    geometry(1, 17, 8, 31, 16, 3, 2, 1, 1, 1),
        geometry(2, 32, 5, 5, 32, 3, 1, 2, 2, 1),    geometry(1, 64, 29, 13, 48, 1, 1, 0, 1, 1),
        geometry(1, 20, 15, 15, 16, 1, 2, 0, 1, 1),  geometry(1, 32, 7, 7, 64, 3, 1, 1, 1, 2),
        geometry(2, 20, 9, 9, 20, 3, 1, 1, 1, 20),   geometry(1, 33, 14, 40, 33, 5, 2, 2, 1, 33),
        geometry(1, 16, 3, 3, 16, 3, 1, 1, 1, 16),   geometry(2, 16, 60, 33, 16, 3, 1, 0, 1, 16),
        geometry(1, 16, 1, 1, 16, 1, 1, 0, 1, 16),   geometry(1, 16, 2, 70, 16, 3, 1, 1, 1, 1),
        geometry(1, 70, 1, 1, 10, 1, 1, 0, 1, 1),    geometry(37, 70, 1, 1, 20, 1, 1, 0, 1, 1),
        geometry(3, 96, 4, 4, 160, 3, 1, 1, 1, 1),   geometry(1, 40, 2, 2, 3, 2, 1, 0, 1, 1),
        geometry(1, 18, 11, 13, 18, 7, 2, 3, 1, 18), geometry(1, 8, 20, 20, 8, 5, 1, 2, 1, 8),
        geometry(2, 32, 12, 9, 24, 3, 1, 0, 1, 1),   geometry(1, 16, 19, 7, 16, 3, 1, 0, 2, 1),
        geometry(2, 64, 20, 21, 80, 3, 2, 1, 1, 1),  geometry(1, 96, 9, 9, 96, 3, 1, 1, 1, 3),
        geometry(1, 128, 9, 9, 64, 1, 3, 1, 1, 1),   geometry(2, 300, 7, 7, 70, 3, 1, 1, 1, 1),
        geometry(1, 48, 13, 13, 64, 3, 2, 2, 2, 1),  geometry(1, 272, 5, 6, 32, 1, 1, 0, 1, 1),
        geometry(2, 176, 6, 5, 20, 3, 1, 1, 1, 1),
    };
    return geometries[number];
}

static const cnet_window2d windows[] = {
    {2, 17, 9, 8, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 5, 4},
    {1, 32, 14, 13, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 7, 6},
    {1, 16, 7, 7, 2, 3, 1, 1, 0, 0, 0, 0, 2, 2, 5, 3},
};

#endif
