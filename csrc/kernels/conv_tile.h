/* The register tile of prepared_conv2d.c for vectors of TILE_LANES output channels: that file
 * includes this one once for each width. TILE_FN names what belongs to a width. */

typedef real TILE_FN(vec) __attribute__((vector_size(TILE_LANES * sizeof(real))));

/* sums[r][p][lane] = sum over taps of filters[t][lane] * x[r * pitch + p + offsets[t]] for two rows
 * and `pixels` outputs of each; inlined, so that their number is part of the code. */
static inline __attribute__((always_inline)) void
TILE_FN(sum_taps)(ptrdiff_t taps, const ptrdiff_t *offsets, const real *filters, const real *x,
                  ptrdiff_t pitch, const int pixels, real *sums) {
    typedef TILE_FN(vec) tile_vec;
    tile_vec sum[2][MAX_PIXELS] = {0};
    for (ptrdiff_t t = 0; t < taps; t++, filters += TILE_LANES) {
        const real *above = x + offsets[t], *below = above + pitch;
        __asm__("" : "+r"(above), "+r"(below)); /* or numbers of the image are kept, and spilled */
        const tile_vec filter = *(const tile_vec *)filters;
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p++) {
            sum[0][p] += filter * above[p];
            sum[1][p] += filter * below[p];
        }
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; r++)
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p++)
            *(tile_vec *)(sums + (r * pixels + p) * TILE_LANES) = sum[r][p];
}

static void TILE_FN(sum_tile)(ptrdiff_t taps, const ptrdiff_t *offsets, const real *filters,
                              const real *x, ptrdiff_t pitch, int pixels, real *sums) {
#define TILE_OF(count)                                                                             \
    case count:                                                                                    \
        TILE_FN(sum_taps)(taps, offsets, filters, x, pitch, count, sums);                          \
        break;
    switch (pixels) {
        TILE_OF(2)
        TILE_OF(4)
        TILE_OF(6)
#if VECTOR_BYTES == 64
        TILE_OF(8)
        TILE_OF(10)
        TILE_OF(12)
        TILE_OF(14)
#endif
    }
#undef TILE_OF
}

static inline real TILE_FN(greater)(real a, real b) { return a > b || a != a ? a : b; }

/* The same tile after 2 x 2 maximum, bias and ReLU, to `outputs` planes of y. */
static void TILE_FN(finish_pooled)(const real *sums, const real *bias, int relu, int pixels,
                                   ptrdiff_t outputs, ptrdiff_t plane, ptrdiff_t count, real *y) {
    real pooled[MAX_PIXELS / 2][TILE_LANES];
    const real *below = sums + pixels * TILE_LANES;
    for (int p = 0; p < pixels / 2; p++, sums += 2 * TILE_LANES, below += 2 * TILE_LANES) {
        for (int lane = 0; lane < TILE_LANES; lane++) {
            real best = sums[lane];
            const real cells[] = {sums[lane + TILE_LANES], below[lane], below[lane + TILE_LANES]};
            for (int k = 0; k < 3; k++)
                best = cells[k] > best || cells[k] != cells[k] ? cells[k] : best;
            best += bias[lane];
            pooled[p][lane] = relu && best <= 0 ? 0 : best;
        }
    }
    for (ptrdiff_t lane = 0; lane < outputs; lane++)
        for (ptrdiff_t p = 0; p < count; p++)
            y[lane * plane + p] = pooled[p][lane];
}

/* One row of the tile after bias and ReLU. */
static void TILE_FN(finish_row)(const real *sums, const real *bias, int relu, ptrdiff_t outputs,
                                ptrdiff_t plane, ptrdiff_t count, real *y) {
    for (ptrdiff_t lane = 0; lane < outputs; lane++)
        for (ptrdiff_t p = 0; p < count; p++) {
            const real sum = sums[p * TILE_LANES + lane] + bias[lane];
            y[lane * plane + p] = relu && sum <= 0 ? 0 : sum;
        }
}

/* Rows `top` to `top + rows` of one panel: bias, then filters. */
static void TILE_FN(panel)(const job_t *job, const real *filters, const real *staged,
                           ptrdiff_t outputs, ptrdiff_t top, ptrdiff_t rows, real *y) {
    const cnet_conv2d *g = job->g;
    const int pool = job->pool, width = job->width;
    const ptrdiff_t scale = pool ? 2 : 1, ow = pool ? g->ow / 2 * 2 : g->ow;
    const ptrdiff_t row_step = ow / scale, plane = g->oh / scale * row_step;
    const real *bias = filters;
    filters += TILE_LANES;
    _Alignas(CNET_ALIGNMENT) real sums[2 * MAX_PIXELS * TILE_LANES];
    for (ptrdiff_t row = 0; row + pool < rows; row += 2) {
        real *to = y + (top + row) / scale * row_step;
        for (ptrdiff_t begin = 0; begin < ow; begin += width) {
            const ptrdiff_t at = max_size(0, min_size(begin, ow - width));
            const ptrdiff_t count = min_size(width, ow - at);
            TILE_FN(sum_tile)(job->taps, job->offsets, filters, staged + row * job->s.pitch + at,
                              job->s.pitch, width, sums);
            if (pool) {
                TILE_FN(finish_pooled)(sums, bias, job->relu, width, outputs, plane, count / 2,
                                       to + at / 2);
                continue;
            }
            for (ptrdiff_t r = 0; r < min_size(2, rows - row); r++)
                TILE_FN(finish_row)(sums + r * width * TILE_LANES, bias, job->relu, outputs, plane,
                                    count, to + r * row_step + at);
        }
    }
}

#undef TILE_FN
#undef TILE_LANES
