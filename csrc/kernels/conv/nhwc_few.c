/* Convolution with channels last by few filters: the lanes of a sum are channels. */
#define SHORT_VECTORS /* channels are often fewer than the lanes of longer vectors */
#include "nhwc.h"

enum { RUNS = 2, OUTPUTS = RUNS * RUN }; /* of a tile */

void CNET_FN(nhwc_few)(const window *s, const real *image, ptrdiff_t rows, real *to) {
    outputs at = {.rows = rows};
    const ptrdiff_t step = s->sw * s->image.c;
    int is_open = 1;
    while (is_open) {
        const real *begin[RUNS];
        is_open = list_outputs(s, RUNS, RUN, &at);
        for (int r = 0; r < RUNS; r++)
            begin[r] = image + at.lanes[r];
        for (ptrdiff_t f = 0; f < s->o; f++) {
            const real *weights = s->weights + f * s->taps;
            const vec bias = broadcast(s->bias ? s->bias[f] : 0);
            vec sum[OUTPUTS] = {0};
            for (ptrdiff_t t = 0; t < s->taps; t += LANES) {
                const ptrdiff_t cell = s->places[t];
                const vec row = load(weights + t);
#pragma GCC unroll 4
                for (int r = 0; r < RUNS; r++)
#pragma GCC unroll 4
                    for (int k = 0; k < RUN; k++)
                        sum[r * RUN + k] += load(begin[r] + cell + k * step) * row;
            }
            /* The lanes of neighbours are added in pairs, until each vector has sums only. */
#pragma GCC unroll 4
            for (int count = OUTPUTS / 2; count >= OUTPUTS / LANES; count /= 2)
#pragma GCC unroll 8
                for (int i = 0; i < count; i++)
                    sum[i] = evens(sum[2 * i], sum[2 * i + 1]) + odds(sum[2 * i], sum[2 * i + 1]);
            real sums[OUTPUTS];
#pragma GCC unroll 4
            for (int i = 0; i < OUTPUTS / LANES; i++)
                store(sums + i * LANES, sum[i] + bias);
            for (int r = 0; r < RUNS; r++)
                for (int k = 0; k < RUN; k++)
                    to[at.places[r] + k * s->to_column + f] = sums[r * RUN + k];
        }
    }
}
