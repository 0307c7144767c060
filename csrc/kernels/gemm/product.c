/* The blocked matrix product: packs the panels of each slab and chunk (split.h), multiplies them
 * tile by tile, and stores the strips. */
#include "gemm/split.h"
#include "streams.h"

enum {
    PACKED_TILES = 8, /* that a chunk packs for all */
    ENOUGH_PRODUCTS = 1 << 17,
    LINE_CELLS = 64 / sizeof(real)
};

static size_t min_bytes(size_t a, size_t b) { return a < b ? a : b; }
static size_t max_bytes(size_t a, size_t b) { return a > b ? a : b; }

static size_t bytes_of(ptrdiff_t elements) {
    return (size_t)round_up(elements * (ptrdiff_t)sizeof(real), CNET_ALIGNMENT);
}

/* Bytes that a chunk needs for the panels it packs itself. */
static size_t own_a_bytes(const plan *s, ptrdiff_t depth) {
    return bytes_of(s->a_lanes ? 0 : round_up(s->rows, TILE_ROWS) * depth);
}
static size_t own_b_bytes(const plan *s, ptrdiff_t depth) {
    return bytes_of((s->b_lanes ? TILE_COLS : STRIP_COLS) * depth);
}
static size_t own_bytes(const plan *s, ptrdiff_t depth) {
    return own_a_bytes(s, depth) + own_b_bytes(s, depth);
}

static size_t slab_bytes(ptrdiff_t lanes, ptrdiff_t batches, ptrdiff_t depth) {
    return bytes_of(lanes * batches * depth);
}

static ptrdiff_t largest_block(ptrdiff_t k) {
    return min_size(DEPTH, round_up(at_least_1(k), LANES));
}

static size_t bytes_in_slabs(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int threads,
                             int a_in_place) {
    const plan s = plan_of(batch, m, n, min_size(k, DEPTH), threads, a_in_place);
    const ptrdiff_t depth = largest_block(k), lanes = s.a_lanes + s.b_lanes;
    const size_t slab = min_bytes(slab_bytes(lanes, batch, round_up(k, LANES)),
                                  max_bytes(SLAB_BYTES, slab_bytes(lanes, 1, depth)));
    return slab + CNET_ALIGNMENT + (size_t)threads * own_bytes(&s, depth);
}

/* Also enough for every smaller depth, because it is a sum of bounds that grow with the depth, and
 * for fewer threads, because it is the maximum over their splits. */
size_t CNET_FN(product_workspace)(ptrdiff_t batch, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                  int threads) {
    if (batch == 0 || m == 0 || n == 0)
        return 0;
    const ptrdiff_t parts = parts_of(batch, m, n, k);
    const plan s = whole(batch, m, k);
    size_t in_parts = 0, in_slabs = 0;
    if (parts > 1)
        in_parts =
            bytes_of(batch * parts * m * n) + (size_t)threads * own_bytes(&s, largest_block(k));
    for (int power = 1; power <= rounded_up(threads); power *= 2)
        for (int a_in_place = 0; a_in_place < 2; a_in_place++)
            in_slabs =
                max_bytes(in_slabs, bytes_in_slabs(batch, m, n, k,
                                                   power < threads ? power : threads, a_in_place));
    return max_bytes(in_parts, in_slabs);
}

/* ---- One slab ------------------------------------------------------------------------- */

typedef struct {
    const product *q;
    plan s;
    int share_a, share_b;             /* whether they are packed for all, and not read in place */
    ptrdiff_t b0, b1, i0, i1, p0, p1; /* the slab */
    real *a, *b, *parts;
    char *own;
    int threads;
} job_t;

/* The panels of a slab are stored block by block, the panels of a block one after the other. */
static real *shared_a(const job_t *job, ptrdiff_t b, ptrdiff_t i, ptrdiff_t p, ptrdiff_t depth) {
    const ptrdiff_t lanes = round_up(job->i1 - job->i0, TILE_ROWS);
    return job->a + ((b - job->b0) * (job->p1 - job->p0) + p - job->p0) * lanes +
           (i - job->i0) * depth;
}

