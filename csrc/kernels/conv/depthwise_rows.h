/* Vectors of columns that sweep the planes of some images; see depthwise_rows.c. */
#ifndef CNET_DEPTHWISE_ROWS_H
#define CNET_DEPTHWISE_ROWS_H

#include "depthwise.h"
#include "lanes.h"

/* Vectors that sweep at a time, at most. */
enum { TOGETHER = 4 };

typedef __mmask16 mask;
#define ALL_LANES ((mask) - 1)

/* The lanes of a vector of columns that are inside of the image: of the loads and the stores of a
 * row, and of the cells of each tap of a row. */
typedef struct {
    mask loads[2], cells[LARGEST_SQUARE], outputs[2];
} column_masks;

/* A sum over planes of h x w cells for planes of oh x ow. */
typedef struct {
    ptrdiff_t k, stride, h, w, oh, ow, ph, pw;
    int is_spread;                  /* whether the stride is that of the outputs */
    ptrdiff_t from_image, to_image; /* steps from image to image */
    ptrdiff_t ahead_from, ahead_to; /* prefetched elements: whole planes */
    ptrdiff_t split, vectors;       /* images per vector, and vectors that sweep at a time */
    ptrdiff_t columns, step;        /* of the sums; from vector to vector */
    column_masks *masks, *single;   /* of each of them; with one image per vector */
} pass_t;

/* ---- Vectors of rows ------------------------------------------------------------------- */

/* `split` rows of LANES / split elements, `step` apart. */
INLINE vec load_rows(const real *from, ptrdiff_t step, mask m, const int split) {
    if (split == 1)
        return (vec)_mm512_maskz_loadu_ps(m, from);
    if (split == 2) {
        const __m256 low = _mm256_maskz_loadu_ps((__mmask8)m, from),
                     high = _mm256_maskz_loadu_ps((__mmask8)m, from + step);
        return (vec)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
    }
    __m512 rows = _mm512_castps128_ps512(_mm_maskz_loadu_ps((__mmask8)m, from));
    rows = _mm512_insertf32x4(rows, _mm_maskz_loadu_ps((__mmask8)m, from + step), 1);
    rows = _mm512_insertf32x4(rows, _mm_maskz_loadu_ps((__mmask8)m, from + 2 * step), 2);
    return (vec)_mm512_insertf32x4(rows, _mm_maskz_loadu_ps((__mmask8)m, from + 3 * step), 3);
}

INLINE void store_rows(real *to, ptrdiff_t step, vec v, mask m, const int split) {
    if (split == 1) {
        _mm512_mask_storeu_ps(to, m, (__m512)v);
    } else if (split == 2) {
        _mm256_mask_storeu_ps(to, (__mmask8)m, _mm512_castps512_ps256((__m512)v));
        _mm256_mask_storeu_ps(to + step, (__mmask8)m, _mm512_extractf32x8_ps((__m512)v, 1));
    } else {
        _mm_mask_storeu_ps(to, (__mmask8)m, _mm512_castps512_ps128((__m512)v));
        _mm_mask_storeu_ps(to + step, (__mmask8)m, _mm512_extractf32x4_ps((__m512)v, 1));
        _mm_mask_storeu_ps(to + 2 * step, (__mmask8)m, _mm512_extractf32x4_ps((__m512)v, 2));
        _mm_mask_storeu_ps(to + 3 * step, (__mmask8)m, _mm512_extractf32x4_ps((__m512)v, 3));
    }
}

/* Prefetches the cells `ahead` of the rows of a vector, which have LANES * stride / split cells at
 * most. */
INLINE void fetch_rows(const real *cell, ptrdiff_t step, ptrdiff_t ahead, ptrdiff_t row,
                       const int for_writing, const int stride, const int split) {
    if (split > stride && row % (split / stride))
        return;
#pragma GCC unroll 4
    for (int part = 0; part < split; part++)
        __builtin_prefetch(cell + part * step + ahead, for_writing);
    if (stride > split)
        __builtin_prefetch(cell + LANES + ahead, for_writing);
}

