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

typedef enum { REAL, INT32, INT64, BYTE } type_t;

/* An array that is read; without values it is a NULL pointer. */
typedef struct {
    type_t type;
    ptrdiff_t count;
    const double *values;
} input;

/* An array that is written; without expected elements it is a NULL pointer. It holds `initial`
 * before the call, or else a pattern that is no result: NaN, or a large integer. */
typedef struct {
    type_t type;
    ptrdiff_t count;
    const sum *expected;
    const double *initial;
} output;

enum { INPUTS = 5, OUTPUTS = 3 };

typedef struct {
    const cnet_kernels *kernels;
    const void *arguments;
    size_t real_size;
    void *in[INPUTS], *out[OUTPUTS];
    const cnet_exec *exec;
} call_t;

typedef struct {
    const void *arguments; /* geometry, options: what `call` and `workspace` make of it */
    ptrdiff_t (*call)(const call_t *c);
    size_t (*workspace)(const cnet_kernels *k, const void *arguments, int threads); /* or NULL */
    input in[INPUTS];
    output out[OUTPUTS];
    ptrdiff_t result; /* what `call` must return */
} subject;

/* Ends the program with a message unless all is as it should be. */
void check(const subject *s);
/* The same for a workspace function: more threads never need less. */
void check_workspace(size_t (*workspace)(const cnet_kernels *k, const void *arguments, int threads),
                     const void *arguments);

/* Ends the program with this message if the condition does not hold. */
void require(int condition, const char *message);

/* Which case this is: stands in messages, behind the name of the kernel. */
__attribute__((format(printf, 1, 2))) void describe(const char *format, ...);
__attribute__((format(printf, 1, 2))) void describe_also(const char *format, ...);
/* All sizes of a cnet_window2d or a cnet_conv2d. */
void describe_geometry(const void *geometry, size_t bytes);
extern const char *kernel_name;

#endif
