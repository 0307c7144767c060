/* Averages of values, weighted by the softmax of products of queries and keys. */
#include "exponentials.h"
#include "gemm/product.h"

/* Queries for which keys and values are packed once, the keys of one sum, and the products that are
 * enough for a chunk. */
enum {
    TILE_SIZE = TILE_ROWS * TILE_COLS,
    BLOCK_ROWS = 16 * TILE_ROWS,
    DEPTH = 512,
    PRODUCTS_PER_CHUNK = 1 << 18
};

typedef struct {
    const real *q, *k, *v, *mask;
    real *y;
    cnet_attention g;
    int causal;
    real factor;
    real *workspace;
    ptrdiff_t blocks, together; /* blocks of rows of a matrix, blocks of a chunk */
} job_t;

/* The workspace of a thread: panels of keys and of values, and a tile of queries and its scores. */
typedef struct {
    real *keys, *values, *scores, *queries;
} parts_t;

static ptrdiff_t scores_width(const cnet_attention *g) { return round_up(g->s, TILE_COLS); }

static ptrdiff_t values_size(const cnet_attention *g) { return g->s * round_up(g->d, TILE_COLS); }

/* Numbers in the workspace of a thread. */
static ptrdiff_t workspace_size(const cnet_attention *g) {
    return scores_width(g) * (g->e + TILE_ROWS) + values_size(g) +
           round_up(TILE_ROWS * g->e, TILE_COLS);
}

/* A tile; not inlined, because both products need it. */
static __attribute__((noinline)) void multiply(ptrdiff_t depth, const real *a, ptrdiff_t row_step,
                                               const real *b, real *to, ptrdiff_t to_step) {
    multiply_fetching(depth, TILE_ROWS, a, row_step, 1, b, TILE_COLS, TILE_VECTORS, NULL,
                      (fetch){0}, (target){to, to_step, 0});
}

/* Panels of TILE_COLS keys, zeros beyond the last one: to[t * TILE_COLS + j] is element t. */
static void pack_keys(const real *k, ptrdiff_t s, ptrdiff_t e, real *to) {
    for (ptrdiff_t j = 0; j < round_up(s, TILE_COLS); j++) {
        real *panel = to + j / TILE_COLS * TILE_COLS * e + j % TILE_COLS;
        for (ptrdiff_t t = 0; t < e; t++)
            panel[t * TILE_COLS] = j < s ? k[j * e + t] : 0;
    }
}

/* Panels of TILE_COLS columns, zeros beyond the last one. */
static void pack_values(const real *v, ptrdiff_t s, ptrdiff_t d, real *to) {
    for (ptrdiff_t c = 0; c < d; c += LANES)
        for (ptrdiff_t j = 0; j < s; j++)
            store(to + ((c / TILE_COLS * s + j) * TILE_COLS + c % TILE_COLS),
                  load_run(v + (j * d + c), d - c));
}

/* Scales the products of row i and the first `count` keys, and adds the mask, or -inf up to a
 * vector; returns the greatest score. */
static real scale_scores(const job_t *job, real *scores, ptrdiff_t i, ptrdiff_t count) {
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        vec at = load(scores + t) * job->factor;
        if (job->mask)
            at += load_run(job->mask + (i * job->g.s + t), count - t);
        store(scores + t, at);
    }
    for (ptrdiff_t t = count; t % LANES; t++)
        scores[t] = -REAL_INFINITY;
    vec greatest = load(scores);
    for (ptrdiff_t t = LANES; t < count; t += LANES)
        greatest = greater_of(greatest, load(scores + t));
    for (ptrdiff_t lanes = LANES; lanes > 1; lanes /= 2)
        greatest = greater_of(evens(greatest, greatest), odds(greatest, greatest));
    return greatest[0];
}

/* Replaces scores by their exponentials; returns the sum. */
static real weigh(real *scores, real greatest, ptrdiff_t count) {
    vec sum = {0};
    for (ptrdiff_t t = 0; t < count; t += LANES) {
        const vec power = power_of(load(scores + t) - greatest);
        store(scores + t, power);
        sum += power;
    }
    for (ptrdiff_t lanes = LANES; lanes > 1; lanes /= 2)
        sum = evens(sum, sum) + odds(sum, sum);
    return sum[0];
}

/* The number of keys that row i uses. */
static ptrdiff_t keys_of(const job_t *job, ptrdiff_t i) {
    return job->causal ? min_size(job->g.s, i + 1) : job->g.s;
}

