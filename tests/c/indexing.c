/* Reading and writing of elements at positions along an axis. */
#include "tests.h"

#include <stdlib.h>

/* n, size, count, inner: around the lengths of a run of positions, 512, of a block of columns, 128,
 * and of a chunk, 2^15 elements. */
static const cnet_cells geometries[] = {
    {0, 3, 2, 1},       {2, 3, 0, 4},   {2, 0, 3, 5},     {1, 1, 1, 1},
    {3, 5, 7, 1},       {2, 9, 511, 1}, {2, 700, 513, 1}, {3, 8, 1300, 1},
    {1, 100, 70001, 1}, {2, 4, 9, 3},   {2, 5, 6, 17},    {3, 6, 5, 127},
    {2, 7, 5, 128},     {2, 3, 4, 129}, {4, 6, 40, 300},  {2, 3, 4, 1100},
};
enum { GEOMETRIES = sizeof geometries / sizeof geometries[0] };

typedef struct {
    cnet_cells g;
    int shared, with_invalid;
    double *index;
} indexing_t;

static ptrdiff_t positions_of(const indexing_t *a) {
    return a->shared ? a->g.count : a->g.n * a->g.count * a->g.inner;
}

/* The position of element `at` of an array (n, count, inner). */
static double position(const indexing_t *a, ptrdiff_t at) {
    return a->index[a->shared ? at / a->g.inner % a->g.count : at];
}

static int is_inside(const indexing_t *a, double position) {
    return position >= 0 && position < (double)a->g.size;
}

/* The element of an array (n, size, inner) at a position. */
static ptrdiff_t cell_of(const indexing_t *a, ptrdiff_t at, double position) {
    const ptrdiff_t n = at / a->g.inner / a->g.count;
    return (n * a->g.size + (ptrdiff_t)position) * a->g.inner + at % a->g.inner;
}

static void fill_index(indexing_t *a) {
    const double outside[] = {-1, (double)a->g.size, -0x1p62, 0x1p40};
    a->index = numbers(positions_of(a));
    const int follow = (int)random_size(0, 1); /* whether most positions are those after the last */
    for (ptrdiff_t t = 0; t < positions_of(a); t++) {
        const double next = t ? a->index[t - 1] + 1 : -1;
        if (a->g.size == 0 || (a->with_invalid && random_size(0, 9) == 0))
            a->index[t] = outside[random_size(0, 3)];
        else if (follow && is_inside(a, next) && random_size(0, 19))
            a->index[t] = next;
        else
            a->index[t] = (double)random_size(0, a->g.size - 1);
    }
}

/* How many positions outside a kernel reports: a shared one counts once for each of the n arrays.
 */
static ptrdiff_t invalid_of(const indexing_t *a) {
    ptrdiff_t count = 0;
    for (ptrdiff_t t = 0; t < positions_of(a); t++)
        count += !is_inside(a, a->index[t]);
    return a->shared ? a->g.n * count : count;
}

static void for_each_indexing(void (*test)(const indexing_t *a)) {
    for (int i = 0; i < GEOMETRIES; i++) {
        for (int option = 0; option < 4; option++) {
            indexing_t a = {geometries[i], option / 2, option % 2, NULL};
            describe("n=%td size=%td count=%td inner=%td%s%s", a.g.n, a.g.size, a.g.count,
                     a.g.inner, a.shared ? ", shared" : "", a.with_invalid ? ", invalid" : "");
            test(&a);
        }
    }
}

static void gather_case(const indexing_t *arguments) {
    indexing_t a = *arguments;
    const ptrdiff_t count = a.g.n * a.g.count * a.g.inner, cells = a.g.n * a.g.size * a.g.inner;
    const double *x = randoms(cells);
    sum *y = sums(count);
    fill_index(&a);
    for (ptrdiff_t at = 0; at < count; at++)
        if (is_inside(&a, position(&a, at)))
            y[at].value = x[cell_of(&a, at, position(&a, at))];
    check(&(subject){
        .call = {CNET_KERNEL_gather, .gather = {.g = a.g, .shared = a.shared}},
        .in = {{cells, x}, {positions_of(&a), a.index}},
        .out = {{count, y}},
        .invalid = invalid_of(&a),
    });
}

void test_gather(void) { for_each_indexing(gather_case); }

