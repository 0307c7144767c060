/* Functions for combinations.h, in addition to formulas.h. */
#ifndef CNET_COMBINE_H
#define CNET_COMBINE_H

#include "formulas.h"
#include "trigonometric.h"

/* The number from -limit to limit that is nearest to x. */
static inline vec within(vec x, vec limit) { return at_most(at_least(x, -limit), limit); }

/* a^2 + b^2 as a divisor: infinity instead of 0. */
static inline vec sum_of_squares(vec a, vec b) {
    const vec sum = a * a + b * b;
    return choose(sum == 0, broadcast(REAL_INFINITY), sum);
}

/* Rounds towards zero. */
static inline vec vec_trunc(vec x) { return copy_sign(vec_floor(vec_abs(x)), x); }

/* sqrt(a^2 + b^2), where the squares neither overflow nor underflow. */
static inline vec vec_hypot(vec a, vec b) {
    const vec x = vec_abs(a), y = vec_abs(b);
    const vec greater = choose(x > y, x, y), less = choose(x > y, y, x);
    const vec ratio = less / choose(greater == 0, broadcast(1), greater);
    const vec size = greater * vec_sqrt(1 + ratio * ratio);
    return choose((x == REAL_INFINITY) | (y == REAL_INFINITY), broadcast(REAL_INFINITY), size);
}

/* d sigmoid / dx */
static inline vec sigmoid_slope(vec x) {
    vec rest;
    const vec gate = sigmoid_and_rest(x, &rest);
    return gate * rest;
}

/* log(exp(a) + exp(b)) */
static inline vec logaddexp(vec a, vec b) {
    const vec distance = choose(a == b, ZERO, vec_abs(a - b)); /* 0 for equal infinities */
    return choose(a > b, a, b) + log1p_of_fraction(vec_exp(-distance));
}

/* a log(b), and 0 for a = 0. */
static inline vec xlogy(vec a, vec b) { return choose((a == 0) & (b == b), ZERO, a * vec_log(b)); }
static inline vec xlogy_slope(vec a, vec b) {
    return choose((a == 0) & (b <= 0), ZERO, vec_log(b));
}

/* -target log(sigmoid(x)) - (1 - target) log(1 - sigmoid(x)) */
static inline vec bce_with_logits(vec x, vec target) {
    return at_least(x, ZERO) - x * target + log1p_of_fraction(vec_exp(-vec_abs(x)));
}

/* Whether a differs from b by at most atol + rtol |b|: 1 or 0. Infinities are close only to
 * themselves. */
static inline vec is_close(vec a, vec b, vec rtol, vec atol) {
    const vec size = vec_abs(b);
    const mask_vec close = (vec_abs(a - b) <= atol + rtol * size) & (size < REAL_INFINITY);
    return choose(close | (a == b), broadcast(1), ZERO);
}

/* a + c (b - a), and exactly b for c = 1. */
static inline vec lerp(vec a, vec b, vec c) {
    const vec step = b - a;
    return choose(vec_abs(c) < HALF, a + c * step, b - step * (1 - c));
}

static inline vec nan_to_num(vec x, vec nan, vec posinf, vec neginf) {
    const vec number = choose(x == REAL_INFINITY, posinf, choose(x == -REAL_INFINITY, neginf, x));
    return choose(x != x, nan, number);
}

/* ---- Division with remainder ----
 *
 * The quotient of a division rounded towards zero, and its remainder, both of |a| and |b|. The
 * remainder is exact: |a| - q |b| fits into a number, and a fused multiply-add computes it without
 * rounding, if q is an integer below 2^MANTISSA_BITS. q = trunc(|a| / |b|) can only be too large,
 * by 1, where the quotient was rounded up to an integer. Other lanes are left to libm: `ready` says
 * which lanes are done. */
static inline vec divided(vec a, vec b, vec *rest, mask_vec *ready) {
#if defined(__FP_FAST_FMA)
    const vec x = vec_abs(a), y = vec_abs(b), quotient = vec_floor(x / y);
    vec difference = x;
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        difference[lane] = REAL_FMA(-quotient[lane], y[lane], x[lane]);
    const mask_vec less = difference < 0;
    *rest = choose(less, difference + y, difference);
    *ready = (quotient < ALL_INTEGERS / 2) & (y < REAL_INFINITY);
    return choose(less, quotient - 1, quotient);
#else
    (void)a, (void)b;
    *rest = ZERO;
    *ready = (mask_vec){0};
    return ZERO;
#endif
}
BY_LIBM(fmod_by_libm, (vec y, vec a, vec b, mask_vec ready), REAL_FMOD(a[lane], b[lane]))

/* The remainder of a division rounded towards zero, with the sign of a. */
static inline vec vec_fmod(vec a, vec b) {
    vec rest;
    mask_vec ready;
    divided(a, b, &rest, &ready);
    const vec y = copy_sign(rest, a);
    return all_lanes(ready) ? y : fmod_by_libm(y, a, b, ready);
}
static inline mask_vec signs_differ(vec a, vec b) {
    return (mask_vec)(((bits_vec)a ^ (bits_vec)b) >> (8 * sizeof(real) - 1)) != 0;
}
/* The remainder of a division rounded down, with the sign of b. */
static inline vec vec_remainder(vec a, vec b) {
    const vec rest = vec_fmod(a, b);
    const vec y = choose((rest != 0) & signs_differ(rest, b), rest + b, rest);
    return choose(y == 0, copy_sign(ZERO, b), y);
}
static __attribute__((noinline)) vec floor_by_libm(vec y, vec a, vec b, mask_vec ready) {
    const vec rounded = a / b;
#pragma GCC unroll 1
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        if (!ready[lane]) {
            const real modulus = REAL_FMOD(a[lane], b[lane]), divisor = b[lane];
            const int is_below = modulus != 0 && (modulus < 0) != (divisor < 0);
            const real whole = (a[lane] - modulus) / divisor - (real)is_below;
            const real nearest = REAL_FLOOR(whole + HALF);
            y[lane] = divisor == 0 ? rounded[lane] : whole == 0 ? 0 * rounded[lane] : nearest;
        }
    return y;
}
/* floor(a / b), from the exact quotient. */
static inline vec floor_divide(vec a, vec b) {
    vec rest;
    mask_vec ready;
    const vec whole = divided(a, b, &rest, &ready);
    const mask_vec down = signs_differ(a, b) & (rest != 0);
    const vec y = copy_sign(whole + choose(down, broadcast(1), ZERO), a / b);
    return all_lanes(ready) ? y : floor_by_libm(y, a, b, ready);
}

#endif