static real *shared_b(const job_t *job, ptrdiff_t b, ptrdiff_t j, ptrdiff_t p, ptrdiff_t depth) {
    const ptrdiff_t lanes = round_up(job->q->n, TILE_COLS);
    return job->b + ((b - job->b0) * (job->p1 - job->p0) + p - job->p0) * lanes + j * depth;
}

static ptrdiff_t products_of(const job_t *job) { return job->b1 - job->b0; }

static ptrdiff_t shared_panels(const job_t *job) {
    return (job->share_a ? ceil_div(job->i1 - job->i0, PACKED_TILES * TILE_ROWS) : 0) +
           (job->share_b ? ceil_div(job->q->n, STRIP_COLS) : 0);
}

static ptrdiff_t packing_chunks(const job_t *job) {
    return products_of(job) * ceil_div(job->p1 - job->p0, job->s.depth) * shared_panels(job);
}

static void pack_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const product *q = job->q;
    const ptrdiff_t each = shared_panels(job), blocks = ceil_div(job->p1 - job->p0, job->s.depth);
    const ptrdiff_t first_b = job->share_b ? each - ceil_div(q->n, STRIP_COLS) : each;
    const ptrdiff_t b = job->b0 + chunk / each / blocks;
    const ptrdiff_t p = job->p0 + chunk / each % blocks * job->s.depth;
    const ptrdiff_t depth = min_size(job->s.depth, job->p1 - p), panel = chunk % each;
    if (panel >= first_b) {
        const ptrdiff_t j = (panel - first_b) * STRIP_COLS;
        q->pack_b(q, b, p, depth, j, min_size(STRIP_COLS, q->n - j), shared_b(job, b, j, p, depth));
        return;
    }
    const ptrdiff_t first = job->i0 + panel * PACKED_TILES * TILE_ROWS;
    const ptrdiff_t end = min_size(job->i1, first + PACKED_TILES * TILE_ROWS);
    for (ptrdiff_t i = first; i < end; i += TILE_ROWS)
        q->pack_a(q, b, i, min_size(TILE_ROWS, job->i1 - i), p, depth,
                  shared_a(job, b, i, p, depth));
}

static inline __attribute__((always_inline)) void multiply(ptrdiff_t depth, const int rows,
                                                           const strided *a, const strided *b,
                                                           ptrdiff_t cols, const fetch *ahead,
                                                           const target *to) {
    if (a->step == TILE_ROWS && a->lane == 1)
        multiply_columns(depth, rows, a->at, 1, TILE_ROWS, b->at, b->step, cols, *ahead, *to);
    else
        multiply_columns(depth, rows, a->at, a->lane, a->step, b->at, b->step, cols, *ahead, *to);
}

/* By pointers: copies of operands that were just written would wait for the stores. */
static void multiply_tile(ptrdiff_t depth, const strided *a, const strided *b, ptrdiff_t cols,
                          const fetch *ahead, const target *to) {
    multiply(depth, TILE_ROWS, a, b, cols, ahead, to);
}

static void multiply_short(ptrdiff_t depth, const strided *a, const strided *b, ptrdiff_t cols,
                           const fetch *ahead, const target *to) {
    multiply(depth, SHORT_ROWS, a, b, cols, ahead, to);
}

/* The same for a whole panel of B that is read in place, and copied to `copy`. */
static void multiply_copying(ptrdiff_t depth, const strided *a, const strided *b, real *copy,
                             const fetch *ahead, const target *to) {
    multiply_fetching(depth, TILE_ROWS, a->at, a->lane, a->step, b->at, b->step, TILE_VECTORS, copy,
                      *ahead, *to);
}

/* The work of a chunk: C[b](i0..i1, j0..j1), summed over p0..p1. */
typedef struct {
    ptrdiff_t b, part, i0, i1, j0, j1, p0, p1;
    real *a, *b_panels;
} work;

