/* Depthwise convolution with filters of 3 x 3 or 5 x 5 and strides of 1 or 2, one filter per
 * channel, for instruction sets whose loads and stores have masks: planes are read and written in
 * place, whatever their width.
 *
 * Lanes are columns. A vector of columns sweeps the planes of some images from top to bottom: they
 * share the filter and the masks, and their sums are independent. Each row of cells is loaded once
 * for every column of the filter, and used for all rows of outputs that depend on it. A vector
 * holds rows of 2 or 4 images if they are that short.
 *
 * Forward leaves out rows of taps outside of the image, and dx likewise. Chunks are some channels
 * and parts of the batch. Each part has its own copy of dw and db; the copies are added in order. */
#include "depthwise.h"
#include "sums.h"

#if MASKED_ROWS

enum {
    CHANNELS = 16,         /* of a chunk, at most */
    TOGETHER = 4,          /* vectors that sweep at a time, at most */
    MOST_IMAGES = 8,       /* that they hold, at most */
    FETCHED = 512,         /* elements that are prefetched ahead, about */
    PART_CELLS = 1 << 16,  /* of a chunk, about */
    LONG_PLANE = 1 << 10,
    ENOUGH_CHUNKS = 16
};

typedef __mmask16 mask;

/* The lanes of a vector of columns whose cells are inside of the image, for each load that the taps
 * of a row need, and whose outputs are, for each store; all lanes with an output. */
typedef struct {
    mask cells[LARGEST_SQUARE + 1], outputs[2], counted;
} column_masks;

