#include "tests.h"

static void transpose_case(ptrdiff_t n, ptrdiff_t rows, ptrdiff_t columns) {
    const cnet_norm g = {n, rows, columns};
    describe_geometry(&g, sizeof g);
    const ptrdiff_t count = n * rows * columns;
    const double *x = randoms(count);
    sum *y = sums(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t matrix = t / (rows * columns), row = t / columns % rows;
        y[(matrix * columns + t % columns) * rows + row].value = x[t];
    }
    check(&(subject){
        .call = {CNET_KERNEL_transpose, .transpose = {.g = g}},
        .in = {{count, x}},
        .out = {{count, y, NULL}},
    });
}

void test_transpose(void) {
    transpose_case(0, 2, 3);
    transpose_case(2, 0, 3);
    transpose_case(1, 1, 1);
    transpose_case(3, 64, 64);
    transpose_case(2, 3, 20000);
    transpose_case(2, 20000, 3);
    for (int i = 0; i < 60; i++)
        transpose_case(random_size(1, 3), random_size(1, 150), random_size(1, 150));
}
