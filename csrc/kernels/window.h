/* The part of a sliding window that lies in the image. */
#ifndef CNET_WINDOW_H
#define CNET_WINDOW_H

#include "variant.h"

typedef struct {
    ptrdiff_t begin, end;
} range;

/* The range of t in [0, count) with offset + t * step in [0, size): the outputs along a row whose
 * tap lies in the image, or the taps of a window that do. */
static inline range inside(ptrdiff_t offset, ptrdiff_t step, ptrdiff_t size, ptrdiff_t count) {
    ptrdiff_t begin = max_size(-offset, 0), end = max_size(size - offset, 0);
    if (step != 1) {
        begin = ceil_div(begin, step);
        end = ceil_div(end, step);
    }
    begin = min_size(begin, count);
    return (range){begin, max_size(begin, min_size(end, count))};
}

#endif
