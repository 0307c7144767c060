#include "tests.h"

/* Small integers with duplicates, and with some NaN and minus infinity. */
static double *cells_to_compare(ptrdiff_t count) {
    double *x = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++) {
        const ptrdiff_t kind = random_size(0, 40);
        x[t] = kind == 0 ? NAN : kind < 3 ? -INFINITY : (double)random_size(-4, 4);
    }
    return x;
}

/* Windows at random places: for each, its first cell and the cell after its last. */
static void draw_bounds(double *bounds, ptrdiff_t count, ptrdiff_t size) {
    for (ptrdiff_t i = 0; i < count; i++) {
        bounds[2 * i] = (double)random_size(0, size - 1);
        bounds[2 * i + 1] = (double)random_size((ptrdiff_t)bounds[2 * i] + 1, size);
    }
}

static void windows_case(cnet_windows g, int shared) {
    describe("n=%td c=%td d=%td h=%td w=%td od=%td oh=%td ow=%td shared=%d", g.n, g.c, g.d, g.h,
             g.w, g.od, g.oh, g.ow, shared);
    const ptrdiff_t planes = g.n * g.c, cells = g.d * g.h * g.w, outputs = g.od * g.oh * g.ow;
    const ptrdiff_t windows = g.od + g.oh + g.ow, tables = shared ? 1 : planes;
    double *bounds = numbers(tables * windows * 2);
    for (ptrdiff_t table = 0; table < tables; table++) {
        double *slices = bounds + table * windows * 2;
        draw_bounds(slices, g.od, g.d);
        draw_bounds(slices + 2 * g.od, g.oh, g.h);
        draw_bounds(slices + 2 * (g.od + g.oh), g.ow, g.w);
    }
    const double *x = cells_to_compare(planes * cells);
    sum *y = sums(planes * outputs), *indices = sums(planes * outputs);
    for (ptrdiff_t t = 0; t < planes * outputs; t++) {
        const ptrdiff_t plane = t / outputs;
        const double *slices = bounds + (shared ? 0 : plane * windows * 2);
        const double *slice = slices + t % outputs / (g.oh * g.ow) * 2;
        const double *row = slices + (g.od + t / g.ow % g.oh) * 2;
        const double *column = slices + (g.od + g.oh + t % g.ow) * 2;
        indices[t].value = -1;
        for (ptrdiff_t i = (ptrdiff_t)slice[0]; i < (ptrdiff_t)slice[1]; i++)
            for (ptrdiff_t j = (ptrdiff_t)row[0]; j < (ptrdiff_t)row[1]; j++)
                for (ptrdiff_t k = (ptrdiff_t)column[0]; k < (ptrdiff_t)column[1]; k++) {
                    const ptrdiff_t cell = (i * g.h + j) * g.w + k;
                    const double value = x[plane * cells + cell];
                    if (indices[t].value < 0 || value > y[t].value || isnan(value)) {
                        y[t].value = value;
                        indices[t].value = (double)cell;
                    }
                }
    }
    check(&(subject){
        .call = {CNET_KERNEL_max_pool_windows, .max_pool_windows = {.g = g, .shared = shared}},
        .in = {{planes * cells, x}, {tables * windows * 2, bounds}},
        .out = {{planes * outputs, y, NULL}, {planes * outputs, indices, NULL}},
    });
}

void test_max_pool_windows(void) {
    for (int shared = 0; shared < 2; shared++) {
        windows_case((cnet_windows){1, 1, 1, 1, 1, 1, 1, 1}, shared);
        windows_case((cnet_windows){2, 3, 1, 1, 50, 1, 1, 9}, shared);
        windows_case((cnet_windows){2, 3, 1, 9, 7, 1, 4, 5}, shared);
        windows_case((cnet_windows){2, 2, 3, 5, 40, 2, 4, 6}, shared);
        windows_case((cnet_windows){9, 16, 1, 31, 33, 1, 7, 7}, shared);
        windows_case((cnet_windows){0, 2, 1, 3, 3, 1, 2, 2}, shared);
    }
}
