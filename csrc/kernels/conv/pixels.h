/* The pixels that a 1 x 1 convolution reads, numbered through all images.
 *
 * They form rows of `width` pixels, `col` apart; if the stride skips neither rows nor columns, one
 * row is the whole plane. */
#ifndef CNET_PIXELS_H
#define CNET_PIXELS_H

#include "simd.h"

typedef struct {
    ptrdiff_t channels, plane, row, col, width;
    ptrdiff_t pixels; /* per image */
} pixels;

static inline pixels pixels_of(const cnet_conv2d *g, ptrdiff_t channels, ptrdiff_t plane,
                               ptrdiff_t row, ptrdiff_t col) {
    const ptrdiff_t count = g->oh * g->ow;
    return (pixels){channels, plane, row, col, row == g->ow * col ? count : g->ow, count};
}

static inline pixels pixels_of_x(const cnet_conv2d *g) {
    return pixels_of(g, g->c, g->h * g->w, g->sh * g->w, g->sw);
}

static inline pixels pixels_of_y(const cnet_conv2d *g) {
    return pixels_of(g, g->o, g->oh * g->ow, g->ow, 1);
}

/* A run of pixels in one row: its offset in a channel, and its length. */
typedef struct {
    ptrdiff_t first, count;
} pixel_run;

static inline pixel_run pixel_run_at(const pixels *l, ptrdiff_t channel, ptrdiff_t q,
                                     ptrdiff_t limit) {
    const ptrdiff_t n = q / l->pixels, pixel = q - n * l->pixels;
    const ptrdiff_t row = l->width == l->pixels ? 0 : pixel / l->width;
    const ptrdiff_t at = pixel - row * l->width;
    return (pixel_run){
        .first = (n * l->channels + channel) * l->plane + row * l->row + at * l->col,
        .count = min_size(limit, l->width - at),
    };
}

/* Whether a product over `summed` channels is computed image by image, and its pixels are read in
 * place: results are so few that a copy does not pay, few lanes of the last vector of a plane are
 * unused, the stride skips no pixels, and the planes lie on so few pages that their addresses stay
 * translated, and do not compete for the same few cache sets. */
enum { PLANE_PIXELS = 64, MOST_LANES = 16, LEAST_CHANNELS = 8 };
enum { LEAST_SUMMED = 24, MOST_SUMMED = 192 };
enum { PAGES = 128 };

static inline int reads_planes_in_place(const cnet_conv2d *g, ptrdiff_t summed, ptrdiff_t results) {
    const ptrdiff_t pixels = g->h * g->w, bytes = pixels * (ptrdiff_t)sizeof(real);
    return g->g == 1 && g->sh == 1 && g->sw == 1 && pixels >= PLANE_PIXELS &&
           16 * round_up(pixels, MOST_LANES) <= 17 * pixels &&
           min_size(g->c, g->o) >= LEAST_CHANNELS && results <= ISA_IN_PLACE_ROWS &&
           summed >= LEAST_SUMMED && summed <= MOST_SUMMED &&
           summed * min_size(bytes, PAGE_BYTES) <= PAGES * PAGE_BYTES && !shares_cache_sets(pixels);
}

#endif
