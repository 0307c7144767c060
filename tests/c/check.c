#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, bytes) __asan_poison_memory_region(p, bytes)
#else
#define POISON(p, bytes) ((void)0)
#endif

static const int thread_counts[] = {1, 2, 3, 8};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

const char *kernel_name;
static char description[300];

static void append(const char *format, va_list arguments) {
    const size_t length = strlen(description);
    vsnprintf(description + length, sizeof description - length, format, arguments);
}

void describe(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    description[0] = 0;
    append(format, arguments);
    va_end(arguments);
}

void describe_also(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    append(format, arguments);
    va_end(arguments);
}

void describe_geometry(const void *geometry, size_t bytes) {
#define NAME(name) #name,
    static const char *const names[] = {CNET_CONV2D_FIELDS(NAME)};
#undef NAME
    const ptrdiff_t *sizes = geometry;
    description[0] = 0;
    for (size_t i = 0; i < bytes / sizeof sizes[0]; i++)
        describe_also("%s%s=%td", i ? " " : "", names[i], sizes[i]);
}

static _Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s (%s): ", kernel_name, description);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

void require(int condition, const char *message) {
    if (!condition)
        fail("%s", message);
}

/* ---- Numbers ------------------------------------------------------------------------------ */

static void *kept[64];
static int kept_count;

static void *keep(ptrdiff_t count, size_t size) {
    void *p = calloc((size_t)count + 1, size);
    if (!p || kept_count == sizeof kept / sizeof kept[0])
        fail("no memory for %td numbers", count);
    return kept[kept_count++] = p;
}

static void release_numbers(void) {
    while (kept_count)
        free(kept[--kept_count]);
}

double *numbers(ptrdiff_t count) { return keep(count, sizeof(double)); }
ptrdiff_t *sizes(ptrdiff_t count) { return keep(count, sizeof(ptrdiff_t)); }
sum *sums(ptrdiff_t count) { return keep(count, sizeof(sum)); }

/* Knuth's MMIX generator: the same numbers on every machine. */
static uint32_t random_bits(void) {
    static uint64_t state = 2024;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

double *randoms(ptrdiff_t count) {
    double *values = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++)
        values[t] = ldexp(random_bits() >> 11, -20) - 1;
    return values;
}

double *small_integers(ptrdiff_t count) {
    double *values = numbers(count);
    for (ptrdiff_t t = 0; t < count; t++)
        values[t] = (double)random_size(-3, 3);
    return values;
}

ptrdiff_t random_size(ptrdiff_t low, ptrdiff_t high) {
    return low + (ptrdiff_t)(random_bits() % (uint64_t)(high - low + 1));
}

/* ---- Arrays ------------------------------------------------------------------------------- */

/* An odd number of elements in front of an array, out of bounds as far as a sanitizer can tell. */
enum { LEAD = 3 };

typedef struct {
    type_t type;
    cnet_dtype dtype;
    ptrdiff_t count;
    size_t bytes;
    char *block, *data;
} array;

static size_t element_size(type_t type, cnet_dtype dtype) {
    switch (type) {
    case BYTE:
        return 1;
    case INT32:
        return 4;
    case INT64:
        return 8;
    default:
        return dtype == CNET_F32 ? sizeof(float) : sizeof(double);
    }
}

static void put(array *a, ptrdiff_t t, double value) {
    if (a->type == BYTE)
        ((uint8_t *)a->data)[t] = (uint8_t)value;
    else if (a->type == INT32)
        ((int32_t *)a->data)[t] = (int32_t)value;
    else if (a->type == INT64)
        ((int64_t *)a->data)[t] = (int64_t)value;
    else if (a->dtype == CNET_F32)
        ((float *)a->data)[t] = (float)value;
    else
        ((double *)a->data)[t] = value;
}

static double get(const array *a, ptrdiff_t t) {
    switch (a->type) {
    case BYTE:
        return ((uint8_t *)a->data)[t];
    case INT32:
        return ((int32_t *)a->data)[t];
    case INT64:
        return (double)((int64_t *)a->data)[t];
    default:
        return a->dtype == CNET_F32 ? ((float *)a->data)[t] : ((double *)a->data)[t];
    }
}

static array make_array(type_t type, cnet_dtype dtype, ptrdiff_t count, const double *values) {
    const size_t size = element_size(type, dtype);
    array a = {type, dtype, count, (size_t)count * size, malloc((size_t)(LEAD + count) * size),
               NULL};
    if (!a.block)
        fail("no memory for %td elements", count);
    memset(a.block, type == REAL ? 0xff : 0x7f, LEAD * size + a.bytes);
    a.data = a.block + LEAD * size;
    for (ptrdiff_t t = 0; values && t < count; t++)
        put(&a, t, values[t]);
    POISON(a.block, LEAD * size);
    return a;
}

static array make_input(const input *in, cnet_dtype dtype) {
    return in->values ? make_array(in->type, dtype, in->count, in->values) : (array){0};
}

