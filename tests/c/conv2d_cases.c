#include "conv2d_cases.h"

/* A case in short form; strides, dilations and groups that are not given are 1. */
typedef struct {
    ptrdiff_t x[4], weight[4]; /* n c h w; o c/g kh kw */
    ptrdiff_t stride[2], padding[2], dilation[2], groups;
    ptrdiff_t extra[2]; /* padding below and to the right, beyond that above and to the left */
} case_t;

static const case_t cases[] = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}},
    {{2, 3, 1, 1}, {4, 3, 1, 1}},
    {{2, 3, 1, 1}, {4, 3, 3, 3}, .padding = {1, 1}},
    {{2, 3, 3, 4}, {4, 3, 5, 6}, .padding = {1, 1}}, /* kernel as large as the padded image */
    {{0, 3, 8, 8}, {4, 3, 3, 3}},
    {{2, 0, 5, 5}, {3, 0, 3, 3}},
    {{2, 3, 5, 5}, {0, 3, 3, 3}},
    {{2, 3, 0, 4}, {2, 3, 2, 2}, .padding = {1, 1}},
    {{0, 4, 5, 5}, {4, 2, 3, 3}, .groups = 2},
    {{1, 2, 2, 3}, {3, 2, 2, 2}, .padding = {5, 0}},
    {{1, 2, 3, 2}, {3, 2, 2, 2}, .padding = {0, 5}},
    {{1, 1, 1, 1}, {1, 1, 3, 3}, .padding = {9, 9}, .stride = {2, 2}}, /* mostly padding */
    {{1, 2, 9, 9}, {2, 2, 2, 2}, .stride = {3, 4}, .padding = {4, 5}},
    {{1, 2, 7, 7}, {2, 2, 2, 2}, .stride = {100, 100}},
    {{2, 4, 9, 8}, {6, 2, 3, 2}, {2, 1}, {1, 2}, {1, 2}, 2, {0, 0}},
    {{1, 3, 17, 5}, {4, 3, 7, 1}, .padding = {3, 0}},
    {{1, 3, 5, 17}, {4, 3, 1, 7}, .padding = {0, 3}},
    {{1, 3, 17, 19}, {4, 3, 3, 3}, .dilation = {4, 5}},
    {{1, 3, 12, 13}, {4, 3, 3, 3}, .dilation = {3, 2}, .padding = {3, 2}, .stride = {2, 3}},
    {{2, 3, 6, 7}, {4, 3, 2, 4}, .padding = {0, 1}, .extra = {1, 1}}, /* "same", even sizes */
    {{1, 1, 3, 200}, {2, 1, 3, 3}, .padding = {1, 1}},
    {{1, 1, 40, 3}, {2, 1, 3, 3}, .padding = {1, 1}},
    {{33, 1, 4, 4}, {2, 1, 3, 3}, .padding = {1, 1}},
    {{130, 2, 6, 5}, {5, 2, 5, 4}, .padding = {1, 0}}, /* batches in lanes, and remaining images */
    {{2, 3, 19, 20}, {4, 3, 6, 2}, .stride = {9, 8}, .padding = {2, 1}},
    {{2, 6, 7, 7}, {6, 1, 3, 3}, .padding = {1, 1}, .groups = 6},
    {{1, 5, 9, 8}, {15, 1, 5, 3}, {2, 2}, {2, 1}, {1, 1}, 5, {0, 0}},
    {{2, 3, 37, 41}, {3, 1, 3, 3}, .padding = {1, 1}, .groups = 3},
    {{2, 3, 37, 41}, {3, 1, 3, 3}, {2, 2}, {1, 1}, {1, 1}, 3, {0, 0}},
    {{2, 2, 19, 35}, {4, 1, 5, 5}, .padding = {2, 2}, .groups = 2},
    {{1, 2, 150, 70}, {2, 1, 5, 5}, {2, 2}, {2, 2}, {1, 1}, 2, {0, 0}}, /* in bands */
    {{9, 3, 12, 11}, {3, 1, 3, 3}, .padding = {1, 1}, .groups = 3}, /* several images at a time */
    {{9, 3, 12, 11}, {3, 1, 3, 3}, {2, 2}, {1, 1}, {1, 1}, 3, {0, 0}},
    {{9, 3, 6, 7}, {3, 1, 3, 3}, .padding = {1, 1}, .groups = 3},
    {{9, 3, 13, 14}, {3, 1, 3, 3}, {2, 2}, {1, 1}, {1, 1}, 3, {0, 0}},
    {{9, 3, 3, 3}, {3, 1, 3, 3}, .padding = {1, 1}, .groups = 3},
    {{9, 3, 6, 6}, {3, 1, 3, 3}, {2, 2}, {1, 1}, {1, 1}, 3, {0, 0}},
    {{9, 3, 9, 17}, {3, 1, 5, 5}, .padding = {2, 2}, .groups = 3},
    {{9, 3, 9, 17}, {3, 1, 5, 5}, {2, 2}, {2, 2}, {1, 1}, 3, {0, 0}},
    {{1, 34, 5, 5}, {14, 17, 3, 3}, .padding = {1, 1}, .groups = 2},
    {{2, 6, 6, 6}, {3, 2, 3, 3}, .groups = 3},
    {{1, 17, 5, 6}, {40, 17, 3, 3}, .padding = {1, 1}}, /* fewer tiles than filters */
    {{3, 18, 13, 11}, {16, 18, 3, 3}, .padding = {0, 2}, .extra = {1, 0}},
    {{2, 3, 9, 8}, {4, 3, 5, 5}},
    {{1, 17, 5, 6}, {40, 17, 5, 5}, .padding = {2, 2}},
    {{3, 18, 13, 11}, {16, 18, 5, 5}, .padding = {1, 3}, .extra = {1, 0}},
    {{100, 590, 3, 3}, {16, 590, 3, 3}}, /* more tiles than are transformed at once */
    {{1, 1, 16, 16}, {3, 1, 11, 11}, .padding = {5, 5}},
    {{1, 255, 3, 5}, {7, 255, 1, 1}}, /* around the depth of a block */
    {{1, 256, 3, 5}, {8, 256, 1, 1}},
    {{1, 257, 3, 5}, {9, 257, 1, 1}},
    {{3, 70, 9, 8}, {20, 35, 1, 1}, .stride = {2, 3}, .groups = 2},
    {{9, 12, 21, 22}, {17, 12, 1, 1}},                                /* parts of the pixels */
    {{3, 25, 12, 12}, {27, 25, 1, 1}},                                /* image by image */
    {{2, 5, 4, 6}, {9, 5, 1, 1}, .extra = {1, 2}},                    /* padding on one side */
    {{2, 3, 1, 9}, {4, 3, 1, 1}, .stride = {1, 2}, .extra = {0, -1}}, /* uses a part of the image */
    {{1, 57, 5, 5}, {5, 57, 3, 3}, .padding = {1, 1}},
    {{1, 2, 1, 481}, {97, 2, 1, 1}}, /* around the rows and columns of a block */
    {{1, 2, 31, 31}, {95, 2, 2, 2}},
    {{1, 120, 5, 6}, {4, 120, 2, 2}},
    {{1, 29, 24, 23}, {103, 29, 3, 3}, .padding = {1, 1}}, /* crosses every block */
    {{9, 8, 12, 12}, {33, 8, 3, 3}, .padding = {1, 1}},
};

