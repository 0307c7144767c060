/* Chooses the algorithm that computes a pass of a convolution. */
#include "conv.h"
#include "pixels.h"
#include "stage.h"
#include "tap_sums.h"

/* ---- What each algorithm can compute, and where it is faster --------------------------- */

static int always(const cnet_conv2d *g) {
    (void)g;
    return 1;
}

static int never(const cnet_conv2d *g) {
    (void)g;
    return 0;
}

static int not_empty(const cnet_conv2d *g) { return g->n && g->c && g->h && g->w && g->o; }

static int is_3x3_or_5x5_with_stride_1(const cnet_conv2d *g) {
    return not_empty(g) && (g->kh == 3 || g->kh == 5) && g->kw == g->kh && g->sh == 1 &&
           g->sw == 1 && g->dh == 1 && g->dw == 1 && g->g == 1;
}

/* A stride would skip pixels, padding would add some. */
static int is_1x1_without_padding(const cnet_conv2d *g) {
    return not_empty(g) && g->kh == 1 && g->kw == 1 && g->ph == 0 && g->pw == 0 &&
           (g->oh - 1) * g->sh < g->h && (g->ow - 1) * g->sw < g->w;
}

enum { CACHED_TAPS = 1024, CACHED_BYTES = ISA_CORE_CACHE_BYTES, STAGED_BYTES = 64 << 20 };

/* Whether direct convolution stages at most this many bytes for some rows of outputs. That is about
 * the size of these rows of the image, but so much more with large padding and dilation that a
 * product may overflow. */
static int stages_at_most(ptrdiff_t bytes, const cnet_conv2d *g, ptrdiff_t rows) {
    return stage_of(g, rows).channel <= bytes / (ptrdiff_t)sizeof(real) / (g->c / g->g);
}

static int can_be_staged(const cnet_conv2d *g) {
    return not_empty(g) && stages_at_most(STAGED_BYTES, g, 2);
}

static int can_be_staged_whole(const cnet_conv2d *g) {
    return not_empty(g) && stages_at_most(STAGED_BYTES, g, g->oh);
}

static int gradient_can_be_staged(const cnet_conv2d *g) {
    const cnet_conv2d gradient = gradient_geometry(g);
    return g->sh <= LONGEST_STRIDE && g->sw <= LONGEST_STRIDE && not_empty(g) &&
           can_be_staged(&gradient);
}

/* Each channel has its own filters, and strides are small enough to list the taps of each phase. */
static int is_depthwise(const cnet_conv2d *g) {
    return not_empty(g) && g->c == g->g && g->o / g->g <= DEPTHWISE_MULTIPLIERS &&
           g->sh <= LONGEST_STRIDE && g->sw <= LONGEST_STRIDE && can_be_staged_whole(g);
}

static int has_one_filter_each(const cnet_conv2d *g) { return g->o == g->c && g->c > 1; }

/* The longest vectors hold this many channels. */
enum { VECTOR_CHANNELS = 16 };

/* The transforms of a vector of channels take as long as so many products of a channel and an
 * output, by direct sums; a tile has 4 x 4 or 2 x 2 outputs. */
enum { WINOGRAD_CHANNELS = 8, TRANSFORM_PRODUCTS = 75, DW_TRANSFORM_PRODUCTS = 32 };

static int transforms_pay(const cnet_conv2d *g, ptrdiff_t products) {
    const ptrdiff_t vectors = ceil_div(g->c, VECTOR_CHANNELS) + ceil_div(g->o, VECTOR_CHANNELS);
    return g->c >= WINOGRAD_CHANNELS && g->o >= WINOGRAD_CHANNELS && g->oh >= 3 && g->ow >= 3 &&
           g->c * g->o >= products * vectors;
}

static int has_channels_for_winograd(const cnet_conv2d *g) {
    return transforms_pay(g, TRANSFORM_PRODUCTS);
}
static int dw_has_channels_for_winograd(const cnet_conv2d *g) {
    return transforms_pay(g, DW_TRANSFORM_PRODUCTS);
}

/* A register tile has 6 or 8 rows. With few channels to sum over, packing costs too much: the
 * pixels of large images are better staged, unless they are read in place. */
