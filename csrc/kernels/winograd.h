/* Winograd's minimal filtering F(4 x 4, 3 x 3): the transforms, on vectors.
 *
 * A 4 x 4 tile of outputs needs a 6 x 6 patch of the image, and comes of it and a 3 x 3 filter by
 *     Y = A' [ (G g G') * (B' d B) ] A
 * with 36 multiplications instead of 144. The points are 0, ±p, ±q and infinity with p = 3/4 and
 * q = 3/2, which lose less precision than the usual ±1 and ±2: the largest error stays within about
 * ten times that of a direct sum in the same precision.
 *
 * Lavin and Gray (2016), "Fast algorithms for convolutional neural networks"; Barabasz, Anderson,
 * Soodhalter and Gregg (2020), "Error analysis and improving the accuracy of Winograd convolution
 * for deep neural networks". */
#ifndef CNET_WINOGRAD_H
#define CNET_WINOGRAD_H

#include "simd.h"

enum { WINOGRAD_TILE = 4, WINOGRAD_PATCH = 6, WINOGRAD_PLANES = 36 };

#define POINT_P ((real)0.75)
#define POINT_Q ((real)1.5)
#define P2 (POINT_P * POINT_P)
#define Q2 (POINT_Q * POINT_Q)
/* What G divides by: the derivative of the product of all (x - point) at 0, ±p and ±q. */
#define NORM_0 (P2 * Q2)
#define NORM_P (2 * P2 * (P2 - Q2))
#define NORM_Q (2 * Q2 * (Q2 - P2))

/* y = B' d, from 6 to 6 values: both with a step between them. */
static inline void winograd_input(const vec *d, int from_step, vec *y, int to_step) {
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

/* y = G g, from 3 to 6 values. */
static inline void winograd_filter(const vec *g, int from_step, vec *y, int to_step) {
    const vec g0 = g[0], g1 = g[from_step], g2 = g[2 * from_step];
    const vec p_even = (g0 + P2 * g2) * (1 / NORM_P), p_odd = g1 * (POINT_P / NORM_P);
    const vec q_even = (g0 + Q2 * g2) * (1 / NORM_Q), q_odd = g1 * (POINT_Q / NORM_Q);
    y[0] = g0 * (1 / NORM_0);
    y[to_step] = p_even + p_odd;
    y[2 * to_step] = p_even - p_odd;
    y[3 * to_step] = q_even + q_odd;
    y[4 * to_step] = q_even - q_odd;
    y[5 * to_step] = g2;
}

/* y = A' m, from 6 to 4 values. */
static inline void winograd_output(const vec *m, int from_step, vec *y, int to_step) {
    const vec p_even = m[from_step] + m[2 * from_step], p_odd = m[from_step] - m[2 * from_step];
    const vec q_even = m[3 * from_step] + m[4 * from_step];
    const vec q_odd = m[3 * from_step] - m[4 * from_step];
    y[0] = m[0] + p_even + q_even;
    y[to_step] = POINT_P * p_odd + POINT_Q * q_odd;
    y[2 * to_step] = P2 * p_even + Q2 * q_even;
    y[3 * to_step] = POINT_P * P2 * p_odd + POINT_Q * Q2 * q_odd + m[5 * from_step];
}

/* y = A d, from 4 to 6 values: the gradient of winograd_output. */
static inline void winograd_gradient(const vec *d, int from_step, vec *y, int to_step) {
    const vec d0 = d[0], d1 = d[from_step], d2 = d[2 * from_step], d3 = d[3 * from_step];
    const vec p_even = d0 + P2 * d2, p_odd = POINT_P * (d1 + P2 * d3);
    const vec q_even = d0 + Q2 * d2, q_odd = POINT_Q * (d1 + Q2 * d3);
    y[0] = d0;
    y[to_step] = p_even + p_odd;
    y[2 * to_step] = p_even - p_odd;
    y[3 * to_step] = q_even + q_odd;
    y[4 * to_step] = q_even - q_odd;
    y[5 * to_step] = d3;
}

/* y = G' m, from 6 to 3 values: the gradient of winograd_filter. */
static inline void winograd_filter_gradient(const vec *m, int from_step, vec *y, int to_step) {
    const vec p_even = (m[from_step] + m[2 * from_step]) * (1 / NORM_P);
    const vec p_odd = (m[from_step] - m[2 * from_step]) * (POINT_P / NORM_P);
    const vec q_even = (m[3 * from_step] + m[4 * from_step]) * (1 / NORM_Q);
    const vec q_odd = (m[3 * from_step] - m[4 * from_step]) * (POINT_Q / NORM_Q);
    y[0] = m[0] * (1 / NORM_0) + p_even + q_even;
    y[to_step] = p_odd + q_odd;
    y[2 * to_step] = P2 * p_even + Q2 * q_even + m[5 * from_step];
}

/* Both axes of an array of rows x cols vectors, the first pass along the columns. */
static inline void winograd_input_2d(const vec *d, vec *y) {
    vec half[WINOGRAD_PLANES];
    for (int j = 0; j < 6; j++)
        winograd_input(d + j, 6, half + j, 6);
    for (int i = 0; i < 6; i++)
        winograd_input(half + 6 * i, 1, y + 6 * i, 1);
}

static inline void winograd_filter_2d(const vec *g, vec *y) {
    vec half[6 * 3];
    for (int j = 0; j < 3; j++)
        winograd_filter(g + j, 3, half + j, 3);
    for (int i = 0; i < 6; i++)
        winograd_filter(half + 3 * i, 1, y + 6 * i, 1);
}

static inline void winograd_output_2d(const vec *m, vec *y) {
    vec half[4 * 6];
    for (int j = 0; j < 6; j++)
        winograd_output(m + j, 6, half + j, 6);
    for (int i = 0; i < 4; i++)
        winograd_output(half + 6 * i, 1, y + 4 * i, 1);
}

static inline void winograd_gradient_2d(const vec *d, vec *y) {
    vec half[6 * 4];
    for (int j = 0; j < 4; j++)
        winograd_gradient(d + j, 4, half + j, 4);
    for (int i = 0; i < 6; i++)
        winograd_gradient(half + 4 * i, 1, y + 6 * i, 1);
}

static inline void winograd_filter_gradient_2d(const vec *m, vec *y) {
    vec half[3 * 6];
    for (int j = 0; j < 6; j++)
        winograd_filter_gradient(m + j, 6, half + j, 6);
    for (int i = 0; i < 3; i++)
        winograd_filter_gradient(half + 6 * i, 1, y + 3 * i, 1);
}

#endif
