/* The backward pass of convolution, ReLU and 2 x 2 pooling from the codes of conv2d_relu_pool: at
 * most one output in four has a gradient, and only these outputs are visited.
 *
 * The image is staged with padding and channels innermost, so that the taps of one row of a filter
 * are contiguous (one run per tap where columns are dilated). The live cells of a pooled plane are
 * listed once: the offset of their first tap, and their gradient. Then, for one block of vectors of
 * taps at a time, the list is traversed with the filter and the sums of dw in registers: each cell
 * adds its gradient times the image to the sums, and its gradient times the filter to dx, which is
 * staged in the same layout as the image.
 *
 * The batch is split into parts, which depend on the sizes alone; each part sums into its own copy
 * of dw and db, and the copies are added in order. */
#define SHORT_VECTORS /* for runs of taps, which would fill longer vectors only in part */
#include "conv.h"
#include "lanes.h"
#include "sums.h"
#include "window.h"

#if defined(ISA_COMPRESS) && defined(CNET_REAL_f32)
#include <immintrin.h>
#define COMPRESS ISA_COMPRESS
#else
#define COMPRESS 0
#endif

/* One order of lanes for each pattern of live cells, where a permutation packs them. */
enum { ORDERS = COMPRESS == 8 ? 1 << COMPRESS : 0 };
enum { ENOUGH_PARTS = 16, BLOCK_VECTORS = 9, CHAINED_VECTORS = 6, STAGED_BYTES = 512 << 10 };

/* The live cells of a pooled plane: the offset of their first tap in the staged image, and their
 * gradients. */
typedef struct {
    mask_t *at;
    real *gradients;
    ptrdiff_t count;
} list_t;

typedef struct {
    const real *grad_output, *x, *weight;
    const uint8_t *codes;
    real *dx, *dw, *db;
    cnet_conv2d g;
    ptrdiff_t inputs, outputs;    /* channels per group */
    ptrdiff_t cells;              /* of a pooled plane */
    ptrdiff_t rows, columns;      /* of the staged image */
    ptrdiff_t pixel, image;       /* elements of a staged pixel; of the staged image */
    ptrdiff_t runs, run, vectors; /* runs of a filter; taps per run; vectors of all runs */
    ptrdiff_t parts, images;      /* parts of the batch; images per part */
    ptrdiff_t *offsets, *pixels;  /* of vectors, from the first tap; of pixels of x */
    mask_t *places, shifts[4];    /* first tap of a pooled cell; shift of it for each code */
    uint8_t *orders;              /* (ORDERS, COMPRESS): the set bits of a number, ascending */
    real *filters, *sums;         /* (o, vector, lane); (part, o, vector, lane), followed by db */
    char *workspace;
    size_t bytes_per_thread;
} job_t;

/* ---- Staging --------------------------------------------------------------------------- */

/* Makes channels innermost, LANES channels of LANES pixels at a time. A vector may write zeros into
 * the next pixel: blocks of channels are written in descending order, so that these zeros are
 * overwritten by the next pixel's own channels. */
