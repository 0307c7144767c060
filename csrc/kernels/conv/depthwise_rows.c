/* Depthwise convolution with filters of 3 x 3 or 5 x 5 and strides of 1 or 2, one filter per
 * channel, for instruction sets whose loads and stores have masks: planes are read and written in
 * place, whatever their width.
 *
 * Lanes are columns. A vector of columns sweeps the planes of some images from top to bottom: they
 * share the filter and the masks, and their sums are independent. Each row of cells is loaded once
 * for every column of the filter, and used for all rows of outputs that depend on it. A vector
 * holds rows of 2 or 4 images if they are that short.
 *
 * y and dx leave out rows of taps outside of the image. Chunks are some channels and parts of the
 * batch. Each part has its own copy of dw and db; the copies are added in order. */
#include "depthwise.h"

#if MASKED_ROWS

#include "depthwise_rows.h"
#include "sums.h"

enum {
    CHANNELS = 16,        /* of a chunk, at most */
    MOST_IMAGES = 8,      /* that sweep at a time, at most */
    FETCHED = 512,        /* elements that are prefetched ahead, about */
    PART_CELLS = 1 << 16, /* of a chunk, about */
    LONG_PLANE = 1 << 8,
    ENOUGH_CHUNKS = 16
};

/* ---- Planes of some images ------------------------------------------------------------- */

/* Sizes of filters, vectors that sweep at a time, and images per vector. With filters of 3 x 3 the
 * registers hold the sums of two vectors of a spread, and with 5 x 5 those of one. */
#define WAYS(WAY) WAY(3, 4, 1) WAY(3, 4, 2) WAY(3, 2, 4) WAY(3, 1, 1) WAY(5, 2, 1) WAY(5, 1, 1)
#define FEWER(K, VECTORS) (K == 3 && VECTORS > 2 ? 2 : 1)

static void sum_some(const pass_t *s, const real *from, const real *filter, real bias, real *to,
                     ptrdiff_t vectors, ptrdiff_t split) {
    const column_masks *m = split == s->split ? s->masks : s->single;
    for (ptrdiff_t column = 0; column < s->columns; column += s->step, m++) {
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
    for (ptrdiff_t column = 0; column < s->columns; column += s->step, m++) {
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
        store_doubles(sums + lane,
                      load_doubles(sums + lane) + load_wide((const real *)&sum + lane));
}

/* ---- Chunks ---------------------------------------------------------------------------- */

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    pass_t forward, gradient;
    ptrdiff_t channels, blocks; /* of a chunk; of all channels */
    ptrdiff_t parts, images;    /* of the batch; of a part */
    real *copies;               /* of dw and db: (part, channel, tap) */
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
            sum_planes(
                &job->forward, job->arrays.x + (n * g->c + c) * g->h * g->w,
                job->arrays.weight + c * g->kh * g->kw, job->arrays.bias ? job->arrays.bias[c] : 0,
                job->arrays.to + (n * g->c + c) * g->oh * g->ow, min_size(MOST_IMAGES, end - n));
}

/* The filter of dx: rotated, if the stride is 1. */
static void copy_filter(const pass_t *s, const real *weight, real *to) {
    const ptrdiff_t taps = s->k * s->k;
    for (ptrdiff_t t = 0; t < taps; t++)
        to[t] = weight[s->is_spread ? t : taps - 1 - t];
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
            if (a->dx) {
                real filter[LARGEST_SQUARE * LARGEST_SQUARE];
                copy_filter(&job->gradient, a->weight + (first + c) * taps, filter);
                sum_planes(&job->gradient, dy, filter, 0, a->dx + plane * g->h * g->w, images);
            }
            if (a->dw)
                add_planes(&job->forward, a->x + plane * g->h * g->w, dy, dw + c * taps * LANES,
                           images);
            for (ptrdiff_t i = 0; a->db && i < images; i++)
                add_plane(dy + i * g->c * g->oh * g->ow, g->oh * g->ow, db[c]);
        }
    real *copy = job->copies + (chunk / job->blocks * g->c + first) * (taps + 1);
    for (ptrdiff_t c = 0; c < count; c++, copy += taps + 1) {
        for (ptrdiff_t t = 0; t < taps; t++)
            copy[t] = _mm512_reduce_add_ps((__m512)load(dw + (c * taps + t) * LANES));
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
    /* With a stride of 2, a pair of vectors has the cells of all taps. */
    const ptrdiff_t unused = s->stride == 2 && !s->is_spread ? (s->k - 1) / 2 : 0;
    const ptrdiff_t lanes =
        s->stride == 2 && !s->is_spread ? s->columns + unused : max_size(s->columns, s->w);
    s->step = LANES - unused;
    s->split = s->k == 5 || 2 * lanes > LANES ? 1 : 4 * lanes > LANES ? 2 : 4;
    s->vectors = s->k == 5 || s->split == 4 ? 2 : 4;
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {.g = *g};
    job.forward = (pass_t){.k = g->kh,
                           .stride = g->sh,
                           .h = g->h,
                           .w = g->w,
                           .oh = g->oh,
                           .ow = g->ow,
                           .ph = g->ph,
                           .pw = g->pw};
    const int is_spread = g->sh == 2;
    job.gradient = (pass_t){.k = g->kh,
                            .stride = g->sh,
                            .h = g->oh,
                            .w = g->ow,
                            .oh = g->h,
                            .ow = g->w,
                            .is_spread = is_spread,
                            .ph = is_spread ? g->ph : g->kh - 1 - g->ph,
                            .pw = is_spread ? g->pw : g->kw - 1 - g->pw};
    complete(&job.forward, g->c);
    complete(&job.gradient, g->c);
    const ptrdiff_t together = max_size(job.forward.vectors * job.forward.split,
                                        job.gradient.vectors * job.gradient.split);
    const ptrdiff_t cells = g->n * min_size(CHANNELS, g->c) * g->h * g->w;
    const ptrdiff_t wanted = min_size(g->n, max_size(1, cells / PART_CELLS));
    job.images = round_up(ceil_div(g->n, wanted), together);
    job.parts = ceil_div(g->n, job.images);
    const ptrdiff_t blocks = max_size(ceil_div(g->c, CHANNELS), ceil_div(ENOUGH_CHUNKS, job.parts));
    job.channels = ceil_div(g->c, blocks);
    job.blocks = ceil_div(g->c, job.channels);
    job.slot_bytes = bytes_of(job.channels * g->kh * g->kw * LANES, sizeof(real));
    return job;
}

static size_t lay_out(job_t *job, char *memory) {
    const ptrdiff_t taps = job->g.kh * job->g.kw;
    size_t used = 0;
#define PART(part, bytes) (job->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(forward.masks,
         bytes_of(ceil_div(job->forward.columns, job->forward.step), sizeof(column_masks)));
    PART(forward.single,
         bytes_of(ceil_div(job->forward.columns, job->forward.step), sizeof(column_masks)));
    PART(gradient.masks,
         bytes_of(ceil_div(job->gradient.columns, job->gradient.step), sizeof(column_masks)));
    PART(gradient.single,
         bytes_of(ceil_div(job->gradient.columns, job->gradient.step), sizeof(column_masks)));
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
    for (ptrdiff_t v = 0; v * s->step < s->columns; v++) {
        s->masks[v] = masks_at(s, v * s->step, s->split);
        s->single[v] = masks_at(s, v * s->step, 1);
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
    cnet_parallel(backward_chunk, &job, job.blocks * job.parts, call->threads);
    add_copies(arrays, job.copies, job.parts, g->c, g->kh * g->kw);
}

#endif