/* With a stride of 2, rows of cells (or of dx) are pairs of vectors. The second one holds the cells
 * behind those of the first, or the other images. */
INLINE int split_of_pair(const int split) { return split == 4 ? 2 : 1; }
INLINE ptrdiff_t second_of_pair(ptrdiff_t step, const int split) {
    return split == 1 ? LANES : split / 2 * step;
}

/* Lane l of the result is lane l + shift of v, in the lanes of the mask. */
INLINE vec shifted(vec v, ptrdiff_t shift, mask m) {
    const ivec from = lane_numbers() + splat(shift);
    return (vec)_mm512_maskz_permutexvar_ps(m, (__m512i)from, (__m512)v);
}

/* Where load_taps begins in a row of the image. */
INLINE ptrdiff_t origin(const pass_t *s, ptrdiff_t column, const int stride, const int split) {
    return stride == 1 && split > 1 ? 0 : column * stride - s->pw;
}

/* cells[j] = the cells of tap j of a vector of columns, for all taps of a row; 0 in lanes without
 * output, and in all lanes unless the row is `counted`. `step` is that from image to image. */
INLINE void load_taps(const real *row, ptrdiff_t step, ptrdiff_t pw, const column_masks *m,
                      mask counted, vec *cells, const int k, const int stride, const int split) {
    if (stride == 2) {
        const int half = split_of_pair(split);
        const vec first = load_rows(row, step, m->loads[0] & counted, half),
                  second = load_rows(row + second_of_pair(step, split), step, m->loads[1] & counted,
                                     half);
#pragma GCC unroll 5
        for (int j = 0; j < k; j++) {
            const ivec from = lane_numbers() * 2 + splat(j);
            cells[j] = (vec)_mm512_maskz_permutex2var_ps(m->cells[j], (__m512)first, (__m512i)from,
                                                         (__m512)second);
        }
    } else if (split == 1) {
#pragma GCC unroll 5
        for (int j = 0; j < k; j++)
            cells[j] = load_rows(row + j, step, m->cells[j] & counted, 1);
    } else {
        const vec all = load_rows(row, step, m->loads[0] & counted, split);
#pragma GCC unroll 5
        for (int j = 0; j < k; j++)
            cells[j] = shifted(all, j - pw, m->cells[j]);
    }
}

/* Of `count` lanes, those with first + lane in [0, size). */
static mask lanes_inside(ptrdiff_t first, ptrdiff_t size, ptrdiff_t count) {
    const range in = inside(first, 1, size, count);
    return (mask)((1u << in.end) - (1u << in.begin));
}

/* The masks of the vector of columns from `column` on. */
static column_masks masks_at(const pass_t *s, ptrdiff_t column, ptrdiff_t split) {
    const ptrdiff_t lanes = LANES / split, pair = min_size(LANES, 2 * lanes);
    const ptrdiff_t next = split == 1 ? LANES : 0; /* from one vector of a pair to the other */
    const ptrdiff_t sums = split == 1 ? s->step : lanes;
    column_masks m = {.loads = {lanes_inside(0, s->w, lanes)},
                      .outputs = {lanes_inside(column, s->ow, sums)}};
    for (ptrdiff_t i = 0; i < 2; i++) {
        if (s->is_spread)
            m.outputs[i] = lanes_inside(2 * column + i * next - s->pw, s->ow, pair);
        else if (s->stride == 2)
            m.loads[i] = lanes_inside(2 * column + i * next - s->pw, s->w, pair);
    }
    for (ptrdiff_t j = 0; j < s->k; j++)
        for (ptrdiff_t lane = 0; lane < LANES; lane++) {
            const ptrdiff_t at = column + lane % lanes;
            const ptrdiff_t cell = s->is_spread ? at - j : at * s->stride + j - s->pw;
            if (lane % lanes < min_size(sums, s->columns - column) && cell >= 0 && cell < s->w)
                m.cells[j] |= (mask)(1u << lane);
        }
    return m;
}

