/* The errors of simd_math.h, hyperbolic.h and trigonometric.h on one instruction set, in units of
 * the last place.
 *
 * Both dtypes are judged by a table of exact values. Then many more numbers of float32 are judged
 * by the function in float64, and random numbers of float64 by the long double function of the C
 * library, where the table shows that this is more precise than float64. Tests every 97th number of
 * float32; the command line may give another step (1: all numbers). */
#include "runtime/cpu.h"
#include "simd_math_test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ISA: the name of the instruction set. */
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
run_math JOIN(cnet_math_f32_, ISA), JOIN(cnet_math_f64_, ISA);
enum { BATCH = 4096, SKIPPED = 77 };

/* f(x) = y + rest ulp(y), where y is f(x) rounded to float64. */
typedef struct {
    double x, y, rest;
} exact_t;
#define EXACT(name, ...) static const exact_t name##_exact[] = {__VA_ARGS__};
#include "exact_values.inc"

typedef struct {
    const char *name;
    const exact_t *exact;
    int count;
    long double (*of_library)(long double);
} function_t;
#define FUNCTION(name) {#name, name##_exact, sizeof name##_exact / sizeof(exact_t), name##l},
static const function_t functions[] = {MATH_FUNCTIONS(FUNCTION)};

typedef struct {
    const char *name;
    cnet_dtype dtype;
    run_math *run;
    double limit;
    int digits, least_exponent; /* of the mantissa; of the smallest normal number, as in frexp */
} dtype_t;
static const dtype_t dtypes[] = {
    {"float32", CNET_F32, JOIN(cnet_math_f32_, ISA), 2, FLT_MANT_DIG, FLT_MIN_EXP},
    {"float64", CNET_F64, JOIN(cnet_math_f64_, ISA), 4, DBL_MANT_DIG, DBL_MIN_EXP},
};
static const dtype_t *const f32 = &dtypes[CNET_F32], *const f64 = &dtypes[CNET_F64];

/* A batch of numbers of the dtype. */
typedef struct {
    union {
        float f32[BATCH];
        double f64[BATCH];
    } x, y;
} batch_t;

static double get(const dtype_t *d, const void *values, int t) {
    return d->dtype == CNET_F32 ? ((const float *)values)[t] : ((const double *)values)[t];
}

static size_t element_size(const dtype_t *d) {
    return d->dtype == CNET_F32 ? sizeof(float) : sizeof(double);
}

static void put(const dtype_t *d, batch_t *b, int t, double x) {
    if (d->dtype == CNET_F32)
        b->x.f32[t] = (float)x;
    else
        b->x.f64[t] = x;
}

static _Noreturn void fail(const dtype_t *d, int f, const exact_t *exact, double y,
                           const char *what) {
    fprintf(stderr, "%s(%a) = %a, but in %s on " TEXT(ISA) " it is %a: %s\n", functions[f].name,
            exact->x, exact->y, d->name, y, what);
    exit(EXIT_FAILURE);
}

/* The exponent of a number that is not subnormal, as in frexp. */
static int exponent_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (int)(bits >> 52 & 0x7ff) - 1022;
}

