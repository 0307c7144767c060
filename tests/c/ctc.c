/* Connectionist temporal classification. */
#include "tests.h"

/* n, t, s, c, and the blank. */
static const ptrdiff_t problems[][5] = {
    {0, 3, 2, 4, 0}, {2, 0, 2, 3, 0}, {3, 4, 0, 3, 1},  {1, 1, 1, 2, 0},
    {2, 5, 2, 3, 2}, {3, 9, 4, 5, 0}, {4, 20, 8, 9, 3}, {70, 12, 3, 17, 0},
};
enum { PROBLEMS = sizeof problems / sizeof problems[0] };

typedef struct {
    cnet_labels g;
    ptrdiff_t blank, states, invalid;
    double *log_probs, *targets, *inputs, *lengths;
} problem_t;

static ptrdiff_t class_of(const problem_t *p, ptrdiff_t i, ptrdiff_t state) {
    return state % 2 ? (ptrdiff_t)p->targets[i * p->g.s + state / 2] : p->blank;
}

static double log_prob_of(const problem_t *p, ptrdiff_t i, ptrdiff_t t, ptrdiff_t state) {
    return p->log_probs[(t * p->g.n + i) * p->g.c + class_of(p, i, state)];
}

/* Whether a path may go from a state to a later one in one step. */
static int may_enter(const problem_t *p, ptrdiff_t i, ptrdiff_t from, ptrdiff_t to) {
    return to - from < 2 ||
           (to - from == 2 && to % 2 && class_of(p, i, from) != class_of(p, i, to));
}

static ptrdiff_t states_of(const problem_t *p, ptrdiff_t i) {
    return 2 * (ptrdiff_t)p->lengths[i] + 1;
}

static int is_valid(const problem_t *p, ptrdiff_t i) {
    int valid = (ptrdiff_t)p->lengths[i] <= p->g.s && p->inputs[i] >= 0;
    for (ptrdiff_t k = 0; valid && k < (ptrdiff_t)p->lengths[i]; k++)
        valid = (ptrdiff_t)p->targets[i * p->g.s + k] < p->g.c;
    return valid;
}

/* The probabilities of all paths to each state at each step, (t, states). */
static void fill_alpha(const problem_t *p, ptrdiff_t i, double *alpha) {
    for (ptrdiff_t t = 0; t < (ptrdiff_t)p->inputs[i]; t++)
        for (ptrdiff_t to = 0; to < states_of(p, i); to++) {
            double sum = t ? 0 : to < 2;
            for (ptrdiff_t from = 0; t && from <= to; from++)
                sum += may_enter(p, i, from, to) ? alpha[(t - 1) * p->states + from] : 0;
            alpha[t * p->states + to] = sum * exp(log_prob_of(p, i, t, to));
        }
}

/* The probabilities of all rests of paths after each state at each step, (t, states). */
static void fill_beta(const problem_t *p, ptrdiff_t i, double *beta) {
    const ptrdiff_t steps = (ptrdiff_t)p->inputs[i], states = states_of(p, i);
    for (ptrdiff_t t = steps - 1; t >= 0; t--)
        for (ptrdiff_t from = 0; from < states; from++) {
            double sum = t == steps - 1 && from >= states - 2;
            for (ptrdiff_t to = from; t < steps - 1 && to < states; to++)
                sum += may_enter(p, i, from, to)
                           ? beta[(t + 1) * p->states + to] * exp(log_prob_of(p, i, t + 1, to))
                           : 0;
            beta[t * p->states + from] = sum;
        }
}

static double loss_of(const problem_t *p, ptrdiff_t i, const double *alpha) {
    const ptrdiff_t steps = (ptrdiff_t)p->inputs[i], states = states_of(p, i);
    if (steps == 0)
        return states > 1 ? INFINITY : 0;
    const double *last = alpha + (steps - 1) * p->states + states;
    return -log(last[-1] + (states > 1 ? last[-2] : 0));
}

/* Each step rounds a sum of logarithms. */
static sum logarithm(const problem_t *p, double value) {
    return (sum){value, isinf(value) ? 0 : fabs(value) + 4, 16 * (double)(p->g.t + 1)};
}

