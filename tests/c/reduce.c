/* Functions of several operands that broadcast, reductions, running sums. */
#include "tests.h"

/* ---- combine ------------------------------------------------------------------------------ */

enum { MOST = 4 };

typedef struct {
    cnet_norm g;
    int has[MOST]; /* the axes of each operand: bit 0 for n, 1 for c, 2 for size */
} operands_case;

static const operands_case combined[] = {
    {{1, 1, 0}, {7, 7, 7, 7}},    {{1, 1, 1}, {7, 7, 7, 7}},  {{1, 1, 17}, {7, 7, 7, 7}},
    {{1, 1, 33}, {4, 0, 4, 0}},   {{3, 5, 7}, {7, 2, 4, 0}},  {{3, 5, 1}, {7, 1, 2, 3}},
    {{1, 9, 100}, {6, 2, 4, 6}},  {{2, 3, 65}, {1, 7, 5, 6}}, {{1, 1, 70001}, {4, 0, 4, 4}},
    {{40, 30, 63}, {7, 2, 3, 4}},
};
enum { COMBINED = sizeof combined / sizeof combined[0] };

static ptrdiff_t place(const operands_case *c, int operand, ptrdiff_t n, ptrdiff_t i, ptrdiff_t t) {
    const int has = c->has[operand];
    ptrdiff_t at = has & 1 ? n : 0;
    at = has & 2 ? at * c->g.c + i : at;
    return has & 4 ? at * c->g.size + t : at;
}

static ptrdiff_t count_of(const operands_case *c, int operand) {
    const int has = c->has[operand];
    return (has & 1 ? c->g.n : 1) * (has & 2 ? c->g.c : 1) * (has & 4 ? c->g.size : 1);
}

static double prelu(const double *x) { return x[0] > 0 ? x[0] : x[0] * x[1]; }
static double remainder_of(const double *x) {
    return x[1] == 0 ? NAN : x[0] - floor(x[0] / x[1]) * x[1];
}
static double addcmul(const double *x) { return x[0] + x[3] * (x[1] * x[2]); }
/* Values of small integers, which are exact: all other functions use the same code. */
static const struct {
    cnet_combination operation;
    int operands;
    double (*value)(const double *x);
} functions[] = {
    {CNET_COMBINATION_prelu, 2, prelu},
    {CNET_COMBINATION_remainder, 2, remainder_of},
    {CNET_COMBINATION_addcmul, 4, addcmul},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static void combine_case(const operands_case *c, int function) {
    const int operands = functions[function].operands;
    const ptrdiff_t count = c->g.n * c->g.c * c->g.size;
    subject s = {.call = {CNET_KERNEL_combine,
                          .combine = {.g = c->g, .operation = functions[function].operation}}};
    for (int k = 0; k < operands; k++) {
        s.in[k] = (input){count_of(c, k), small_integers(count_of(c, k))};
        s.call.combine.axes |= (ptrdiff_t)c->has[k] << 3 * k;
    }
    sum *y = sums(count);
    for (ptrdiff_t row = 0; row < c->g.n * c->g.c; row++)
        for (ptrdiff_t t = 0; t < c->g.size; t++) {
            double x[MOST] = {0};
            for (int k = 0; k < operands; k++)
                x[k] = s.in[k].values[place(c, k, row / c->g.c, row % c->g.c, t)];
            y[row * c->g.size + t].value = functions[function].value(x);
        }
    s.out[0] = (output){count, y};
    check(&s);
}

void test_combine(void) {
    for (int i = 0; i < COMBINED; i++)
        for (int function = 0; function < FUNCTIONS; function++) {
            const cnet_norm g = combined[i].g;
            describe("function %d, n=%td c=%td size=%td", function, g.n, g.c, g.size);
            combine_case(&combined[i], function);
        }
}

/* ---- reduce and accumulate ---------------------------------------------------------------- */

static const cnet_norm shapes[] = {
    {1, 0, 1},     {2, 0, 3},  {0, 3, 2},     {1, 1, 1},      {1, 31, 1},  {3, 33, 1},
    {1, 70001, 1}, {9, 10, 1}, {5000, 7, 1},  {1, 33000, 3},  {2, 65, 31}, {2, 100, 32},
    {3, 5, 33},    {1, 9, 7},  {2, 40, 1025}, {1, 2000, 100},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static double start_of(int operation) {
    return operation == CNET_REDUCTION_product   ? 1
           : operation == CNET_REDUCTION_maximum ? -INFINITY
           : operation == CNET_REDUCTION_minimum ? INFINITY
                                                 : 0;
}

static double step_of(int operation, double y, double x) {
    switch (operation) {
    case CNET_REDUCTION_squares:
        return y + x * x;
    case CNET_REDUCTION_magnitudes:
        return y + fabs(x);
    case CNET_REDUCTION_product:
        return y * x;
    case CNET_REDUCTION_maximum:
        return fmax(y, x);
    case CNET_REDUCTION_minimum:
        return fmin(y, x);
    default:
        return y + x;
    }
}

/* Sums and extrema of small integers, and products of signs, are exact in any order. */
static double *exact_numbers(ptrdiff_t count, int is_product) {
    double *x = small_integers(count);
    for (ptrdiff_t t = 0; is_product && t < count; t++)
        x[t] = x[t] < 0 ? -1 : 1;
    return x;
}

static void reduce_case(cnet_norm g, int operation) {
    const double *x = exact_numbers(g.n * g.c * g.size, operation == CNET_REDUCTION_product);
    sum *y = sums(g.n * g.size);
    for (ptrdiff_t n = 0; n < g.n; n++)
        for (ptrdiff_t t = 0; t < g.size; t++) {
            double result = start_of(operation);
            for (ptrdiff_t i = 0; i < g.c; i++)
                result = step_of(operation, result, x[(n * g.c + i) * g.size + t]);
            y[n * g.size + t].value = result;
        }
    check(&(subject){.call = {CNET_KERNEL_reduce, .reduce = {.g = g, .operation = operation}},
                     .in = {{g.n * g.c * g.size, x}},
                     .out = {{g.n * g.size, y}}});
}

void test_reduce(void) {
    for (int i = 0; i < SHAPES; i++)
        for (int operation = 0; operation < CNET_REDUCTION_COUNT; operation++) {
            const cnet_norm g = shapes[i];
            describe("%s, n=%td c=%td size=%td", cnet_reductions[operation], g.n, g.c, g.size);
            reduce_case(g, operation);
        }
}

static void accumulate_case(cnet_norm g, int product, int reversed) {
    const ptrdiff_t count = g.n * g.c * g.size;
    const double *x = exact_numbers(count, product);
    sum *y = sums(count);
    for (ptrdiff_t n = 0; n < g.n; n++)
        for (ptrdiff_t t = 0; t < g.size; t++) {
            double result = product;
            for (ptrdiff_t step = 0; step < g.c; step++) {
                const ptrdiff_t i = reversed ? g.c - 1 - step : step;
                const ptrdiff_t at = (n * g.c + i) * g.size + t;
                result = product ? result * x[at] : result + x[at];
                y[at].value = result;
            }
        }
    check(&(subject){.call = {CNET_KERNEL_accumulate,
                              .accumulate = {.g = g, .product = product, .reversed = reversed}},
                     .in = {{count, x}},
                     .out = {{count, y}}});
}

void test_accumulate(void) {
    for (int i = 0; i < SHAPES; i++)
        for (int option = 0; option < 4; option++) {
            const cnet_norm g = shapes[i];
            describe("option %d, n=%td c=%td size=%td", option, g.n, g.c, g.size);
            accumulate_case(g, option / 2, option % 2);
        }
}
