/* The sum and the mean of losses, and their gradient. */
#include "sums.h"
#include "variant.h"

/* The number of targets that are not ignored, or the sum of the weights of their classes. */
static double counted(const int64_t *target, const real *weight, cnet_rows g, int64_t ignored) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < g.n; i++) {
        const int64_t j = target[i];
        if (j != ignored && j >= 0 && j < g.c)
            sum += weight ? (double)weight[j] : 1;
    }
    return sum;
}

/* loss = (sum_i losses[i]) / divisor. The divisor is 1 or, if `mean` is set, the number of targets
 * other than ignore_index, or the sum of the weights of these classes.
 *
 * losses and target (n), weight (c) or NULL for ones, loss and divisor (1); overwrites both. Sums
 * are computed in double. On the calling thread. */
void CNET_FN(reduce_losses)(const cnet_call *call) {
    const cnet_reduce_losses_arguments *a = &call->reduce_losses;
    const double divisor = a->mean ? counted(a->target, a->weight, a->g, a->ignore_index) : 1;
    *(real *)a->divisor = (real)divisor;
    *(real *)a->loss = (real)(sum_run(a->losses, 0, a->g.n) / divisor);
}

/* grad_losses[i] = grad_loss / divisor.
 *
 * grad_loss and divisor (1), grad_losses (n); overwrites grad_losses. On the calling thread. */
void CNET_FN(reduce_losses_backward)(const cnet_call *call) {
    const cnet_reduce_losses_backward_arguments *a = &call->reduce_losses_backward;
    const real share = *(const real *)a->grad_loss / *(const real *)a->divisor;
    for (ptrdiff_t i = 0; i < a->g.n; i++)
        ((real *)a->grad_losses)[i] = share;
}
