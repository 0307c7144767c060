/* The errors of simd_math.h, hyperbolic.h and trigonometric.h on one instruction set, in units of
 * the last place: against libm in double for float32, and in long double for float64. Tests every
 * 389th number of float32; the command line may give another step (1: all numbers). */
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

typedef struct {
    const char *name;
    double (*in_double)(double);
    long double (*in_long_double)(long double);
} function_t;
#define FUNCTION(name) {#name, name, name##l},
static const function_t functions[] = {MATH_FUNCTIONS(FUNCTION)};

typedef struct {
    const char *name;
    cnet_dtype dtype;
    run_math *run;
    long double limit;
    int digits, least_exponent; /* of the mantissa; of the smallest normal number, as in frexp */
} dtype_t;
static const dtype_t dtypes[] = {
    {"float32", CNET_F32, JOIN(cnet_math_f32_, ISA), 2, FLT_MANT_DIG, FLT_MIN_EXP},
    {"float64", CNET_F64, JOIN(cnet_math_f64_, ISA), 4, DBL_MANT_DIG, DBL_MIN_EXP},
};

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

static _Noreturn void fail(const dtype_t *d, int f, double x, double y, const char *what) {
    fprintf(stderr, "%s(%a) in %s on " TEXT(ISA) " is %a: %s\n", functions[f].name, x, d->name, y,
            what);
    exit(EXIT_FAILURE);
}

/* Some C libraries have no long double functions more precise than those of double, which may
 * themselves be wrong by one unit. */
static long double own_error(void) {
    const volatile double x = 1.1;
    return expl((long double)x) == (long double)exp(x) ? 1 : 0;
}

/* Whether the C library has this function precisely enough to judge float64. musl has no long
 * double functions of its own on some CPUs, and its log10 is wrong by 4e-8 for small numbers. */
static int can_judge(const dtype_t *d, int f) {
    static const char *const good[] = {"exp", "exp2", "expm1", "log", "log2", "tanh", "erf"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!strcmp(functions[f].name, good[i]))
            return 1;
    return d->dtype == CNET_F32 || own_error() == 0;
}

/* The exact value, as far as the C library has it: musl gives numbers for acosh below 1, and its
 * log2 is wrong by up to 5e-9. */
static long double exact_of(const dtype_t *d, int f, double x) {
    if (!strcmp(functions[f].name, "acosh") && x < 1)
        return (long double)NAN;
    if (!strcmp(functions[f].name, "log2"))
        return logl((long double)x) / logl(2);
    if (d->dtype == CNET_F32)
        return (long double)functions[f].in_double(x);
    return functions[f].in_long_double((long double)x);
}

/* The error of y in units of the last place of the exact value. */
static long double error_of(const dtype_t *d, int f, double x, double y) {
    const long double exact = exact_of(d, f, x);
    const double rounded = d->dtype == CNET_F32 ? (double)(float)exact : (double)exact;
    int exponent = d->least_exponent;
    if (isnan(rounded) || isinf(rounded)) {
        if (isnan(rounded) ? !isnan(y) : y != rounded)
            fail(d, f, x, y, "not the infinity or NaN that it must be");
        return 0;
    }
    if (signbit(y) != signbit(rounded))
        fail(d, f, x, y, "wrong sign");
    if (rounded != 0)
        frexpl(exact, &exponent);
    if (exponent < d->least_exponent)
        exponent = d->least_exponent;
    return fabsl((long double)y - exact) * ldexpl(1, d->digits - exponent);
}

static void check_batch(const dtype_t *d, int f, batch_t *b, long double *worst) {
    d->run((math_function)f, &b->x, &b->y, BATCH);
    for (int t = 0; t < BATCH; t++) {
        const double x = get(d, &b->x, t), y = get(d, &b->y, t);
        const long double error = error_of(d, f, x, y);
        if (!(error <= d->limit + (d->dtype == CNET_F64 ? own_error() : 0)))
            fail(d, f, x, y, "too far off");
        if (error > *worst)
            *worst = error;
    }
}

/* Checks that a result does not depend on its lane or on the end of the array. */
static void check_lanes(const dtype_t *d, int f, const batch_t *b) {
    static batch_t moved;
    const size_t size = element_size(d);
    for (int start = 1; start < 20; start++) {
        const int count = BATCH - 7 * start;
        d->run((math_function)f, (const char *)&b->x + (size_t)start * size, &moved.y, count);
        if (memcmp(&moved.y, (const char *)&b->y + (size_t)start * size, (size_t)count * size))
            fail(d, f, get(d, &b->x, start), get(d, &moved.y, 0), "other bits in another lane");
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

static void put(const dtype_t *d, batch_t *b, int t, double x) {
    if (d->dtype == CNET_F32)
        b->x.f32[t] = (float)x;
    else
        b->x.f64[t] = x;
}

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
    long double worst = 0;
    take_edges(d, &b);
    check_batch(d, f, &b, &worst);
    check_lanes(d, f, &b);
    for (uint64_t first = 0; first < (uint64_t)1 << 32; first += BATCH * step) {
        if (d->dtype == CNET_F32)
            take_patterns(&b, first, step);
        else
            take_randoms(&b);
        check_batch(d, f, &b, &worst);
    }
    check_lanes(d, f, &b);
    printf("%s %s %s: %.3Lf ulp\n", TEXT(ISA), d->name, functions[f].name, worst);
}

int main(int argc, char **argv) {
    const uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 10) : 389;
    if (!JOIN(cnet_cpu_, ISA)()) {
        puts("this CPU has no " TEXT(ISA));
        return SKIPPED;
    }
    for (int d = 0; d < CNET_DTYPES; d++)
        for (int f = 0; f < MATH_COUNT; f++)
            if (can_judge(&dtypes[d], f))
                check_function(&dtypes[d], f, d == CNET_F32 ? step : step * 16);
    return 0;
}