/* ---- One vector of columns of some images ---------------------------------------------- */

/* The sum over all taps: y forward, or dx with a stride of 1. */
INLINE void sweep(const pass_t *s, const column_masks *m, const real *from, const real *filter,
                  real bias, real *to, ptrdiff_t column, const int k, const int stride,
                  const int vectors, const int split) {
    const int places = (k - 1) / stride + 1;
    const column_masks masks = *m;
    vec weights[LARGEST_SQUARE * LARGEST_SQUARE], sums[LARGEST_SQUARE][TOGETHER];
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        weights[t] = broadcast(filter[t]);
#pragma GCC unroll 5
    for (int i = 0; i < places; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sums[i][v] = broadcast(bias);
    const ptrdiff_t h = s->h, w = s->w, oh = s->oh, ow = s->ow, ph = s->ph, pw = s->pw;
    const ptrdiff_t from_image = s->from_image, to_image = s->to_image;
    const ptrdiff_t ahead_from = s->ahead_from, ahead_to = s->ahead_to;
    from += origin(s, column, stride, split) - ph * w;
    to += column - (places - 1) * ow;
    for (ptrdiff_t row = 0; row < oh + places - 1; row++, to += ow) {
#pragma GCC unroll 2
        for (int phase = 0; phase < stride; phase++, from += w) {
            const ptrdiff_t y = row * stride + phase - ph;
            if (y < 0 || y >= h)
                continue;
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                const real *cell = from + v * split * from_image;
                vec cells[LARGEST_SQUARE];
                fetch_rows(cell, from_image, ahead_from, row, 0, stride, split);
                load_taps(cell, from_image, pw, &masks, ALL_LANES, cells, k, stride, split);
#pragma GCC unroll 5
                for (int j = 0; j < k; j++)
#pragma GCC unroll 5
                    for (int i = phase; i < k; i += stride)
                        sums[i / stride][v] += weights[i * k + j] * cells[j];
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            if (row >= places - 1) {
                real *y = to + v * split * to_image;
                fetch_rows(y, to_image, ahead_to, row, 1, 1, split);
                store_rows(y, to_image, sums[places - 1][v], masks.outputs[0], split);
            }
#pragma GCC unroll 5
            for (int i = places - 1; i > 0; i--)
                sums[i][v] = sums[i - 1][v];
            sums[0][v] = broadcast(bias);
        }
    }
}

/* dx with a stride of 2: rows and columns of the padded dx are computed in pairs; those of its pair
 * number p depend on the rows (columns) p, p - 1, … of grad_output. */
INLINE void spread(const pass_t *s, const column_masks *m, const real *from, const real *filter,
                   real *to, ptrdiff_t column, const int k, const int vectors, const int split) {
    enum { PLACES = (LARGEST_SQUARE + 1) / 2 };
    const int places = (k + 1) / 2, half = split_of_pair(split);
    const column_masks masks = *m;
    vec weights[LARGEST_SQUARE * LARGEST_SQUARE], sums[PLACES][TOGETHER][2][2] = {0};
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        weights[t] = broadcast(filter[t]);
    const ptrdiff_t h = s->h, w = s->w, oh = s->oh, ow = s->ow, ph = s->ph;
    const ptrdiff_t from_image = s->from_image, to_image = s->to_image;
    const ptrdiff_t ahead_from = s->ahead_from, ahead_to = s->ahead_to;
    from += column;
    to += 2 * column - s->pw;
    for (ptrdiff_t row = 0; 2 * row - ph < oh; row++, from += w) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            if (row >= h)
                break;
            const real *cell = from + v * split * from_image;
            vec cells[PLACES];
            fetch_rows(cell, from_image, ahead_from, row, 0, 1, split);
            if (split > 1)
                cells[0] = load_rows(cell, from_image, masks.loads[0], split);
#pragma GCC unroll 3
            for (int j = places - 1; j >= 0; j--)
                cells[j] = split == 1 ? load_rows(cell - j, from_image, masks.cells[j], 1)
                                      : shifted(cells[0], -j, masks.cells[j]);
#pragma GCC unroll 5
            for (int i = 0; i < k; i++)
#pragma GCC unroll 5
                for (int j = 0; j < k; j++)
                    sums[i / 2][v][i % 2][j % 2] += weights[i * k + j] * cells[j / 2];
        }
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
#pragma GCC unroll 2
            for (int i = 0; i < 2; i++) {
                const ptrdiff_t y = 2 * row + i - ph;
                if (y < 0 || y >= oh)
                    continue;
                const vec even = sums[0][v][i][0], odd = sums[0][v][i][1];
                real *x = to + v * split * to_image + y * ow;
                real *next = x + second_of_pair(to_image, split);
                __builtin_prefetch(x + ahead_to, 1);
                __builtin_prefetch(next + ahead_to, 1);
                store_rows(x, to_image, zip_first(even, odd), masks.outputs[0], half);
                store_rows(next, to_image, zip_second(even, odd), masks.outputs[1], half);
            }
#pragma GCC unroll 4
            for (int phase = 0; phase < 4; phase++) {
#pragma GCC unroll 3
                for (int i = 1; i < places; i++)
                    sums[i - 1][v][phase / 2][phase % 2] = sums[i][v][phase / 2][phase % 2];
                sums[places - 1][v][phase / 2][phase % 2] = (vec){0};
            }
        }
    }
}

