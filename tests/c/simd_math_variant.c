/* Compiled once per variant, like the kernels. */
#include "hyperbolic.h"
#include "simd_math_test.h"
#include "trigonometric.h"

#define RUN(name)                                                                                  \
    static void run_##name(const real *x, real *y, ptrdiff_t count) {                              \
        for (ptrdiff_t t = 0; t < count; t += LANES)                                               \
            store_run(y + t, vec_##name(load_run(x + t, count - t)), count - t);                   \
    }
MATH_FUNCTIONS(RUN)
#undef RUN

run_math CNET_FN(math);
void CNET_FN(math)(math_function f, const void *x, void *y, ptrdiff_t count) {
#define ENTRY(name) [MATH_##name] = run_##name,
    static void (*const runs[])(const real *, real *, ptrdiff_t) = {MATH_FUNCTIONS(ENTRY)};
    runs[f](x, y, count);
}