static ptrdiff_t multiplying_chunks(const job_t *job) {
    return products_of(job) * job->s.parts * ceil_div(job->i1 - job->i0, job->s.rows) *
           job->s.col_chunks;
}

/* Where part i of a length begins that is cut into parts of whole tiles, as equal as possible. */
static ptrdiff_t cut(ptrdiff_t length, ptrdiff_t tile, ptrdiff_t i, ptrdiff_t parts) {
    return min_size(length, ceil_div(length, tile) * i / parts * tile);
}

/* Chunks with the same columns follow each other: their part of B is still in a cache. */
static work work_of(const job_t *job, ptrdiff_t chunk) {
    const plan *s = &job->s;
    const ptrdiff_t rows = job->i1 - job->i0, cols = job->q->n;
    const ptrdiff_t row_blocks = ceil_div(rows, s->rows), col_blocks = s->col_chunks;
    const ptrdiff_t number = chunk / row_blocks / col_blocks;
    const ptrdiff_t i = chunk % row_blocks, j = chunk / row_blocks % col_blocks;
    work w = {
        .b = job->b0 + number / s->parts,
        .part = number % s->parts,
        .i0 = job->i0 + cut(rows, TILE_ROWS, i, row_blocks),
        .i1 = job->i0 + cut(rows, TILE_ROWS, i + 1, row_blocks),
        .j0 = cut(cols, TILE_COLS, j, col_blocks),
        .j1 = cut(cols, TILE_COLS, j + 1, col_blocks),
    };
    w.p0 = s->parts == 1 ? job->p0 : w.part * s->part_depth;
    w.p1 = s->parts == 1 ? job->p1 : min_size(job->q->k, w.p0 + s->part_depth);
    return w;
}

static strided panel_of_a(const job_t *job, const work *w, ptrdiff_t i, ptrdiff_t p,
                          ptrdiff_t depth) {
    const product *q = job->q;
    if (q->a.at) {
        const ptrdiff_t distance = q->a_distance ? q->a_distance(q, w->b) : 0;
        return (strided){q->a.at + (distance + i * q->a.lane + p * q->a.step), q->a.lane,
                         q->a.step};
    }
    real *at = job->share_a ? shared_a(job, w->b, i, p, depth) : w->a + (i - w->i0) * depth;
    return (strided){at, 1, TILE_ROWS};
}

static void pack_own_a(const job_t *job, const work *w, ptrdiff_t p, ptrdiff_t depth) {
    const product *q = job->q;
    for (ptrdiff_t i = w->i0; i < w->i1 && !job->share_a && !q->a.at; i += TILE_ROWS)
        q->pack_a(q, w->b, i, min_size(TILE_ROWS, w->i1 - i), p, depth, w->a + (i - w->i0) * depth);
}

/* The rows of the next tile if so many are left. Two short tiles replace a whole one and one that
 * would be short of rows, unless A is packed for whole tiles. */
static ptrdiff_t rows_of_tile(const product *q, ptrdiff_t left) {
    const int two_are_short = TILE_ROWS < 2 * SHORT_ROWS && left == 2 * SHORT_ROWS;
    return q->a.at && two_are_short ? SHORT_ROWS : min_size(TILE_ROWS, left);
}

/* The columns of the panels that are copied while the first tiles are computed, so many from j0 on.
 */
static ptrdiff_t copied_columns(const job_t *job, const work *w, ptrdiff_t j0, ptrdiff_t j1) {
    const product *q = job->q;
    const int copies =
        q->has_rows && !job->share_b && !q->b.at && rows_of_tile(q, w->i1 - w->i0) == TILE_ROWS;
    return copies ? (j1 - j0) / TILE_COLS * TILE_COLS : 0;
}

/* Finds the panels of the columns j0..j1 of B; packs those that are neither shared nor in place nor
 * copied later. */
