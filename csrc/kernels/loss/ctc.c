/* Connectionist temporal classification: the loss of all alignments of a sequence of labels, by the
 * forward-backward algorithm (A. Graves et al., ICML 2006), with logarithms of probabilities. */
#include "exponentials.h"

#include <stdatomic.h>

/* A state costs four elementary functions at each step. */
enum { STATES_PER_CHUNK = 1 << 11, MARGIN = 2, BUFFERS = 5 };

typedef struct {
    const real *log_probs, *grad_losses;
    const int64_t *targets, *input_lengths, *target_lengths;
    real *losses, *alpha, *dx;
    cnet_labels g;
    ptrdiff_t blank, sequences; /* per chunk */
    char *workspace;
    _Atomic ptrdiff_t *invalid;
} job_t;

/* A sequence and its states: blanks before, between and after its labels. Rows of states begin and
 * end with MARGIN states that no path enters, and are padded to whole vectors. */
typedef struct {
    ptrdiff_t steps, states, blank;
    const int64_t *labels;
    real *barred; /* 0 if a path may enter a state from two states before, over a blank between
                   * different labels; else minus infinity */
    real *emitted, *probabilities, *states_before; /* rows of one step */
} sequence_t;

static ptrdiff_t states_of(const cnet_labels *g) { return 2 * g->s + 1; }

static ptrdiff_t buffer_size(const cnet_labels *g) {
    return round_up(states_of(g) + 2 * MARGIN, LANES) + LANES;
}

static void fill_impossible(real *y, ptrdiff_t count) {
    for (ptrdiff_t s = 0; s < count; s++)
        y[s] = -REAL_INFINITY;
}

/* The states of sequence i; returns whether its lengths and labels are in range. */
static int prepare(const job_t *job, ptrdiff_t i, int slot, sequence_t *sequence) {
    const cnet_labels *g = &job->g;
    const ptrdiff_t size = buffer_size(g), length = job->target_lengths[i];
    const ptrdiff_t steps = job->input_lengths[i];
    const int64_t *labels = job->targets + i * g->s;
    if (length < 0 || length > g->s || steps < 0 || steps > g->t)
        return 0;
    for (ptrdiff_t k = 0; k < length; k++)
        if (labels[k] < 0 || labels[k] >= g->c)
            return 0;
    real *buffers = (real *)job->workspace + slot * BUFFERS * size;
    fill_impossible(buffers, BUFFERS * size);
    real *barred = buffers + MARGIN, *emitted = barred + size;
    for (ptrdiff_t k = 1; k < length; k++)
        if (labels[k] != labels[k - 1])
            barred[2 * k + 1] = 0;
    *sequence = (sequence_t){
        .steps = steps,
        .states = 2 * length + 1,
        .blank = job->blank,
        .labels = labels,
        .barred = barred,
        .emitted = emitted,
        .probabilities = emitted + size,
        .states_before = emitted + 2 * size,
    };
    return 1;
}

/* The logarithm of the probability of the class of each state, from those of all classes. */
static void emit(const sequence_t *sequence, const real *log_probs) {
    real *emitted = sequence->emitted;
    for (ptrdiff_t k = 0; 2 * k + 1 < sequence->states; k++) {
        emitted[2 * k] = log_probs[sequence->blank];
        emitted[2 * k + 1] = log_probs[sequence->labels[k]];
    }
    emitted[sequence->states - 1] = log_probs[sequence->blank];
}

/* One copy of the code, because it is long. */
static __attribute__((noinline)) vec power(vec x) { return power_of(x); }

/* The logarithm of a sum of three numbers that are given by their logarithms. */
static __attribute__((noinline)) vec log_of_sum(vec a, vec b, vec c) {
    const vec top = at_least(at_least(a, b), c);
    const vec shift = choose(top == -REAL_INFINITY, (vec){0}, top);
    return shift + vec_log(power(a - shift) + power(b - shift) + power(c - shift));
}

/* y[s] = log(exp(x[s]) + exp(x[s + step]) + exp(x[s + 2 step] + barred[s])) + emitted[s]. Padding
 * stays minus infinity, or becomes NaN where no other state reads it. */
static void advance(const sequence_t *sequence, const real *x, ptrdiff_t step, const real *barred,
                    real *y) {
    for (ptrdiff_t s = 0; s < sequence->states; s += LANES) {
        const vec jump = load(x + s + 2 * step) + load(barred + s);
        const vec sum = log_of_sum(load(x + s), load(x + s + step), jump);
        store(y + s, sum + load(sequence->emitted + s));
    }
}

