/* Winograd's minimal filtering at six points: the transforms, on vectors.
 *
 * A tile of m x m outputs of an r x r filter g depends on a 6 x 6 patch d of the image, m + r = 7:
 *     Y = A' [ (G g G') * (B' d B) ] A
 * with 36 multiplications: F(4 x 4, 3 x 3) replaces 144, F(2 x 2, 5 x 5) replaces 100. Both have
 * the same B. The points are 0, ±p, ±q and infinity with p = 3/4 and q = 3/2, which lose less
 * precision than the usual ±1 and ±2: the largest error stays within about ten times that of a
 * direct sum in the same precision.
 *
 * An output depends on its whole patch. An infinity or NaN, which a direct sum would keep within
 * the r x r outputs that depend on it, becomes NaN in all outputs of the tiles that depend on it;
 * one in a filter (or in grad_output, for the weight gradient) spreads to all results of the same
 * transform.
 *
 * G and A evaluate a polynomial at each of the points, with the taps or the outputs as
 * coefficients; A' and G' are their transposes.
 *
 * Lavin and Gray (2016), "Fast algorithms for convolutional neural networks"; Barabasz, Anderson,
 * Soodhalter and Gregg (2020), "Error analysis and improving the accuracy of Winograd convolution
 * for deep neural networks". */
#ifndef CNET_WINOGRAD_H
#define CNET_WINOGRAD_H

#include "simd.h"

enum {
    WINOGRAD_PATCH = 6,
    WINOGRAD_PLANES = WINOGRAD_PATCH * WINOGRAD_PATCH,
    /* The larger of m and r is at most this. */
    WINOGRAD_LARGEST = 5
};

#define POINT_P ((real)0.75)
#define POINT_Q ((real)1.5)
#define P2 (POINT_P * POINT_P)
#define Q2 (POINT_Q * POINT_Q)

/* The divisors in G: the derivative of the product of all (x - point) at 0, ±p and ±q. A does not
 * divide. */
typedef struct {
    real zero, p, q;
} winograd_scale;
static const winograd_scale FILTER_SCALE = {
    1 / (P2 * Q2),
    1 / (2 * P2 * (P2 - Q2)),
    1 / (2 * Q2 * (Q2 - P2)),
};
static const winograd_scale NO_SCALE = {1, 1, 1};

#define UNROLLED static inline __attribute__((always_inline))

/* y = B' d, from 6 to 6 values. All vectors in this file are a step apart. */
UNROLLED void winograd_input(const vec *d, ptrdiff_t from_step, vec *y, ptrdiff_t to_step) {
    const vec d1 = d[from_step], d2 = d[2 * from_step], d3 = d[3 * from_step],
              d4 = d[4 * from_step];
    const vec p_even = d4 - Q2 * d2, p_odd = POINT_P * (d3 - Q2 * d1);
    const vec q_even = d4 - P2 * d2, q_odd = POINT_Q * (d3 - P2 * d1);
    y[0] = P2 * Q2 * d[0] - (P2 + Q2) * d2 + d4;
    y[to_step] = p_even + p_odd;
    y[2 * to_step] = p_even - p_odd;
    y[3 * to_step] = q_even + q_odd;
    y[4 * to_step] = q_even - q_odd;
    y[5 * to_step] = P2 * Q2 * d1 - (P2 + Q2) * d3 + d[5 * from_step];
}

/* y = the polynomial with `count` coefficients x at the six points: G (scaled) or A. */
UNROLLED void winograd_evaluate(const int count, const winograd_scale s, const vec *x,
                                ptrdiff_t from_step, vec *y, ptrdiff_t to_step) {
    vec p[2] = {x[0], POINT_P * x[from_step]}, q[2] = {x[0], POINT_Q * x[from_step]};
    real p_power = POINT_P, q_power = POINT_Q;
#pragma GCC unroll 5
    for (int k = 2; k < count; k++) {
        p_power *= POINT_P;
        q_power *= POINT_Q;
        p[k % 2] += p_power * x[k * from_step];
        q[k % 2] += q_power * x[k * from_step];
    }
    y[0] = s.zero * x[0];
    y[to_step] = s.p * (p[0] + p[1]);
    y[2 * to_step] = s.p * (p[0] - p[1]);
    y[3 * to_step] = s.q * (q[0] + q[1]);
    y[4 * to_step] = s.q * (q[0] - q[1]);
    y[5 * to_step] = x[(count - 1) * from_step];
}

/* The transpose, from 6 to `count` values: G' (scaled) or A'. */
UNROLLED void winograd_combine(const int count, const winograd_scale s, const vec *m,
                               ptrdiff_t from_step, vec *y, ptrdiff_t to_step) {
    const vec p[2] = {s.p * (m[from_step] + m[2 * from_step]),
                      s.p * (m[from_step] - m[2 * from_step])};
    const vec q[2] = {s.q * (m[3 * from_step] + m[4 * from_step]),
                      s.q * (m[3 * from_step] - m[4 * from_step])};
    real p_power = 1, q_power = 1;
#pragma GCC unroll 5
    for (int k = 0; k < count; k++) {
        vec sum = p_power * p[k % 2] + q_power * q[k % 2];
        if (k == 0)
            sum += s.zero * m[0];
        if (k == count - 1)
            sum += m[5 * from_step];
        y[k * to_step] = sum;
        p_power *= POINT_P;
        q_power *= POINT_Q;
    }
}

/* Both axes, columns first. Rows of d and y are `row` vectors apart, and the 36 planes are `plane`
 * vectors apart; taps are contiguous. */
UNROLLED void winograd_input_2d(const vec *d, ptrdiff_t row, vec *y, ptrdiff_t plane) {
    vec half[WINOGRAD_PLANES];
#pragma GCC unroll 6
    for (int j = 0; j < WINOGRAD_PATCH; j++)
        winograd_input(d + j, row, half + j, WINOGRAD_PATCH);
#pragma GCC unroll 6
    for (int i = 0; i < WINOGRAD_PATCH; i++)
        winograd_input(half + WINOGRAD_PATCH * i, 1, y + WINOGRAD_PATCH * i * plane, plane);
}

UNROLLED void winograd_evaluate_2d(const int count, const winograd_scale s, const vec *x,
                                   ptrdiff_t row, vec *y, ptrdiff_t plane) {
    vec half[WINOGRAD_PATCH * WINOGRAD_LARGEST];
#pragma GCC unroll 5
    for (int j = 0; j < count; j++)
        winograd_evaluate(count, s, x + j, row, half + j, WINOGRAD_LARGEST);
#pragma GCC unroll 6
    for (int i = 0; i < WINOGRAD_PATCH; i++)
        winograd_evaluate(count, s, half + WINOGRAD_LARGEST * i, 1, y + WINOGRAD_PATCH * i * plane,
                          plane);
}

UNROLLED void winograd_combine_2d(const int count, const winograd_scale s, const vec *m,
                                  ptrdiff_t plane, vec *y, ptrdiff_t row) {
    vec half[WINOGRAD_LARGEST * WINOGRAD_PATCH];
#pragma GCC unroll 6
    for (int j = 0; j < WINOGRAD_PATCH; j++)
        winograd_combine(count, s, m + j * plane, WINOGRAD_PATCH * plane, half + j, WINOGRAD_PATCH);
#pragma GCC unroll 5
    for (int i = 0; i < count; i++)
        winograd_combine(count, s, half + WINOGRAD_PATCH * i, 1, y + i * row, 1);
}

#endif
