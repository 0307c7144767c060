/* The register tile of prepared.c for vectors of TILE_LANES output channels. prepared.c includes
 * this file once for each width. TILE_FN names the functions of a width; its `transpose` is that of
 * parts, as in simd.h. */

#define tile_vec TILE_FN(vec)
#define tile_mask TILE_FN(mask)
typedef real tile_vec __attribute__((vector_size(TILE_LANES * sizeof(real))));
typedef mask_t tile_mask __attribute__((vector_size(TILE_LANES * sizeof(real))));

/* The maximum in each lane; NaN is larger than every number. */
static inline tile_vec TILE_FN(greater)(tile_vec a, tile_vec b) {
    const tile_mask take = (b > a) | (b != b);
    return (tile_vec)((take & (tile_mask)b) | (~take & (tile_mask)a));
}

/* Adds the bias; results <= 0 become 0 if `relu`. */
static inline tile_vec TILE_FN(finish)(tile_vec sum, tile_vec bias, int relu) {
    sum += bias;
    const tile_mask keep = ~(sum <= (tile_vec){0}) | (mask_t)(relu - 1);
    return (tile_vec)(keep & (tile_mask)sum);
}

/* relu of the maximum of four sums, and its position among them or POOL_DEAD. */
static inline tile_vec TILE_FN(pool_coded)(const tile_vec cells[4], tile_vec bias,
                                           tile_mask *code) {
    tile_vec best = cells[0] + bias;
    *code = (tile_mask){0};
    for (int k = 1; k < 4; k++) {
        const tile_vec cell = cells[k] + bias;
        const tile_mask take = (cell > best) | (cell != cell);
        best = (tile_vec)((take & (tile_mask)cell) | (~take & (tile_mask)best));
        *code = (take & k) | (~take & *code);
    }
    const tile_mask dead = best <= (tile_vec){0};
    *code = (dead & POOL_DEAD) | (~dead & *code);
    return (tile_vec)(~dead & (tile_mask)best);
}

/* Stores `count` pixels, whose lanes are output channels, to rows of `outputs` planes of y. Up to
 * `room` pixels of a plane may be overwritten, because later rows rewrite them. A loop for all
 * widths, because unrolled code would be as large as that of the sums. */
static __attribute__((noinline)) void TILE_FN(store_pixels)(const tile_vec *pixels, ptrdiff_t count,
                                                            ptrdiff_t room, ptrdiff_t outputs,
                                                            ptrdiff_t plane, real *y) {
    for (ptrdiff_t first = 0; first < count; first += PART) {
        tile_vec rows[PART];
        for (ptrdiff_t p = 0; p < PART; p++)
            rows[p] = first + p < count ? pixels[first + p] : (tile_vec){0};
        TILE_FN(transpose)(rows);
        if (first + PART <= room && outputs >= TILE_LANES) {
#pragma GCC unroll 16
            for (ptrdiff_t lane = 0; lane < TILE_LANES; lane++)
                memcpy(y + lane * plane + first,
                       (const real *)&rows[lane % PART] + lane / PART * PART, PART * sizeof(real));
            continue;
        }
#pragma GCC unroll 1
        for (ptrdiff_t lane = 0; lane < min_size(TILE_LANES, outputs); lane++)
            copy_run(y + lane * plane + first,
                     (const real *)&rows[lane % PART] + lane / PART * PART,
                     min_size(PART, (first + PART <= room ? PART : count - first)));
    }
}

/* Stores the codes of `count` pixels of a tile to rows of planes: the bytes of a lane, from the
 * lowest, are the codes of that plane. */
static inline void TILE_FN(store_codes)(const tile_mask parts[CODE_PARTS], ptrdiff_t count,
                                        ptrdiff_t room, const place_t *to, uint8_t *codes) {
    for (int lane = 0; lane < TILE_LANES && lane < to->outputs; lane++) {
        mask_t bytes[CODE_PARTS];
        for (int part = 0; part < CODE_PARTS; part++)
            bytes[part] = parts[part][lane];
        if ((ptrdiff_t)sizeof bytes <= room)
            memcpy(codes + lane * to->plane, bytes, sizeof bytes);
        else
            memcpy(codes + lane * to->plane, bytes, (size_t)count);
    }
}

