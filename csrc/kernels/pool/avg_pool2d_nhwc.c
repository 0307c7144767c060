/* Average pooling of images with channels last: vectors hold channels of one cell. */
#include "pool/channels_last.h"

typedef struct {
    const real *from;
    real *to;
    const cnet_window2d *g;
    int count_include_pad;
    ptrdiff_t divisor_override;
    char *workspace;
} job_t;

/* The rows and columns of a window by which its sum is divided. */
static ptrdiff_t rows_counted(const job_t *job, ptrdiff_t oh) {
    const cnet_window2d *g = job->g;
    return counted(job->count_include_pad, oh * g->sh - g->ph, g->kh, g->h, g->qh);
}

static ptrdiff_t columns_counted(const job_t *job, ptrdiff_t ow) {
    const cnet_window2d *g = job->g;
    return counted(job->count_include_pad, ow * g->sw - g->pw, g->kw, g->w, g->qw);
}

static vec divisor_of(const job_t *job, ptrdiff_t oh, ptrdiff_t ow) {
    return broadcast((real)(job->divisor_override
                                ? job->divisor_override
                                : rows_counted(job, oh) * columns_counted(job, ow)));
}

/* The sums of up to LANES channels: the columns of the window, then their sums. */
static inline vec sum_of_window(const job_t *job, const window_t *window, ptrdiff_t first,
                                ptrdiff_t count) {
    const cnet_window2d *g = job->g;
    const ptrdiff_t end = g->n * g->h * g->w * g->c;
    vec sum = {0};
    for (ptrdiff_t j = window->columns.begin; j < window->columns.end; j++) {
        vec column = {0};
        for (ptrdiff_t i = window->rows.begin; i < window->rows.end; i++)
            column +=
                channels_at(job->from, first + position_of(g, window, i, j) * g->c, count, end);
        sum += column;
    }
    return sum;
}

static inline void store_mean(const job_t *job, ptrdiff_t at, ptrdiff_t count, ptrdiff_t end,
                              vec sum, vec divisor) {
    store_channels(job->to, at, count, end, select_cell(sum == 0, (vec){0}, sum / divisor));
}

/* The means of any windows of a row. */
static void average_at_edge(const job_t *job, ptrdiff_t row, range outputs, ptrdiff_t end) {
    const cnet_window2d *g = job->g;
    const ptrdiff_t image = row / g->oh * g->h * g->w * g->c;
    for (ptrdiff_t ow = outputs.begin; ow < outputs.end; ow++) {
        const window_t window = window_at(g, row % g->oh, ow);
        const vec divisor = divisor_of(job, row % g->oh, ow);
        for (ptrdiff_t ch = 0; ch < g->c; ch += LANES) {
            const ptrdiff_t count = min_size(LANES, g->c - ch);
            const vec sum = sum_of_window(job, &window, image + ch, count);
            store_mean(job, (row * g->ow + ow) * g->c + ch, count, end, sum, divisor);
        }
    }
}

/* The means of windows from inner_outputs; `kh` and `kw` as in max_inside. */
static inline __attribute__((always_inline)) void
average_inside(const job_t *job, const cnet_window2d *g, ptrdiff_t row, range outputs,
               const ptrdiff_t kh, const ptrdiff_t kw, ptrdiff_t end) {
    const vec divisor = divisor_of(job, row % g->oh, outputs.begin);
    const real *x = job->from;
    const ptrdiff_t c = g->c, pitch = g->w * c;
    const ptrdiff_t position = first_tap(g, row, outputs.begin);
    ptrdiff_t first = (row / g->oh * g->h * g->w + position) * g->c;
    ptrdiff_t at = (row * g->ow + outputs.begin) * g->c;
    for (ptrdiff_t ow = outputs.begin; ow < outputs.end; ow++) {
        for (ptrdiff_t ch = 0; ch < g->c; ch += LANES) {
            vec sum = {0};
            const real *top = x + (first + ch);
            for (ptrdiff_t j = 0; j < kw; j++, top += c) {
                const real *cell = top;
                vec column = {0};
                for (ptrdiff_t i = 0; i < kh; i++, cell += pitch)
                    column += load(cell);
                sum += column;
            }
            store_mean(job, at + ch, min_size(LANES, g->c - ch), end, sum, divisor);
        }
        first += g->sw * g->c;
        at += g->c;
    }
}