/* 2^n, a normal number. */
static double power_of_two(int n) {
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The error of a value in units of the last place of the exact one, rounded to the dtype; infinite
 * if the sign is wrong, or an infinity or NaN. */
static double error_of(const dtype_t *d, const exact_t *exact, double y, double rest) {
    const double rounded = d->dtype == CNET_F32 ? (double)(float)exact->y : exact->y;
    if (isnan(rounded) || isinf(rounded))
        return (isnan(rounded) ? isnan(y) : y == rounded) ? 0 : INFINITY;
    if (isnan(y) || signbit(y) != signbit(rounded))
        return INFINITY;
    int exponent = exponent_of(rounded);
    if (exponent < d->least_exponent)
        exponent = d->least_exponent;
    /* The first product is of moderate size for all exponents. */
    const double units = (y - exact->y) * power_of_two(2 - exponent) * power_of_two(d->digits - 2);
    return fabs(units + (d->dtype == CNET_F64 ? rest - exact->rest : 0));
}

static void check(const dtype_t *d, int f, const exact_t *exact, double y, double limit,
                  double *worst) {
    const double error = error_of(d, exact, y, 0);
    if (!(error <= limit))
        fail(d, f, exact, y, isinf(error) ? "wrong sign, infinity or NaN" : "too far off");
    if (error > *worst)
        *worst = error;
}

/* Checks the values in the table; in float32, those of the numbers that float32 has. */
static void check_table(const dtype_t *d, int f, double *worst) {
    static batch_t b;
    const function_t *function = &functions[f];
    for (int t = 0; t < function->count; t++)
        put(d, &b, t, function->exact[t].x);
    d->run((math_function)f, &b.x, &b.y, function->count);
    for (int t = 0; t < function->count; t++) {
        const exact_t *exact = &function->exact[t];
        const double x = get(d, &b.x, t);
        if (x == exact->x || isnan(exact->x))
            check(d, f, exact, get(d, &b.y, t), d->limit, worst);
    }
}

/* The value of the C library. */
static exact_t of_library(int f, double x) {
    const long double value = functions[f].of_library((long double)x);
    exact_t found = {.x = x, .y = (double)value};
    if (isfinite(found.y)) {
        int exponent = exponent_of(found.y);
        if (exponent < DBL_MIN_EXP)
            exponent = DBL_MIN_EXP;
        found.rest = (double)ldexpl(value - (long double)found.y, DBL_MANT_DIG - exponent);
    }
    return found;
}

/* Whether the long double function of the C library is more precise than float64: some C libraries
 * compute them in double, or are wrong at some numbers. */
static int has_library(int f) {
    for (int t = 0; t < functions[f].count; t++) {
        const exact_t *exact = &functions[f].exact[t], found = of_library(f, exact->x);
        if (!(error_of(f64, exact, found.y, found.rest) <= 0.01))
            return 0;
    }
    return 1;
}

/* Checks float32 by the function in float64, and float64 by the C library. */
static void check_batch(const dtype_t *d, int f, batch_t *b, double *worst) {
    static batch_t judge;
    d->run((math_function)f, &b->x, &b->y, BATCH);
    if (d->dtype == CNET_F32) {
        for (int t = 0; t < BATCH; t++)
            judge.x.f64[t] = (double)b->x.f32[t];
        f64->run((math_function)f, &judge.x, &judge.y, BATCH);
    }
    for (int t = 0; t < BATCH; t++) {
        const exact_t by_float64 = {judge.x.f64[t], judge.y.f64[t], 0};
        const exact_t exact = d->dtype == CNET_F32 ? by_float64 : of_library(f, b->x.f64[t]);
        check(d, f, &exact, get(d, &b->y, t), d->limit, worst);
    }
}

/* Checks that a result does not depend on its lane or on the end of the array. */
static void check_lanes(const dtype_t *d, int f, batch_t *b) {
    static batch_t moved;
    const size_t size = element_size(d);
    d->run((math_function)f, &b->x, &b->y, BATCH);
    for (int start = 1; start < 20; start++) {
        const int count = BATCH - 7 * start;
        d->run((math_function)f, (const char *)&b->x + (size_t)start * size, &moved.y, count);
        if (memcmp(&moved.y, (const char *)&b->y + (size_t)start * size, (size_t)count * size))
            fail(d, f, &(exact_t){get(d, &b->x, start), get(d, &b->y, start), 0},
                 get(d, &moved.y, 0), "other bits in another lane");
    }
}

/* Knuth's MMIX generator. */
static uint64_t random_bits(void) {
    static uint64_t state = 2024;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state ^ state >> 29;
}

/* Numbers where a function changes its formula, overflows, underflows, or has a zero. */
static const double edges[] = {
    0,
    0x1p-1074,
    0x1p-1022,
    0x1p-149,
    0x1p-126,
    0x1p-27,
    0.34657359027997264, /* log(2) / 2 */
    0.5,                 /* asin and acos */
    0.625,
    0.70710678118654752,
    0.78539816339744831, /* the angles of sin, cos and tan: pi/4, pi/2, 3 pi/4, 1000 pi */
    1,
    1.41421356237309505,
    1.5707963267948966,
    2.3561944901923449,
    4,
    6,
    9.0109133472, /* tanh becomes 1: in float32, in float64 */
    18,           /* the least expm1 */
    19.061547465,
    38,
    87.336544750553, /* exp in float32: least normal, greatest, its half, 0 */
    88.722839052068,
    89.415986232628,
    103.97207708399,
    126, /* exp2 in float32: least normal, greatest, 0 */
    128,
    150,
    708.39641853226, /* in float64 */
    709.78271289338,
    710.47586007394,
    745.13321910194,
    1022,
    1024,
    1075,
    3141.5926535897932,
    6000, /* the greatest angle: in float32, in float64 */
    1000000,
    0x1p25, /* x^2 + 1 becomes x^2: in float32, in float64 */
    0x1p54,
    0x1p127,
    0x1p1023,
    INFINITY,
    NAN,
};
enum { EDGES = sizeof edges / sizeof edges[0], NEIGHBOURS = BATCH / (2 * EDGES) };

/* Every edge, the numbers around it, and their opposites. */
static void take_edges(const dtype_t *d, batch_t *b) {
    memset(b, 0, sizeof *b);
    for (int edge = 0; edge < EDGES; edge++) {
        double x = edges[edge];
        for (int i = 0; i < NEIGHBOURS / 2 && !isnan(x); i++)
            x = d->dtype == CNET_F32 ? nextafterf((float)x, -INFINITY) : nextafter(x, -INFINITY);
        for (int i = 0; i < NEIGHBOURS; i++) {
            const int t = 2 * (edge * NEIGHBOURS + i);
            put(d, b, t, x);
            put(d, b, t + 1, -x);
            x = d->dtype == CNET_F32 ? nextafterf((float)x, INFINITY) : nextafter(x, INFINITY);
        }
    }
}

/* Every fourth number is a random bit pattern; the others are between 2^-12 and 2^11. */
static void take_randoms(batch_t *b) {
    for (int t = 0; t < BATCH; t++) {
        const uint64_t bits = random_bits();
        memcpy(&b->x.f64[t], &bits, sizeof bits);
        int exponent;
        if (t % 4)
            b->x.f64[t] = ldexp(frexp(b->x.f64[t], &exponent), (int)(bits % 24) - 12);
    }
}

static void take_patterns(batch_t *b, uint64_t first, uint64_t step) {
    for (int t = 0; t < BATCH; t++) {
        const uint32_t bits = (uint32_t)(first + (uint64_t)t * step);
        memcpy(&b->x.f32[t], &bits, sizeof bits);
    }
}

static void check_function(const dtype_t *d, int f, uint64_t step) {
    static batch_t b;
    double worst = 0;
    const int has_judge = d->dtype == CNET_F32 || has_library(f);
    check_table(d, f, &worst);
    take_edges(d, &b);
    check_lanes(d, f, &b);
    if (has_judge)
        check_batch(d, f, &b, &worst);
    for (uint64_t first = 0; has_judge && first < (uint64_t)1 << 32; first += BATCH * step) {
        if (d->dtype == CNET_F32)
            take_patterns(&b, first, step);
        else
            take_randoms(&b);
        check_batch(d, f, &b, &worst);
    }
    check_lanes(d, f, &b);
    printf("%s %s %s: %.3f ulp%s\n", TEXT(ISA), d->name, functions[f].name, worst,
           has_judge ? "" : " in the table");
}

int main(int argc, char **argv) {
    const uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 10) : 97;
    if (!JOIN(cnet_cpu_, ISA)()) {
        puts("this CPU has no " TEXT(ISA));
        return SKIPPED;
    }
    for (int f = 0; f < MATH_COUNT; f++) {
        check_function(f64, f, step * 16);
        check_function(f32, f, step);
    }
    return 0;
}