/* A sum over planes of h x w cells for planes of oh x ow. */
typedef struct {
    ptrdiff_t k, stride, h, w, oh, ow, ph, pw;
    int is_spread;                  /* whether the stride is that of the outputs */
    ptrdiff_t from_image, to_image; /* steps from image to image */
    ptrdiff_t ahead_from, ahead_to; /* prefetched elements: whole planes */
    ptrdiff_t split, vectors;       /* images per vector, and vectors that sweep at a time */
    ptrdiff_t columns;              /* vectors of columns */
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

INLINE vec only(vec v, mask m) { return (vec)_mm512_maskz_mov_ps(m, (__m512)v); }

/* Vectors with a stride of 2 are pairs: the even elements of both belong to one tap, the odd ones
 * to the next. The second vector holds the cells behind those of the first, or the other images. */
INLINE int split_of_pair(const int split) { return split == 4 ? 2 : 1; }
INLINE ptrdiff_t second_of_pair(ptrdiff_t step, const int split) {
    return split == 1 ? LANES : split / 2 * step;
}

/* cells[j] = the cells of tap j for all taps of a row, in the lanes with an output. */
INLINE void load_taps(const real *row, ptrdiff_t step, const column_masks *m, vec *cells,
                      const int k, const int stride, const int split) {
    if (stride == 1) {
#pragma GCC unroll 5
        for (int j = 0; j < k; j++)
            cells[j] = load_rows(row + j, step, m->cells[j], split);
        return;
    }
    const int half = split_of_pair(split);
#pragma GCC unroll 3
    for (int j = 0; j < k; j += 2) {
        const vec first = load_rows(row + j, step, m->cells[j], half),
                  second = load_rows(row + j + second_of_pair(step, split), step, m->cells[j + 1],
                                     half);
        cells[j] = only(evens(first, second), m->counted);
        if (j + 1 < k)
            cells[j + 1] = only(odds(first, second), m->counted);
    }
}

/* Of `count` lanes, those with first + lane in [0, size). */
static mask lanes_inside(ptrdiff_t first, ptrdiff_t size, ptrdiff_t count) {
    const range in = inside(first, 1, size, count);
    return (mask)((1u << in.end) - (1u << in.begin));
}

/* The masks of a vector of columns. */
static column_masks masks_at(const pass_t *s, ptrdiff_t column, ptrdiff_t split) {
    const ptrdiff_t lanes = LANES / split, pair = min_size(LANES, 2 * lanes);
    column_masks m = {.counted = 0};
    if (s->is_spread) {
        for (ptrdiff_t j = 0; j < (s->k + 1) / 2; j++)
            m.cells[j] = lanes_inside(column - j, s->w, lanes);
        for (ptrdiff_t second = 0; second < 2; second++)
            m.outputs[second] =
                lanes_inside(2 * column + (split == 1) * second * LANES - s->pw, s->ow, pair);
        return m;
    }
    const ptrdiff_t first = column * s->stride - s->pw;
    m.outputs[0] = lanes_inside(column, s->ow, lanes);
    for (ptrdiff_t part = 0; part < split; part++)
        m.counted |= (mask)(m.outputs[0] << part * lanes);
    for (ptrdiff_t j = 0; s->stride == 1 && j < s->k; j++)
        m.cells[j] = lanes_inside(first + j, s->w, lanes) & m.outputs[0];
    for (ptrdiff_t j = 0; s->stride == 2 && j < s->k + 1; j++)
        m.cells[j] = lanes_inside(first + j / 2 * 2 + (split == 1) * (j % 2) * LANES, s->w, pair);
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
    from += column * stride - s->pw - s->ph * s->w;
    to += column - (places - 1) * s->ow;
    for (ptrdiff_t row = 0; row < s->oh + places - 1; row++, to += s->ow) {
#pragma GCC unroll 2
        for (int phase = 0; phase < stride; phase++, from += s->w) {
            const ptrdiff_t y = row * stride + phase - s->ph;
            if (y < 0 || y >= s->h)
                continue;
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                const real *cell = from + v * split * s->from_image;
                vec cells[LARGEST_SQUARE];
#pragma GCC unroll 4
                for (int part = 0; part < split; part++)
                    __builtin_prefetch(cell + part * s->from_image + s->ahead_from);
                load_taps(cell, s->from_image, &masks, cells, k, stride, split);
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
                real *y = to + v * split * s->to_image;
#pragma GCC unroll 4
                for (int part = 0; part < split; part++)
                    __builtin_prefetch(y + part * s->to_image + s->ahead_to, 1);
                store_rows(y, s->to_image, sums[places - 1][v], masks.outputs[0], split);
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
    from += column;
    to += 2 * column - s->pw;
    for (ptrdiff_t row = 0; 2 * row - s->ph < s->oh; row++, from += s->w) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            if (row >= s->h)
                break;
            const real *cell = from + v * split * s->from_image;
            vec cells[PLACES];
#pragma GCC unroll 4
            for (int part = 0; part < split; part++)
                __builtin_prefetch(cell + part * s->from_image + s->ahead_from);
#pragma GCC unroll 3
            for (int j = 0; j < places; j++)
                cells[j] = load_rows(cell - j, s->from_image, masks.cells[j], split);
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
                const ptrdiff_t y = 2 * row + i - s->ph;
                if (y < 0 || y >= s->oh)
                    continue;
                const vec *pair = sums[0][v][i];
                real *x = to + v * split * s->to_image + y * s->ow;
                real *next = x + second_of_pair(s->to_image, split);
                __builtin_prefetch(x + s->ahead_to, 1);
                __builtin_prefetch(next + s->ahead_to, 1);
                store_rows(x, s->to_image, zip_first(pair[0], pair[1]), masks.outputs[0], half);
                store_rows(next, s->to_image, zip_second(pair[0], pair[1]), masks.outputs[1],
                           half);
            }
#pragma GCC unroll 3
            for (int i = 1; i < places; i++)
                memcpy(sums[i - 1][v], sums[i][v], sizeof sums[i][v]);
            memset(sums[places - 1][v], 0, sizeof sums[0][v]);
        }
    }
}

/* dw[t * LANES + lane] += the products of tap t in that lane. */
INLINE void add_products(const pass_t *s, const column_masks *m, const real *from,
                         const real *grad_output, real *dw, ptrdiff_t column, const int k,
                         const int stride, const int vectors, const int split) {
    const int places = (k - 1) / stride + 1;
    const column_masks masks = *m;
    vec sums[LARGEST_SQUARE * LARGEST_SQUARE], dy[LARGEST_SQUARE][TOGETHER] = {0};
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        sums[t] = load(dw + t * LANES);
    from += column * stride - s->pw - s->ph * s->w;
    grad_output += column;
    for (ptrdiff_t row = 0; row < s->oh + places - 1; row++, grad_output += s->ow) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
#pragma GCC unroll 5
            for (int i = places - 1; i > 0; i--)
                dy[i][v] = dy[i - 1][v];
            if (row < s->oh)
                dy[0][v] = load_rows(grad_output + v * split * s->to_image, s->to_image,
                                     masks.outputs[0], split);
        }
