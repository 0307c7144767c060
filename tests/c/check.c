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

void release_numbers(void) {
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

/* An odd number of elements before an array; a sanitizer treats them as out of bounds. */
enum { LEAD = 3 };

typedef struct {
    int element; /* as in a signature */
    cnet_dtype dtype;
    ptrdiff_t count;
    size_t bytes;
    char *block, *data;
} array;

static size_t element_size(int element, cnet_dtype dtype) {
    if (element >= 0)
        return (size_t)element;
    return element == CNET_REAL && dtype == CNET_F32 ? sizeof(float) : sizeof(double);
}

static void put(array *a, ptrdiff_t t, double value) {
    if (a->element == 1)
        ((uint8_t *)a->data)[t] = (uint8_t)value;
    else if (a->element == 4)
        ((int32_t *)a->data)[t] = (int32_t)value;
    else if (a->element == 8)
        ((int64_t *)a->data)[t] = (int64_t)value;
    else if (element_size(a->element, a->dtype) == sizeof(float))
        ((float *)a->data)[t] = (float)value;
    else
        ((double *)a->data)[t] = value;
}

static double get(const array *a, ptrdiff_t t) {
    switch (a->element) {
    case 1:
        return ((uint8_t *)a->data)[t];
    case 4:
        return ((int32_t *)a->data)[t];
    case 8:
        return (double)((int64_t *)a->data)[t];
    default:
        return element_size(a->element, a->dtype) == sizeof(float) ? ((float *)a->data)[t]
                                                                   : ((double *)a->data)[t];
    }
}

static array make_array(int element, cnet_dtype dtype, ptrdiff_t count, const double *values) {
    const size_t size = element_size(element, dtype);
    array a = {element, dtype, count, (size_t)count * size, malloc((size_t)(LEAD + count) * size),
               NULL};
    if (!a.block)
        fail("no memory for %td elements", count);
    memset(a.block, element < 0 ? 0xff : 0x7f, LEAD * size + a.bytes);
    a.data = a.block + LEAD * size;
    for (ptrdiff_t t = 0; values && t < count; t++)
        put(&a, t, values[t]);
    POISON(a.block, LEAD * size);
    return a;
}

/* The element type of the i-th input or output of a kernel. */
static int element_of(cnet_kernel kernel, cnet_kind kind, int i) {
    const cnet_signature *s = &cnet_signatures[kernel];
    for (int a = 0; a < s->arrays; a++)
        if (s->arguments[a].kind == kind && i-- == 0)
            return s->arguments[a].element;
    return CNET_REAL;
}

/* Prepared inputs consist of reals. */
static array make_input(const subject *s, int i, cnet_dtype dtype) {
    const input *in = &s->in[i];
    const int element = s->prepare ? CNET_REAL : element_of(s->call.kernel, CNET_IN, i);
    return in->values ? make_array(element, dtype, in->count, in->values) : (array){0};
}

static array make_output(const subject *s, int i, cnet_dtype dtype) {
    const output *out = &s->out[i];
    const int element = element_of(s->call.kernel, CNET_OUT, i);
    return out->expected ? make_array(element, dtype, out->count, out->initial) : (array){0};
}

/* ---- Comparison --------------------------------------------------------------------------- */

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

static size_t bytes_for(const run_t *r, cnet_call *call) {
    size_t (*workspace)(cnet_call *) = cnet_active_kernels(r->dtype)[call->kernel].workspace;
    const size_t bytes = workspace ? workspace(call) : 0;
    if (bytes > PTRDIFF_MAX)
        fail_in(r, "cannot compute this");
    return bytes;
}

/* Runs a call with a workspace of exactly the requested size, which the caller must free. */
static char *run_call(const run_t *r, cnet_call *call) {
    void *workspace;
    ptrdiff_t invalid = 0;
    call->threads = r->threads;
    call->invalid = &invalid;
    const size_t bytes = bytes_for(r, call);
    if (posix_memalign(&workspace, CNET_ALIGNMENT, bytes + !bytes))
        fail("no memory for a workspace of %zu bytes", bytes);
    memset(workspace, 0xff, bytes);
    call->workspace = workspace;
    cnet_active_kernels(r->dtype)[call->kernel].run(call);
    if (invalid != (call->kernel == r->s->call.kernel ? r->s->invalid : 0))
        fail_in(r, "counted a wrong number of invalid indices");
    return workspace;
}

static void *address(const run_t *r, int i) {
    const size_t size = element_size(r->in[i].element, r->dtype);
    return r->in[i].data ? r->in[i].data + r->s->first[i] * (ptrdiff_t)size : NULL;
}

static void call(const run_t *r, array *out) {
    const subject *s = r->s;
    const cnet_signature *signature = &cnet_signatures[s->call.kernel];
    cnet_call c = s->call;
    char *prepared = NULL;
    if (s->prepare) {
        cnet_call prepare = *s->prepare;
        for (int i = 0; i < cnet_signatures[prepare.kernel].arrays; i++)
            prepare.slots[i].pointer = address(r, 1 + i);
        prepared = run_call(r, &prepare);
    }
    for (int i = 0; i < OUTPUTS; i++)
        out[i] = make_output(s, i, r->dtype);
    for (int a = 0, in = 0, next = 0; a < signature->arrays; a++) {
        const int is_input = signature->arguments[a].kind == CNET_IN;
        c.slots[a].pointer = is_input ? address(r, in) : out[next].data;
        if (is_input && in + 1 == s->in_place)
            c.slots[a].pointer = out[0].data;
        if (is_input && in == 1 && prepared)
            c.slots[a].pointer = prepared;
        in += is_input;
        next += !is_input;
    }
    free(run_call(r, &c));
    free(prepared);
}

/* Checks the values with one thread, and that more threads give the same bits. */
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

static void check_workspace(const run_t *r) {
    static double wanted[1];
    cnet_call c = r->s->call;
    for (int a = 0, next = 0; a < cnet_signatures[c.kernel].arrays; a++)
        if (cnet_signatures[c.kernel].arguments[a].kind == CNET_OUT)
            c.slots[a].pointer = r->s->out[next++].expected ? wanted : NULL;
    size_t less = 0;
    for (c.threads = 1; c.threads <= CNET_MAX_THREADS; c.threads *= 2) {
        const size_t bytes = bytes_for(r, &c);
        if (bytes < less)
            fail("%zu bytes for %d threads after %zu", bytes, c.threads, less);
        less = bytes;
    }
}

void check(const subject *s) {
    for (cnet_dtype dtype = 0; dtype < CNET_DTYPES; dtype++) {
        run_t r = {.s = s, .dtype = dtype};
        for (int i = 0; i < INPUTS; i++)
            r.in[i] = make_input(s, i, dtype);
        for (int isa = 0; (r.isa = cnet_isa_name(isa)); isa++) {
            if (cnet_isa_supported(isa)) {
                cnet_set_active_isa(isa);
                check_workspace(&r);
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

int is_suitable(const cnet_call *call) {
    for (int isa = 0; cnet_isa_name(isa); isa++) {
        if (!cnet_isa_supported(isa))
            continue;
        cnet_set_active_isa(isa);
        for (cnet_dtype dtype = 0; dtype < CNET_DTYPES; dtype++)
            if (workspace_of(call, dtype, 1) == CNET_UNSUITABLE)
                return 0;
    }
    return 1;
}

int choice_of(const cnet_call *call, cnet_dtype dtype, cnet_pass pass) {
    cnet_call copy = *call;
    copy.threads = 1;
    cnet_active_kernels(dtype)[call->kernel].workspace(&copy);
    return copy.choices[pass];
}

size_t workspace_of(const cnet_call *call, cnet_dtype dtype, int threads) {
    cnet_call copy = *call;
    copy.threads = threads;
    return cnet_active_kernels(dtype)[call->kernel].workspace(&copy);
}
