/* Depthwise convolution of small images with stride 1 and results of the size of the images, with
 * one filter per channel: a plane is one long row, and lanes are its pixels, so that few lanes are
 * unused. The input gradient is the same sum over grad_output with the opposite distances.
 *
 * Output p is the sum over the taps of weight * x[p + distance]. Pixels that a column of the filter
 * would read from a neighbouring row are 0 for that column: a plane is staged once for each column,
 * without those pixels, between zeros for the rows above and below.
 *
 * Chunks are some channels and parts of the batch. The channels of an image are staged together:
 * vectors that are loaded across those just stored would wait for them. Each part has its own copy
 * of dw and db; the copies are added in order. */
#include "depthwise.h"
#include "lanes.h"
#include "sums.h"

enum {
    CHANNELS = 16, /* of a chunk, at most */
    STAGED_BYTES = 12 << 10,
    TILE = 6,             /* vectors that are summed at a time */
    LISTED_TAPS = 9,      /* of dw, which are added at a time */
    PART_CELLS = 1 << 18, /* of a part of the batch, about */
    ENOUGH_CHUNKS = 16
};

/* A sum over the staged copies of a plane: of x forward, of grad_output for dx. */
typedef struct {
    ptrdiff_t *offsets; /* of the taps: where their copy has the pixel that output 0 reads */
    real *masks;        /* of the pixels, for each column of the filter */
} pass_t;

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    ptrdiff_t pixels, taps, listed;  /* taps of a filter, and rounded to LISTED_TAPS */
    ptrdiff_t padded, before, pitch; /* pixels in whole vectors; zeros before them; of a copy */
    ptrdiff_t channels, blocks;      /* of a chunk; of all channels */
    ptrdiff_t parts, images;         /* of the batch; of a part */
    pass_t forward, gradient;
    real *copies; /* of dw and db: (part, channel, tap) */
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* Memory of one thread: the copies of the planes of x and grad_output, and the vectors of dw. */
typedef struct {
    real *x, *dy, *dw;
} scratch;

/* ---- Planes ---------------------------------------------------------------------------- */

/* Stages planes of an array that ends `available` elements after the first of them. Prefetches
 * those `ahead` of them. */
static void stage_planes(const job_t *job, const pass_t *pass, const real *planes, ptrdiff_t count,
                         ptrdiff_t available, ptrdiff_t ahead, real *copies) {
    const ptrdiff_t columns = job->g.kw, pitch = job->pitch, pixels = job->pixels;
    for (ptrdiff_t t = 0; t < count * pixels; t += CNET_ALIGNMENT / (ptrdiff_t)sizeof(real))
        __builtin_prefetch(planes + ahead + t);
    copies += job->before;
    for (; count-- > 0; planes += pixels, available -= pixels, copies += columns * pitch)
        for (ptrdiff_t p = 0; p < pixels; p += LANES) {
            const ivec cells = (ivec)load_run(planes + p, available - p);
            const real *mask = pass->masks + p;
            real *to = copies + p;
            for (ptrdiff_t j = 0; j < columns; j++, mask += job->padded, to += pitch)
                store(to, (vec)(cells & (ivec)load(mask)));
        }
}

INLINE void sum_vectors(const job_t *job, const ptrdiff_t *offsets, const real *weights, real bias,
                        const real *copies, ptrdiff_t p, real *to, const int vectors) {
    vec sum[TILE];
#pragma GCC unroll 6
    for (int i = 0; i < vectors; i++)
        sum[i] = broadcast(bias);
    for (ptrdiff_t t = 0; t < job->taps; t++) {
        const vec weight = broadcast(weights[t]);
        const real *from = copies + offsets[t] + p;
#pragma GCC unroll 6
        for (int i = 0; i < vectors; i++)
            sum[i] += weight * load(from + i * LANES);
    }
#pragma GCC unroll 6
    for (int i = 0; i < vectors - 1; i++)
        store(to + p + i * LANES, sum[i]);
    const ptrdiff_t last = p + (vectors - 1) * LANES;
    store_run(to + last, sum[vectors - 1], job->pixels - last);
}

static void sum_plane(const job_t *job, const pass_t *pass, const real *weights, real bias,
                      const real *copies, real *to) {
    for (ptrdiff_t p = 0; p < job->padded; p += TILE * LANES)
        switch (min_size(TILE, (job->padded - p) / LANES)) {
#define CASE(vectors)                                                                              \
    case vectors:                                                                                  \
        sum_vectors(job, pass->offsets, weights, bias, copies, p, to, vectors);                    \
        break;
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#undef CASE
        }
}