static void losses_case(const problem_t *p) {
    const ptrdiff_t n = p->g.n, rows = p->g.t * p->states;
    sum *losses = sums(n), *alpha = sums(n * rows);
    double *paths = numbers(n * rows);
    for (ptrdiff_t i = 0; i < n; i++)
        if (is_valid(p, i)) {
            fill_alpha(p, i, paths + i * rows);
            losses[i] = logarithm(p, loss_of(p, i, paths + i * rows));
        }
    for (ptrdiff_t k = 0; k < n * rows; k++)
        alpha[k] = logarithm(p, log(paths[k]));
    check(&(subject){
        .call = {CNET_KERNEL_ctc_loss, .ctc_loss = {.g = p->g, .blank = p->blank}},
        .in = {{p->g.t * n * p->g.c, p->log_probs},
               {n * p->g.s, p->targets},
               {n, p->inputs},
               {n, p->lengths}},
        .out = {{n, losses}, {n * rows, alpha}},
        .invalid = p->invalid,
    });
}

static void gradients_case(const problem_t *p) {
    const ptrdiff_t n = p->g.n, c = p->g.c, rows = p->g.t * p->states;
    double *grad = randoms(n), *losses = numbers(n), *alpha = numbers(n * rows);
    double *beta = numbers(rows);
    sum *dx = sums(p->g.t * n * c);
    for (ptrdiff_t i = 0; i < n; i++) {
        double *paths = alpha + i * rows;
        if (is_valid(p, i)) {
            fill_alpha(p, i, paths);
            fill_beta(p, i, beta);
            losses[i] = rounded(loss_of(p, i, paths));
        }
        for (ptrdiff_t k = 0; k < rows; k++)
            paths[k] = rounded(log(paths[k]));
        if (i % 5 == 1 || isinf(losses[i]))
            grad[i] = 0;
        for (ptrdiff_t t = 0; is_valid(p, i) && grad[i] != 0 && t < (ptrdiff_t)p->inputs[i]; t++) {
            sum *row = dx + (t * n + i) * c;
            for (ptrdiff_t j = 0; j < c; j++)
                row[j].value = grad[i] * exp(p->log_probs[(t * n + i) * c + j]);
            for (ptrdiff_t k = 0; k < states_of(p, i); k++)
                row[class_of(p, i, k)].value -=
                    grad[i] * beta[t * p->states + k] * exp(paths[t * p->states + k] + losses[i]);
            for (ptrdiff_t j = 0; j < c; j++)
                row[j] = (sum){row[j].value, fabs(grad[i]) * (fabs(losses[i]) + 4),
                               16 * (double)(p->g.t + 1)};
        }
    }
    check(&(subject){
        .call = {CNET_KERNEL_ctc_loss_backward,
                 .ctc_loss_backward = {.g = p->g, .blank = p->blank}},
        .in = {{n, grad},
               {p->g.t * n * c, p->log_probs},
               {n * p->g.s, p->targets},
               {n, p->inputs},
               {n, p->lengths},
               {n, losses},
               {n * rows, alpha}},
        .out = {{p->g.t * n * c, dx}},
        .invalid = p->invalid,
    });
}

/* With lengths and labels up to `more` out of range. */
static void for_each_problem(void (*test)(const problem_t *p), ptrdiff_t more) {
    for (int k = 0; k < PROBLEMS; k++) {
        const ptrdiff_t *sizes = problems[k], n = sizes[0];
        problem_t p = {.g = {n, sizes[1], sizes[2], sizes[3]}, .blank = sizes[4]};
        describe("n=%td t=%td s=%td c=%td blank=%td more=%td", n, p.g.t, p.g.s, p.g.c, p.blank,
                 more);
        p.states = 2 * p.g.s + 1;
        p.log_probs = randoms(p.g.t * n * p.g.c);
        p.targets = numbers(n * p.g.s);
        p.inputs = numbers(n);
        p.lengths = numbers(n);
        for (ptrdiff_t i = 0; i < n; i++) {
            p.inputs[i] = (double)random_size(p.g.t / 2 - more, p.g.t);
            p.lengths[i] = (double)random_size(p.g.s / 2, p.g.s + more);
            for (ptrdiff_t label = 0; label < p.g.s; label++) {
                const ptrdiff_t class = random_size(0, p.g.c - 2 + more);
                p.targets[i * p.g.s + label] = (double)(class + (class >= p.blank));
            }
            p.invalid += !is_valid(&p, i);
        }
        test(&p);
    }
}

void test_ctc_loss(void) {
    for_each_problem(losses_case, 0);
    for_each_problem(losses_case, 1);
}

void test_ctc_loss_backward(void) {
    for_each_problem(gradients_case, 0);
    for_each_problem(gradients_case, 1);
}
