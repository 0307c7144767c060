/* Depthwise convolution of small images, with one filter per channel: lanes are channels, so that
 * no lane is unused in short rows. A vector of channels of some images is staged as cells
 * (channels.h), and a step adds one tap of a tile of pixels.
 *
 * The gradients are computed together, from the same cells of grad_output: dx as the sum over its
 * taps, and dw as vectors of taps, to which each pixel adds.
 *
 * Chunks are vectors of channels and parts of the batch. Each part has its own copy of dw and db;
 * the copies are added in order. */
#include "channels.h"
#include "depthwise.h"

enum {
    CELLS_BYTES = 24 << 10,
    PIXELS = 8,           /* of a tile */
    LISTED_TAPS = 9,      /* of dw, which are added at a time */
    PART_CELLS = 1 << 14, /* of a part of the batch, about */
    ENOUGH_CHUNKS = 16
};

/* A sum over the cells of an array: of x forward, of grad_output backward. */
typedef struct {
    cell_sums conv;
    pixel_list list;    /* of a set of images */
    ptrdiff_t *sources; /* staged cell of each pixel of the array, or -1 if no sum reads it */
    ptrdiff_t set;      /* images of a set */
    real *to;
} pass_t;

typedef struct {
    conv2d_arrays arrays;
    cnet_conv2d g;
    ptrdiff_t vectors, taps; /* of channels; of a filter */
    ptrdiff_t parts, images; /* parts of the batch; images of a part */
    pass_t forward, gradient;
    ptrdiff_t *offsets; /* of the taps of dw */
    real *copies;       /* of dw and db: (part, tap, channel) */
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* Memory of one thread. */
typedef struct {
    real *x, *dy, *pixels; /* cells of x, of grad_output, and those of the latter without padding */
    real *sums, *weights, *dw;
} scratch;

/* ---- Staging --------------------------------------------------------------------------- */

static void list_sources(const pass_t *pass) {
    const cnet_conv2d *g = &pass->conv.g;
    const cell_grid *cells = &pass->conv.cells;
    for (ptrdiff_t pixel = 0; pixel < g->h * g->w; pixel++) {
        const ptrdiff_t row = pixel / g->w + g->ph, column = pixel % g->w + g->pw;
        const int is_read = row >= 0 && row < cells->height && column >= 0 && column < cells->width;
        pass->sources[pixel] = is_read ? row * cells->row + column * LANES : -1;
    }
}

/* Prefetches a vector of channels of image n of an array, from c on, if there is such an image.
 * Always inlined: GCC removes calls of functions that do nothing but prefetch. */
UNROLLED void fetch_planes(const real *array, const cnet_conv2d *g, ptrdiff_t n, ptrdiff_t c,
                           ptrdiff_t pixels, const int for_writing) {
    const real *from = array + (n * g->c + c) * pixels;
    const ptrdiff_t count = n < g->n ? LANES * pixels : 0;
    for (ptrdiff_t t = 0; t < count; t += CNET_ALIGNMENT / (ptrdiff_t)sizeof(real)) {
        if (for_writing)
            __builtin_prefetch(from + t, 1);
        else
            __builtin_prefetch(from + t);
    }
}

/* Stages a vector of channels of image n, from c on: the padding must be 0 already. */
static void stage_image(const pass_t *pass, const real *x, ptrdiff_t n, ptrdiff_t c, real *to) {
    const cnet_conv2d *g = &pass->conv.g;
    const ptrdiff_t pixels = g->h * g->w, size = g->n * g->c * pixels;
    fetch_planes(x, g, n + 1, c, pixels, 0);
    for (ptrdiff_t t = 0; t < pixels; t += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        load_columns(x, size, (n * g->c + c) * pixels + t, pixels, g->c - c, rows);
        for (ptrdiff_t r = 0; r < min_size(LANES, pixels - t); r++)
            if (pass->sources[t + r] >= 0)
                store(to + pass->sources[t + r], rows[r]);
    }
}

/* The same without padding. */
static void stage_pixels(const job_t *job, ptrdiff_t n, ptrdiff_t c, real *to) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t pixels = g->oh * g->ow, size = g->n * g->o * pixels;
    fetch_planes(job->arrays.grad_output, g, n + 1, c, pixels, 0);
    for (ptrdiff_t t = 0; t < pixels; t += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        load_columns(job->arrays.grad_output, size, (n * g->o + c) * pixels + t, pixels, g->o - c,
                     rows);
        for (ptrdiff_t r = 0; r < LANES; r++)
            store(to + (t + r) * LANES, rows[r]);
    }
}