static void find_panels(const job_t *job, const work *w, ptrdiff_t j0, ptrdiff_t j1, ptrdiff_t p,
                        ptrdiff_t depth, strided panels[STRIP_PANELS]) {
    const product *q = job->q;
    const ptrdiff_t rest = (j1 - j0) % TILE_COLS;
    const ptrdiff_t first = !q->b.at ? j0 : rest % LANES ? j1 - rest : j1; /* not in place */
    const ptrdiff_t distance = q->b_distance ? q->b_distance(q, w->b) : 0;
    const ptrdiff_t copied = copied_columns(job, w, j0, j1);
    const real *at = w->b_panels;
    if (job->share_b)
        at = shared_b(job, w->b, j0, p, depth);
    else if (first + copied < j1)
        q->pack_b(q, w->b, p, depth, first + copied, j1 - first - copied,
                  w->b_panels + copied * depth);
    for (ptrdiff_t j = j0; j < j1; j += TILE_COLS)
        *panels++ = j < first ? (strided){q->b.at + (distance + p * q->b.step + j), 1, q->b.step}
                              : (strided){at + (j - first) * depth, 1, TILE_COLS};
}

/* Cells that will be needed soon: `rows` rows, `step` apart, of so many cache lines. Each of the
 * tiles of a strip prefetches one line of the next `share` rows. */
typedef struct {
    const real *at;
    ptrdiff_t step, rows, lines, share;
    ptrdiff_t row, line; /* where the next tile begins */
} soon;

static soon soon_of(const real *at, ptrdiff_t step, ptrdiff_t rows, ptrdiff_t lines,
                    ptrdiff_t tiles) {
    if (tiles < lines)
        return (soon){0};
    return (soon){at, step, rows, lines, ceil_div(rows, tiles / lines), 0, 0};
}

/* The columns of B that the next strip of this thread will copy. */
static soon next_columns(const job_t *job, work w, ptrdiff_t j, ptrdiff_t p, ptrdiff_t chunk,
                         ptrdiff_t tiles) {
    const product *q = job->q;
    if (!q->find_b || job->share_b)
        return (soon){0};
    j += STRIP_COLS;
    if (j >= w.j1) {
        j = w.j0;
        p += job->s.depth;
    }
    if (p >= w.p1) {
        chunk += job->threads;
        if (chunk >= multiplying_chunks(job))
            return (soon){0};
        w = work_of(job, chunk);
        j = w.j0;
        p = w.p0;
    }
    const strided b = q->find_b(q, w.b, p, j);
    const ptrdiff_t cols = min_size(STRIP_COLS, w.j1 - j);
    const ptrdiff_t depth = min_size(job->s.depth, w.p1 - p);
    if (b.lane == 1)
        return soon_of(b.at, b.step, depth, ceil_div(cols, LINE_CELLS), tiles);
    return soon_of(b.at, b.lane, cols, ceil_div(depth, LINE_CELLS), tiles);
}

static fetch next_share(soon *s) {
    if (!s->at)
        return (fetch){0};
    const fetch next = {s->at + s->row * s->step + s->line * LINE_CELLS, s->step,
                        min_size(s->share, s->rows - s->row)};
    if (++s->line == s->lines) {
        s->line = 0;
        s->row += s->share;
    }
    return next;
}

static void fetch_strip(const job_t *job, const work *w, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                        ptrdiff_t cols, int is_complete) {
    const product *q = job->q;
    if (!q->find_c || job->s.parts > 1 || (q->streams && is_complete))
        return;
    const strided c = q->find_c(q, w->b, i, j);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t s = 0; s < cols; s += LINE_CELLS)
            __builtin_prefetch(c.at + (r * c.step + s), 1, 3);
}

static void store_strip(const job_t *job, const work *w, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j,
                        ptrdiff_t cols, const real *strip, int first, int last) {
    const product *q = job->q;
    if (job->s.parts == 1) {
        q->store(q, w->b, i, rows, j, cols, strip, first, last);
        return;
    }
    real *c = job->parts + (((w->b * job->s.parts + w->part) * q->m + i) * q->n + j);
    for (ptrdiff_t r = 0; r < rows; r++)
        put_row(c + r * q->n, strip + r * STRIP_COLS, cols, first);
}

