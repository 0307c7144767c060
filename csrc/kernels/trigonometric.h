/* Trigonometric functions of every lane of a vector, and their inverses.
 *
 * Errors and special values as in simd_math.h. sin, cos and tan: x = n pi/2 + r, |r| <= pi/4, with
 * pi/2 as a sum of short numbers, whose products with n are exact, and a remainder (Cody and
 * Waite). Lanes beyond GREATEST_ANGLE are left to libm. tan(r) = r + r^3 T(r^2), and -1 / tan(r)
 * for odd n; its derivative multiplies the rounding error of r.
 *
 * asin(s) = s + s^3 S(s^2) up to 1/2; above, pi/2 - 2 asin(s), s = sqrt((1 - x) / 2). The angle of
 * a point is that of the quotient t of its smaller and its greater coordinate, t + t^3 A(t^2), up
 * to reflections. Polynomials are minimax for the relative error, which is at most 2^-27 in float32
 * and 2^-54 in float64. */
#ifndef CNET_TRIGONOMETRIC_H
#define CNET_TRIGONOMETRIC_H

#include "sine.h"

#if defined(CNET_REAL_f32)
#define GREATEST_ANGLE 6000
#define HALF_PI 0x1.921fb6p+0
#define HALF_PI_LOW -0x1.777a5cp-25 /* pi/2 - HALF_PI */
static const real half_pi[] = {0x1.92p+0, 0x1.fb4p-12, 0x1.444p-24, 0x1.68c234p-39};
static const real tan_terms[] = {0x1.55556p-2,  0x1.110d8ep-3,  0x1.badbecp-5, 0x1.5caf58p-6,
                                 0x1.63148ap-7, 0x1.759988p-14, 0x1.1ed16ap-8};
static const real asin_terms[] = {0x1.5555c8p-3, 0x1.3301ep-4, 0x1.747ebep-5, 0x1.8c2418p-6,
                                  0x1.59707p-5};
static const real atan_terms[] = {-0x1.55553ep-2, 0x1.9991fep-3,  -0x1.2421bep-3,
                                  0x1.c09a54p-4,  -0x1.583584p-4, 0x1.dacd04p-5,
                                  -0x1.fed75cp-6, 0x1.65ac88p-7,  -0x1.d63a8ap-10};
#else
#define GREATEST_ANGLE 1000000
#define HALF_PI 0x1.921fb54442d18p+0
#define HALF_PI_LOW 0x1.1a62633145c07p-54
static const real half_pi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
static const real tan_terms[] = {
    0x1.55555555554f2p-2,   0x1.111111111830ap-3,  0x1.ba1ba1b46993p-5,    0x1.664f49a8b4b1cp-6,
    0x1.226e1253d3f12p-7,   0x1.d6d934846ae84p-9,  0x1.7d5b5434b66f9p-10,  0x1.37fac80ccc66ap-11,
    0x1.d26e5adcd18c3p-13,  0x1.1e2d60baa9031p-13, -0x1.b921bf75b9905p-16, 0x1.76d4ed3ff02fbp-14,
    -0x1.78101ca8e00a4p-15, 0x1.5dd6e13496792p-16};
static const real asin_terms[] = {
    0x1.555555555539p-3,  0x1.333333336e7b4p-4, 0x1.6db6db427e71bp-5,  0x1.f1c72c3796fb2p-6,
    0x1.6e89f461db8f6p-6, 0x1.1c6bdfadb7575p-6, 0x1.c6fde7bfbc2d3p-7,  0x1.8ec20ac81778p-7,
    0x1.abd73429972fap-8, 0x1.3fef8c623673bp-6, -0x1.09cb8c33dc375p-6, 0x1.056af651ae3b5p-5};
static const real atan_terms[] = {
    -0x1.555555555544cp-2, 0x1.999999998410dp-3,  -0x1.2492491fa1f49p-3, 0x1.c71c709e0f73dp-4,
    -0x1.745d023028b24p-4, 0x1.3b12b2de2544bp-4,  -0x1.11089caa6e06ep-4, 0x1.e17813378ca8cp-5,
    -0x1.ad32a97bc47fap-5, 0x1.7ee3c1424d121p-5,  -0x1.4f44a3abb9592p-5, 0x1.1714f5c04fdf8p-5,
    -0x1.a7242d989014ap-6, 0x1.1629a33a93f88p-6,  -0x1.2cf35d19e082cp-7, 0x1.f963aa83901f8p-9,
    -0x1.312348ea2c7dp-10, 0x1.d3ae1c993db5bp-13, -0x1.53dab51d02702p-16};
#endif

BY_LIBM(sin_by_libm, (vec y, vec a, mask_vec ready), REAL_SIN(a[lane]))
BY_LIBM(cos_by_libm, (vec y, vec a, mask_vec ready), REAL_COS(a[lane]))
BY_LIBM(tan_by_libm, (vec y, vec a, mask_vec ready), REAL_TAN(a[lane]))

/* x = n pi/2 + r + rest, where n is the nearest integer, and `rest` what r lost by rounding. The
 * first differences are exact; the last part is subtracted together with what the one before it
 * lost. */