static void stage_image(const job_t *job, const real *x, real *to) {
    const ptrdiff_t plane = job->g.h * job->g.w, last = (job->inputs - 1) / LANES * LANES;
    if (job->pixel == 1) {
        for (ptrdiff_t t = 0; t < plane; t += job->g.w)
            copy_run(to + job->pixels[t], x + t, job->g.w);
        return;
    }
    for (ptrdiff_t t = 0; t < plane; t += LANES) {
        const ptrdiff_t count = min_size(LANES, plane - t);
        for (ptrdiff_t c = last; c >= 0; c -= LANES) {
            vec rows[VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 8
            for (ptrdiff_t r = 0; r < LANES; r++)
                rows[r] = c + r < job->inputs ? load_run(x + (c + r) * plane + t, count) : (vec){0};
            transpose(rows);
#pragma GCC unroll 8
            for (ptrdiff_t r = 0; r < LANES; r++)
                if (r < count)
                    store(to + job->pixels[t + r] + c, rows[r]);
        }
    }
}

static void unstage_image(const job_t *job, const real *from, real *dx) {
    const ptrdiff_t plane = job->g.h * job->g.w;
    for (ptrdiff_t t = 0; t < plane; t += LANES) {
        const ptrdiff_t count = min_size(LANES, plane - t);
        for (ptrdiff_t c = 0; c < job->inputs; c += LANES) {
            vec rows[VECTOR_BYTES / sizeof(real)];
#pragma GCC unroll 8
            for (ptrdiff_t r = 0; r < LANES; r++)
                rows[r] = load(from + job->pixels[t + min_size(r, count - 1)] + c);
            transpose(rows);
#pragma GCC unroll 8
            for (ptrdiff_t r = 0; r < LANES; r++)
                if (c + r < job->inputs)
                    store_run(dx + (c + r) * plane + t, rows[r], count);
        }
    }
}

/* Writes the cell at the end of the list, and counts it only if it is live. */
static inline void list_cell(const job_t *job, const real *grad_output, const uint8_t *codes,
                             ptrdiff_t t, list_t *list) {
    list->at[list->count] = job->places[t] + job->shifts[codes[t] % 4];
    list->gradients[list->count] = grad_output[t];
    list->count += codes[t] < POOL_DEAD;
}

/* The same for COMPRESS cells. Portable vectors cannot pack the live lanes together. */
#if COMPRESS == 8
static inline void list_vector(const job_t *job, const real *grad_output, const uint8_t *codes,
                               ptrdiff_t t, list_t *list) {
    const __m128i code = _mm_loadl_epi64((const __m128i *)(codes + t));
    const __m128i last = _mm_set1_epi8(POOL_DEAD - 1);
    const __m128i living = _mm_cmpeq_epi8(_mm_min_epu8(code, last), code);
    const int pattern = _mm_movemask_epi8(living) & 0xff;
    const __m256i shifts =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)job->shifts));
    const __m256i shift = _mm256_permutevar8x32_epi32(shifts, _mm256_cvtepu8_epi32(code));
    const __m256i at =
        _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(job->places + t)), shift);
    const __m256i order = (__m256i)load_bytes(job->orders + pattern * COMPRESS);
    _mm256_storeu_si256((__m256i *)(list->at + list->count),
                        _mm256_permutevar8x32_epi32(at, order));
    store(list->gradients + list->count,
          (vec)_mm256_permutevar8x32_ps((__m256)load(grad_output + t), order));
    list->count += __builtin_popcount((unsigned)pattern);
}
#elif COMPRESS == 16
static inline void list_vector(const job_t *job, const real *grad_output, const uint8_t *codes,
                               ptrdiff_t t, list_t *list) {
    const __m128i code = _mm_loadu_si128((const __m128i *)(codes + t));
    const __mmask16 living = _mm_cmplt_epu8_mask(code, _mm_set1_epi8(POOL_DEAD));
    const __m512i shifts = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)job->shifts));
    const __m512i shift = _mm512_permutexvar_epi32(_mm512_cvtepu8_epi32(code), shifts);
    const __m512i at = _mm512_add_epi32(_mm512_loadu_si512(job->places + t), shift);
    const int count = __builtin_popcount(living);
    const __mmask16 first = (__mmask16)((1u << count) - 1);
    _mm512_mask_storeu_epi32(list->at + list->count, first,
                             _mm512_maskz_compress_epi32(living, at));
    _mm512_mask_storeu_ps(list->gradients + list->count, first,
                          _mm512_maskz_compress_ps(living, _mm512_loadu_ps(grad_output + t)));
    list->count += count;
}
#endif

/* Lists the live cells of one plane. Any code that is not a position marks a dead cell. */
static void list_cells(const job_t *job, const real *grad_output, const uint8_t *codes,
                       list_t *list) {
    list->count = 0;
    ptrdiff_t t = 0;
#if COMPRESS
    for (; t + COMPRESS <= job->cells; t += COMPRESS)
        list_vector(job, grad_output, codes, t, list);
#endif
    for (; t < job->cells; t++)
        list_cell(job, grad_output, codes, t, list);
}

/* ---- The sweep over the cells ---------------------------------------------------------- */

/* Adds the terms of one cell to the sums and to dx; `dx` is the distance from the staged image to
 * its gradient. */
static inline __attribute__((always_inline)) void sweep_cell(const list_t *list, ptrdiff_t t,
                                                             real *const *from, const vec *taps,
                                                             const int vectors, const int with_dx,
                                                             ptrdiff_t dx, vec *sum) {
    const ptrdiff_t at = list->at[t];
    ptrdiff_t there = at + dx;
    __asm__("" : "+r"(there));
    const vec gradient = broadcast(list->gradients[t]);
#pragma GCC unroll 16
    for (int v = 0; v < vectors; v++) {
        sum[v] += gradient * load(from[v] + at);
        if (with_dx) {
            real *to = from[v] + there;
            store(to, load(to) + gradient * taps[v]);
        }
    }
}