/* Where a strip of C is written directly; nowhere if `store` is needed. */
static strided direct_part(const job_t *job, const work *w, ptrdiff_t i, ptrdiff_t rows,
                           ptrdiff_t j, ptrdiff_t cols) {
    const product *q = job->q;
    const int whole_tiles = (rows == TILE_ROWS || rows == SHORT_ROWS) && cols % LANES == 0;
    if (!q->is_direct || !whole_tiles || job->s.parts > 1)
        return (strided){0};
    const strided c = q->find_c(q, w->b, i, j), last = q->find_c(q, w->b, i, j + cols - 1);
    return last.at - c.at == cols - 1 ? c : (strided){0};
}

/* C(i0..i1, j0..j1), strips of the same columns, over one block of the depth. */
static void multiply_strips(const job_t *job, const work *w, ptrdiff_t j0, ptrdiff_t j1,
                            ptrdiff_t p, ptrdiff_t depth, ptrdiff_t chunk) {
    _Alignas(CNET_ALIGNMENT) real strip[TILE_ROWS * STRIP_COLS];
    strided b[STRIP_PANELS];
    const ptrdiff_t panels = ceil_div(j1 - j0, TILE_COLS), begin = w->part * job->s.part_depth;
    const ptrdiff_t tiles = ceil_div(w->i1 - w->i0, TILE_ROWS) * panels;
    const int first = p == begin,
              last = p + depth == min_size(job->q->k, begin + job->s.part_depth);
    soon next = next_columns(job, *w, j0, p, chunk, tiles);
    const ptrdiff_t copied = copied_columns(job, w, j0, j1);
    find_panels(job, w, j0, j1, p, depth, b);
    for (ptrdiff_t i = w->i0, rows; i < w->i1; i += rows) {
        rows = rows_of_tile(job->q, w->i1 - i);
        const int is_short = rows <= SHORT_ROWS;
        /* At the end of an A in place, a tile begins with rows that are already computed. */
        const ptrdiff_t excess = i + (is_short ? SHORT_ROWS : TILE_ROWS) - job->q->m;
        const ptrdiff_t again = job->q->a.at ? max_size(0, excess) : 0;
        const strided a = panel_of_a(job, w, i - again, p, depth);
        const strided c = direct_part(job, w, i, rows, j0, j1 - j0);
        target to = {strip, STRIP_COLS, 0};
        if (c.at)
            to = (target){(real *)c.at, c.step, !first};
        fetch_strip(job, w, i, rows, j0, j1 - j0, first && last);
        for (ptrdiff_t number = 0; number < panels; number++, to.at += TILE_COLS) {
            const fetch ahead = next_share(&next);
            const ptrdiff_t j = number * TILE_COLS;
            if (i == w->i0 && j < copied) {
                const strided rows_of_b = job->q->find_b(job->q, w->b, p, j0 + j);
                multiply_copying(depth, &a, &rows_of_b, w->b_panels + j * depth, &ahead, &to);
                continue;
            }
            (is_short ? multiply_short : multiply_tile)(depth, &a, &b[number], j1 - j0 - j, &ahead,
                                                        &to);
        }
        if (!c.at)
            store_strip(job, w, i, rows, j0, j1 - j0, strip + again * STRIP_COLS, first, last);
    }
}

static void multiply_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const plan *s = &job->s;
    char *own = job->own + (size_t)slot * own_bytes(s, s->depth);
    work w = work_of(job, chunk);
    w.a = (real *)own;
    w.b_panels = (real *)(own + own_a_bytes(s, s->depth));
    for (ptrdiff_t p = w.p0; p < w.p1; p += s->depth) {
        const ptrdiff_t depth = min_size(s->depth, w.p1 - p);
        pack_own_a(job, &w, p, depth);
        for (ptrdiff_t j = w.j0; j < w.j1; j += STRIP_COLS)
            multiply_strips(job, &w, j, min_size(w.j1, j + STRIP_COLS), p, depth, chunk);
    }
    if (job->q->streams)
        end_streams();
}