static inline vec angle_of_rest(vec x, vec *n, vec *rest) {
    enum { PARTS = sizeof(half_pi) / sizeof(half_pi[0]) };
    *n = (x * (real)0.63661977236758134308 + (real)ROUNDER) - (real)ROUNDER;
    vec exact = x;
    for (int i = 0; i < PARTS - 2; i++)
        exact -= *n * half_pi[i];
    const vec high = exact - *n * half_pi[PARTS - 2];
    const vec low = ((exact - high) - *n * half_pi[PARTS - 2]) - *n * half_pi[PARTS - 1];
    const vec r = high + low;
    *rest = (high - r) + low;
    return r;
}

/* The low bits of these numbers are those of the integer n. */
static inline bits_vec low_bits(vec n) { return (bits_vec)(n + (real)ROUNDER); }

/* sin(x + quarter pi/2) */
static inline vec turned_sine(vec x, int quarter) {
    vec n, rest;
    const vec r = angle_of_rest(x, &n, &rest);
    const vec sine = sine_of_rest(r), cosine = cosine_of_rest(r);
    const bits_vec turns = low_bits(n + (real)quarter);
    const vec size = choose((mask_vec)(turns & 1) != 0, cosine, sine);
    const vec signed_size = (vec)((bits_vec)size ^ ((turns & 2) << (8 * sizeof(real) - 2)));
    const vec y = choose(x == 0, quarter ? broadcast(1) : x, signed_size);
    const mask_vec ready = vec_abs(x) <= GREATEST_ANGLE;
    if (all_lanes(ready))
        return y;
    return quarter ? cos_by_libm(y, x, ready) : sin_by_libm(y, x, ready);
}
static inline vec vec_sin(vec x) { return turned_sine(x, 0); }
static inline vec vec_cos(vec x) { return turned_sine(x, 1); }

static inline vec vec_tan(vec x) {
    vec n, rest;
    const vec r = angle_of_rest(x, &n, &rest), square = r * r;
    const vec cubic = r * square * POLYNOMIAL(square, tan_terms);
    const vec tangent = r + (cubic + rest * (1 + (r + cubic) * (r + cubic)));
    const vec turned = choose((mask_vec)(low_bits(n) & 1) != 0, -1 / tangent, tangent);
    const vec y = choose(x == 0, x, turned);
    const mask_vec ready = vec_abs(x) <= GREATEST_ANGLE;
    return all_lanes(ready) ? y : tan_by_libm(y, x, ready);
}

/* asin(s) = s + rest for a number |x|, where s is |x|, or sqrt((1 - |x|) / 2) above 1/2. */
static inline vec asin_of_size(vec size, mask_vec above, vec *rest) {
    const vec square = choose(above, HALF - HALF * size, size * size);
    const vec s = choose(above, vec_sqrt(square), size);
    *rest = s * square * POLYNOMIAL(square, asin_terms);
    return s;
}

static inline vec vec_asin(vec x) {
    const vec size = vec_abs(x);
    const mask_vec above = size > HALF;
    vec rest;
    const vec s = asin_of_size(size, above, &rest);
    const vec difference = (real)HALF_PI - 2 * s, lost = ((real)HALF_PI - difference) - 2 * s;
    const vec far = difference + (lost + ((real)HALF_PI_LOW - 2 * rest));
    return copy_sign(vec_abs(choose(above, far, s + rest)), x);
}

static inline vec vec_acos(vec x) {
    const vec size = vec_abs(x);
    const mask_vec above = size > HALF;
    vec rest;
    const vec s = copy_sign(asin_of_size(size, above, &rest), x);
    const vec near = ((real)HALF_PI - s) + ((real)HALF_PI_LOW - copy_sign(rest, x));
    const vec zero = (vec){0}, base = choose(x < 0, broadcast(2 * (real)HALF_PI), zero),
              base_low = choose(x < 0, broadcast(2 * (real)HALF_PI_LOW), zero);
    const vec far = (base + 2 * s) + (base_low + 2 * copy_sign(rest, x));
    return choose(above, far, near);
}

/* The angle of the point (x, y), from -pi to pi. */
static inline vec vec_atan2(vec y, vec x) {
    const vec a = vec_abs(y), b = vec_abs(x), zero = (vec){0};
    const mask_vec steep = a > b, left = (mask_vec)x < 0;
    const vec small = choose(steep, b, a), great = choose(steep, a, b);
    /* 0 at the origin, and 1 for two infinities */
    const vec one = broadcast(1), divisor = choose(great == 0, one, great);
    const vec size = choose((small == great) & (great != 0), one, small / divisor);
    const vec t = (vec)((bits_vec)size ^ ((bits_vec)(steep ^ left) & SIGN_BIT));
    const vec square = size * size, rest = t * square * POLYNOMIAL(square, atan_terms);
    const vec turns = choose(steep, one, choose(left, 2 * one, zero)); /* of pi/2 */
    const vec angle = (turns * (real)HALF_PI + t) + (turns * (real)HALF_PI_LOW + rest);
    return copy_sign(vec_abs(angle), y);
}

static inline vec vec_atan(vec x) { return vec_atan2(x, broadcast(1)); }

#endif