enum { CASES = sizeof cases / sizeof cases[0], RANDOM_CASES = 150 };

static case_t random_case(void) {
    const int is_strided = random_size(0, 1) == 1;
    case_t c = {.groups = random_size(1, 3)};
    c.weight[0] = c.groups * random_size(1, 9);
    c.weight[1] = random_size(1, 6);
    c.x[0] = random_size(1, 3);
    c.x[1] = c.groups * c.weight[1];
    for (int axis = 0; axis < 2; axis++) {
        c.weight[2 + axis] = axis == 0 ? random_size(1, 4) : random_size(1, 8);
        c.stride[axis] = is_strided ? random_size(1, 3) : 1;
        c.dilation[axis] = random_size(1, 3);
        c.padding[axis] = random_size(0, 4);
        c.extra[axis] = random_size(0, 1);
        const ptrdiff_t extent = c.dilation[axis] * (c.weight[2 + axis] - 1) + 1;
        const ptrdiff_t missing = extent - 2 * c.padding[axis] - c.extra[axis];
        c.x[2 + axis] = (missing > 1 ? missing : 1) + random_size(0, 18);
    }
    return c;
}

static ptrdiff_t or_one(ptrdiff_t value) { return value ? value : 1; }

static ptrdiff_t output_size(const case_t *c, int axis) {
    const ptrdiff_t padded = c->x[2 + axis] + 2 * c->padding[axis] + c->extra[axis];
    const ptrdiff_t extent = or_one(c->dilation[axis]) * (c->weight[2 + axis] - 1) + 1;
    return (padded - extent) / or_one(c->stride[axis]) + 1;
}

static cnet_conv2d geometry_of(const case_t *c) {
    return (cnet_conv2d){
        .n = c->x[0],
        .c = c->x[1],
        .h = c->x[2],
        .w = c->x[3],
        .kh = c->weight[2],
        .kw = c->weight[3],
        .sh = or_one(c->stride[0]),
        .sw = or_one(c->stride[1]),
        .ph = c->padding[0],
        .pw = c->padding[1],
        .qh = c->padding[0] + c->extra[0],
        .qw = c->padding[1] + c->extra[1],
        .dh = or_one(c->dilation[0]),
        .dw = or_one(c->dilation[1]),
        .oh = output_size(c, 0),
        .ow = output_size(c, 1),
        .o = c->weight[0],
        .g = or_one(c->groups),
    };
}

void for_each_conv2d_case(void (*test)(const cnet_conv2d *g)) {
    for (int i = 0; i < CASES + RANDOM_CASES; i++) {
        const case_t c = i < CASES ? cases[i] : random_case();
        const cnet_conv2d g = geometry_of(&c);
        describe_geometry(&g, sizeof g);
        test(&g);
    }
}

const ptrdiff_t *cells_of_cols(const cnet_conv2d *g) {
    ptrdiff_t *cells = sizes(cols_count(g)), *next = cells;
    for (ptrdiff_t plane = 0; plane < g->n * g->c; plane++)
        for (ptrdiff_t i = 0; i < g->kh; i++)
            for (ptrdiff_t j = 0; j < g->kw; j++)
                for (ptrdiff_t oh = 0; oh < g->oh; oh++)
                    for (ptrdiff_t ow = 0; ow < g->ow; ow++) {
                        const ptrdiff_t ih = oh * g->sh + i * g->dh - g->ph;
                        const ptrdiff_t iw = ow * g->sw + j * g->dw - g->pw;
                        const int is_inside = ih >= 0 && ih < g->h && iw >= 0 && iw < g->w;
                        *next++ = is_inside ? (plane * g->h + ih) * g->w + iw : -1;
                    }
    return cells;
}