#pragma GCC unroll 2
        for (int phase = 0; phase < stride; phase++, from += s->w) {
            const ptrdiff_t y = row * stride + phase - s->ph;
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                const real *cell = from + v * split * s->from_image;
                vec cells[LARGEST_SQUARE] = {0};
                if (y >= 0 && y < s->h) {
#pragma GCC unroll 4
                    for (int part = 0; part < split; part++)
                        __builtin_prefetch(cell + part * s->from_image + s->ahead_from);
                    load_taps(cell, s->from_image, &masks, cells, k, stride, split);
                }
#pragma GCC unroll 5
                for (int i = phase; i < k; i += stride)
                    if (row >= i / stride && row < s->oh + i / stride)
#pragma GCC unroll 5
                        for (int j = 0; j < k; j++)
                            sums[i * k + j] += dy[i / stride][v] * cells[j];
            }
        }
    }
#pragma GCC unroll 25
    for (int t = 0; t < k * k; t++)
        store(dw + t * LANES, sums[t]);
}

/* ---- Planes of some images ------------------------------------------------------------- */

/* Sizes of filters, vectors that sweep at a time, and images per vector. With filters of 3 x 3 the
 * registers hold the sums of two vectors of a spread, and with 5 x 5 those of one. */
#define WAYS(WAY) WAY(3, 4, 1) WAY(3, 4, 2) WAY(3, 2, 4) WAY(3, 1, 1) WAY(5, 2, 1) WAY(5, 1, 1)
#define FEWER(K, VECTORS) (K == 3 && VECTORS > 2 ? 2 : 1)

static void sum_some(const pass_t *s, const real *from, const real *filter, real bias, real *to,
                     ptrdiff_t vectors, ptrdiff_t split) {
    const column_masks *m = split == s->split ? s->masks : s->single;
    for (ptrdiff_t column = 0; column < s->columns; column += LANES, m++) {
#define WAY(K, VECTORS, SPLIT)                                                                     \
    if (s->k == K && vectors == VECTORS && split == SPLIT) {                                       \
        if (s->is_spread)                                                                          \
            for (ptrdiff_t v = 0; v < VECTORS * SPLIT; v += FEWER(K, VECTORS) * SPLIT)             \
                spread(s, m, from + v * s->from_image, filter, to + v * s->to_image, column, K,    \
                       FEWER(K, VECTORS), SPLIT);                                                  \
        else if (s->stride == 1)                                                                   \
            sweep(s, m, from, filter, bias, to, column, K, 1, VECTORS, SPLIT);                     \
        else                                                                                       \
            sweep(s, m, from, filter, bias, to, column, K, 2, VECTORS, SPLIT);                     \
    }
        WAYS(WAY)
#undef WAY
    }
}

static void add_some(const pass_t *s, const real *from, const real *grad_output, real *dw,
                     ptrdiff_t vectors, ptrdiff_t split) {
    const column_masks *m = split == s->split ? s->masks : s->single;
    for (ptrdiff_t column = 0; column < s->columns; column += LANES, m++) {
#define WAY(K, VECTORS, SPLIT)                                                                     \
    if (s->k == K && vectors == VECTORS && split == SPLIT)                                         \
        for (ptrdiff_t v = 0; v < VECTORS * SPLIT; v += (K == 3 ? VECTORS : 1) * SPLIT) {          \
            const real *x = from + v * s->from_image, *dy = grad_output + v * s->to_image;         \
            if (s->stride == 1)                                                                    \
                add_products(s, m, x, dy, dw, column, K, 1, K == 3 ? VECTORS : 1, SPLIT);          \
            else                                                                                   \
                add_products(s, m, x, dy, dw, column, K, 2, K == 3 ? VECTORS : 1, SPLIT);          \
        }
        WAYS(WAY)
#undef WAY
    }
}

/* The next images of a pass: as many as sweep together, or the only one. */
static ptrdiff_t next_images(const pass_t *s, ptrdiff_t images, ptrdiff_t *vectors,
                             ptrdiff_t *split) {
    const int all = images >= s->vectors * s->split;
    *vectors = all ? s->vectors : 1;
    *split = all ? s->split : 1;
    return *vectors * *split;
}

static void sum_planes(const pass_t *s, const real *from, const real *filter, real bias, real *to,
                       ptrdiff_t images) {
    ptrdiff_t vectors, split;
    for (ptrdiff_t count; images > 0; images -= count) {
        count = next_images(s, images, &vectors, &split);
        sum_some(s, from, filter, bias, to, vectors, split);
        from += count * s->from_image;
        to += count * s->to_image;
    }
}