/* One block of vectors of one filter. Few sums would form long dependency chains: they are kept
 * twice, one copy for every other cell. */
static inline __attribute__((always_inline)) void
sweep(const list_t *list, real *staged, const ptrdiff_t *offsets, const real *filter,
      const int vectors, const int with_dx, ptrdiff_t dx, real *sums) {
    const int chains = !with_dx && vectors <= CHAINED_VECTORS ? 2 : 1;
    vec sum[2][BLOCK_VECTORS] = {{{0}}}, taps[BLOCK_VECTORS];
    real *from[BLOCK_VECTORS];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; v++) {
        from[v] = staged + offsets[v];
        __asm__("" : "+r"(from[v])); /* one pointer register each, instead of sums of several */
        if (with_dx)
            taps[v] = load(filter + v * LANES);
    }
    ptrdiff_t t = 0;
    for (; t + chains <= list->count; t += chains)
#pragma GCC unroll 2
        for (int chain = 0; chain < chains; chain++)
            sweep_cell(list, t + chain, from, taps, vectors, with_dx, dx, sum[chain]);
    if (t < list->count)
        sweep_cell(list, t, from, taps, vectors, with_dx, dx, sum[0]);
#pragma GCC unroll 16
    for (int v = 0; v < vectors; v++)
        store(sums + v * LANES, load(sums + v * LANES) + (sum[0][v] + sum[1][v]));
}

static void sweep_filter(const job_t *job, const list_t *list, real *staged, const real *filter,
                         real *sums) {
    const ptrdiff_t step = ceil_div(job->vectors, ceil_div(job->vectors, BLOCK_VECTORS));
    for (ptrdiff_t v = 0; v < job->vectors; v += step) {
        const ptrdiff_t *offsets = job->offsets + v;
        real *to = sums + v * LANES;
        switch (min_size(step, job->vectors - v)) {
#define BLOCK(size)                                                                                \
    case size:                                                                                     \
        if (job->dx)                                                                               \
            sweep(list, staged, offsets, filter + v * LANES, size, 1, job->image, to);             \
        else                                                                                       \
            sweep(list, staged, offsets, NULL, size, 0, 0, to);                                    \
        break;
            BLOCK(1)
            BLOCK(2)
            BLOCK(3)
            BLOCK(4)
            BLOCK(5)
            BLOCK(6)
            BLOCK(7)
            BLOCK(8)
            BLOCK(9)
#undef BLOCK
        }
    }
}

/* ---- Parts of the batch ---------------------------------------------------------------- */

static ptrdiff_t sums_of_output(const job_t *job) { return job->vectors * LANES + 1; }

static void part_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t part = chunk / g->g, group = chunk % g->g, step = sums_of_output(job);
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    real *gradient = staged + job->image;
    list_t list = {.gradients = gradient + (job->dx ? job->image : 0)};
    list.at = (mask_t *)(list.gradients + job->cells);
    real *sums = job->sums + (part * g->o + group * job->outputs) * step;
    memset(staged, 0, (size_t)job->image * sizeof(real));
    memset(sums, 0, (size_t)(job->outputs * step) * sizeof(real));
    for (ptrdiff_t n = part * job->images; n < min_size(g->n, (part + 1) * job->images); n++) {
        const ptrdiff_t first = (n * g->c + group * job->inputs) * g->h * g->w;
        stage_image(job, job->x + first, staged);
        if (job->dx)
            memset(gradient, 0, (size_t)job->image * sizeof(real));
        for (ptrdiff_t r = 0; r < job->outputs; r++) {
            const ptrdiff_t o = group * job->outputs + r, plane = (n * g->o + o) * job->cells;
            list_cells(job, job->grad_output + plane, job->codes + plane, &list);
            sweep_filter(job, &list, staged, job->filters + o * job->vectors * LANES,
                         sums + r * step);
            sums[r * step + step - 1] += (real)sum_run(list.gradients, 0, list.count);
        }
        if (job->dx)
            unstage_image(job, gradient, job->dx + first);
    }
}

