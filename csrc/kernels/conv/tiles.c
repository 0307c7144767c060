#include "tiles.h"

/* Prefetches the line that takes the place of line `ih` in the run below, or in the first run of
 * the next image, for the channels from c on. */
static void prefetch_next(const images *m, const tiling *t, ptrdiff_t n, ptrdiff_t c, ptrdiff_t ih,
                          ptrdiff_t iw, ptrdiff_t pixels) {
    ptrdiff_t next = ih + t->tile;
    if (next >= m->h) {
        next -= t->rows * t->tile;
        n++;
    }
    if (next < 0 || next >= m->h || n == m->n)
        return;
    const range in = inside(iw, 1, m->w, pixels);
    const real *x = m->x + (((n * m->c + c) * m->h + next) * m->w + iw);
    for (ptrdiff_t r = 0; r < min_size(LANES, m->c - c); r++, x += m->h * m->w)
        for (ptrdiff_t j = in.begin; j < in.end; j += LINE_CELLS)
            __builtin_prefetch(x + j);
}

/* Whether a run lies directly below another one, so that both read the same columns. */
static inline int is_below(const tiling *t, const run *a, const run *b) {
    return a->n == b->n && a->left == b->left && a->count == b->count && a->top == b->top + t->tile;
}

/* The channels that are transformed together: they fill cache lines of `to`. */
enum { LINE_VECTORS = CNET_ALIGNMENT / VECTOR_BYTES };

/* Stages the lines of a run for a vector of channels. Those it shares with the run above are
 * already staged. */
UNROLLED void stage_run(const images *m, const tiling *t, const run *run, int is_below, ptrdiff_t c,
                        const int tile, const int rows, vec lines[][LINE_PIXELS]) {
    const ptrdiff_t pixels = tile * (run->count - 1) + rows, left = run->left - m->left;
    int staged = 0;
    for (; is_below && staged < rows - tile; staged++)
        memcpy(lines[staged], lines[staged + tile], (size_t)pixels * sizeof(vec));
    for (; staged < rows; staged++) {
        const ptrdiff_t row = run->top + staged - m->top;
        stage_line(m, run->n, c, row, left, pixels, lines[staged]);
        prefetch_next(m, t, run->n, c, row, left, pixels);
    }
}

UNROLLED void transform_tiles(const images *m, const tiling *t, ptrdiff_t first, ptrdiff_t count,
                              ptrdiff_t c0, ptrdiff_t c1, const operand *to, const int tile,
                              const int gradients) {
    vec lines[LINE_VECTORS][WINOGRAD_PATCH][LINE_PIXELS];
    const int rows = gradients ? tile : WINOGRAD_PATCH;
    for (ptrdiff_t c = c0; c < c1; c += LINE_CELLS) {
        const ptrdiff_t vectors = ceil_div(min_size(LINE_CELLS, c1 - c), LANES);
        real *x[LINE_VECTORS];
        for (ptrdiff_t v = 0, s = c; v < vectors; v++, s += LANES)
            x[v] = to->x + (s / to->width * to->panel + s % to->width);
        run above = {0};
        for (ptrdiff_t done = 0; done < count; done += above.count) {
            const run run = run_at(t, first + done, count - done);
            const int is_staged = done && is_below(t, &run, &above);
            for (ptrdiff_t v = 0; v < vectors; v++)
                stage_run(m, t, &run, is_staged, c + v * LANES, tile, rows, lines[v]);
            for (ptrdiff_t k = 0; k < run.count; k++)
                for (ptrdiff_t v = 0; v < vectors; v++) {
                    const vec *from = lines[v][0] + tile * k;
                    vec *y = (vec *)(x[v] + (done + k) * to->row);
                    if (gradients)
                        winograd_evaluate_2d(tile, NO_SCALE, from, LINE_PIXELS, y,
                                             to->plane / LANES);
                    else
                        winograd_input_2d(from, LINE_PIXELS, y, to->plane / LANES);
                }
            above = run;
        }
    }
}

void CNET_FN(transform_images)(const images *m, const tiling *t, ptrdiff_t first, ptrdiff_t count,
                               ptrdiff_t c0, ptrdiff_t c1, const operand *to) {
    transform_tiles(m, t, first, count, c0, c1, to, t->tile, 0);
}

void CNET_FN(transform_gradients)(const images *m, const tiling *t, ptrdiff_t first,
                                  ptrdiff_t count, ptrdiff_t c0, ptrdiff_t c1, const operand *to) {
    if (t->tile == 4)
        transform_tiles(m, t, first, count, c0, c1, to, 4, 1);
    else
        transform_tiles(m, t, first, count, c0, c1, to, 2, 1);
}