static void add_planes(const pass_t *s, const real *from, const real *grad_output, real *dw,
                       ptrdiff_t images) {
    ptrdiff_t vectors, split;
    for (ptrdiff_t count; images > 0; images -= count) {
        count = next_images(s, images, &vectors, &split);
        add_some(s, from, grad_output, dw, vectors, split);
        from += count * s->from_image;
        grad_output += count * s->to_image;
    }
}

/* The sum of a plane: sums[lane] += its elements. */
static void add_plane(const real *plane, ptrdiff_t pixels, double *sums) {
    if (pixels > LONG_PLANE) {
        sums[0] += sum_run(plane, 0, pixels);
        return;
    }
    vec sum = {0};
    for (ptrdiff_t p = 0; p < pixels; p += LANES)
        sum += load_run(plane + p, pixels - p);
    for (ptrdiff_t lane = 0; lane < LANES; lane += WIDE_LANES)
        store_doubles(sums + lane, load_doubles(sums + lane) +
                                       load_wide((const real *)&sum + lane));
}

/* ---- Chunks ---------------------------------------------------------------------------- */

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    pass_t forward, gradient;
    real *filters;               /* of dx: rotated, with a stride of 1 */
    ptrdiff_t channels, blocks;  /* of a chunk; of all channels */
    ptrdiff_t parts, images;     /* of the batch; of a part */
    real *copies;                /* of dw and db: (part, channel, tap) */
    char *slots;
    size_t slot_bytes;
} job_t;

static void forward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t begin = chunk / job->blocks * job->images;
    const ptrdiff_t end = min_size(begin + job->images, g->n);
    const ptrdiff_t first = chunk % job->blocks * job->channels;
    const ptrdiff_t last = min_size(first + job->channels, g->c);
    for (ptrdiff_t n = begin; n < end; n += MOST_IMAGES)
        for (ptrdiff_t c = first; c < last; c++)
            sum_planes(&job->forward, job->arrays.x + (n * g->c + c) * g->h * g->w,
                       job->arrays.weight + c * g->kh * g->kw,
                       job->arrays.bias ? job->arrays.bias[c] : 0,
                       job->arrays.to + (n * g->c + c) * g->oh * g->ow,
                       min_size(MOST_IMAGES, end - n));
}

static void backward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const conv2d_arrays *a = &job->arrays;
    const ptrdiff_t begin = chunk / job->blocks * job->images, taps = g->kh * g->kw;
    const ptrdiff_t end = min_size(begin + job->images, g->n);
    const ptrdiff_t first = chunk % job->blocks * job->channels;
    const ptrdiff_t count = min_size(job->channels, g->c - first);
    real *dw = (real *)(job->slots + (size_t)slot * job->slot_bytes);
    double db[CHANNELS][VECTOR_BYTES / sizeof(real)] = {0};
    memset(dw, 0, job->slot_bytes);
    for (ptrdiff_t n = begin; n < end; n += MOST_IMAGES)
        for (ptrdiff_t c = 0; c < count; c++) {
            const ptrdiff_t plane = n * g->c + first + c, images = min_size(MOST_IMAGES, end - n);
            const real *dy = a->grad_output + plane * g->oh * g->ow;
            if (a->dx)
                sum_planes(&job->gradient, dy, job->filters + (first + c) * taps, 0,
                           a->dx + plane * g->h * g->w, images);
            if (a->dw)
                add_planes(&job->forward, a->x + plane * g->h * g->w, dy, dw + c * taps * LANES,
                           images);
            for (ptrdiff_t i = 0; a->db && i < images; i++)
                add_plane(dy + i * g->c * g->oh * g->ow, g->oh * g->ow, db[c]);
        }
    real *copy = job->copies + (chunk / job->blocks * g->c + first) * (taps + 1);
    for (ptrdiff_t c = 0; c < count; c++, copy += taps + 1) {
        for (ptrdiff_t t = 0; t < taps; t++) {
            const vec sum = load(dw + (c * taps + t) * LANES);
            copy[t] = sum_lanes(&sum);
        }
        double sum = 0;
        for (ptrdiff_t lane = 0; lane < LANES; lane++)
            sum += db[c][lane];
        copy[taps] = (real)sum;
    }
}

/* ---- Jobs ------------------------------------------------------------------------------ */