/* The position of tap (c, i, j) among the lanes of the vectors of a filter. */
static ptrdiff_t tap_lane(const job_t *job, ptrdiff_t c, ptrdiff_t i, ptrdiff_t j) {
    const ptrdiff_t tap = (i * job->g.kw + j) * job->pixel + c;
    const ptrdiff_t run = tap / job->run;
    return run * (job->vectors / job->runs) * LANES + tap % job->run;
}

static void pack_filter(const job_t *job, ptrdiff_t o) {
    const cnet_conv2d *g = &job->g;
    const real *from = job->weight + o * job->inputs * g->kh * g->kw;
    real *to = job->filters + o * job->vectors * LANES;
    memset(to, 0, (size_t)(job->vectors * LANES) * sizeof(real));
    for (ptrdiff_t c = 0; c < job->inputs; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++)
                to[tap_lane(job, c, i, j)] = *from++;
}

static real sum_parts(const job_t *job, ptrdiff_t o, ptrdiff_t lane) {
    const ptrdiff_t step = sums_of_output(job);
    real sum = 0;
    for (ptrdiff_t part = 0; part < job->parts; part++)
        sum += job->sums[(part * job->g.o + o) * step + lane];
    return sum;
}

static void sum_chunk(const void *argument, ptrdiff_t o, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_conv2d *g = &job->g;
    if (job->db)
        job->db[o] = sum_parts(job, o, job->vectors * LANES);
    if (!job->dw)
        return;
    real *to = job->dw + o * job->inputs * g->kh * g->kw;
    for (ptrdiff_t c = 0; c < job->inputs; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++)
                *to++ = sum_parts(job, o, tap_lane(job, c, i, j));
}

/* ---- The kernel ------------------------------------------------------------------------ */

/* The staged image contains all taps of the pooled outputs, and the whole image. */
static ptrdiff_t staged_rows(const cnet_conv2d *g) {
    return max_size((g->oh / 2 * 2 - 1) * g->sh + (g->kh - 1) * g->dh + 1, g->ph + g->h);
}
static ptrdiff_t staged_columns(const cnet_conv2d *g) {
    return max_size((g->ow / 2 * 2 - 1) * g->sw + (g->kw - 1) * g->dw + 1, g->pw + g->w);
}

static job_t make_job(const cnet_conv2d *g, int with_dx) {
    job_t job = {
        .g = *g,
        .inputs = g->c / g->g,
        .outputs = g->o / g->g,
        .cells = (g->oh / 2) * (g->ow / 2),
        .rows = staged_rows(g),
        .columns = staged_columns(g),
    };
    /* The excess that a vector adds to dx after its run must not belong to another pixel. */
    job.pixel = with_dx ? round_up(job.inputs, LANES) : job.inputs;
    job.image = round_up(job.rows * job.columns * job.pixel + LANES, LANES);
    job.runs = g->dw == 1 ? g->kh : g->kh * g->kw;
    job.run = g->dw == 1 ? g->kw * job.pixel : job.pixel;
    job.vectors = job.runs * ceil_div(job.run, LANES);
    job.images = ceil_div(g->n, ceil_div(ENOUGH_PARTS, g->g));
    job.parts = ceil_div(g->n, job.images);
    job.bytes_per_thread = bytes_of((with_dx ? 2 : 1) * job.image, sizeof(real)) +
                           bytes_of(job.cells, sizeof(real) + sizeof(mask_t));
    return job;
}

static size_t offsets_bytes(const job_t *job) { return bytes_of(job->vectors, sizeof(ptrdiff_t)); }
static size_t pixels_bytes(const job_t *job) {
    return bytes_of(job->g.h * job->g.w, sizeof(ptrdiff_t));
}
static size_t places_bytes(const job_t *job) { return bytes_of(job->cells, sizeof(mask_t)); }
static size_t orders_bytes(void) { return bytes_of(ORDERS, COMPRESS); }
static size_t filters_bytes(const job_t *job) {
    return bytes_of(job->g.o * job->vectors * LANES, sizeof(real));
}
static size_t sums_bytes(const job_t *job) {
    return bytes_of(job->parts * job->g.o * sums_of_output(job), sizeof(real));
}

/* Whether it is faster than the gradients of the convolution from a full grad_output with zeros:
 * where the staged image and its gradient stay in the second-level cache. */