static array make_output(const output *out, cnet_dtype dtype) {
    return out->expected ? make_array(out->type, dtype, out->count, out->initial) : (array){0};
}

/* ---- Judgement ---------------------------------------------------------------------------- */

static int agrees(double actual, sum expected, double eps) {
    if (isnan(expected.value))
        return isnan(actual);
    if (isinf(expected.value) || expected.scale == 0)
        return actual == expected.value;
    return fabs(actual - expected.value) <=
           2 * sqrt(fmax(expected.terms, 1)) * eps * expected.scale;
}

typedef struct {
    const subject *s;
    cnet_dtype dtype;
    const char *isa;
    int threads;
    array in[INPUTS];
} run_t;

static void fail_in(const run_t *r, const char *what) {
    fail("%s, %s, %d threads: %s", r->dtype == CNET_F32 ? "float32" : "float64", r->isa, r->threads,
         what);
}

static void check_values(const run_t *r, const array *out) {
    const double eps = r->dtype == CNET_F32 ? 0x1p-23 : 0x1p-52;
    for (int i = 0; i < OUTPUTS; i++) {
        const sum *expected = r->s->out[i].expected;
        for (ptrdiff_t t = 0; t < out[i].count; t++) {
            if (!agrees(get(&out[i], t), expected[t], eps)) {
                char what[160];
                snprintf(what, sizeof what, "output %d[%td] is %.17g, expected %.17g", i, t,
                         get(&out[i], t), expected[t].value);
                fail_in(r, what);
            }
        }
    }
}

static void call(const run_t *r, array *out) {
    const subject *s = r->s;
    const cnet_kernels *k = cnet_active_kernels(r->dtype);
    const size_t bytes = s->workspace ? s->workspace(k, s->arguments, r->threads) : 0;
    void *workspace;
    if (posix_memalign(&workspace, CNET_ALIGNMENT, bytes))
        fail("no memory for a workspace of %zu bytes", bytes);
    memset(workspace, 0xff, bytes);
    const cnet_exec e = {.threads = r->threads, .workspace = workspace};
    call_t c = {k, s->arguments, element_size(REAL, r->dtype), {0}, {0}, &e};
    for (int i = 0; i < INPUTS; i++)
        c.in[i] = r->in[i].data;
    for (int i = 0; i < OUTPUTS; i++) {
        out[i] = make_output(&s->out[i], r->dtype);
        c.out[i] = out[i].data;
    }
    if (s->call(&c) != s->result)
        fail_in(r, "returned a wrong number");
    free(workspace);
}

/* The values for one thread, and the same bits for more. */
static void check_threads(run_t *r) {
    array first[OUTPUTS], out[OUTPUTS];
    for (int i = 0; i < THREAD_COUNTS; i++) {
        r->threads = thread_counts[i];
        call(r, i == 0 ? first : out);
        if (i == 0) {
            check_values(r, first);
            continue;
        }
        for (int j = 0; j < OUTPUTS; j++) {
            if (out[j].bytes && memcmp(out[j].data, first[j].data, out[j].bytes))
                fail_in(r, "other bits than with 1 thread");
            free(out[j].block);
        }
    }
    for (int j = 0; j < OUTPUTS; j++)
        free(first[j].block);
}

void check(const subject *s) {
    for (cnet_dtype dtype = 0; dtype < CNET_DTYPES; dtype++) {
        run_t r = {.s = s, .dtype = dtype};
        for (int i = 0; i < INPUTS; i++)
            r.in[i] = make_input(&s->in[i], dtype);
        for (int isa = 0; (r.isa = cnet_isa_name(isa)); isa++) {
            if (cnet_isa_supported(isa)) {
                cnet_set_active_isa(isa);
                check_threads(&r);
            }
        }
        for (int i = 0; i < INPUTS; i++) {
            for (ptrdiff_t t = 0; t < r.in[i].count; t++)
                if (!agrees(get(&r.in[i], t), (sum){.value = s->in[i].values[t]}, 0))
                    fail("input %d was changed", i);
            free(r.in[i].block);
        }
    }
    release_numbers();
}

void check_workspace(size_t (*workspace)(const cnet_kernels *k, const void *arguments, int threads),
                     const void *arguments) {
    for (int isa = 0; cnet_isa_name(isa); isa++) {
        if (!cnet_isa_supported(isa))
            continue;
        cnet_set_active_isa(isa);
        for (cnet_dtype dtype = 0; dtype < CNET_DTYPES; dtype++) {
            const cnet_kernels *k = cnet_active_kernels(dtype);
            size_t less = 0;
            for (int threads = 1; threads <= CNET_MAX_THREADS; threads *= 2) {
                const size_t bytes = workspace(k, arguments, threads);
                if (bytes < less || bytes > PTRDIFF_MAX)
                    fail("%zu bytes for %d threads after %zu", bytes, threads, less);
                less = bytes;
            }
        }
    }
}
