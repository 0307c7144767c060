/* Runs one call of a kernel on every dtype, instruction set and number of threads, and judges it.
 *
 * A test describes the call as a `subject`: its inputs as numbers that both dtypes hold exactly,
 * and what must come out of naive loops in double. `check` gives the kernel arrays that end where
 * their block ends, at an odd element, and exactly the workspace it asked for, so that a sanitizer
 * sees every access beyond them. */
#ifndef CHECK_H
#define CHECK_H

#include "cnet.h"

#include <math.h>

/* What an element must be: the sum of `terms` numbers whose magnitudes add up to `scale`. The
 * kernel may sum in another order: |actual - value| <= 2 sqrt(terms) eps scale. A scale of 0 is
 * equality. */
typedef struct {
    double value, scale, terms;
} sum;

static inline void add(sum *to, double term) {
    *to = (sum){to->value + term, to->scale + fabs(term), to->terms + 1};
}

/* Numbers of a test, freed by `check`. */
double *numbers(ptrdiff_t count);
ptrdiff_t *sizes(ptrdiff_t count);
sum *sums(ptrdiff_t count);
/* Multiples of 2^-20 in [-1, 1). */
double *randoms(ptrdiff_t count);
/* Whole numbers in [-3, 3]: sums of their products are exact in both dtypes, in any order. */
double *small_integers(ptrdiff_t count);
/* In [low, high]. */
ptrdiff_t random_size(ptrdiff_t low, ptrdiff_t high);
/* The same number in float32 and in float64. */
static inline double rounded(double x) { return (double)(float)x; }

/* An array that is read; without values it is a NULL pointer. */
typedef struct {
    ptrdiff_t count;
    const double *values;
} input;

/* An array that is written; without expected elements it is a NULL pointer. It holds `initial`
 * before the call, or else a pattern that is no result: NaN, or a large integer. */
typedef struct {
    ptrdiff_t count;
    const sum *expected;
    const double *initial;
} output;

enum { INPUTS = 5, OUTPUTS = 3 };

/* Inputs and outputs are the arrays of the kernel in the order of the list, with elements of the
 * type that the list says. */
typedef struct {
    cnet_call call; /* the kernel, and its arguments but for the arrays */
    const cnet_call
        *prepare; /* likewise: makes the second array from the inputs behind the first */
    input in[INPUTS];
    output out[OUTPUTS];
    ptrdiff_t first[INPUTS]; /* the element of an input whose address the kernel gets */
    int in_place;            /* whether the first output takes the place of the first input */
    ptrdiff_t invalid;       /* what the kernel must count */
} subject;

/* Ends the program with a message unless all is as it should be; more threads never need less
 * workspace. */
void check(const subject *s);

/* Whether a kernel can compute a call, on every instruction set and in every dtype. */
int is_suitable(const cnet_call *call);
/* On the active instruction set: what it chooses for a pass, and the workspace it asks for. */
int choice_of(const cnet_call *call, cnet_dtype dtype, cnet_pass pass);
size_t workspace_of(const cnet_call *call, cnet_dtype dtype, int threads);

/* Ends the program with this message if the condition does not hold. */
void require(int condition, const char *message);

/* Which case this is: stands in messages, behind the name of the kernel. */
__attribute__((format(printf, 1, 2))) void describe(const char *format, ...);
__attribute__((format(printf, 1, 2))) void describe_also(const char *format, ...);
/* All sizes of a cnet_window2d or a cnet_conv2d. */
void describe_geometry(const void *geometry, size_t bytes);
extern const char *kernel_name;

#endif