static int pays(const cnet_conv2d *g) {
    const ptrdiff_t pixel = round_up(g->c / g->g, LANES) * (ptrdiff_t)sizeof(real);
    return g->n && g->c && g->o && g->h && g->w &&
           staged_rows(g) <= STAGED_BYTES / pixel / staged_columns(g);
}

size_t CNET_FN(conv2d_relu_pool_backward_workspace)(cnet_call *call) {
    const cnet_conv2d *g = &call->conv2d_relu_pool_backward.g;
    if (!pays(g))
        return CNET_UNSUITABLE;
    const job_t job = make_job(g, call->conv2d_relu_pool_backward.dx != NULL);
    return offsets_bytes(&job) + pixels_bytes(&job) + places_bytes(&job) + orders_bytes() +
           filters_bytes(&job) + sums_bytes(&job) + (size_t)call->threads * job.bytes_per_thread;
}

static void fill_lists(const job_t *job) {
    const cnet_conv2d *g = &job->g;
    const ptrdiff_t row = job->columns * job->pixel, per_run = job->vectors / job->runs;
    for (ptrdiff_t v = 0; v < job->vectors; v++) {
        const ptrdiff_t run = v / per_run, i = run * job->run / (g->kw * job->pixel);
        const ptrdiff_t j = run * job->run / job->pixel % g->kw;
        job->offsets[v] = i * g->dh * row + j * g->dw * job->pixel + v % per_run * LANES;
    }
    for (ptrdiff_t t = 0; t < g->h * g->w; t++)
        job->pixels[t] = (t / g->w + g->ph) * row + (t % g->w + g->pw) * job->pixel;
    for (ptrdiff_t t = 0; t < job->cells; t++)
        job->places[t] = (mask_t)(2 * (t / (g->ow / 2)) * g->sh * row +
                                  2 * (t % (g->ow / 2)) * g->sw * job->pixel);
    for (int pattern = 0; pattern < ORDERS; pattern++)
        for (int lane = 0, next = pattern * COMPRESS; lane < COMPRESS; lane++)
            if (pattern >> lane & 1)
                job->orders[next++] = (uint8_t)lane;
}

/* The gradients of conv2d_relu_pool: those of conv2d for an output gradient that is grad_output at
 * the position of each code, and 0 elsewhere.
 *
 * grad_output and codes (n, o, oh / 2, ow / 2), x (n, c, h, w), weight (o, c/g, kh, kw); dx, dw and
 * db have the shapes of x, weight and bias (o). Overwrites dx, dw and db; those that are NULL are
 * not computed. A code that is not a position contributes nothing, whatever its grad_output. oh and
 * ow must be at least 2. Unsuitable where it is not faster. Workspace: tables of offsets, packed
 * filters, the sums of all parts, and per thread a staged image, its gradient and a list of cells.
 * Parallel over (part of the batch, group), then over o. */
void CNET_FN(conv2d_relu_pool_backward)(const cnet_call *call) {
    const cnet_conv2d_relu_pool_backward_arguments *a = &call->conv2d_relu_pool_backward;
    const cnet_conv2d *g = &a->g;
    job_t job = make_job(g, a->dx != NULL);
    job.grad_output = a->grad_output, job.codes = a->codes, job.x = a->x, job.weight = a->weight;
    job.dx = a->dx, job.dw = a->dw, job.db = a->db;
    char *next = call->workspace;
    job.offsets = (ptrdiff_t *)next;
    job.pixels = (ptrdiff_t *)(next += offsets_bytes(&job));
    job.places = (mask_t *)(next += pixels_bytes(&job));
    job.orders = (uint8_t *)(next += places_bytes(&job));
    job.filters = (real *)(next += orders_bytes());
    job.sums = (real *)(next += filters_bytes(&job));
    job.workspace = next + sums_bytes(&job);
    fill_lists(&job);
    const ptrdiff_t row = job.columns * job.pixel;
    for (ptrdiff_t code = 0; code < 4; code++)
        job.shifts[code] = (mask_t)(code / 2 * g->sh * row + code % 2 * g->sw * job.pixel);
    for (ptrdiff_t o = 0; a->dx && o < g->o; o++)
        pack_filter(&job, o);
    cnet_parallel(part_chunk, &job, job.parts * g->g, call->threads);
    cnet_parallel(sum_chunk, &job, g->o, call->threads);
}
