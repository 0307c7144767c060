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

/* The values at 0 and infinity, at p and -p, at q and -q: all transforms compute two at a time. */
enum { WINOGRAD_PAIRS = 3 };
static const int WINOGRAD_PAIR[WINOGRAD_PAIRS][2] = {{0, 5}, {1, 2}, {3, 4}};

/* y = a pair of values of B' d. The vectors of d are a step apart. */
UNROLLED void winograd_input(const int pair, const vec *d, ptrdiff_t step, vec y[2]) {
    if (pair == 0) {
        y[0] = P2 * Q2 * d[0] - (P2 + Q2) * d[2 * step] + d[4 * step];
        y[1] = P2 * Q2 * d[step] - (P2 + Q2) * d[3 * step] + d[5 * step];
        return;
    }
    const real point = pair == 1 ? POINT_P : POINT_Q, other = pair == 1 ? Q2 : P2;
    const vec even = d[4 * step] - other * d[2 * step], odd = d[3 * step] - other * d[step];
    y[0] = even + point * odd;
    y[1] = even - point * odd;
}

/* y = a pair of values of the polynomial with `count` coefficients x: G (scaled) or A. */
UNROLLED void winograd_evaluate(const int pair, const int count, const winograd_scale s,
                                const vec *x, ptrdiff_t step, vec y[2]) {
    if (pair == 0) {
        y[0] = s.zero * x[0];
        y[1] = x[(count - 1) * step];
        return;
    }
    const real point = pair == 1 ? POINT_P : POINT_Q, scale = pair == 1 ? s.p : s.q;
    vec sums[2] = {x[0], point * x[step]};
    real power = point;
#pragma GCC unroll 5
    for (int k = 2; k < count; k++) {
        power *= point;
        sums[k % 2] += power * x[k * step];
    }
    y[0] = scale * (sums[0] + sums[1]);
    y[1] = scale * (sums[0] - sums[1]);
}

/* The transpose, from 6 to `count` values: y[k / 2] = value k of G' m (scaled) or A' m, for k even
 * (parity 0) or odd (1). */
UNROLLED void winograd_combine(const int parity, const int count, const winograd_scale s,
                               const vec *m, ptrdiff_t step, vec y[3]) {
    const vec p = s.p * (parity ? m[step] - m[2 * step] : m[step] + m[2 * step]);
    const vec q = s.q * (parity ? m[3 * step] - m[4 * step] : m[3 * step] + m[4 * step]);
    real p_power = parity ? POINT_P : 1, q_power = parity ? POINT_Q : 1;
#pragma GCC unroll 3
    for (int k = parity; k < count; k += 2) {
        vec sum = p_power * p + q_power * q;
        if (k == 0)
            sum += s.zero * m[0];
        if (k == count - 1)
            sum += m[5 * step];
        y[k / 2] = sum;
        p_power *= P2;
        q_power *= Q2;
    }
}

/* Both axes, columns first: for two or three rows at a time, whose values stay in registers. Rows
 * of d and y are `row` vectors apart, and the 36 planes are `plane` vectors apart; taps are
 * contiguous. */
UNROLLED void winograd_input_2d(const vec *d, ptrdiff_t row, vec *y, ptrdiff_t plane) {
#pragma GCC unroll 3
    for (int pair = 0; pair < WINOGRAD_PAIRS; pair++) {
        vec half[WINOGRAD_PATCH][2];
#pragma GCC unroll 6
        for (int j = 0; j < WINOGRAD_PATCH; j++)
            winograd_input(pair, d + j, row, half[j]);
#pragma GCC unroll 6
        for (int k = 0; k < 2 * WINOGRAD_PAIRS; k++) {
            const int side = k % 2, across = k / 2;
            vec *to = y + WINOGRAD_PATCH * WINOGRAD_PAIR[pair][side] * plane, two[2];
            winograd_input(across, half[0] + side, 2, two);
            to[WINOGRAD_PAIR[across][0] * plane] = two[0];
            to[WINOGRAD_PAIR[across][1] * plane] = two[1];
        }
    }
}

UNROLLED void winograd_evaluate_2d(const int count, const winograd_scale s, const vec *x,
                                   ptrdiff_t row, vec *y, ptrdiff_t plane) {
#pragma GCC unroll 3
    for (int pair = 0; pair < WINOGRAD_PAIRS; pair++) {
        vec half[WINOGRAD_LARGEST][2];
#pragma GCC unroll 5
        for (int j = 0; j < count; j++)
            winograd_evaluate(pair, count, s, x + j, row, half[j]);
#pragma GCC unroll 6
        for (int k = 0; k < 2 * WINOGRAD_PAIRS; k++) {
            const int side = k % 2, across = k / 2;
            vec *to = y + WINOGRAD_PATCH * WINOGRAD_PAIR[pair][side] * plane, two[2];
            winograd_evaluate(across, count, s, half[0] + side, 2, two);
            to[WINOGRAD_PAIR[across][0] * plane] = two[0];
            to[WINOGRAD_PAIR[across][1] * plane] = two[1];
        }
    }
}

UNROLLED void winograd_combine_2d(const int count, const winograd_scale s, const vec *m,
                                  ptrdiff_t plane, vec *y, ptrdiff_t row) {
#pragma GCC unroll 2
    for (int parity = 0; parity < 2; parity++) {
        vec half[WINOGRAD_PATCH][3];
#pragma GCC unroll 6
        for (int j = 0; j < WINOGRAD_PATCH; j++)
            winograd_combine(parity, count, s, m + j * plane, WINOGRAD_PATCH * plane, half[j]);
#pragma GCC unroll 3
        for (int i = parity; i < count; i += 2)
#pragma GCC unroll 2
            for (int across = 0; across < 2; across++) {
                vec values[3];
                winograd_combine(across, count, s, half[0] + i / 2, 3, values);
#pragma GCC unroll 3
                for (int k = across; k < count; k += 2)
                    y[i * row + k] = values[k / 2];
            }
    }
}

#endif