static void swap(real **a, real **b) {
    real *other = *a;
    *a = *b;
    *b = other;
}

static real loss_of(const job_t *job, ptrdiff_t i, sequence_t *sequence) {
    const cnet_labels *g = &job->g;
    const ptrdiff_t states = sequence->states, all = states_of(g);
    const size_t bytes = (size_t)states * sizeof(real);
    real *alpha = job->alpha + i * g->t * all;
    real *before = sequence->states_before, *now = before + buffer_size(g);
    if (sequence->steps == 0)
        return states > 1 ? REAL_INFINITY : 0;
    for (ptrdiff_t t = 0; t < sequence->steps; t++) {
        emit(sequence, job->log_probs + (t * g->n + i) * g->c);
        if (t == 0)
            memcpy(now, sequence->emitted, (size_t)min_size(2, states) * sizeof(real));
        else
            advance(sequence, before, -1, sequence->barred, now);
        memcpy(alpha + t * all, now, bytes);
        swap(&before, &now);
    }
    const vec last = log_of_sum(broadcast(before[states - 1]), broadcast(before[states - 2]),
                                broadcast(-REAL_INFINITY));
    return -last[0];
}

static void losses_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const ptrdiff_t end = min_size(job->g.n, (chunk + 1) * job->sequences);
    for (ptrdiff_t i = chunk * job->sequences; i < end; i++) {
        sequence_t sequence;
        const ptrdiff_t paths = job->g.t * states_of(&job->g);
        job->losses[i] = 0;
        fill_impossible(job->alpha + i * paths, paths);
        if (prepare(job, i, slot, &sequence))
            job->losses[i] = loss_of(job, i, &sequence);
        else
            atomic_fetch_add(job->invalid, 1);
    }
}

static void run(cnet_task *task, job_t *job, const cnet_call *call) {
    _Atomic ptrdiff_t invalid = 0;
    const ptrdiff_t states = max_size(1, job->g.t * states_of(&job->g));
    job->workspace = call->workspace;
    job->invalid = &invalid;
    job->sequences = max_size(1, STATES_PER_CHUNK / states);
    cnet_parallel(task, job, ceil_div(job->g.n, job->sequences), call->threads);
    *call->invalid = invalid;
}

static size_t workspace_of(const cnet_labels *g, int threads) {
    return (size_t)(threads * BUFFERS * buffer_size(g)) * sizeof(real);
}

size_t CNET_FN(ctc_loss_workspace)(cnet_call *call) {
    return workspace_of(&call->ctc_loss.g, call->threads);
}

/* With the states k of sequence i, whose classes l[k] are its labels with blanks before, between
 * and after them, and with barred[k] = 0 for a label that differs from the one before, else
 * -infinity:
 *     alpha[i, 0, k] = log_probs[0, i, l[k]] for k < 2, else -infinity
 *     alpha[i, t, k] = log(exp(alpha[i, t - 1, k]) + exp(alpha[i, t - 1, k - 1])
 *                          + exp(alpha[i, t - 1, k - 2] + barred[k])) + log_probs[t, i, l[k]]
 *     losses[i] = -log(exp(alpha[i, last, last state]) + exp(alpha[i, last, last state - 1]))
 *
 * log_probs (t, n, c), targets (n, s), input_lengths and target_lengths (n), losses (n), alpha
 * (n, t, 2 s + 1); overwrites both. alpha is -infinity beyond the lengths of a sequence. Without
 * steps, the loss is infinite if there are labels, else 0. NaN spreads. Invalid: the number of
 * sequences with lengths outside of [0, t] and [0, s], or labels outside of [0, c); their losses
 * are 0, their alpha -infinity.
 * Workspace: rows of states for each thread. Parallel over i. */
void CNET_FN(ctc_loss)(const cnet_call *call) {
    const cnet_ctc_loss_arguments *a = &call->ctc_loss;
    job_t job = {
        .log_probs = a->log_probs,
        .targets = a->targets,
        .input_lengths = a->input_lengths,
        .target_lengths = a->target_lengths,
        .losses = a->losses,
        .alpha = a->alpha,
        .g = a->g,
        .blank = a->blank,
    };
    run(losses_chunk, &job, call);
}

