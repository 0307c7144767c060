/* Runs a tape. Its calls are the same that Python made one by one when the tape was recorded, so
 * they are made in the same order, each on all threads. */
#include "cnet.h"

static const cnet_implementation *kernel_of(const cnet_tape *tape, const cnet_recorded *recorded) {
    return &tape->kernels[recorded->dtype][recorded->call.kernel];
}

size_t cnet_tape_prepare(cnet_tape *tape, int threads) {
    size_t most = 0;
    for (ptrdiff_t i = 0; i < tape->count; i++) {
        cnet_recorded *recorded = &tape->calls[i];
        const cnet_implementation *kernel = kernel_of(tape, recorded);
        recorded->call.threads = threads;
        const size_t bytes = kernel->workspace ? kernel->workspace(&recorded->call) : 0;
        most = bytes > most ? bytes : most; /* CNET_UNSUITABLE is the largest number */
    }
    return most;
}

ptrdiff_t cnet_tape_run(const cnet_tape *tape, ptrdiff_t first, ptrdiff_t last, char *workspace) {
    for (ptrdiff_t i = first; i < last; i++) {
        const cnet_recorded *recorded = &tape->calls[i];
        ptrdiff_t invalid = 0;
        cnet_call call = recorded->call;
        call.workspace = workspace;
        call.invalid = &invalid;
        kernel_of(tape, recorded)->run(&call);
        if (invalid)
            return i;
    }
    return last;
}