/* The filters of a vector of channels: weights[tap * LANES + channel]. */
static void stage_filters(const job_t *job, ptrdiff_t c, real *to) {
    const ptrdiff_t taps = job->taps, size = job->g.c * taps;
    for (ptrdiff_t t = 0; t < taps; t += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        load_columns(job->arrays.weight, size, c * taps + t, taps, job->g.c - c, rows);
        for (ptrdiff_t r = 0; r < min_size(LANES, taps - t); r++)
            store(to + (t + r) * LANES, rows[r]);
    }
}

/* ---- Sums ------------------------------------------------------------------------------ */

static void sum_tile(const pass_t *pass, ptrdiff_t tile, ptrdiff_t phase, vec bias,
                     const real *weights, const real *cells, real *sums) {
    const cell_sums *s = &pass->conv;
    const origin *origins = pass->list.origins + tile;
    const extent e = extent_of(origins, PIXELS);
    const real *from[PIXELS];
    vec sum[PIXELS];
#pragma GCC unroll 8
    for (int r = 0; r < PIXELS; r++) {
        from[r] = cells + origins[r].at;
        sum[r] = bias;
    }
    for (ptrdiff_t t = s->phases[phase]; t < s->phases[phase + 1]; t++) {
        const tap tap = s->taps[t];
        if (is_outside(&s->g, e, tap))
            continue;
        const ptrdiff_t at = tap.row * s->cells.row + tap.column * LANES;
        const vec weight = load(weights + tap.place * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < PIXELS; r++)
            sum[r] += weight * load(from[r] + at);
    }
#pragma GCC unroll 8
    for (int r = 0; r < PIXELS; r++)
        store(sums + (tile + r) * LANES, sum[r]);
}

static void store_sums(const pass_t *pass, ptrdiff_t n, ptrdiff_t images, ptrdiff_t c,
                       const real *sums) {
    const ptrdiff_t pixels = pass->list.pixels, channels = pass->conv.g.o;
    const ptrdiff_t planes = min_size(LANES, channels - c);
    for (ptrdiff_t i = 0; i < images; i++) {
        if (i + 1 < images)
            fetch_planes(pass->to, &pass->conv.g, n + i + 1, c, pixels, 1);
        const ptrdiff_t *places = pass->list.places + i * pixels;
        real *to = pass->to + ((n + i) * channels + c) * pixels;
        /* From the end, so that the excess of a vector is overwritten by the planes after it. */
        for (ptrdiff_t t = (pixels - 1) / LANES * LANES; t >= 0; t -= LANES) {
            vec rows[VECTOR_BYTES / sizeof(real)];
            for (ptrdiff_t r = 0; r < LANES; r++)
                rows[r] = load(sums + places[min_size(t + r, pixels - 1)] * LANES);
            transpose(rows);
            for (ptrdiff_t r = 0; r < planes; r++)
                store_run(to + r * pixels + t, rows[r], (planes - r) * pixels - t);
        }
    }
}

/* Computes a set of images of a vector of channels from its cells. */
static void sum_set(const pass_t *pass, ptrdiff_t n, ptrdiff_t images, ptrdiff_t c, vec bias,
                    const real *weights, const real *cells, real *sums) {
    for (ptrdiff_t phase = 0; phase < phases_of(&pass->conv); phase++)
        for (ptrdiff_t t = pass->list.begins[phase]; t < pass->list.begins[phase + 1]; t += PIXELS)
            sum_tile(pass, t, phase, bias, weights, cells, sums);
    store_sums(pass, n, images, c, sums);
}

/* ---- Gradient of the weights ----------------------------------------------------------- */

/* Adds the pixels of one image to dw: LISTED_TAPS taps at a time. */
static void add_to_dw(const job_t *job, const real *x, const real *pixels, real *dw) {
    const cnet_conv2d *g = &job->g;
    for (ptrdiff_t t = 0; t < job->taps; t += LISTED_TAPS) {
        const ptrdiff_t *offsets = job->offsets + t;
        const real *dy = pixels;
        vec sum[LISTED_TAPS];
#pragma GCC unroll 9
        for (int i = 0; i < LISTED_TAPS; i++)
            sum[i] = load(dw + (t + i) * LANES);
        for (ptrdiff_t y = 0; y < g->oh; y++) {
            const real *from = x + y * g->sh * job->forward.conv.cells.row;
            for (ptrdiff_t column = 0; column < g->ow; column++, dy += LANES) {
                const vec gradient = load(dy);
#pragma GCC unroll 9
                for (int i = 0; i < LISTED_TAPS; i++)
                    sum[i] += gradient * load(from + offsets[i]);
                from += g->sw * LANES;
            }
        }
#pragma GCC unroll 9
        for (int i = 0; i < LISTED_TAPS; i++)
            store(dw + (t + i) * LANES, sum[i]);
    }
}

