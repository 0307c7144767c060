/* Convolution with prepared filters: bias, ReLU and 2 x 2 maximum pooling are applied while the
 * sums are in registers.
 *
 * Lanes are output channels: one tap of a tile is one vector of filters times one number of the
 * staged image for each output, so that images of any width fill the tile. Panels of channels are
 * one vector wide; the last is half a vector wide if that is enough. */
#include "conv.h"
#include "lanes.h"
#include "stage.h"

/* Panels of half a vector, for layers of at most eight outputs, are for float32. */
#if ISA_HALF_PANELS && defined(CNET_REAL_f32)
#define HALF_PANELS 1
#else
#define HALF_PANELS 0
#endif

enum {
    MAX_PIXELS = ISA_PREPARED_PIXELS, /* two rows of pixels and a filter fill the registers */
    CODES = sizeof(mask_t),           /* codes of pooled pixels, one byte each, per lane */
    CODE_PARTS = (MAX_PIXELS / 2 + CODES - 1) / CODES,
    STAGE_BYTES = 128 << 10,
    CHUNK = 1 << 18 /* multiplications: enough to be worth a thread */
};

typedef struct {
    const real *x;
    real *y;
    uint8_t *codes;
    const cnet_conv2d *g;
    stage s;
    ptrdiff_t taps;
    ptrdiff_t group;  /* elements of the panels of a group */
    ptrdiff_t blocks; /* blocks of rows */
    const ptrdiff_t *offsets;
    const real *filters;
    int relu, pool;
    char *workspace;
    size_t staged, bytes_per_thread; /* of a staged image, and with two rows of outputs */
} job_t;

/* The destination of one or two rows: offset `at` in the first of `outputs` planes of y and codes.
 * From there, the plane has `room` pixels that are not yet computed. */
typedef struct {
    ptrdiff_t at, room, outputs, plane;
    ptrdiff_t rows, row; /* their number and length */
} place_t;