static void average_rows(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range rows = part_of(chunk, rows_per_chunk(&g), g.n * g.oh);
    const range columns = inner_columns(&g);
    const ptrdiff_t end = rows.end * g.ow * g.c;
    for (ptrdiff_t row = rows.begin; row < rows.end; row++) {
        const range inner = inner_outputs(&g, columns, row);
        average_at_edge(job, row, (range){0, inner.begin}, end);
        if (g.kh == 2 && g.kw == 2)
            average_inside(job, &g, row, inner, 2, 2, end);
        else if (g.kh == 3 && g.kw == 3)
            average_inside(job, &g, row, inner, 3, 3, end);
        else
            average_inside(job, &g, row, inner, g.kh, g.kw, end);
        average_at_edge(job, row, (range){inner.end, g.ow}, end);
    }
}

/* avg_pool2d of x (n, h, w, c), with y (n, oh, ow, c). Windows are summed in the same order.
 * Parallel over rows of outputs. */
void CNET_FN(avg_pool2d_nhwc)(const cnet_call *call) {
    const cnet_avg_pool2d_nhwc_arguments *a = &call->avg_pool2d_nhwc;
    const job_t job = {
        .from = a->x,
        .to = a->y,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
    };
    cnet_parallel(average_rows, &job, ceil_div(a->g.n * a->g.oh, rows_per_chunk(&a->g)),
                  call->threads);
}

/* The shares of a row of outputs, each in the cells of its window along a row of the image. Tap j
 * is in layer (kw - 1 - j) / sw, so that the windows of a layer share no cell, and the terms of a
 * cell, in the order of the layers, have the order of the windows. */
static ptrdiff_t layers_of(const cnet_window2d *g) { return (g->kw - 1) / g->sw + 1; }

/* Rows of outputs whose layers are kept: as many as share a row of the image, and the next one,
 * which is written while these are read. */
static ptrdiff_t kept_rows(const cnet_window2d *g) { return (g->kh - 1) / g->sh + 2; }

/* From one layer to the next: a row of the image, and what the vector of its last cell exceeds. */
static ptrdiff_t layer_pitch(const cnet_window2d *g) {
    return round_up(g->w * g->c, LANES) + LANES;
}

/* The memory of a thread: for a row of outputs, the columns of each window that count, and the
 * shares; and the layers. */
typedef struct {
    real *columns, *shares, *layers;
} rows_t;

static ptrdiff_t outputs_pitch(const cnet_window2d *g) {
    return round_up(g->ow * g->c, LANES) + LANES;
}

static size_t rows_bytes(const cnet_window2d *g) {
    const ptrdiff_t layers = kept_rows(g) * layers_of(g) * layer_pitch(g);
    return (size_t)(2 * outputs_pitch(g) + layers) * sizeof(real);
}

static rows_t rows_at(const job_t *job, const cnet_window2d *g, int slot) {
    real *memory = (real *)(job->workspace + (size_t)slot * rows_bytes(g));
    memset(memory, 0, rows_bytes(g));
    const rows_t rows = {memory, memory + outputs_pitch(g), memory + 2 * outputs_pitch(g)};
    for (ptrdiff_t ow = 0; ow < g->ow; ow++) {
        const ptrdiff_t count =
            job->divisor_override ? job->divisor_override : columns_counted(job, ow);
        for (ptrdiff_t ch = 0; ch < g->c; ch++)
            rows.columns[ow * g->c + ch] = (real)count;
    }
    return rows;
}

/* Cells without a share stay as they are. Vectors of fewer channels than lanes have 0 in the other
 * lanes, in cells that are written later or have no share. */
