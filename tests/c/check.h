/* Runs one call of a kernel for every dtype, instruction set and number of threads, and checks the
 * results.
 *
 * A test describes the call as a `subject`: its inputs, which are numbers that both dtypes
 * represent exactly, and the expected results from naive loops in double. `check` passes arrays
 * that begin at an odd element and end where their memory block ends, and a workspace of exactly
 * the requested size, so that a sanitizer detects every access beyond them. */
#ifndef CHECK_H
#define CHECK_H

#include "cnet.h"

#include <math.h>

/* The expected value of an element: the sum of `terms` numbers whose magnitudes add up to `scale`.
 * The kernel may sum in another order: |actual - value| <= 2 sqrt(terms) eps scale. A scale of 0
 * requires equality. */
typedef struct {
    double value, scale, terms;
} sum;

static inline void add(sum *to, double term) {
    *to = (sum){to->value + term, to->scale + fabs(term), to->terms + 1};
}

/* Memory for the numbers of a test, freed by `check`, or by release_numbers in tests that do not
 * call it. */
void release_numbers(void);
double *numbers(ptrdiff_t count);
ptrdiff_t *sizes(ptrdiff_t count);
sum *sums(ptrdiff_t count);
/* Multiples of 2^-20 in [-1, 1). */
double *randoms(ptrdiff_t count);
/* Integers in [-3, 3]: sums of their products are exact in both dtypes, in any order. */
double *small_integers(ptrdiff_t count);
/* A random size in [low, high]. */
ptrdiff_t random_size(ptrdiff_t low, ptrdiff_t high);
/* The same number in float32 and in float64. */
static inline double rounded(double x) { return (double)(float)x; }

/* An input array; without values it is a NULL pointer. */
typedef struct {
    ptrdiff_t count;
    const double *values;
} input;

/* An output array; without expected elements it is a NULL pointer. Before the call it contains
 * `initial`, or else a pattern that is not a result: NaN, or a large integer. */
typedef struct {
    ptrdiff_t count;
    const sum *expected;
    const double *initial;
} output;

enum { INPUTS = 8, OUTPUTS = 5 };

/* Inputs and outputs are the arrays of the kernel in the order of kernels.h, with the element types
 * given there. */
typedef struct {
    cnet_call call; /* the kernel, and its arguments except the arrays */
    const cnet_call
        *prepare; /* another call, which makes the second input from the inputs after the first */
    input in[INPUTS];
    output out[OUTPUTS];
    ptrdiff_t first[INPUTS]; /* the element of an input that the kernel gets a pointer to */
    int in_place;            /* 0, or k if the first output is the same array as the k-th input */
    ptrdiff_t invalid;       /* the number of invalid indices that the kernel must report */
} subject;

/* Ends the program with a message if a result is wrong, or if more threads need less workspace. */
void check(const subject *s);

/* Whether a kernel can compute a call, on every instruction set and in every dtype. */
int is_suitable(const cnet_call *call);
/* The choice of a kernel for a pass on the active instruction set, and its workspace. */
int choice_of(const cnet_call *call, cnet_dtype dtype, cnet_pass pass);
size_t workspace_of(const cnet_call *call, cnet_dtype dtype, int threads);

/* Ends the program with this message if the condition does not hold. */
void require(int condition, const char *message);

/* Describes the current case; messages contain it after the name of the kernel. */
__attribute__((format(printf, 1, 2))) void describe(const char *format, ...);
__attribute__((format(printf, 1, 2))) void describe_also(const char *format, ...);
/* All sizes of a cnet_window2d or a cnet_conv2d. */
void describe_geometry(const void *geometry, size_t bytes);
extern const char *kernel_name;

#endif
