/* Average pooling and its gradient. */
#include "pool/small_planes.h"
#include "sums.h"

typedef struct {
    const real *from;
    real *to;
    const cnet_window2d *g;
    int count_include_pad;
    ptrdiff_t divisor_override;
} job_t;

/* The number of columns whose sums are held at a time, and zeros on both sides for vectors that
 * read beyond them. */
enum { COLUMNS = 512, AROUND = 2 * VECTOR_BYTES / sizeof(real), ROW = COLUMNS + 2 * AROUND };

/* Outputs of one row, few enough that their windows fit into COLUMNS unless a window is wider, and
 * the part of the image in their windows. */
typedef struct {
    range outputs, rows, columns;
} part_t;

static part_t part_at(const cnet_window2d *g, ptrdiff_t oh, ptrdiff_t ow) {
    const ptrdiff_t count = max_size(LANES, (COLUMNS - g->kw) / g->sw + 1);
    const ptrdiff_t top = oh * g->sh - g->ph, end = min_size(g->ow, ow + count);
    return (part_t){
        .outputs = {ow, end},
        .rows = {max_size(top, 0), min_size(top + g->kh, g->h)},
        .columns = {max_size(ow * g->sw - g->pw, 0),
                    min_size((end - 1) * g->sw - g->pw + g->kw, g->w)},
    };
}

/* The taps j that lie in these columns, for any of the `count` outputs from `ow` on. */
static range taps_in(const cnet_window2d *g, ptrdiff_t ow, ptrdiff_t count, range columns) {
    const ptrdiff_t left = ow * g->sw - g->pw;
    return (range){max_size(0, columns.begin - left - (count - 1) * g->sw),
                   min_size(g->kw, columns.end - left)};
}

/* The divisors of `count` outputs; 1 in the remaining lanes. */
static vec divisors(const job_t *job, ptrdiff_t oh, ptrdiff_t ow, ptrdiff_t count) {
    const cnet_window2d *g = job->g;
    if (job->divisor_override)
        return broadcast((real)job->divisor_override);
    const int padded = job->count_include_pad;
    const ptrdiff_t height = counted(padded, oh * g->sh - g->ph, g->kh, g->h, g->qh);
    const ptrdiff_t left = ow * g->sw - g->pw;
    if (left >= 0 && left + (count - 1) * g->sw + g->kw <= g->w)
        return broadcast((real)(height * g->kw));
    vec cells = broadcast(1);
    for (ptrdiff_t lane = 0; lane < count; lane++)
        cells[lane] = (real)(height * counted(padded, left + lane * g->sw, g->kw, g->w, g->qw));
    return cells;
}

static void average_row(const job_t *job, const real *x, ptrdiff_t oh, real *y) {
    const cnet_window2d *g = job->g;
    const ptrdiff_t stride = g->sw;
    part_t p = {0};
    real sums[ROW];
    for (ptrdiff_t done = 0; done < g->ow; done = p.outputs.end) {
        p = part_at(g, oh, done);
        memset(y + done, 0, (size_t)(p.outputs.end - done) * sizeof(real));
        for (ptrdiff_t first = p.columns.begin; first < p.columns.end; first += COLUMNS) {
            const range columns = {first, min_size(first + COLUMNS, p.columns.end)};
            const ptrdiff_t count = columns.end - first;
            zero_run(sums, AROUND + count + AROUND);
            for (ptrdiff_t ih = p.rows.begin; ih < p.rows.end; ih++)
                for (ptrdiff_t s = 0; s < count; s++)
                    sums[AROUND + s] += x[ih * g->w + first + s];
            for (ptrdiff_t ow = done; ow < p.outputs.end; ow += LANES) {
                const ptrdiff_t lanes = min_size(LANES, p.outputs.end - ow);
                const range taps = taps_in(g, ow, lanes, columns);
                const ptrdiff_t at = AROUND + ow * stride - g->pw - first;
                vec sum = first == p.columns.begin ? (vec){0} : load_run(y + ow, lanes);
                for (ptrdiff_t j = taps.begin; j < taps.end; j++)
                    sum += cells_at(sums, at + j, stride, AROUND + count + AROUND);
                if (columns.end == p.columns.end)
                    sum = select_cell(sum == 0, (vec){0}, sum / divisors(job, oh, ow, lanes));
                store_run(y + ow, sum, lanes);
            }
        }
    }
}

/* Whether one window covers each plane exactly: global average pooling. */
static int is_global(const cnet_window2d *g) {
    return g->oh == 1 && g->ow == 1 && g->kh == g->h && g->kw == g->w && g->ph == 0 && g->pw == 0;
}

enum { SHORT_PLANE = 4096 };