static void add_to_db(const job_t *job, const real *pixels, double *db) {
    vec sum = {0};
    for (ptrdiff_t t = 0; t < job->g.oh * job->g.ow; t++)
        sum += load(pixels + t * LANES);
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        db[lane] += (double)sum[lane];
}

/* ---- Chunks ---------------------------------------------------------------------------- */

static size_t image_bytes(const pass_t *pass) {
    return bytes_of(pass->set * pass->conv.cells.image, sizeof(real));
}

static size_t lay_out_scratch(const job_t *job, char *memory, scratch *s) {
    const ptrdiff_t taps = round_up(job->taps, LISTED_TAPS);
    const ptrdiff_t y = listed_sums(&job->forward.conv, PIXELS, job->forward.set, job->g.oh);
    const ptrdiff_t dx =
        listed_sums(&job->gradient.conv, PIXELS, job->gradient.set, job->gradient.conv.g.oh);
    size_t used = 0;
#define PART(part, bytes) (s->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(x, image_bytes(&job->forward));
    PART(dy, image_bytes(&job->gradient));
    PART(pixels, bytes_of((job->g.oh * job->g.ow + LANES) * LANES, sizeof(real)));
    PART(sums, bytes_of(max_size(y, dx) * LANES, sizeof(real)));
    PART(weights, bytes_of(job->taps * LANES, sizeof(real)));
    PART(dw, bytes_of(taps * LANES, sizeof(real)));
#undef PART
    return used;
}

static void start_chunk(const job_t *job, ptrdiff_t c, int slot, scratch *s) {
    lay_out_scratch(job, job->workspace + (size_t)slot * job->bytes_per_thread, s);
    memset(s->x, 0, image_bytes(&job->forward));
    memset(s->dy, 0, image_bytes(&job->gradient));
    memset(s->dw, 0, (size_t)(round_up(job->taps, LISTED_TAPS) * LANES) * sizeof(real));
    if (job->arrays.weight)
        stage_filters(job, c, s->weights);
}

static void forward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const pass_t *pass = &job->forward;
    const ptrdiff_t c = chunk % job->vectors * LANES, begin = chunk / job->vectors * job->images;
    const ptrdiff_t end = min_size(job->g.n, begin + job->images);
    scratch s;
    start_chunk(job, c, slot, &s);
    vec bias = {0};
    if (job->arrays.bias)
        bias = load_run(job->arrays.bias + c, job->g.c - c);
    for (ptrdiff_t n = begin; n < end; n += pass->set) {
        const ptrdiff_t images = min_size(pass->set, end - n);
        for (ptrdiff_t i = 0; i < images; i++)
            stage_image(pass, job->arrays.x, n + i, c, s.x + i * pass->conv.cells.image);
        sum_set(pass, n, images, c, bias, s.weights, s.x, s.sums);
    }
}

/* Stages grad_output of an image, and adds to dw and db. */
static void add_image(const job_t *job, const scratch *s, ptrdiff_t n, ptrdiff_t c, real *cells,
                      double *db) {
    const ptrdiff_t *sources = job->gradient.sources;
    stage_pixels(job, n, c, s->pixels);
    for (ptrdiff_t t = 0; job->arrays.dx && t < job->g.oh * job->g.ow; t++)
        if (sources[t] >= 0)
            store(cells + sources[t], load(s->pixels + t * LANES));
    if (job->arrays.dw) {
        stage_image(&job->forward, job->arrays.x, n, c, s->x);
        add_to_dw(job, s->x, s->pixels, s->dw);
    }
    if (job->arrays.db)
        add_to_db(job, s->pixels, db);
}

static void backward_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const pass_t *pass = &job->gradient;
    const ptrdiff_t c = chunk % job->vectors * LANES, part = chunk / job->vectors;
    const ptrdiff_t begin = part * job->images, end = min_size(job->g.n, begin + job->images);
    double db[VECTOR_BYTES / sizeof(real)] = {0};
    scratch s;
    start_chunk(job, c, slot, &s);
    for (ptrdiff_t n = begin; n < end; n += pass->set) {
        const ptrdiff_t images = min_size(pass->set, end - n);
        for (ptrdiff_t i = 0; i < images; i++)
            add_image(job, &s, n + i, c, s.dy + i * pass->conv.cells.image, db);
        if (job->arrays.dx)
            sum_set(pass, n, images, c, (vec){0}, s.weights, s.dy, s.sums);
    }
    real *copy = job->copies + part * (job->taps + 1) * job->vectors * LANES + c;
    for (ptrdiff_t t = 0; t < job->taps; t++)
        store(copy + t * job->vectors * LANES, load(s.dw + t * LANES));
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        copy[job->taps * job->vectors * LANES + lane] = (real)db[lane];
}