/* In the order of the operations in kernels/indexing.py. */
enum { WRITE, ADD, MULTIPLY, MAXIMUM, MINIMUM, OPERATIONS };

static double combined(int operation, double y, double x) {
    switch (operation) {
    case ADD:
        return y + x;
    case MULTIPLY:
        return y * x;
    case MAXIMUM:
        return isnan(x) || isnan(y) ? NAN : fmax(x, y);
    case MINIMUM:
        return isnan(x) || isnan(y) ? NAN : fmin(x, y);
    default:
        return x;
    }
}

/* Numbers whose results are exact: signs for products, and some NaN for extrema. */
static double *elements_for(int operation, ptrdiff_t count) {
    double *x = small_integers(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        if (operation == MULTIPLY)
            x[t] = x[t] < 0 ? -1 : 1;
        else if (operation >= MAXIMUM && random_size(0, 20) == 0)
            x[t] = NAN;
    }
    return x;
}

static void scatter_case(const indexing_t *arguments) {
    for (int operation = 0; operation < OPERATIONS; operation++) {
        indexing_t a = *arguments;
        const ptrdiff_t count = a.g.n * a.g.count * a.g.inner, cells = a.g.n * a.g.size * a.g.inner;
        const double *src = elements_for(operation, count),
                     *before = elements_for(operation, cells);
        sum *y = sums(cells);
        fill_index(&a);
        for (ptrdiff_t t = 0; t < cells; t++)
            y[t].value = before[t];
        for (ptrdiff_t at = 0; at < count; at++) {
            if (!is_inside(&a, position(&a, at)))
                continue;
            double *cell = &y[cell_of(&a, at, position(&a, at))].value;
            *cell = combined(operation, *cell, src[at]);
        }
        check(&(subject){
            .call = {CNET_KERNEL_scatter,
                     .scatter = {.g = a.g, .operation = operation, .shared = a.shared}},
            .in = {{count, src}, {positions_of(&a), a.index}},
            .out = {{cells, y, before}},
            .invalid = invalid_of(&a),
        });
    }
}

void test_scatter(void) { for_each_indexing(scatter_case); }

/* ---- searchsorted ------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* n, size, count, and the number of NaNs at the end of each row. */
static const ptrdiff_t searches[][4] = {
    {0, 3, 2, 0}, {2, 3, 0, 0},     {2, 0, 3, 0},     {1, 1, 5, 0},
    {3, 2, 9, 1}, {2, 1000, 37, 3}, {1, 33, 9000, 2}, {3, 64, 1700, 64},
};
enum { SEARCHES = sizeof searches / sizeof searches[0] };

static void searchsorted_case(const ptrdiff_t *sizes, int right) {
    const ptrdiff_t n = sizes[0], size = sizes[1], count = sizes[2], nans = sizes[3];
    describe("n=%td size=%td count=%td nans=%td right=%d", n, size, count, nans, right);
    double *x = numbers(n * size), *values = numbers(n * count);
    sum *y = sums(n * count);
    for (ptrdiff_t t = 0; t < n * size; t++)
        x[t] = (double)random_size(-9, 9);
    for (ptrdiff_t row = 0; row < n; row++) {
        qsort(x + row * size, (size_t)size, sizeof *x, compare);
        for (ptrdiff_t t = size - nans; t < size; t++)
            x[row * size + t] = NAN;
    }
    for (ptrdiff_t t = 0; t < n * count; t++) {
        const double value = (double)random_size(-20, 20) / 2;
        values[t] = random_size(0, 19) ? value : NAN;
        for (ptrdiff_t i = t / count * size; i < (t / count + 1) * size; i++) {
            const int is_equal = x[i] == values[t] || (x[i] != x[i] && values[t] != values[t]);
            const int is_less = x[i] < values[t] || (x[i] == x[i] && values[t] != values[t]);
            y[t].value += is_less || (right && is_equal);
        }
    }
    check(&(subject){
        .call = {CNET_KERNEL_searchsorted,
                 .searchsorted = {.g = {n, size, count, 1}, .right = right}},
        .in = {{n * size, x}, {n * count, values}},
        .out = {{n * count, y}},
    });
}

void test_searchsorted(void) {
    for (int i = 0; i < SEARCHES; i++)
        for (int right = 0; right < 2; right++)
            searchsorted_case(searches[i], right);
}
