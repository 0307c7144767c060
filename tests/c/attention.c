/* Attention. */
#include "tests.h"

static const cnet_attention sizes_nlsed[] = {
    {1, 1, 1, 1, 1},     {2, 5, 7, 3, 4},   {0, 3, 4, 5, 6},     {2, 0, 4, 5, 6},
    {1, 3, 5, 0, 2},     {2, 3, 4, 5, 0},   {3, 17, 16, 16, 16}, {1, 13, 33, 8, 17},
    {1, 130, 40, 9, 49}, {2, 6, 600, 5, 9}, {1, 20, 7, 4, 3},
};
enum { SIZES = sizeof sizes_nlsed / sizeof sizes_nlsed[0] };

static void attention_case(const cnet_attention *g, int with_mask, int causal) {
    const double factor = 0.5;
    const ptrdiff_t queries = g->n * g->l * g->e, keys = g->n * g->s * g->e,
                    values = g->n * g->s * g->d, count = g->n * g->l * g->d;
    const double *q = randoms(queries), *k = randoms(keys), *v = randoms(values);
    const double *mask = with_mask ? randoms(g->l * g->s) : NULL;
    sum *y = sums(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t c = t % g->d, row = t / g->d, i = row % g->l, n = row / g->l;
        double total = 0, value = 0;
        for (ptrdiff_t j = 0; j < g->s && (!causal || j <= i); j++) {
            double score = mask ? mask[i * g->s + j] : 0;
            for (ptrdiff_t p = 0; p < g->e; p++)
                score += factor * q[row * g->e + p] * k[(n * g->s + j) * g->e + p];
            total += exp(score);
            value += exp(score) * v[(n * g->s + j) * g->d + c];
        }
        y[t] = (sum){value / total, 4, (double)(4 * g->e + g->s + 32)};
    }
    check(&(subject){
        .call = {CNET_KERNEL_attention, .attention = {.g = *g, .causal = causal, .factor = factor}},
        .in = {{queries, q}, {keys, k}, {values, v}, {g->l * g->s, mask}},
        .out = {{count, y}},
    });
}

void test_attention(void) {
    for (int t = 0; t < SIZES; t++)
        for (int options = 0; options < 4; options++) {
            const cnet_attention *g = &sizes_nlsed[t];
            describe("n=%td l=%td s=%td e=%td d=%td, options %d", g->n, g->l, g->s, g->e, g->d,
                     options);
            attention_case(g, options & 1, options >> 1);
        }
}