/* Everything that follows from the sizes of a pass over c channels. */
static void complete(pass_t *s, ptrdiff_t c) {
    s->from_image = c * s->h * s->w;
    s->to_image = c * s->oh * s->ow;
    s->ahead_from = round_up(FETCHED, s->h * s->w);
    s->ahead_to = round_up(FETCHED, s->oh * s->ow);
    s->columns = s->is_spread ? (s->ow - 1 + s->pw) / 2 + 1 : s->ow;
    s->split = s->k == 5 || 2 * s->columns > LANES ? 1 : 4 * s->columns > LANES ? 2 : 4;
    s->vectors = s->k == 5 || s->split == 4 ? 2 : 4;
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {.g = *g};
    job.forward = (pass_t){.k = g->kh, .stride = g->sh, .h = g->h, .w = g->w,
                           .oh = g->oh, .ow = g->ow, .ph = g->ph, .pw = g->pw};
    const int is_spread = g->sh == 2;
    job.gradient = (pass_t){.k = g->kh, .stride = g->sh, .h = g->oh, .w = g->ow,
                            .oh = g->h, .ow = g->w, .is_spread = is_spread,
                            .ph = is_spread ? g->ph : g->kh - 1 - g->ph,
                            .pw = is_spread ? g->pw : g->kw - 1 - g->pw};
    complete(&job.forward, g->c);
    complete(&job.gradient, g->c);
    job.channels = min_size(CHANNELS, g->c);
    job.blocks = ceil_div(g->c, job.channels);
    const ptrdiff_t cells = g->n * job.channels * g->h * g->w;
    const ptrdiff_t wanted = max_size(cells / PART_CELLS, ceil_div(ENOUGH_CHUNKS, job.blocks));
    job.images = ceil_div(g->n, min_size(wanted, g->n));
    if (job.images > MOST_IMAGES / 2)
        job.images = round_up(job.images, MOST_IMAGES);
    job.parts = ceil_div(g->n, job.images);
    job.slot_bytes = bytes_of(job.channels * g->kh * g->kw * LANES, sizeof(real));
    return job;
}

static size_t lay_out(job_t *job, char *memory) {
    const ptrdiff_t taps = job->g.kh * job->g.kw;
    size_t used = 0;
#define PART(part, bytes) (job->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(forward.masks, bytes_of(ceil_div(job->forward.columns, LANES), sizeof(column_masks)));
    PART(forward.single, bytes_of(ceil_div(job->forward.columns, LANES), sizeof(column_masks)));
    PART(gradient.masks, bytes_of(ceil_div(job->gradient.columns, LANES), sizeof(column_masks)));
    PART(gradient.single, bytes_of(ceil_div(job->gradient.columns, LANES), sizeof(column_masks)));
    PART(filters, bytes_of(job->g.c * taps, sizeof(real)));
    PART(copies, bytes_of(job->parts * job->g.c * (taps + 1), sizeof(real)));
    PART(slots, 0);
#undef PART
    return used;
}

size_t CNET_FN(depthwise_rows_workspace)(const cnet_conv2d *g, int threads) {
    job_t job = make_job(g);
    return lay_out(&job, NULL) + (size_t)threads * job.slot_bytes;
}

static void fill_masks(const pass_t *s) {
    for (ptrdiff_t v = 0; v * LANES < s->columns; v++) {
        s->masks[v] = masks_at(s, v * LANES, s->split);
        s->single[v] = masks_at(s, v * LANES, 1);
    }
}

static job_t start(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    lay_out(&job, call->workspace);
    fill_masks(&job.forward);
    fill_masks(&job.gradient);
    return job;
}

void CNET_FN(depthwise_rows_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                     const cnet_call *call) {
    const job_t job = start(arrays, g, call);
    cnet_parallel(forward_chunk, &job, job.blocks * job.parts, call->threads);
}

void CNET_FN(depthwise_rows_backward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                      const cnet_call *call) {
    const job_t job = start(arrays, g, call);
    const ptrdiff_t taps = g->kh * g->kw;
    for (ptrdiff_t t = 0; arrays->dx && t < g->c * taps; t++) {
        const ptrdiff_t tap = t % taps, source = job.gradient.is_spread ? tap : taps - 1 - tap;
        job.filters[t] = arrays->weight[t - tap + source];
    }
    cnet_parallel(backward_chunk, &job, job.blocks * job.parts, call->threads);
    add_copies(arrays, job.copies, job.parts, g->c, taps);
}

#endif