/* dw[t * LANES + lane] += the products of tap t in that lane. */
INLINE void add_products(const pass_t *s, const column_masks *m, const real *from,
                         const real *grad_output, real *dw, ptrdiff_t column, const int k,
                         const int stride, const int vectors, const int split) {
    const int places = (k - 1) / stride + 1;
    const column_masks masks = *m;
    const ptrdiff_t h = s->h, w = s->w, oh = s->oh, ow = s->ow, ph = s->ph, pw = s->pw;
    const ptrdiff_t x_image = s->from_image, y_image = s->to_image, ahead = s->ahead_from;
    vec sums[LARGEST_SQUARE * LARGEST_SQUARE] = {0}, dy[LARGEST_SQUARE][TOGETHER] = {0};
    from += origin(s, column, stride, split) - ph * w;
    grad_output += column;
    for (ptrdiff_t row = 0; row < oh + places - 1; row++, grad_output += ow) {
        const mask outputs = row < oh ? masks.outputs[0] : 0;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
#pragma GCC unroll 5
            for (int i = places - 1; i > 0; i--)
                dy[i][v] = dy[i - 1][v];
            dy[0][v] = load_rows(grad_output + v * split * y_image, y_image, outputs, split);
        }
#pragma GCC unroll 2
        for (int phase = 0; phase < stride; phase++, from += w) {
            const ptrdiff_t y = row * stride + phase - ph;
            const mask counted = y >= 0 && y < h ? ALL_LANES : 0;
            mask exists[LARGEST_SQUARE]; /* whether this row of outputs does */
#pragma GCC unroll 5
            for (int i = phase; i < k; i += stride)
                exists[i] = row >= i / stride && row < oh + i / stride ? ALL_LANES : 0;
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                const real *cell = from + v * split * x_image;
                vec cells[LARGEST_SQUARE];
                fetch_rows(cell, x_image, ahead, row, 0, stride, split);
                load_taps(cell, x_image, pw, &masks, counted, cells, k, stride, split);
#pragma GCC unroll 5
                for (int i = phase; i < k; i += stride)
#pragma GCC unroll 5
                    for (int j = 0; j < k; j++)
                        sums[i * k + j] =
                            (vec)_mm512_mask3_fmadd_ps((__m512)dy[i / stride][v], (__m512)cells[j],
                                                       (__m512)sums[i * k + j], exists[i]);
            }
        }
    }
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        store(dw + t * LANES, load(dw + t * LANES) + sums[t]);
}

#endif