/* Adds the products of a plane to dw: LISTED_TAPS taps at a time. grad_output ends `available`
 * elements after the start of the plane. */
static void add_to_dw(const job_t *job, const real *x, const real *dy, ptrdiff_t available,
                      real *dw) {
    const ptrdiff_t end = job->pixels / LANES * LANES, rest = job->pixels - end;
    const ivec counted = lane_numbers() < splat(rest);
    for (ptrdiff_t t = 0; t < job->listed; t += LISTED_TAPS) {
        const ptrdiff_t *offsets = job->forward.offsets + t;
        vec sum[LISTED_TAPS];
#pragma GCC unroll 9
        for (int i = 0; i < LISTED_TAPS; i++)
            sum[i] = load(dw + (t + i) * LANES);
        for (ptrdiff_t p = 0; p < end; p += LANES) {
            const vec gradient = load(dy + p);
#pragma GCC unroll 9
            for (int i = 0; i < LISTED_TAPS; i++)
                sum[i] += gradient * load(x + offsets[i] + p);
        }
        if (rest) {
            const vec gradient = (vec)((ivec)load_run(dy + end, available - end) & counted);
#pragma GCC unroll 9
            for (int i = 0; i < LISTED_TAPS; i++)
                sum[i] += gradient * (vec)((ivec)load(x + offsets[i] + end) & counted);
        }
#pragma GCC unroll 9
        for (int i = 0; i < LISTED_TAPS; i++)
            store(dw + (t + i) * LANES, sum[i]);
    }
}

/* ---- Chunks ---------------------------------------------------------------------------- */

static size_t lay_out_scratch(const job_t *job, char *memory, scratch *s) {
    size_t used = 0;
#define PART(part, bytes) (s->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(x, bytes_of(job->channels * job->g.kw * job->pitch, sizeof(real)));
    PART(dy, bytes_of(job->channels * job->g.kw * job->pitch, sizeof(real)));
    PART(dw, bytes_of(job->channels * job->listed * LANES, sizeof(real)));
#undef PART
    return used;
}

static scratch start_chunk(const job_t *job, int slot) {
    char *memory = job->workspace + (size_t)slot * job->bytes_per_thread;
    scratch s;
    memset(memory, 0, lay_out_scratch(job, memory, &s));
    return s;
}

static void forward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t first = chunk % job->blocks * job->channels, part = chunk / job->blocks;
    const ptrdiff_t count = min_size(job->channels, g->c - first);
    const ptrdiff_t image = g->c * job->pixels, size = g->n * image;
    const scratch s = start_chunk(job, slot);
    for (ptrdiff_t n = part * job->images; n < min_size((part + 1) * job->images, g->n); n++) {
        const ptrdiff_t at = n * image + first * job->pixels;
        stage_planes(job, &job->forward, job->arrays.x + at, count, size - at,
                     n + 1 < g->n ? image : 0, s.x);
        for (ptrdiff_t i = 0; i < count; i++)
            sum_plane(job, &job->forward, job->arrays.weight + (first + i) * job->taps,
                      job->arrays.bias ? job->arrays.bias[first + i] : 0,
                      s.x + i * g->kw * job->pitch, job->arrays.to + at + i * job->pixels);
    }
}

static void backward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const conv2d_arrays *a = &job->arrays;
    const ptrdiff_t first = chunk % job->blocks * job->channels, part = chunk / job->blocks;
    const ptrdiff_t count = min_size(job->channels, g->c - first), taps = job->taps;
    double db[CHANNELS] = {0};
    const ptrdiff_t image = g->c * job->pixels, size = g->n * image;
    const scratch s = start_chunk(job, slot);
    for (ptrdiff_t n = part * job->images; n < min_size((part + 1) * job->images, g->n); n++) {
        const ptrdiff_t at = n * image + first * job->pixels;
        const ptrdiff_t ahead = n + 1 < g->n ? image : 0;
        if (a->dx)
            stage_planes(job, &job->gradient, a->grad_output + at, count, size - at, ahead, s.dy);
        if (a->dw)
            stage_planes(job, &job->forward, a->x + at, count, size - at, ahead, s.x);
        for (ptrdiff_t i = 0; i < count; i++) {
            const ptrdiff_t plane = at + i * job->pixels, copies = i * g->kw * job->pitch;
            const real *dy = a->grad_output + plane;
            if (a->dx)
                sum_plane(job, &job->gradient, a->weight + (first + i) * taps, 0, s.dy + copies,
                          a->dx + plane);
            if (a->dw)
                add_to_dw(job, s.x + copies, dy, size - plane, s.dw + i * job->listed * LANES);
            if (a->db)
                db[i] += sum_run(dy, 0, job->pixels);
        }
    }
    real *copy = job->copies + (part * g->c + first) * (taps + 1);
    for (ptrdiff_t i = 0; i < count; i++, copy += taps + 1) {
        for (ptrdiff_t t = 0; t < taps; t++) {
            const vec sum = load(s.dw + (i * job->listed + t) * LANES);
            copy[t] = sum_lanes(&sum);
        }
        copy[taps] = (real)db[i];
    }
}