enum { PACKED_CHANNELS = 32, LARGE_PIXELS = 256 };

static int tiles_pay(const cnet_conv2d *g, ptrdiff_t summed, int in_place) {
    return g->c / g->g >= 4 && g->o / g->g >= 4 &&
           (summed > PACKED_CHANNELS || g->oh * g->ow < LARGE_PIXELS || in_place);
}

static int input_tiles_pay(const cnet_conv2d *g) {
    return tiles_pay(g, g->c / g->g, reads_planes_in_place(g, g->c, g->o));
}
static int output_tiles_pay(const cnet_conv2d *g) {
    return tiles_pay(g, g->o / g->g, reads_planes_in_place(g, g->o, g->c));
}
static int weight_tiles_pay(const cnet_conv2d *g) {
    return tiles_pay(g, g->c / g->g, CNET_FN(pointwise_dots_pay)(g));
}

enum { ROW_BYTES = 4 * ISA_CORE_CACHE_BYTES };

static int is_larger_than_1x1(const cnet_conv2d *g) { return g->kh * g->kw > 1; }

/* Cells are vectors of channels, and the sums vectors of outputs: few lanes may be unused. The
 * cells that a row of outputs reads stay in a cache. */
static int fills_vectors(const cnet_conv2d *g) {
    const ptrdiff_t outputs = g->o / g->g;
    return is_larger_than_1x1(g) && g->c / g->g >= VECTOR_CHANNELS &&
           5 * outputs >= 4 * round_up(outputs, VECTOR_CHANNELS) && stages_at_most(ROW_BYTES, g, 1);
}

static int gradient_fills_vectors(const cnet_conv2d *g) {
    const cnet_conv2d gradient = gradient_geometry(g);
    return is_larger_than_1x1(g) && fills_vectors(&gradient);
}

/* In the weight gradient the taps of all channels are rows of tiles. */
static int dw_fills_vectors(const cnet_conv2d *g) {
    return is_larger_than_1x1(g) && g->c / g->g >= ISA_DW_CHANNELS &&
           g->o / g->g >= VECTOR_CHANNELS && stages_at_most(ROW_BYTES, g, 1);
}

/* The staged cells for a row of outputs stay in the cache, and so do the taps of all inputs: more
 * taps are allowed where a product would copy each cell several times. */
static int has_few_taps(const cnet_conv2d *g) {
    const ptrdiff_t window = g->kh * g->kw, most = window == 1 ? CACHED_TAPS : 4 * CACHED_TAPS;
    return g->c / g->g * window <= most && stages_at_most(CACHED_BYTES, g, 1);
}

/* Rows of the register tiles that this many filters take. */
static ptrdiff_t tile_rows_for(ptrdiff_t filters) {
    return round_up(filters, CNET_FN(tap_sums_tile)(filters));
}

/* The direct sum pads the channels of x and the rows of grad_output; it is preferred as long as
 * that adds at most a seventh to the work of folding. */
static int folding_is_less_work(const cnet_conv2d *g) {
    const cnet_conv2d gradient = gradient_geometry(g);
    const ptrdiff_t inputs = g->c / g->g;
    const ptrdiff_t direct = tile_rows_for(inputs) * g->kw * (gradient.ow + gradient.kw - 1);
    return 7 * direct > 8 * tile_rows_for(inputs * g->kw) * g->ow;
}

static int direct_gradient_pays(const cnet_conv2d *g) {
    const cnet_conv2d gradient = gradient_geometry(g);
    return has_few_taps(&gradient) && !folding_is_less_work(g);
}

static int folding_pays(const cnet_conv2d *g) {
    const cnet_conv2d gradient = gradient_geometry(g);
    return g->o / g->g * gradient.kh <= CACHED_TAPS && stages_at_most(CACHED_BYTES, &gradient, 1) &&
           folding_is_less_work(g);
}

static int has_small_images(const cnet_conv2d *g) { return stages_at_most(CACHED_BYTES, g, g->oh); }

typedef struct {
    conv2d_test *suits, *pays;
    conv2d_bytes *workspace;
    conv2d_run *run;
    int is_whole; /* computes all gradients that are wanted: then it suits both passes or neither */
} algorithm;

