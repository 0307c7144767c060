#include "conv2d_cases.h"

static cnet_window2d window_of(const cnet_conv2d *g) {
#define COPY(name) .name = g->name,
    return (cnet_window2d){CNET_WINDOW2D_FIELDS(COPY)};
#undef COPY
}

static ptrdiff_t call_im2col(const call_t *c) {
    c->kernels->im2col(c->in[0], c->out[0], c->arguments, c->exec);
    return 0;
}

static void im2col_case(const cnet_conv2d *g) {
    const cnet_window2d window = window_of(g);
    const ptrdiff_t *cells = cells_of_cols(g);
    const double *x = randoms(x_count(g));
    sum *cols = sums(cols_count(g));
    for (ptrdiff_t t = 0; t < cols_count(g); t++)
        cols[t].value = cells[t] < 0 ? 0 : x[cells[t]];
    check(&(subject){
        .arguments = &window,
        .call = call_im2col,
        .in = {{REAL, x_count(g), x}},
        .out = {{REAL, cols_count(g), cols, NULL}},
    });
}

void test_im2col(void) { for_each_conv2d_case(im2col_case); }

static ptrdiff_t call_col2im(const call_t *c) {
    c->kernels->col2im(c->in[0], c->out[0], c->arguments, c->exec);
    return 0;
}

static void col2im_case(const cnet_conv2d *g) {
    const cnet_window2d window = window_of(g);
    const ptrdiff_t *cells = cells_of_cols(g);
    const double *cols = randoms(cols_count(g));
    sum *x = sums(x_count(g));
    for (ptrdiff_t t = 0; t < cols_count(g); t++)
        if (cells[t] >= 0)
            add(&x[cells[t]], cols[t]);
    check(&(subject){
        .arguments = &window,
        .call = call_col2im,
        .in = {{REAL, cols_count(g), cols}},
        .out = {{REAL, x_count(g), x, NULL}},
    });
}

void test_col2im(void) { for_each_conv2d_case(col2im_case); }
