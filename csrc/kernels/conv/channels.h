/* Images staged as vectors of channels, with their padding, and the sums over their taps. A cell of
 * LANES channels holds one pixel. Any tap of any output is a fixed distance from the first cell
 * that the output reads, for every stride and dilation.
 *
 * The input gradient of a convolution is such a sum over the cells of grad_output, for each phase
 * of the stride with the taps of that phase (phases.h). */
#ifndef CNET_CHANNELS_H
#define CNET_CHANNELS_H

#include "conv.h"
#include "tiles.h"

typedef struct {
    ptrdiff_t images, height, width; /* cells: of an image, including its padding */
    ptrdiff_t row, image, vector;    /* steps from row to row, image to image, vector to vector */
} cell_grid;

/* The cells that `rows` rows of outputs of each of `images` images read. */
static inline cell_grid cells_of(const cnet_conv2d *g, ptrdiff_t images, ptrdiff_t rows) {
    cell_grid s = {
        .images = images,
        .height = (rows - 1) * g->sh + (g->kh - 1) * g->dh + 1,
        .width = (g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1,
    };
    s.row = s.width * LANES;
    s.image = s.height * s.row + LANES * LANES; /* staging writes some excess */
    s.vector = s.images * s.image;
    return s;
}

/* Elements for this many channels. */
static inline ptrdiff_t cell_elements(const cell_grid *s, ptrdiff_t channels) {
    return ceil_div(channels, LANES) * s->vector;
}

/* Stages a vector of channels, from c on, of the images from n on, for the outputs in row `top` and
 * below. */
static inline void stage_cells(const cnet_conv2d *g, const cell_grid *s, const real *x, ptrdiff_t n,
                               ptrdiff_t images, ptrdiff_t c, ptrdiff_t top, real *to) {
    const struct images from = {x, g->n, g->c, g->h, g->w, g->ph, g->pw};
    for (ptrdiff_t i = 0; i < images; i++)
        for (ptrdiff_t row = 0; row < s->height; row++)
            stage_line(&from, n + i, c, top * g->sh + row - g->ph, -g->pw, s->width,
                       (vec *)(to + i * s->image + row * s->row));
}

/* ---- Taps ------------------------------------------------------------------------------ */

/* A tap: its distance from the first cell that an output reads, and its place in a filter. */
typedef struct {
    ptrdiff_t row, column, place;
} tap;

/* A convolution of cells, or the input gradient of one. */
typedef struct {
    cnet_conv2d g; /* of this convolution: gradient_geometry for an input gradient */
    const cnet_conv2d *gradient_of;  /* NULL for a forward pass */
    phase_axis vertical, horizontal; /* of the result */
    cell_grid cells;
    ptrdiff_t *phases; /* first tap of each phase, and the end of the last */
    tap *taps;
} cell_sums;

static inline cell_sums forward_sums(const cnet_conv2d *g) {
    return (cell_sums){
        .g = *g,
        .vertical = phase_axis_of(g->oh, 1, 1, 0, 1),
        .horizontal = phase_axis_of(g->ow, 1, 1, 0, 1),
    };
}

static inline cell_sums gradient_sums(const cnet_conv2d *g) {
    return (cell_sums){
        .g = gradient_geometry(g),
        .gradient_of = g,
        .vertical = phase_rows(g),
        .horizontal = phase_columns(g),
    };
}

static inline ptrdiff_t phases_of(const cell_sums *s) {
    return s->vertical.stride * s->horizontal.stride;
}

static inline ptrdiff_t taps_of(const cell_sums *s) {
    const cnet_conv2d *g = s->gradient_of ? s->gradient_of : &s->g;
    return g->kh * g->kw;
}

static inline size_t taps_bytes(const cell_sums *s) {
    return bytes_of(phases_of(s) + 1, sizeof(ptrdiff_t)) + bytes_of(taps_of(s), sizeof(tap));
}

static inline void list_taps(cell_sums *s, char *memory) {
    const cnet_conv2d *g = s->gradient_of ? s->gradient_of : &s->g;
    const ptrdiff_t down = s->vertical.stride, across = s->horizontal.stride;
    s->phases = (ptrdiff_t *)memory;
    s->taps = (tap *)(memory + bytes_of(phases_of(s) + 1, sizeof(ptrdiff_t)));
    ptrdiff_t t = 0;
    for (ptrdiff_t phase = 0; phase < phases_of(s); phase++) {
        s->phases[phase] = t;
        for (ptrdiff_t place = 0; place < g->kh * g->kw; place++) {
            const ptrdiff_t row = place / g->kw * g->dh, column = place % g->kw * g->dw;
            if (row % down != phase / across || column % across != phase % across)
                continue;
            s->taps[t++] = s->gradient_of ? (tap){s->vertical.reach - row / down,
                                                  s->horizontal.reach - column / across, place}
                                          : (tap){row, column, place};
        }
    }
    s->phases[phases_of(s)] = t;
}

/* ---- Pixels ---------------------------------------------------------------------------- */

/* The first cell that an output reads: where it is staged, and its place in the image. */
typedef struct {
    ptrdiff_t at, row, column;
} origin;

/* The pixels of some rows of the result, for some images. Each phase fills whole tiles. */
typedef struct {
    ptrdiff_t tile, images, top, rows; /* rows are those of the grid of the phases */
    ptrdiff_t first, pixels;           /* row of the result; pixels of each image */
    ptrdiff_t *begins;                 /* first sum of each phase, and the end of the last */
    origin *origins;                   /* of each sum */
    ptrdiff_t *places;                 /* places[image * pixels + pixel]: number of its sum */
} pixel_list;

/* An upper bound of the number of sums. */
static inline ptrdiff_t listed_sums(const cell_sums *s, ptrdiff_t tile, ptrdiff_t images,
                                    ptrdiff_t rows) {
    return phases_of(s) * round_up(images * rows * s->g.ow, tile);
}

/* Memory for a list of this many sums: NULL to ask for its size. */
static inline size_t lay_out_list(const cell_sums *s, ptrdiff_t sums, char *memory, pixel_list *p) {
    size_t used = 0;
#define PART(part, bytes) (p->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(begins, bytes_of(phases_of(s) + 1, sizeof(ptrdiff_t)));
    PART(origins, bytes_of(sums, sizeof(origin)));
    PART(places, bytes_of(sums, sizeof(ptrdiff_t)));
#undef PART
    return used;
}

/* Whether the pixels of a tile are at the same place in different images. */
static inline int lists_by_place(const pixel_list *p) { return p->images >= p->tile; }

/* Whether the sums of an image are listed in the order of its pixels. */
static inline int are_in_order(const cell_sums *s, const pixel_list *p) {
    return phases_of(s) == 1 && !lists_by_place(p);
}

/* Lists the sums of one phase from number `begin` on, and returns their number. */
static inline ptrdiff_t list_phase(const cell_sums *s, const pixel_list *p, ptrdiff_t phase,
                                   ptrdiff_t begin) {
    const cnet_conv2d *g = &s->g;
    const phase_axis *v = &s->vertical, *h = &s->horizontal;
    const ptrdiff_t a = phase / h->stride, b = phase % h->stride;
    const range rows = inside(phase_position(v, p->top, a), v->stride, v->size, p->rows);
    const range columns = inside(phase_position(h, 0, b), h->stride, h->size, g->ow);
    const ptrdiff_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
    ptrdiff_t place = 0;
    for (ptrdiff_t y = rows.begin; y < rows.end; y++)
        for (ptrdiff_t x = columns.begin; x < columns.end; x++, place++) {
            const ptrdiff_t pixel =
                (phase_position(v, p->top + y, a) - p->first) * h->size + phase_position(h, x, b);
            const origin from = {y * g->sh * s->cells.row + x * g->sw * LANES,
                                 (p->top + y) * g->sh - g->ph, x * g->sw - g->pw};
            for (ptrdiff_t n = 0; n < p->images; n++) {
                const ptrdiff_t sum =
                    begin + (lists_by_place(p) ? place * p->images + n : n * count + place);
                p->origins[sum] = from;
                p->origins[sum].at += n * s->cells.image;
                p->places[n * p->pixels + pixel] = sum;
            }
        }
    return count * p->images;
}

static inline void list_pixels(const cell_sums *s, pixel_list *p) {
    const phase_axis *v = &s->vertical;
    const ptrdiff_t end_of_rows = min_size(v->size, phase_position(v, p->top + p->rows, 0));
    p->first = max_size(0, phase_position(v, p->top, 0));
    p->pixels = (end_of_rows - p->first) * s->horizontal.size;
    ptrdiff_t end = 0;
    for (ptrdiff_t phase = 0; phase < phases_of(s); phase++) {
        p->begins[phase] = end;
        end += list_phase(s, p, phase, end);
        for (; end % p->tile; end++) /* fills the last tile */
            p->origins[end] = p->origins[end - 1];
    }
    p->begins[phases_of(s)] = end;
}

/* The extent of the origins of a tile. */
typedef struct {
    ptrdiff_t top, bottom, left, right;
} extent;

UNROLLED extent extent_of(const origin *origins, const int count) {
    extent e = {origins->row, origins->row, origins->column, origins->column};
    for (int r = 1; r < count; r++) {
        e.top = min_size(e.top, origins[r].row);
        e.bottom = max_size(e.bottom, origins[r].row);
        e.left = min_size(e.left, origins[r].column);
        e.right = max_size(e.right, origins[r].column);
    }
    return e;
}

/* Whether a tap lies outside of the image for the whole tile. */
static inline int is_outside(const cnet_conv2d *g, extent e, tap t) {
    return e.bottom + t.row < 0 || e.top + t.row >= g->h || e.right + t.column < 0 ||
           e.left + t.column >= g->w;
}

#endif