/* The first algorithm of a pass that suits the geometry and is expected to be faster is chosen. */
#define RUNS(name, pass) CNET_FN(name##_##pass##_workspace), CNET_FN(name##_##pass)
static const algorithm algorithms[CNET_PASSES][CNET_ALGORITHMS] = {
    [CNET_FORWARD] =
        {
            [CNET_DEPTHWISE] = {is_depthwise, has_one_filter_each, RUNS(depthwise, forward)},
            [CNET_WINOGRAD] = {is_3x3_or_5x5_with_stride_1, has_channels_for_winograd,
                               RUNS(winograd, forward)},
            [CNET_POINTWISE] = {is_1x1_without_padding, input_tiles_pay, RUNS(pointwise, forward)},
            [CNET_CHANNELS] = {can_be_staged, fills_vectors, RUNS(channels, forward)},
            [CNET_DIRECT] = {can_be_staged, has_few_taps, RUNS(direct, forward)},
            [CNET_FOLD] = {never, never, NULL, NULL},
            [CNET_PRODUCT] = {always, always, RUNS(product, forward)},
        },
    [CNET_DX] =
        {
            [CNET_DEPTHWISE] = {is_depthwise, has_one_filter_each, RUNS(depthwise, backward), 1},
            [CNET_WINOGRAD] = {is_3x3_or_5x5_with_stride_1, has_channels_for_winograd,
                               RUNS(winograd, dx)},
            [CNET_POINTWISE] = {is_1x1_without_padding, output_tiles_pay, RUNS(pointwise, dx)},
            [CNET_CHANNELS] = {gradient_can_be_staged, gradient_fills_vectors, RUNS(channels, dx)},
            [CNET_DIRECT] = {gradient_can_be_staged, direct_gradient_pays, RUNS(direct, dx)},
            [CNET_FOLD] = {gradient_can_be_staged, folding_pays, RUNS(fold, dx)},
            [CNET_PRODUCT] = {always, always, RUNS(product, dx)},
        },
    [CNET_DW] =
        {
            [CNET_DEPTHWISE] = {is_depthwise, has_one_filter_each, RUNS(depthwise, backward), 1},
            [CNET_WINOGRAD] = {is_3x3_or_5x5_with_stride_1, dw_has_channels_for_winograd,
                               RUNS(winograd, dw)},
            [CNET_POINTWISE] = {is_1x1_without_padding, weight_tiles_pay, RUNS(pointwise, dw)},
            [CNET_CHANNELS] = {can_be_staged_whole, dw_fills_vectors, RUNS(channels, dw)},
            [CNET_DIRECT] = {can_be_staged_whole, has_small_images, RUNS(direct, dw)},
            [CNET_FOLD] = {never, never, NULL, NULL},
            [CNET_PRODUCT] = {always, always, RUNS(product, dw)},
        },
};
#undef RUNS

static int first_that_pays(const cnet_conv2d *g, cnet_pass pass, cnet_algorithm wanted) {
    int a = 0;
    while ((wanted == CNET_EXACT && a == CNET_WINOGRAD) || !algorithms[pass][a].suits(g) ||
           !algorithms[pass][a].pays(g))
        a++;
    return a;
}

conv2d_choice CNET_FN(conv2d_policy)(const cnet_conv2d *g, cnet_pass pass, cnet_algorithm wanted,
                                     int threads) {
    const int is_open = wanted >= CNET_ALGORITHMS;
    const int a = is_open ? first_that_pays(g, pass, wanted) : (int)wanted;
    if (!is_open && !algorithms[pass][a].suits(g))
        return (conv2d_choice){-1, CNET_UNSUITABLE};
    return (conv2d_choice){a, algorithms[pass][a].workspace(g, threads)};
}

int CNET_FN(conv2d_run_pass)(cnet_pass pass, const conv2d_arrays *arrays, const cnet_conv2d *g,
                             const cnet_call *call) {
    const algorithm *a = &algorithms[pass][call->choices[pass]];
    a->run(arrays, g, call);
    return a->is_whole;
}
