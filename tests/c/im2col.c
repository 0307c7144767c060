#include "conv2d_cases.h"

static cnet_window2d window_of(const cnet_conv2d *g) {
#define COPY(name) .name = g->name,
    return (cnet_window2d){CNET_WINDOW2D_FIELDS(COPY)};
#undef COPY
}

static void im2col_case(const cnet_conv2d *g) {
    const ptrdiff_t *cells = cells_of_cols(g);
    const double *x = randoms(x_count(g));
    sum *cols = sums(cols_count(g));
    for (ptrdiff_t t = 0; t < cols_count(g); t++)
        cols[t].value = cells[t] < 0 ? 0 : x[cells[t]];
    check(&(subject){
        .call = {CNET_KERNEL_im2col, .im2col = {.g = window_of(g)}},
        .in = {{x_count(g), x}},
        .out = {{cols_count(g), cols, NULL}},
    });
}

void test_im2col(void) { for_each_conv2d_case(im2col_case); }

static void col2im_case(const cnet_conv2d *g) {
    const ptrdiff_t *cells = cells_of_cols(g);
    const double *cols = randoms(cols_count(g));
    sum *x = sums(x_count(g));
    for (ptrdiff_t t = 0; t < cols_count(g); t++)
        if (cells[t] >= 0)
            add(&x[cells[t]], cols[t]);
    check(&(subject){
        .call = {CNET_KERNEL_col2im, .col2im = {.g = window_of(g)}},
        .in = {{cols_count(g), cols}},
        .out = {{x_count(g), x, NULL}},
    });
}

void test_col2im(void) { for_each_conv2d_case(col2im_case); }
