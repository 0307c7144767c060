#include "check.h"
#include "tests.h"

static void resample_case(ptrdiff_t n, ptrdiff_t size, ptrdiff_t outputs, ptrdiff_t inner,
                          ptrdiff_t terms) {
    describe("n=%td size=%td outputs=%td inner=%td terms=%td", n, size, outputs, inner, terms);
    double *starts = numbers(outputs + 1);
    starts[0] = 0;
    for (ptrdiff_t i = 0; i < outputs; i++)
        starts[i + 1] = starts[i] + (double)(terms ? terms : random_size(0, 5));
    const ptrdiff_t count = (ptrdiff_t)starts[outputs];
    double *cells = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++)
        cells[t] = (double)random_size(0, size - 1);
    const double *x = randoms(n * size * inner), *weights = randoms(count);
    sum *y = sums(n * outputs * inner);
    for (ptrdiff_t at = 0; at < n * outputs * inner; at++) {
        const ptrdiff_t s = at % inner, i = at / inner % outputs, image = at / inner / outputs;
        for (ptrdiff_t t = (ptrdiff_t)starts[i]; t < (ptrdiff_t)starts[i + 1]; t++)
            add(&y[at], weights[t] * x[(image * size + (ptrdiff_t)cells[t]) * inner + s]);
    }
    check(&(subject){
        .call = {CNET_KERNEL_resample,
                 .resample = {.g = {n, size, outputs, inner}, .terms = terms}},
        .in = {{n * size * inner, x}, {outputs + 1, starts}, {count, cells}, {count, weights}},
        .out = {{n * outputs * inner, y, NULL}},
    });
}

void test_resample(void) {
    const ptrdiff_t inner[] = {1, 2, 7, 16, 35}, terms[] = {0, 1, 2, 3, 4};
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        for (size_t t = 0; t < sizeof terms / sizeof *terms; t++) {
            resample_case(2, 5, 9, inner[i], terms[t]);
            resample_case(1, 1, 3, inner[i], terms[t]);
            resample_case(3, 70, 700, inner[i], terms[t]);
        }
}