/* Rows i to i + rows of a matrix, whose keys and values are packed. */
static void attend(const job_t *job, const parts_t *own, const real *q, real *y, ptrdiff_t i,
                   ptrdiff_t rows) {
    const cnet_attention g = job->g;
    const ptrdiff_t width = scores_width(&g);
    const ptrdiff_t shared = keys_of(job, i), last = keys_of(job, i + rows - 1);
    real greatest[TILE_ROWS], inverse[TILE_ROWS];
    const real *queries = q + i * g.e;
    if (rows < TILE_ROWS) {
        memset(own->queries, 0, (size_t)(TILE_ROWS * g.e) * sizeof(real));
        queries = memcpy(own->queries, queries, (size_t)(rows * g.e) * sizeof(real));
    }
    for (ptrdiff_t t = 0; t < last; t += TILE_COLS)
        multiply(g.e, queries, g.e, own->keys + t * g.e, own->scores + t, width);
    for (ptrdiff_t r = 0; r < rows; r++)
        greatest[r] = scale_scores(job, own->scores + r * width, i + r, keys_of(job, i + r));
    for (ptrdiff_t r = 0; r < rows; r++)
        inverse[r] = 1 / weigh(own->scores + r * width, greatest[r], keys_of(job, i + r));
    for (ptrdiff_t c = 0; c < g.d; c += TILE_COLS) {
        const real *values = own->values + c * g.s;
        _Alignas(VECTOR_BYTES) real tile[TILE_SIZE], total[TILE_SIZE] = {0};
        for (ptrdiff_t t = 0; t < shared; t += DEPTH) {
            multiply(min_size(DEPTH, shared - t), own->scores + t, width, values + t * TILE_COLS,
                     tile, TILE_COLS);
            for (ptrdiff_t at = 0; at < TILE_SIZE; at += LANES)
                store(total + at, load(total + at) + load(tile + at));
        }
        for (ptrdiff_t r = 0; r < rows; r++)
            for (ptrdiff_t at = 0; at < min_size(TILE_COLS, g.d - c); at += LANES) {
                vec sum = load(total + (r * TILE_COLS + at));
                for (ptrdiff_t t = shared; t < keys_of(job, i + r); t++)
                    sum += own->scores[r * width + t] * load(values + (t * TILE_COLS + at));
                store_run(y + ((i + r) * g.d + c + at), sum * inverse[r], g.d - c - at);
            }
    }
}

static void attention_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_attention g = job->g;
    parts_t own = {.keys = job->workspace + slot * workspace_size(&g)};
    own.values = own.keys + scores_width(&g) * g.e;
    own.scores = own.values + values_size(&g);
    own.queries = own.scores + scores_width(&g) * TILE_ROWS;
    const ptrdiff_t end = min_size(g.n * job->blocks, (chunk + 1) * job->together);
    ptrdiff_t packed = -1;
    for (ptrdiff_t block = chunk * job->together; block < end; block++) {
        const ptrdiff_t matrix = block / job->blocks, first = block % job->blocks * BLOCK_ROWS;
        if (matrix != packed) {
            pack_keys(job->k + matrix * g.s * g.e, g.s, g.e, own.keys);
            pack_values(job->v + matrix * g.s * g.d, g.s, g.d, own.values);
            packed = matrix;
        }
        for (ptrdiff_t i = first; i < min_size(g.l, first + BLOCK_ROWS); i += TILE_ROWS)
            attend(job, &own, job->q + matrix * g.l * g.e, job->y + matrix * g.l * g.d, i,
                   min_size(TILE_ROWS, g.l - i));
    }
}

size_t CNET_FN(attention_workspace)(cnet_call *call) {
    return (size_t)(workspace_size(&call->attention.g) * call->threads) * sizeof(real);
}

/* y[n, i] = sum over j of w[n, i, j] * v[n, j], w[n, i] = softmax over j of factor * (q[n, i] .
 * k[n, j]) + mask[i, j].
 *
 * q (n, l, e), k (n, s, e), v (n, s, d), mask (l, s) or NULL, y (n, l, d); s is at least 1.
 * Overwrites y, which overlaps no other array. With `causal`, row i uses only the keys j <= i, and
 * reads no other values. Where there is NaN or +inf, or only -inf, among the scores of a row, its
 * results are NaN; weights that would be subnormal before the division count as 0. Sums over j are
 * added in blocks of DEPTH keys. Parallel over blocks of rows. Workspace: for each thread, the keys
 * and values of a matrix, and the scores of a tile of rows. */
void CNET_FN(attention)(const cnet_call *call) {
    const cnet_attention_arguments *a = &call->attention;
    const cnet_attention g = a->g;
    const ptrdiff_t products = max_size(1, min_size(g.l, BLOCK_ROWS) * g.s * (g.e + g.d));
    job_t job = {
        .q = a->q,
        .k = a->k,
        .v = a->v,
        .mask = a->mask,
        .y = a->y,
        .g = g,
        .causal = a->causal != 0,
        .factor = (real)a->factor,
        .workspace = (real *)call->workspace,
        .blocks = ceil_div(g.l, BLOCK_ROWS),
        .together = max_size(1, PRODUCTS_PER_CHUNK / products),
    };
    cnet_parallel(attention_chunk, &job, ceil_div(g.n * job.blocks, job.together), call->threads);
}
