/* Distances of all pairs of rows. */
#include "tests.h"

/* n, rows, m, k. */
static const ptrdiff_t problems[][4] = {
    {0, 2, 3, 4}, {2, 0, 3, 4}, {2, 3, 0, 4},  {2, 3, 4, 0},    {1, 1, 1, 1},
    {2, 3, 5, 2}, {1, 4, 8, 7}, {2, 5, 33, 3}, {1, 3, 131, 16}, {2, 300, 70, 9},
};
static const double orders[] = {1, 2, 1.5, 3};
enum { PROBLEMS = sizeof problems / sizeof problems[0], ORDERS = sizeof orders / sizeof *orders };

typedef struct {
    cnet_distances g;
    double p;
    double *x, *columns, *y; /* y: all distances */
} problem_t;

static double difference(const problem_t *a, ptrdiff_t row, ptrdiff_t j, ptrdiff_t k) {
    const ptrdiff_t column = (row / a->g.rows * a->g.k + k) * a->g.m + j;
    return a->x[row * a->g.k + k] - a->columns[column];
}

static void for_each_problem(void (*test)(const problem_t *a)) {
    for (int i = 0; i < PROBLEMS * ORDERS; i++) {
        const ptrdiff_t *sizes = problems[i / ORDERS];
        problem_t a = {.g = {sizes[0], sizes[1], sizes[2], sizes[3]}, .p = orders[i % ORDERS]};
        describe("n=%td rows=%td m=%td k=%td p=%g", a.g.n, a.g.rows, a.g.m, a.g.k, a.p);
        a.x = small_integers(a.g.n * a.g.rows * a.g.k);
        a.columns = small_integers(a.g.n * a.g.m * a.g.k);
        a.y = numbers(a.g.n * a.g.rows * a.g.m);
        for (ptrdiff_t t = 0; t < a.g.n * a.g.rows * a.g.m; t++) {
            for (ptrdiff_t k = 0; k < a.g.k; k++)
                a.y[t] += pow(fabs(difference(&a, t / a.g.m, t % a.g.m, k)), a.p);
            a.y[t] = pow(a.y[t], 1 / a.p);
        }
        test(&a);
    }
}

static void distances_case(const problem_t *a) {
    const ptrdiff_t count = a->g.n * a->g.rows * a->g.m;
    sum *y = sums(count);
    for (ptrdiff_t t = 0; t < count; t++)
        y[t] = (sum){a->y[t], a->y[t], 64 + (double)a->g.k};
    check(&(subject){
        .call = {CNET_KERNEL_distances, .distances = {.g = a->g, .p = a->p}},
        .in = {{a->g.n * a->g.rows * a->g.k, a->x}, {a->g.n * a->g.k * a->g.m, a->columns}},
        .out = {{count, y}},
    });
}

void test_distances(void) { for_each_problem(distances_case); }

static void gradients_case(const problem_t *a) {
    const ptrdiff_t pairs = a->g.n * a->g.rows * a->g.m, count = a->g.n * a->g.rows * a->g.k;
    double *grad = randoms(pairs);
    sum *dx = sums(count);
    for (ptrdiff_t t = 0; t < pairs; t++)
        a->y[t] = rounded(a->y[t]);
    for (ptrdiff_t t = 0; t < count; t++) {
        for (ptrdiff_t j = 0; j < a->g.m; j++) {
            const ptrdiff_t row = t / a->g.k, pair = row * a->g.m + j;
            const double d = difference(a, row, j, t % a->g.k);
            add(&dx[t], d == 0 ? 0 : grad[pair] * copysign(pow(fabs(d) / a->y[pair], a->p - 1), d));
        }
        dx[t].terms += 64;
    }
    check(&(subject){
        .call = {CNET_KERNEL_distances_backward, .distances_backward = {.g = a->g, .p = a->p}},
        .in = {{pairs, grad}, {count, a->x}, {a->g.n * a->g.k * a->g.m, a->columns}, {pairs, a->y}},
        .out = {{count, dx}},
    });
}

void test_distances_backward(void) { for_each_problem(gradients_case); }