static void join_copies(const job_t *job) {
    const ptrdiff_t row = job->vectors * LANES;
    for (ptrdiff_t c = 0; c < job->g.c; c++)
        for (ptrdiff_t t = 0; t <= job->taps; t++) {
            real sum = 0;
            for (ptrdiff_t part = 0; part < job->parts; part++)
                sum += job->copies[(part * (job->taps + 1) + t) * row + c];
            if (t < job->taps && job->arrays.dw)
                job->arrays.dw[c * job->taps + t] = sum;
            if (t == job->taps && job->arrays.db)
                job->arrays.db[c] = sum;
        }
}

/* ---- Jobs ------------------------------------------------------------------------------ */

/* Sets of several images have their pixels at the same places in the images. */
static pass_t pass_of(cell_sums conv) {
    const cnet_conv2d *g = &conv.g;
    const ptrdiff_t image = cells_of(g, 1, g->oh).image * (ptrdiff_t)sizeof(real);
    ptrdiff_t set = max_size(1, min_size(g->n, CELLS_BYTES / image));
    if (set > PIXELS)
        set = set / PIXELS * PIXELS;
    conv.cells = cells_of(g, set, g->oh);
    return (pass_t){.conv = conv, .set = set};
}

static size_t lay_out_pass(pass_t *pass, char *memory) {
    const cnet_conv2d *g = &pass->conv.g;
    const ptrdiff_t sums = listed_sums(&pass->conv, PIXELS, pass->set, g->oh);
    const size_t in_list = lay_out_list(&pass->conv, sums, memory, &pass->list);
    const size_t in_taps = taps_bytes(&pass->conv);
    if (memory) {
        pass->sources = (ptrdiff_t *)(memory + in_list + in_taps);
        list_taps(&pass->conv, memory + in_list);
        list_sources(pass);
        pass->list.tile = PIXELS;
        pass->list.images = pass->set;
        pass->list.rows = g->oh;
        list_pixels(&pass->conv, &pass->list);
    }
    return in_list + in_taps + bytes_of(g->h * g->w, sizeof(ptrdiff_t));
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = *g,
        .vectors = ceil_div(g->c, LANES),
        .taps = g->kh * g->kw,
        .forward = pass_of(forward_sums(g)),
        .gradient = pass_of(gradient_sums(g)),
    };
    const ptrdiff_t set = max_size(job.forward.set, job.gradient.set);
    const ptrdiff_t wanted =
        max_size(g->n * g->h * g->w / PART_CELLS, ceil_div(ENOUGH_CHUNKS, job.vectors));
    job.images = round_up(ceil_div(g->n, min_size(wanted, g->n)), set);
    job.parts = ceil_div(g->n, job.images);
    scratch s;
    job.bytes_per_thread = lay_out_scratch(&job, NULL, &s);
    return job;
}

static size_t lay_out(job_t *job, char *memory) {
    size_t used = lay_out_pass(&job->forward, memory);
    used += lay_out_pass(&job->gradient, memory ? memory + used : NULL);
#define PART(part, bytes) (job->part = memory ? (void *)(memory + used) : NULL, used += (bytes))
    PART(offsets, bytes_of(round_up(job->taps, LISTED_TAPS), sizeof(ptrdiff_t)));
    PART(copies, bytes_of(job->parts * (job->taps + 1) * job->vectors * LANES, sizeof(real)));
    PART(workspace, 0);
#undef PART
    return used;
}

size_t CNET_FN(depthwise_cells_workspace)(const cnet_conv2d *g, int threads) {
    job_t job = make_job(g);
    return lay_out(&job, NULL) + (size_t)threads * job.bytes_per_thread;
}

static job_t start(const conv2d_arrays *arrays, const cnet_conv2d *g, const cnet_call *call) {
    job_t job = make_job(g);
    job.arrays = *arrays;
    lay_out(&job, call->workspace);
    for (ptrdiff_t t = 0; t < round_up(job.taps, LISTED_TAPS); t++) {
        const ptrdiff_t place = min_size(t, job.taps - 1);
        job.offsets[t] =
            place / g->kw * g->dh * job.forward.conv.cells.row + place % g->kw * g->dw * LANES;
    }
    return job;
}

void CNET_FN(depthwise_cells_forward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                      const cnet_call *call) {
    job_t job = start(arrays, g, call);
    job.forward.to = arrays->to;
    cnet_parallel(forward_chunk, &job, job.vectors * job.parts, call->threads);
}

void CNET_FN(depthwise_cells_backward)(const conv2d_arrays *arrays, const cnet_conv2d *g,
                                       const cnet_call *call) {
    job_t job = start(arrays, g, call);
    job.gradient.to = arrays->dx;
    cnet_parallel(backward_chunk, &job, job.vectors * job.parts, call->threads);
    join_copies(&job);
}
