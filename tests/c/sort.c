/* Sorted rows, and single elements of them. */
#include "tests.h"

/* n, size, count, inner. */
static const ptrdiff_t problems[][4] = {
    {0, 3, 2, 1},    {2, 3, 0, 1},       {2, 0, 0, 3},    {1, 1, 1, 1},
    {3, 40, 40, 1},  {2, 41, 41, 2},     {2, 99, 7, 1},   {3, 400, 90, 2},
    {5, 1700, 9, 3}, {2, 2000, 2000, 1}, {3, 1, 1, 2500},
};
enum { PROBLEMS = sizeof problems / sizeof problems[0] };

/* Whether x comes before y in ascending order; NaN is the greatest. */
static int is_less(double x, double y) { return x < y || (x == x && y != y); }

/* Integers with repetitions, sometimes negative zero or NaN. */
static double *numbers_with_nan(ptrdiff_t count) {
    double *x = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t kind = random_size(0, 29);
        x[t] = kind == 0 ? NAN : kind == 1 ? -0.0 : (double)random_size(-200, 200);
    }
    return x;
}

/* positions[k] = the element of a row that sorting moves to position k. */
static void sort_row(const double *x, ptrdiff_t size, ptrdiff_t inner, int descending,
                     ptrdiff_t *positions) {
    for (ptrdiff_t i = 0; i < size; i++) {
        ptrdiff_t place = i;
        const double number = x[i * inner];
        for (; place > 0; place--) {
            const double before = x[positions[place - 1] * inner];
            if (descending ? !is_less(before, number) : !is_less(number, before))
                break;
            positions[place] = positions[place - 1];
        }
        positions[place] = i;
    }
}

static void sort_case(const cnet_cells *g, int descending) {
    describe("n=%td size=%td count=%td inner=%td descending=%d", g->n, g->size, g->count, g->inner,
             descending);
    const double *x = numbers_with_nan(g->n * g->size * g->inner);
    sum *values = sums(g->n * g->count * g->inner), *indices = sums(g->n * g->count * g->inner);
    ptrdiff_t *positions = sizes(g->size);
    for (ptrdiff_t row = 0; row < g->n * g->inner; row++) {
        const double *from = x + row / g->inner * g->size * g->inner + row % g->inner;
        const ptrdiff_t to = row / g->inner * g->count * g->inner + row % g->inner;
        sort_row(from, g->size, g->inner, descending, positions);
        for (ptrdiff_t k = 0; k < g->count; k++) {
            indices[to + k * g->inner].value = (double)positions[k];
            values[to + k * g->inner].value = from[positions[k] * g->inner];
        }
    }
    check(&(subject){
        .call = {CNET_KERNEL_sort, .sort = {.g = *g, .descending = descending}},
        .in = {{g->n * g->size * g->inner, x}},
        .out = {{g->n * g->count * g->inner, values}, {g->n * g->count * g->inner, indices}},
    });
}

void test_sort(void) {
    for (int i = 0; i < PROBLEMS; i++)
        for (int descending = 0; descending < 2; descending++) {
            const ptrdiff_t *p = problems[i];
            sort_case(&(cnet_cells){p[0], p[1], p[2], p[3]}, descending);
        }
}

static void kth_case(const cnet_cells *g, cnet_nan nan) {
    const ptrdiff_t rows = g->n * g->inner, k = random_size(0, g->size - 1);
    describe("n=%td size=%td inner=%td k=%td nan=%d", g->n, g->size, g->inner, k, (int)nan);
    double *x = numbers_with_nan(rows * g->size);
    for (ptrdiff_t i = 0; rows && i < g->size; i++) /* one row has only NaN */
        x[i * g->inner] = NAN;
    sum *values = sums(rows), *indices = sums(rows);
    ptrdiff_t *positions = sizes(g->size);
    for (ptrdiff_t row = 0; row < rows; row++) {
        const double *from = x + row / g->inner * g->size * g->inner + row % g->inner;
        ptrdiff_t count = 0, place = k;
        for (ptrdiff_t i = 0; i < g->size; i++)
            count += from[i * g->inner] == from[i * g->inner];
        if (nan == CNET_NAN_WINS && count < g->size)
            place = g->size - 1;
        if (nan == CNET_NAN_IGNORED)
            place = count ? (count - 1) / 2 : 0;
        sort_row(from, g->size, g->inner, 0, positions);
        ptrdiff_t first = positions[place];
        for (ptrdiff_t i = g->size - 1; i >= 0; i--)
            if (!is_less(from[i * g->inner], from[first * g->inner]) &&
                !is_less(from[first * g->inner], from[i * g->inner]))
                first = i;
        indices[row].value = (double)first;
        values[row].value = from[first * g->inner];
    }
    check(&(subject){
        .call = {CNET_KERNEL_kth, .kth = {.g = *g, .k = k, .nan = nan}},
        .in = {{rows * g->size, x}},
        .out = {{rows, values}, {rows, indices}},
    });
}

void test_kth(void) {
    for (int i = 0; i < PROBLEMS; i++)
        for (cnet_nan nan = CNET_NAN_GREATEST; nan <= CNET_NAN_IGNORED; nan++) {
            const ptrdiff_t *p = problems[i];
            if (p[1])
                kth_case(&(cnet_cells){p[0], p[1], 1, p[3]}, nan);
        }
}