/* The sum of a plane. Of a short one, each lane of four vectors sums some of the cells. */
static real sum_plane(const real *x, ptrdiff_t count) {
    if (count > SHORT_PLANE)
        return (real)sum_run(x, 0, count);
    vec sums[4] = {0};
    ptrdiff_t t = 0;
    for (; t + 4 * LANES <= count; t += 4 * LANES)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            sums[i] += load(x + t + i * LANES);
    for (; t + LANES <= count; t += LANES)
        sums[0] += load(x + t);
    const vec total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    real sum = 0;
    for (; t < count; t++)
        sum += x[t];
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        sum += total[lane];
    return sum;
}

static void average_whole_planes(const job_t *job, range planes) {
    const ptrdiff_t cells = job->g->h * job->g->w;
    const real divisor = divisors(job, 0, 0, 1)[0];
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++)
        job->to[plane] = sum_plane(job->from + plane * cells, cells) / divisor;
}

static void spread_to_whole_planes(const job_t *job, range planes) {
    const ptrdiff_t cells = job->g->h * job->g->w;
    const real divisor = divisors(job, 0, 0, 1)[0];
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        const real share = job->from[plane] / divisor;
        for (ptrdiff_t t = 0; t < cells; t++)
            job->to[plane * cells + t] = share;
    }
}

/* Whether windows of 2 x 2 cells cover each plane exactly. */
static int is_halving(const cnet_window2d *g) {
    return g->kh == 2 && g->kw == 2 && g->sh == 2 && g->sw == 2 && g->ph == 0 && g->pw == 0 &&
           g->h == 2 * g->oh && g->w == 2 * g->ow;
}

static void halve_planes(const job_t *job, range planes) {
    const cnet_window2d *g = job->g;
    const vec divisor = broadcast(divisors(job, 0, 0, 1)[0]);
    for (ptrdiff_t row = planes.begin * g->oh; row < planes.end * g->oh; row++)
        for (ptrdiff_t t = 0; t < g->ow; t += LANES) {
            const real *x = job->from + (row * 2 * g->w + 2 * t);
            const ptrdiff_t first = g->w - 2 * t, second = first - LANES;
            const vec a = load_run(x, first) + load_run(x + g->w, first);
            const vec b = second > 0
                              ? load_run(x + LANES, second) + load_run(x + g->w + LANES, second)
                              : (vec){0};
            const vec sum = evens(a, b) + odds(a, b);
            store_run(job->to + (row * g->ow + t), select_cell(sum == 0, (vec){0}, sum / divisor),
                      g->ow - t);
        }
}

static void double_planes(const job_t *job, range planes) {
    const cnet_window2d *g = job->g;
    const vec divisor = broadcast(divisors(job, 0, 0, 1)[0]);
    for (ptrdiff_t row = planes.begin * g->oh; row < planes.end * g->oh; row++)
        for (ptrdiff_t t = 0; t < g->ow; t += LANES) {
            const vec from = load_run(job->from + (row * g->ow + t), g->ow - t);
            const vec share = (vec){0} + from / divisor; /* no -0, as in sums of windows */
            real *dx = job->to + (row * 2 * g->w + 2 * t);
            for (int k = 0; k < 2; k++, dx += g->w) {
                store_run(dx, zip_first(share, share), g->w - 2 * t);
                if (g->w - 2 * t > LANES)
                    store_run(dx + LANES, zip_second(share, share), g->w - 2 * t - LANES);
            }
        }
}

/* Whether planes are computed with channels last. */
static int is_small(const cnet_window2d *g) {
    return has_small_planes(g) && !is_global(g) && !is_halving(g);
}

static void average_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(&g, chunk);
    if (is_global(&g)) {
        average_whole_planes(job, planes);
        return;
    }
    if (is_halving(&g)) {
        halve_planes(job, planes);
        return;
    }
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        const real *x = job->from + plane * g.h * g.w;
        for (ptrdiff_t oh = 0; oh < g.oh; oh++) {
            real *y = job->to + (plane * g.oh + oh) * g.ow;
            average_row(job, x, oh, y);
        }
    }
}

static const small_pool_t SMALL_AVERAGES = {.run = CNET_FN(avg_pool2d_nhwc), .arrays = 2};

size_t CNET_FN(avg_pool2d_workspace)(cnet_call *call) {
    return is_small(&call->avg_pool2d.g) ? CNET_FN(small_planes_workspace)(&SMALL_AVERAGES, call)
                                         : 0;
}