enum { LANES_WHOLE = VECTOR_BYTES / (int)sizeof(real), LANES_HALF = LANES_WHOLE / 2 };
#define TILE_LANES LANES_WHOLE
#define TILE_FN(name) name##_whole
#define transpose_whole transpose_parts
#include "prepared_tile.h"
#if HALF_PANELS
typedef real half_vec __attribute__((vector_size(LANES_HALF * sizeof(real))));
static inline void transpose_half(half_vec rows[PART]) {
    half_vec pairs[PART];
    for (int i = 0; i < 2; i++) {
        pairs[2 * i] = __builtin_shufflevector(rows[i], rows[i + 2], 0, 8, 1, 9, 4, 12, 5, 13);
        pairs[2 * i + 1] =
            __builtin_shufflevector(rows[i], rows[i + 2], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 2; i++) {
        rows[2 * i] = __builtin_shufflevector(pairs[i], pairs[i + 2], 0, 8, 1, 9, 4, 12, 5, 13);
        rows[2 * i + 1] =
            __builtin_shufflevector(pairs[i], pairs[i + 2], 2, 10, 3, 11, 6, 14, 7, 15);
    }
}
#define TILE_LANES LANES_HALF
#define TILE_FN(name) name##_half
#include "prepared_tile.h"
#endif

static ptrdiff_t panel_lanes(ptrdiff_t outputs) {
    return HALF_PANELS && outputs <= LANES_HALF ? LANES_HALF : LANES_WHOLE;
}

/* Rows per chunk. The rule does not depend on the number of images, so that offsets can be
 * prepared. */
static ptrdiff_t rows_of(const cnet_conv2d *g) {
    const ptrdiff_t inputs = g->c / g->g;
    const ptrdiff_t cost = g->ow * (g->o / g->g) * inputs * g->kh * g->kw;
    ptrdiff_t rows = g->oh;
    while (rows > 2 &&
           (stage_of(g, rows).channel * inputs * (ptrdiff_t)sizeof(real) > STAGE_BYTES ||
            rows * cost > CHUNK))
        rows = ceil_div(rows, 2);
    return round_up(rows, 2);
}

/* The number of lanes of the panels of a group. */
static ptrdiff_t lanes_of(const cnet_conv2d *g) {
    const ptrdiff_t outputs = g->o / g->g, whole = outputs / LANES_WHOLE * LANES_WHOLE;
    return whole + (outputs > whole ? panel_lanes(outputs - whole) : 0);
}

static job_t make_job(const cnet_conv2d *g) {
    job_t job = {
        .g = g,
        .s = stage_of(g, rows_of(g)),
        .taps = g->c / g->g * g->kh * g->kw,
    };
    job.group = round_up((job.taps + 1) * lanes_of(g), LANES_WHOLE);
    job.blocks = ceil_div(g->oh, job.s.rows);
    job.staged = (size_t)round_up(
        stage_size(&job.s, g->c / g->g, MAX_PIXELS) * (ptrdiff_t)sizeof(real), CNET_ALIGNMENT);
    job.bytes_per_thread = job.staged + (size_t)(2 * round_up(g->ow, 2) * VECTOR_BYTES);
    return job;
}

ptrdiff_t CNET_FN(prepared_sums)(const cnet_conv2d *g) { return lanes_of(g) * round_up(g->ow, 2); }

/* ---- Preparation ----------------------------------------------------------------------- */

static size_t offsets_bytes(const job_t *job) {
    return (size_t)round_up(job->taps * (ptrdiff_t)sizeof(ptrdiff_t), CNET_ALIGNMENT);
}

size_t CNET_FN(prepared_bytes)(const cnet_conv2d *g) {
    const job_t job = make_job(g);
    return offsets_bytes(&job) + (size_t)(g->g * job.group) * sizeof(real);
}

void CNET_FN(prepare_filters)(const real *weight, const real *bias, void *prepared,
                              const cnet_conv2d *g) {
    const job_t job = make_job(g);
    const ptrdiff_t outputs = g->o / g->g;
    ptrdiff_t *offsets = prepared;
    for (ptrdiff_t c = 0; c < g->c / g->g; c++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++)
                *offsets++ = stage_offset(g, &job.s, c, i, j);
    for (ptrdiff_t group = 0; group < g->g; group++) {
        real *to = (real *)((char *)prepared + offsets_bytes(&job)) + group * job.group;
        for (ptrdiff_t first = 0; first < outputs; first += LANES_WHOLE) {
            const ptrdiff_t lanes = panel_lanes(outputs - first), o = group * outputs + first;
            const real *w = weight + o * job.taps;
            for (ptrdiff_t t = -1; t < job.taps; t++)
                for (ptrdiff_t lane = 0; lane < lanes; lane++, to++)
                    *to = first + lane >= outputs ? 0
                          : t >= 0                ? w[lane * job.taps + t]
                          : bias                  ? bias[o + lane]
                                                  : 0;
        }
    }
}

size_t CNET_FN(prepare_conv2d_workspace)(cnet_call *call) {
    return CNET_FN(prepared_bytes)(&call->prepare_conv2d.g);
}

/* Packs filters for prepared_conv2d; the result is the workspace: the offsets of the taps, then for
 * each group and panel a vector of biases, and for each tap a vector of the panel's channels.
 *
 * weight (o, c/g, kh, kw), bias (o) or NULL for zeros; n does not matter. Runs on the calling
 * thread. */
void CNET_FN(prepare_conv2d)(const cnet_call *call) {
    const cnet_prepare_conv2d_arguments *a = &call->prepare_conv2d;
    CNET_FN(prepare_filters)(a->weight, a->bias, call->workspace, &a->g);
}

/* ---- Convolution ----------------------------------------------------------------------- */

/* Computes `rows` rows of outputs of one panel; `first` is the offset of the first row in the first
 * of `outputs` planes. */
static void run_panel(const job_t *job, const real *filters, const real *staged, char *scratch,
                      ptrdiff_t rows, ptrdiff_t outputs, ptrdiff_t first) {
    const cnet_conv2d *g = job->g;
    const ptrdiff_t step = job->pool ? 2 : 1;
    place_t to = {.outputs = outputs, .plane = g->oh / step * (g->ow / step), .row = g->ow / step};
    for (ptrdiff_t row = 0; row + step <= rows; row += 2) {
        const ptrdiff_t above = row / step * to.row;
        to.at = first + above;
        to.room = rows / step * to.row - above;
        to.rows = job->pool ? 1 : min_size(2, rows - row);
        const real *x = staged + row * job->s.pitch;
#if HALF_PANELS
        if (outputs <= LANES_HALF) {
            rows_of_half(job, filters, x, scratch, &to);
            continue;
        }
#endif
        rows_of_whole(job, filters, x, scratch, &to);
    }
}

static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_conv2d *g = job->g;
    const ptrdiff_t inputs = g->c / g->g, outputs = g->o / g->g;
    const ptrdiff_t top = chunk % job->blocks * job->s.rows;
    const ptrdiff_t rows = min_size(job->s.rows, g->oh - top);
    const ptrdiff_t group = chunk / job->blocks % g->g, n = chunk / job->blocks / g->g;
    const ptrdiff_t step = job->pool ? 2 : 1, row = g->ow / step;
    const ptrdiff_t plane = g->oh / step * row, above = top / step * row;
    real *staged = (real *)(job->workspace + (size_t)slot * job->bytes_per_thread);
    for (ptrdiff_t c = 0; c < inputs; c++)
        stage_channel(g, &job->s, job->x + (n * g->c + group * inputs + c) * g->h * g->w, top,
                      staged + c * job->s.channel);
    zero_run(staged + inputs * job->s.channel, MAX_PIXELS);
    const real *filters = job->filters + group * job->group;
    for (ptrdiff_t first = 0; first < outputs; first += LANES_WHOLE) {
        run_panel(job, filters, staged, (char *)staged + job->staged, rows,
                  min_size(LANES_WHOLE, outputs - first),
                  (n * g->o + group * outputs + first) * plane + above);
        filters += (job->taps + 1) * LANES_WHOLE;
    }
}

