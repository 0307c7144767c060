/* Tiles of 4 x 4 outputs, a panel of TILE_COLS at a time, and the pixels that belong to them.
 *
 * The tiles of all images are numbered in one row: (n, row of tiles, column of tiles). A lane of a
 * panel is a tile, so a panel holds runs of neighbours from one or more rows and images. */
#ifndef CNET_TILES_H
#define CNET_TILES_H

#include "product.h"
#include "winograd.h"
#include "window.h"

enum { ROW_LANES = TILE_COLS + LANES };

/* Tiles that follow each other in a row of tiles, and where they stand in the panel. */
typedef struct {
    ptrdiff_t n, top, left; /* image, and the first output of the first tile */
    ptrdiff_t lane, count;
} run;

typedef struct {
    run runs[TILE_COLS];
    int count;
    ptrdiff_t tiles;
} panel;

/* How the outputs of a convolution are tiled. */
typedef struct {
    ptrdiff_t rows, columns, tiles, panels;
} tiling;

static inline tiling tiling_of(const cnet_conv2d *g) {
    tiling t = {ceil_div(g->oh, WINOGRAD_TILE), ceil_div(g->ow, WINOGRAD_TILE), 0, 0};
    t.tiles = g->n * t.rows * t.columns;
    t.panels = ceil_div(t.tiles, TILE_COLS);
    return t;
}

static inline panel panel_at(const tiling *t, ptrdiff_t index) {
    panel p = {.tiles = min_size(TILE_COLS, t->tiles - index * TILE_COLS)};
    for (ptrdiff_t lane = 0; lane < p.tiles;) {
        const ptrdiff_t tile = index * TILE_COLS + lane, row = tile / t->columns;
        const ptrdiff_t column = tile % t->columns;
        const ptrdiff_t count = min_size(p.tiles - lane, t->columns - column);
        p.runs[p.count++] = (run){row / t->rows, row % t->rows * WINOGRAD_TILE,
                                  column * WINOGRAD_TILE, lane, count};
        lane += count;
    }
    return p;
}

/* One channel of images (n, c, h, w), seen with (top, left) of padding. */
typedef struct {
    const real *x;
    ptrdiff_t c, h, w, channel, top, left;
} image;

/* Row i of every tile of a panel: pixel j goes to to[j][tile], j from 0 to `pixels` - 1, which is
 * WINOGRAD_TILE or WINOGRAD_PATCH; 0 outside of the image. */
static inline __attribute__((always_inline)) void
gather_row(const image *m, const panel *p, int i, const int pixels, real to[][ROW_LANES]) {
    _Alignas(CNET_ALIGNMENT) real line[WINOGRAD_TILE * TILE_COLS + WINOGRAD_PATCH];
    real ends[TILE_COLS][2];
    for (int r = 0; r < p->count; r++) {
        const run run = p->runs[r];
        const ptrdiff_t count = WINOGRAD_TILE * (run.count - 1) + pixels;
        const ptrdiff_t ih = run.top + i - m->top, iw = run.left - m->left;
        range in = {0, 0};
        if (ih >= 0 && ih < m->h)
            in = inside(iw, 1, m->w, count);
        const ptrdiff_t first = ((run.n * m->c + m->channel) * m->h + ih) * m->w + iw;
        real *begin = line + WINOGRAD_TILE * run.lane;
        zero_run(begin, in.begin);
        copy_run(begin + in.begin, m->x + first + in.begin, in.end - in.begin);
        zero_run(begin + in.end, count - in.end);
        ends[r][0] = begin[count - 2];
        ends[r][1] = begin[count - 1];
    }
    for (ptrdiff_t lane = 0; lane < p->tiles; lane += LANES) {
        const real *from = line + WINOGRAD_TILE * lane;
        const vec a = load(from), b = load(from + LANES);
        const vec c = load(from + 2 * LANES), d = load(from + 3 * LANES);
        const vec even_ab = evens(a, b), odd_ab = odds(a, b);
        const vec even_cd = evens(c, d), odd_cd = odds(c, d);
        store(to[0] + lane, evens(even_ab, even_cd));
        store(to[1] + lane, evens(odd_ab, odd_cd));
        store(to[2] + lane, odds(even_ab, even_cd));
        store(to[3] + lane, odds(odd_ab, odd_cd));
    }
    if (pixels == WINOGRAD_TILE)
        return;
    /* The last two pixels of a patch are the first two of the next tile, at a run's end its own. */
    for (ptrdiff_t lane = 0; lane < p->tiles; lane += LANES) {
        store(to[4] + lane, load(to[0] + lane + 1));
        store(to[5] + lane, load(to[1] + lane + 1));
    }
    for (int r = 0; r < p->count; r++) {
        const ptrdiff_t last = p->runs[r].lane + p->runs[r].count - 1;
        to[4][last] = ends[r][0];
        to[5][last] = ends[r][1];
    }
}

/* v[plane * plane_step + c * TILE_COLS + tile]: B' d B of the patches of a panel, for the channels
 * from c0 to c1 of x (n, c, h, w). */
static inline void transform_images(const cnet_conv2d *g, const real *x, const panel *p,
                                    ptrdiff_t c0, ptrdiff_t c1, ptrdiff_t plane_step, real *v) {
    _Alignas(CNET_ALIGNMENT) real cells[WINOGRAD_PATCH][WINOGRAD_PATCH][ROW_LANES];
    for (ptrdiff_t c = c0; c < c1; c++) {
        const image m = {x, g->c, g->h, g->w, c, g->ph, g->pw};
        for (int i = 0; i < WINOGRAD_PATCH; i++)
            gather_row(&m, p, i, WINOGRAD_PATCH, cells[i]);
        for (ptrdiff_t lane = 0; lane < p->tiles; lane += LANES) {
            vec patch[WINOGRAD_PLANES], transformed[WINOGRAD_PLANES];
            for (int t = 0; t < WINOGRAD_PLANES; t++)
                patch[t] = load(cells[t / WINOGRAD_PATCH][t % WINOGRAD_PATCH] + lane);
            winograd_input_2d(patch, transformed);
            for (int t = 0; t < WINOGRAD_PLANES; t++)
                store(v + t * plane_step + c * TILE_COLS + lane, transformed[t]);
        }
    }
}

/* The step between planes of `elements`, kept off powers of two: 36 planes that far apart would
 * meet in one set of the cache. */
static inline ptrdiff_t plane_step(ptrdiff_t elements) { return elements + LANES; }

#endif