/* Computes two rows of `pixels` outputs: sums over taps of filters[t][lane] * x[r * pitch + p +
 * offsets[t]], finished. Pooled ones are put to row[p], with codes to parts if `has_codes`; others
 * to row[r * span + p]. Inlined, so that `pixels` is part of the code. */
static inline __attribute__((always_inline)) void TILE_FN(tile)(const job_t *job,
                                                                const real *filters, const real *x,
                                                                const int pixels, ptrdiff_t span,
                                                                tile_vec *row, tile_mask *parts) {
    const ptrdiff_t *offsets = job->offsets, pitch = job->s.pitch;
    const tile_vec bias = *(const tile_vec *)filters;
    tile_vec sum[2][MAX_PIXELS] = {0};
    for (ptrdiff_t t = 0; t < job->taps; t++) {
        filters += TILE_LANES;
        const real *above = x + offsets[t], *below = above + pitch;
        __asm__("" : "+r"(above), "+r"(below)); /* else cells are kept in registers, and spilled */
        const tile_vec filter = *(const tile_vec *)filters;
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p++)
            sum[0][p] += filter * above[p];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p++)
            sum[1][p] += filter * below[p];
    }
    if (job->codes) {
#pragma GCC unroll 16
        for (int p = 0; p < pixels / 2; p++) {
            const tile_vec cells[] = {sum[0][2 * p], sum[0][2 * p + 1], sum[1][2 * p],
                                      sum[1][2 * p + 1]};
            tile_mask code;
            row[p] = TILE_FN(pool_coded)(cells, bias, &code);
            parts[p / CODES] |= code << (p % CODES * 8);
        }
        return;
    }
    if (job->pool) {
#pragma GCC unroll 16
        for (int p = 0; p < pixels / 2; p++) {
            tile_vec best = TILE_FN(greater)(sum[0][2 * p], sum[0][2 * p + 1]);
            best = TILE_FN(greater)(best, sum[1][2 * p]);
            best = TILE_FN(greater)(best, sum[1][2 * p + 1]);
            row[p] = TILE_FN(finish)(best, bias, job->relu);
        }
        return;
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; r++)
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p++)
            row[r * span + p] = TILE_FN(finish)(sum[r][p], bias, job->relu);
}

/* Computes two rows of x, and stores those of y that exist, tile by tile of even width. If a row is
 * odd, its last tile overlaps the one before it. */
static void TILE_FN(rows_of)(const job_t *job, const real *filters, const real *x, char *scratch,
                             const place_t *to) {
    const ptrdiff_t columns = to->row << job->pool, pairs = ceil_div(columns, 2);
    const ptrdiff_t tiles = ceil_div(columns, MAX_PIXELS), span = 2 * pairs;
    const ptrdiff_t each = pairs / tiles, more = pairs % tiles;
    tile_vec *row = (tile_vec *)scratch;
    for (ptrdiff_t tile = 0, begin = 0, width; tile < tiles; tile++, begin += width) {
        width = 2 * (each + (tile < more));
        const ptrdiff_t column = max_size(0, min_size(begin, columns - width));
        tile_mask parts[CODE_PARTS] = {0};
#define TILE_OF(pixels)                                                                            \
    case pixels:                                                                                   \
        TILE_FN(tile)(job, filters, x + column, pixels, span, row + (column >> job->pool), parts); \
        break;
        switch (width) {
            TILE_OF(2)
            TILE_OF(4)
            TILE_OF(6)
#if ISA_PREPARED_PIXELS >= 14
            TILE_OF(8)
            TILE_OF(10)
            TILE_OF(12)
            TILE_OF(14)
#endif
        }
#undef TILE_OF
        if (job->codes)
            TILE_FN(store_codes)(parts, width / 2, to->room - column / 2, to,
                                 job->codes + to->at + column / 2);
    }
    for (ptrdiff_t r = 0; r < to->rows; r++)
        TILE_FN(store_pixels)(row + r * span, to->row, to->room - r * to->row, to->outputs,
                              to->plane, job->y + to->at + r * to->row);
}

#undef tile_vec
#undef tile_mask
#undef TILE_FN
#undef TILE_LANES