/* ---- Jobs ------------------------------------------------------------------------------ */

/* Lists the taps and the masks of a pass; `sign` is -1 for the gradient. */
static void fill_pass(const job_t *job, pass_t *pass, ptrdiff_t sign) {
    const cnet_conv2d *g = &job->g;
    for (ptrdiff_t t = 0; t < job->listed; t++) {
        const ptrdiff_t tap = min_size(t, job->taps - 1), i = tap / g->kw, j = tap % g->kw;
        const ptrdiff_t distance = (i * g->dh - g->ph) * g->w + (j * g->dw - g->pw);
        pass->offsets[t] = j * job->pitch + job->before + sign * distance;
    }
    for (ptrdiff_t j = 0; j < g->kw; j++)
        for (ptrdiff_t p = 0; p < job->padded; p++) {
            const ptrdiff_t column = p % g->w - sign * (j * g->dw - g->pw);
            const mask_t mask = p < job->pixels && column >= 0 && column < g->w ? -1 : 0;
            memcpy(pass->masks + j * job->padded + p, &mask, sizeof mask);
        }
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .pixels = g->h * g->w,
        .taps = g->kh * g->kw,
    };
    job.listed = round_up(job.taps, LISTED_TAPS);
    job.padded = round_up(job.pixels, LANES);
    job.before = round_up((g->kh - 1) * g->dh * g->w + (g->kw - 1) * g->dw, LANES);
    job.pitch = job.padded + 2 * job.before;
    const ptrdiff_t fitting = STAGED_BYTES / (g->kw * job.pitch * (ptrdiff_t)sizeof(real));
    job.channels = max_size(1, min_size(fitting, min_size(CHANNELS, g->c)));
    job.blocks = ceil_div(g->c, job.channels);
    const ptrdiff_t wanted = max_size(g->n * job.channels * job.pixels / PART_CELLS,
                                      ceil_div(ENOUGH_CHUNKS, job.blocks));
    job.images = ceil_div(g->n, min_size(wanted, g->n));
    job.parts = ceil_div(g->n, job.images);
    scratch s;
    job.bytes_per_thread = lay_out_scratch(&job, NULL, &s);
    return job;
}

static size_t lay_out(job_t *job, char *memory) {
    size_t used = 0;
#define PART(part, bytes) (job->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(forward.offsets, bytes_of(job->listed, sizeof(ptrdiff_t)));
    PART(gradient.offsets, bytes_of(job->listed, sizeof(ptrdiff_t)));
    PART(forward.masks, bytes_of(job->g.kw * job->padded, sizeof(real)));
    PART(gradient.masks, bytes_of(job->g.kw * job->padded, sizeof(real)));
    PART(copies, bytes_of(job->parts * job->g.c * (job->taps + 1), sizeof(real)));
    PART(workspace, 0);
#undef PART
    return used;
}

size_t CNET_FN(depthwise_flat_workspace)(const cnet_conv2d *g, int threads) {
    job_t job = make_job(g);
    return lay_out(&job, NULL) + (size_t)threads * job.bytes_per_thread;
}

static job_t start(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    lay_out(&job, call->workspace);
    fill_pass(&job, &job.forward, 1);
    fill_pass(&job, &job.gradient, -1);
    return job;
}

void CNET_FN(depthwise_flat_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                     const cnet_call *call) {
    const job_t job = start(arrays, g, call);
    cnet_parallel(forward_chunk, &job, job.blocks * job.parts, call->threads);
}

void CNET_FN(depthwise_flat_backward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                      const cnet_call *call) {
    const job_t job = start(arrays, g, call);
    cnet_parallel(backward_chunk, &job, job.blocks * job.parts, call->threads);
    add_copies(arrays, job.copies, job.parts, g->c, job.taps);
}