static void fill_layers(const job_t *job, const cnet_window2d *g, ptrdiff_t row, const rows_t *rows,
                        real *layers) {
    const real *grad_output = job->from + row * g->ow * g->c;
    const ptrdiff_t pitch = layer_pitch(g), size = g->ow * g->c;
    const real counted = job->divisor_override ? 1 : (real)rows_counted(job, row % g->oh);
    for (ptrdiff_t t = 0; t < size; t += LANES)
        store(rows->shares + t,
              load_run(grad_output + t, size - t) / (load(rows->columns + t) * counted));
    const ivec lanes = lane_numbers() < splat(g->c);
    for (ptrdiff_t last = g->kw; last > 0; last -= g->sw, layers += pitch) {
        for (ptrdiff_t ow = 0; ow < g->ow; ow++) {
            const ptrdiff_t left = ow * g->sw - g->pw;
            const range columns = inside(left, 1, g->w, g->kw);
            const ptrdiff_t first = max_size(columns.begin, last - g->sw);
            const ptrdiff_t end = min_size(columns.end, last);
            const real *shares = rows->shares + ow * g->c;
            real *layer = layers + left * g->c;
            if (g->c < LANES) {
                const vec cell = select_cell(lanes, load(shares), (vec){0});
                for (ptrdiff_t j = first; j < end; j++)
                    store(layer + j * g->c, cell);
            } else
                for (ptrdiff_t ch = 0; ch < g->c; ch += LANES)
                    for (ptrdiff_t j = first; j < end; j++)
                        store_run(layer + (j * g->c + ch), load(shares + ch), g->c - ch);
        }
    }
}

/* Adds terms to a row, or to 0 if they are the `first`. */
static void add_to_row(real *to, const real *terms, ptrdiff_t count, int first) {
    ptrdiff_t at = 0;
    for (; at + LANES <= count; at += LANES)
        store(to + at, (first ? (vec){0} : load(to + at)) + load(terms + at));
    for (; at < count; at++)
        to[at] = (first ? 0 : to[at]) + terms[at];
}

static void spread_images(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range images = part_of(chunk, images_per_chunk(&g), g.n);
    const ptrdiff_t width = g.w * g.c, kept = kept_rows(&g), size = layers_of(&g) * layer_pitch(&g);
    const rows_t rows = rows_at(job, &g, slot);
    real *to = job->to + images.begin * g.h * width;
    for (ptrdiff_t n = images.begin; n < images.end; n++) {
        ptrdiff_t filled = 0;
        for (ptrdiff_t ih = 0; ih < g.h; ih++, to += width) {
            const ptrdiff_t begin = ceil_div(max_size(0, ih + g.ph - g.kh + 1), g.sh);
            const ptrdiff_t end = min_size(g.oh, (ih + g.ph) / g.sh + 1);
            for (; filled < min_size(g.oh, end + 1); filled++)
                fill_layers(job, &g, n * g.oh + filled, &rows, rows.layers + filled % kept * size);
            if (begin >= end)
                memset(to, 0, (size_t)width * sizeof(real));
            for (ptrdiff_t oh = begin; oh < end; oh++)
                for (ptrdiff_t at = 0; at < size; at += layer_pitch(&g))
                    add_to_row(to, rows.layers + oh % kept * size + at, width, oh == begin && !at);
        }
    }
}

size_t CNET_FN(avg_pool2d_nhwc_backward_workspace)(cnet_call *call) {
    return (size_t)call->threads * rows_bytes(&call->avg_pool2d_nhwc_backward.g);
}

/* avg_pool2d_backward of grad_output (n, oh, ow, c), with dx (n, h, w, c). The terms of a cell are
 * added in the order of the windows. Parallel over images. Workspace: for each thread, shares of a
 * row of outputs, and the layers of those that share a row of the image. */
void CNET_FN(avg_pool2d_nhwc_backward)(const cnet_call *call) {
    const cnet_avg_pool2d_nhwc_backward_arguments *a = &call->avg_pool2d_nhwc_backward;
    const job_t job = {
        .from = a->grad_output,
        .to = a->dx,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
        .workspace = call->workspace,
    };
    cnet_parallel(spread_images, &job, ceil_div(a->g.n, images_per_chunk(&a->g)), call->threads);
}
