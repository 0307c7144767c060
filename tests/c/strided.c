/* Arithmetic and copies with strides. */
#include "check.h"
#include "tests.h"

typedef struct {
    cnet_pair g;
    ptrdiff_t a, b; /* elements of both arrays */
} pair_case;

static const pair_case pairs[] = {
    /* both contiguous; the first or the second repeated */
    {{2, 1, 1, 1, 35, 35, 0, 0, 0, 1, 35, 0, 0, 0, 1, 0, 0}, 70, 70},
    {{2, 1, 1, 3, 17, 51, 0, 0, 17, 1, 3, 0, 0, 1, 0, 0, 0}, 102, 6},
    {{2, 1, 1, 3, 17, 0, 0, 0, 1, 0, 51, 0, 0, 17, 1, 0, 0}, 3, 102},
    /* transposed, reversed, with a step */
    {{2, 1, 3, 4, 5, 60, 0, 1, 15, 3, 60, 0, 20, 5, 1, 0, 0}, 120, 120},
    {{3, 1, 1, 2, 4, 16, 0, 0, 8, -2, 8, 0, 0, 4, 1, 7, 0}, 48, 24},
    {{2, 2, 3, 4, 70, 1680, 840, 280, 70, 1, 1680, 840, 280, 70, 1, 0, 0}, 3360, 3360},
    {{1, 1, 1, 700, 60, 0, 0, 0, 60, 1, 0, 0, 0, 60, 1, 0, 0}, 42000, 42000},
    {{1, 1, 1, 2, 70000, 0, 0, 0, 70000, -1, 0, 0, 0, 70000, 1, 69999, 0}, 140000, 140000},
    {{2, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0}, 1, 1},
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

typedef void visitor(ptrdiff_t number, ptrdiff_t a, ptrdiff_t b, void *data);

static ptrdiff_t visit(const cnet_pair *g, visitor *each, void *data) {
    ptrdiff_t number = 0;
    for (ptrdiff_t n = 0; n < g->n; n++)
        for (ptrdiff_t i = 0; i < g->s1; i++)
            for (ptrdiff_t j = 0; j < g->s2; j++)
                for (ptrdiff_t k = 0; k < g->s3; k++)
                    for (ptrdiff_t t = 0; t < g->s4; t++, number++)
                        each(
                            number,
                            g->a_first + n * g->a_n + i * g->a1 + j * g->a2 + k * g->a3 + t * g->a4,
                            g->b_first + n * g->b_n + i * g->b1 + j * g->b2 + k * g->b3 + t * g->b4,
                            data);
    return number;
}

typedef struct {
    const double *a, *b;
    sum *y;
    int operation;
} visited;

static void compute(ptrdiff_t number, ptrdiff_t a, ptrdiff_t b, void *data) {
    const visited *v = data;
    const double x = v->a[a], z = v->b[b];
    v->y[number].value = v->operation == CNET_ADD   ? x + z
                         : v->operation == CNET_SUB ? x - z
                         : v->operation == CNET_MUL ? x * z
                                                    : x / z;
}

static void copy(ptrdiff_t number, ptrdiff_t a, ptrdiff_t b, void *data) {
    (void)number;
    const visited *v = data;
    v->y[b].value = v->a[a];
}

/* The numbers 1, 2, 4 and 8: results are exact. */
static double *powers(ptrdiff_t count) {
    double *values = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++)
        values[t] = (double)(1 << random_size(0, 3));
    return values;
}

void test_arithmetic(void) {
    for (int i = 0; i < PAIRS; i++)
        for (int operation = CNET_ADD; operation <= CNET_DIV; operation++) {
            const pair_case *p = &pairs[i];
            const ptrdiff_t count = p->g.n * p->g.s1 * p->g.s2 * p->g.s3 * p->g.s4;
            describe("pair %d operation %d", i, operation);
            const visited v = {powers(p->a), powers(p->b), sums(count), operation};
            visit(&p->g, compute, (void *)&v);
            check(&(subject){
                .call = {CNET_KERNEL_arithmetic, .arithmetic = {.g = p->g, .operation = operation}},
                .in = {{p->a, v.a}, {p->b, v.b}},
                .out = {{count, v.y, NULL}},
            });
        }
}

void test_strided_copy(void) {
    for (int i = 0; i < PAIRS; i++) {
        const pair_case *p = &pairs[i];
        if (i == 1) /* several elements would be copied to the same place */
            continue;
        describe("pair %d", i);
        const visited v = {randoms(p->a), NULL, sums(p->b), 0};
        const double *initial = randoms(p->b);
        for (ptrdiff_t t = 0; t < p->b; t++)
            v.y[t].value = initial[t];
        visit(&p->g, copy, (void *)&v);
        check(&(subject){
            .call = {CNET_KERNEL_strided_copy, .strided_copy = {.g = p->g}},
            .in = {{p->a, v.a}},
            .out = {{p->b, v.y, initial}},
        });
    }
}
