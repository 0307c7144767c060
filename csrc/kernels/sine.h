/* Sine and cosine of angles r from -pi/4 to pi/4.
 *
 * sin(r) = r + r^3 S(r^2), cos(r) = 1 - r^2/2 + r^4 C(r^2); both polynomials are minimax for the
 * relative error. */
#ifndef CNET_SINE_H
#define CNET_SINE_H

#include "simd_math.h"

#if defined(CNET_REAL_f32)
static const real sin_terms[] = {-0x1.555544p-3, 0x1.1106fcp-7, -0x1.992c3p-13};
static const real cos_terms[] = {0x1.55554ap-5, -0x1.6c0c22p-10, 0x1.99e37p-16};
#else
static const real sin_terms[] = {
    -0x1.5555555555555p-3,  0x1.111111111110ap-7,  -0x1.a01a01a0188b5p-13, 0x1.71de3a530b972p-19,
    -0x1.ae64525bdf379p-26, 0x1.61206bd70e320p-33, -0x1.aa91d51f5313fp-41};
static const real cos_terms[] = {0x1.555555555554ap-5,  -0x1.6c16c16c14ec2p-10,
                                 0x1.a01a019c6abdap-16, -0x1.27e4f7d4ea550p-22,
                                 0x1.1ee9c6cd85f0ap-29, -0x1.8f9ae54c30710p-37};
#endif

static inline vec sine_of_rest(vec r) {
    const vec square = r * r;
    return r + r * square * POLYNOMIAL(square, sin_terms);
}
static inline vec cosine_of_rest(vec r) {
    const vec square = r * r;
    return 1 - (HALF * square - square * square * POLYNOMIAL(square, cos_terms));
}

#endif