size_t CNET_FN(prepared_scratch)(const cnet_conv2d *g, int threads) {
    const job_t job = make_job(g);
    return (size_t)threads * job.bytes_per_thread;
}

void CNET_FN(convolve_prepared)(const prepared_arrays *arrays, const cnet_conv2d *g, int threads,
                                char *scratch) {
    job_t job = make_job(g);
    job.x = arrays->x;
    job.y = arrays->y;
    job.codes = arrays->codes;
    job.offsets = arrays->prepared;
    job.filters = (const real *)((const char *)arrays->prepared + offsets_bytes(&job));
    job.relu = arrays->relu;
    job.pool = arrays->pool;
    job.workspace = scratch;
    cnet_parallel(run_chunk, &job, g->n * g->g * job.blocks, threads);
}

size_t CNET_FN(prepared_conv2d_workspace)(cnet_call *call) {
    return CNET_FN(prepared_scratch)(&call->prepared_conv2d.g, call->threads);
}

/* y = conv2d(x, weight, bias), then relu(y) if `relu`, then max_pool2d(y, 2) if `pool`, with weight
 * and bias prepared by prepare_conv2d for the same geometry except n.
 *
 * x (n, c, h, w), y (n, o, oh, ow) or, if pooled, (n, o, oh / 2, ow / 2); overwrites y. Taps are
 * summed in the order of the weight, the bias is added last. NaN stays with ReLU, and is the
 * maximum as in max_pool2d. The geometry must not be empty. Workspace per thread: a staged image
 * and two rows of results. Parallel over (n, group, block of rows). */
void CNET_FN(prepared_conv2d)(const cnet_call *call) {
    const cnet_prepared_conv2d_arguments *a = &call->prepared_conv2d;
    const prepared_arrays arrays = {a->x, a->prepared, a->y, NULL, a->relu != 0, a->pool != 0};
    CNET_FN(convolve_prepared)(&arrays, &a->g, call->threads, call->workspace);
}