/* ---- What is done with all tiles ------------------------------------------------------- */

/* One row of tiles: adds its parts in order. With depth 0 there are no parts, and C is 0. */
static void finish_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const product *q = job->q;
    const ptrdiff_t parts = q->k ? job->s.parts : 0;
    const ptrdiff_t b = job->b0, i = chunk * TILE_ROWS;
    const ptrdiff_t rows = min_size(TILE_ROWS, q->m - i);
    for (ptrdiff_t j = 0; j < q->n; j += STRIP_COLS) {
        _Alignas(CNET_ALIGNMENT) real strip[TILE_ROWS * STRIP_COLS] = {0};
        const ptrdiff_t cols = min_size(STRIP_COLS, q->n - j);
        for (ptrdiff_t part = 0; part < parts; part++)
            for (ptrdiff_t r = 0; r < rows; r++)
                put_row(strip + r * STRIP_COLS,
                        job->parts + (((b * parts + part) * q->m + i + r) * q->n + j), cols,
                        part == 0);
        q->store(q, b, i, rows, j, cols, strip, 1, 1);
    }
    if (q->streams)
        end_streams();
}

static job_t make_job(const product *q, plan s, char *workspace) {
    const size_t a_bytes = slab_bytes(s.a_lanes, s.batches, s.slab_depth);
    const size_t b_bytes = slab_bytes(s.b_lanes, s.batches, s.slab_depth);
    const size_t parts_bytes = s.parts == 1 ? 0 : bytes_of(q->batch * s.parts * q->m * q->n);
    return (job_t){
        .q = q,
        .s = s,
        .share_a = s.a_lanes && !q->a.at,
        .share_b = s.b_lanes && !q->b.at,
        .a = (real *)workspace,
        .b = (real *)(workspace + a_bytes),
        .parts = (real *)(workspace + (a_bytes + b_bytes)),
        .own = workspace + (a_bytes + b_bytes + parts_bytes),
    };
}

static void run(const product *q, const plan *s, job_t *job, ptrdiff_t b0, ptrdiff_t b1,
                int threads) {
    job->threads = threads;
    for (job->b0 = b0; job->b0 < b1; job->b0 = job->b1) {
        job->b1 = min_size(b1, job->b0 + s->batches);
        for (job->i0 = 0; job->i0 < q->m; job->i0 = job->i1) {
            job->i1 = min_size(q->m, job->i0 + s->slab_rows);
            for (job->p0 = 0; job->p0 < q->k; job->p0 = job->p1) {
                job->p1 = min_size(q->k, job->p0 + s->slab_depth);
                cnet_parallel(pack_chunk, job, packing_chunks(job), threads);
                cnet_parallel(multiply_chunk, job, multiplying_chunks(job), threads);
            }
        }
    }
    if (s->parts > 1 || q->k == 0)
        for (ptrdiff_t b = b0; b < b1; b++) {
            job->b0 = b;
            cnet_parallel(finish_chunk, job, ceil_div(q->m, TILE_ROWS), threads);
        }
}

void CNET_FN(product)(const product *q, const cnet_call *call) {
    if (q->batch == 0 || q->m == 0 || q->n == 0)
        return;
    const int few = q->batch * q->m * q->n * q->k < ENOUGH_PRODUCTS;
    const int threads = few ? 1 : call->threads;
    const plan s = plan_of(q->batch, q->m, q->n, q->k, threads, q->a.at != NULL);
    job_t job = make_job(q, s, call->workspace);
    run(q, &s, &job, 0, q->batch, threads);
}

size_t CNET_FN(serial_product_workspace)(ptrdiff_t m, ptrdiff_t k) {
    const plan s = whole(1, m, k);
    return own_bytes(&s, largest_block(k));
}

void CNET_FN(serial_product)(const product *q, ptrdiff_t b, char *workspace) {
    const plan s = whole(1, q->m, q->k);
    job_t job = make_job(q, s, workspace);
    run(q, &s, &job, b, b + 1, 1);
}