/* y[n, c, oh, ow] = sum of the cells of the window / divisor.
 *
 * x (n, c, h, w), y (n, c, oh, ow); overwrites y. The divisor is divisor_override if that is not 0;
 * else the size of the window within the padded image if count_include_pad; else the number of its
 * cells in the image. A window without cells gives 0. The columns of a window are summed from top
 * to bottom, then their sums from left to right; a window that is a whole plane, in lanes. Parallel
 * over planes (n, c). Workspace: small planes with channels last. */
void CNET_FN(avg_pool2d)(const cnet_call *call) {
    const cnet_avg_pool2d_arguments *a = &call->avg_pool2d;
    if (is_small(&a->g)) {
        CNET_FN(pool_small_planes)(&SMALL_AVERAGES, call);
        return;
    }
    const job_t job = {
        .from = a->x,
        .to = a->y,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
    };
    cnet_parallel(average_planes, &job, pool_chunks(&a->g), call->threads);
}

static void spread_row(const job_t *job, const real *grad_output, ptrdiff_t oh, real *dx) {
    const cnet_window2d *g = job->g;
    part_t p = {0};
    real sums[COLUMNS], shares[COLUMNS + LANES];
    for (ptrdiff_t done = 0; done < g->ow; done = p.outputs.end) {
        p = part_at(g, oh, done);
        const ptrdiff_t outputs = p.outputs.end - done, stride = outputs > 1 ? g->sw : 1;
        for (ptrdiff_t t = 0; t < outputs; t += LANES) {
            const ptrdiff_t lanes = min_size(LANES, outputs - t);
            store(shares + t,
                  load_run(grad_output + done + t, lanes) / divisors(job, oh, done + t, lanes));
        }
        for (ptrdiff_t first = p.columns.begin; first < p.columns.end; first += COLUMNS) {
            const range columns = {first, min_size(first + COLUMNS, p.columns.end)};
            const range taps = taps_in(g, done, outputs, columns);
            const ptrdiff_t count = columns.end - first;
            zero_run(sums, count);
            for (ptrdiff_t j = taps.begin; j < taps.end; j++) {
                const ptrdiff_t at = done * g->sw - g->pw + j - first;
                const range in = inside(at, stride, count, outputs);
                if (in.begin < in.end)
                    scatter_run(sums + (at + in.begin * stride), shares + in.begin, stride,
                                in.end - in.begin);
            }
            for (ptrdiff_t ih = p.rows.begin; ih < p.rows.end; ih++)
                for (ptrdiff_t s = 0; s < count; s++)
                    dx[ih * g->w + first + s] += sums[s];
        }
    }
}

static void spread_planes(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const cnet_window2d g = *job->g;
    const range planes = planes_of(&g, chunk);
    if (is_global(&g)) {
        spread_to_whole_planes(job, planes);
        return;
    }
    if (is_halving(&g)) {
        double_planes(job, planes);
        return;
    }
    for (ptrdiff_t plane = planes.begin; plane < planes.end; plane++) {
        real *dx = job->to + plane * g.h * g.w;
        memset(dx, 0, (size_t)(g.h * g.w) * sizeof(real));
        for (ptrdiff_t oh = 0; oh < g.oh; oh++)
            spread_row(job, job->from + (plane * g.oh + oh) * g.ow, oh, dx);
    }
}

static const small_pool_t SMALL_SHARES = {
    .run = CNET_FN(avg_pool2d_nhwc_backward),
    .workspace = CNET_FN(avg_pool2d_nhwc_backward_workspace),
    .arrays = 2,
    .is_backward = 1,
};

size_t CNET_FN(avg_pool2d_backward_workspace)(cnet_call *call) {
    return is_small(&call->avg_pool2d_backward.g)
               ? CNET_FN(small_planes_workspace)(&SMALL_SHARES, call)
               : 0;
}

/* dx[n, c, ih, iw] = sum of grad_output / divisor over the windows that contain the cell.
 *
 * grad_output (n, c, oh, ow), dx (n, c, h, w); overwrites dx. Divisors as in avg_pool2d. For each
 * cell, the terms of one row of outputs are summed first, then these sums from top to bottom; of
 * small planes, terms are added in the order of the windows. Parallel over planes (n, c).
 * Workspace: small planes with channels last. */
void CNET_FN(avg_pool2d_backward)(const cnet_call *call) {
    const cnet_avg_pool2d_backward_arguments *a = &call->avg_pool2d_backward;
    if (is_small(&a->g)) {
        CNET_FN(pool_small_planes)(&SMALL_SHARES, call);
        return;
    }
    const job_t job = {
        .from = a->grad_output,
        .to = a->dx,
        .g = &a->g,
        .count_include_pad = a->count_include_pad != 0,
        .divisor_override = a->divisor_override,
    };
    cnet_parallel(spread_planes, &job, pool_chunks(&a->g), call->threads);
}