/* dx = grad * (exp(log_probs) - the probabilities of the states of each class) */
static void fill_gradient(const sequence_t *sequence, const real *log_probs, real grad, real *dx,
                          ptrdiff_t c) {
    for (ptrdiff_t j = 0; j < c; j += LANES) {
        const size_t bytes = (size_t)min_size(LANES, c - j) * sizeof(real);
        vec x = {0};
        memcpy(&x, log_probs + j, bytes);
        x = power(x);
        memcpy(dx + j, &x, bytes);
    }
    const real *probabilities = sequence->probabilities;
    real of_blank = probabilities[sequence->states - 1];
    for (ptrdiff_t k = 0; 2 * k + 1 < sequence->states; k++) {
        of_blank += probabilities[2 * k];
        dx[sequence->labels[k]] -= probabilities[2 * k + 1];
    }
    dx[sequence->blank] -= of_blank;
    for (ptrdiff_t j = 0; j < c; j++)
        dx[j] *= grad;
}

static void gradient_of(const job_t *job, ptrdiff_t i, sequence_t *sequence) {
    const cnet_labels *g = &job->g;
    const ptrdiff_t states = sequence->states, all = states_of(g);
    const real *alpha = job->alpha + i * g->t * all;
    real *after = sequence->states_before, *now = after + buffer_size(g);
    for (ptrdiff_t t = sequence->steps - 1; t >= 0; t--) {
        const ptrdiff_t row = (t * g->n + i) * g->c;
        emit(sequence, job->log_probs + row);
        if (t == sequence->steps - 1)
            for (ptrdiff_t s = max_size(0, states - 2); s < states; s++)
                now[s] = sequence->emitted[s];
        else
            advance(sequence, after, 1, sequence->barred + 2, now);
        real *p = sequence->probabilities;
        memcpy(p, alpha + t * all, (size_t)states * sizeof(real));
        for (ptrdiff_t s = 0; s < states; s += LANES) {
            const vec other = load(sequence->emitted + s) - job->losses[i];
            store(p + s, power(load(p + s) + load(now + s) - other));
        }
        fill_gradient(sequence, job->log_probs + row, job->grad_losses[i], job->dx + row, g->c);
        swap(&after, &now);
    }
}

static void dx_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_labels *g = &job->g;
    const ptrdiff_t end = min_size(g->n, (chunk + 1) * job->sequences);
    for (ptrdiff_t i = chunk * job->sequences; i < end; i++) {
        sequence_t sequence = {0};
        if (!prepare(job, i, slot, &sequence))
            atomic_fetch_add(job->invalid, 1);
        else if (job->grad_losses[i] != 0)
            gradient_of(job, i, &sequence);
        else
            sequence.steps = 0;
        for (ptrdiff_t t = sequence.steps; t < g->t; t++)
            memset(job->dx + (t * g->n + i) * g->c, 0, (size_t)g->c * sizeof(real));
    }
}

size_t CNET_FN(ctc_loss_backward_workspace)(cnet_call *call) {
    return workspace_of(&call->ctc_loss_backward.g, call->threads);
}

/* dx[t, i, j] = grad_losses[i] * (exp(log_probs[t, i, j])
 *                                 - sum over the states k with l[k] == j of
 *                                   exp(alpha[i, t, k] + beta[t, k] - log_probs[t, i, j]
 *                                       + losses[i])),
 * with the states of ctc_loss, and with beta[t, k] as the logarithm of the probability of all rests
 * of paths from state k at step t on: alpha of the reversed sequence. This is the derivative of the
 * losses with respect to x for log_probs = log_softmax(x).
 *
 * grad_losses and losses (n), log_probs and dx (t, n, c), targets (n, s), input_lengths and
 * target_lengths (n), alpha (n, t, 2 s + 1); overwrites dx. It is 0 after the steps of a sequence,
 * and where grad_losses is 0, else NaN where a loss is infinite. Invalid, workspace: as
 * ctc_loss; gradients of invalid sequences are 0. Parallel over i. */
void CNET_FN(ctc_loss_backward)(const cnet_call *call) {
    const cnet_ctc_loss_backward_arguments *a = &call->ctc_loss_backward;
    job_t job = {
        .grad_losses = a->grad_losses,
        .log_probs = a->log_probs,
        .targets = a->targets,
        .input_lengths = a->input_lengths,
        .target_lengths = a->target_lengths,
        .losses = (real *)a->losses,
        .alpha = (real *)a->alpha,
        .dx = a->dx,
        .g = a->g,
        .blank = a->blank,
    };
    run(dx_chunk, &job, call);
}
