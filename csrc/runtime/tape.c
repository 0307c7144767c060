/* Runs a tape. Its calls are the same that Python made one by one when the tape was recorded, so
 * they are made in the same order, each on all threads. Calls that depend on no other, of kernels
 * that compute each element by itself, can share one region of threads. */
#include "cnet.h"

#include <stdlib.h>

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

/* ---- Calls of elementwise kernels, in one region ------------------------------------------ */

enum { ELEMENTS_PER_CHUNK = 1 << 15 };

static ptrdiff_t elements_of(const cnet_call *call) {
    return call->slots[cnet_signatures[call->kernel].arrays].integer;
}

/* A part of the elements of a call. */
static cnet_call part_of(const cnet_recorded *recorded, ptrdiff_t first, ptrdiff_t count) {
    cnet_call call = recorded->call;
    const int arrays = cnet_signatures[call.kernel].arrays;
    const ptrdiff_t size = recorded->dtype == CNET_F32 ? sizeof(float) : sizeof(double);
    for (int a = 0; a < arrays; a++)
        if (call.slots[a].pointer)
            call.slots[a].pointer = (char *)call.slots[a].pointer + first * size;
    call.slots[arrays].integer = count;
    call.threads = 1;
    return call;
}

/* A chunk is a part of the elements of all calls, one call after the other. */
static void run_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const cnet_tape *tape = argument;
    ptrdiff_t first = chunk * ELEMENTS_PER_CHUNK, left = ELEMENTS_PER_CHUNK;
    for (ptrdiff_t i = 0; i < tape->count && left; i++) {
        const cnet_recorded *recorded = &tape->calls[i];
        const ptrdiff_t elements = elements_of(&recorded->call);
        if (first < elements) {
            const ptrdiff_t rest = elements - first, count = rest < left ? rest : left;
            const cnet_call call = part_of(recorded, first, count);
            kernel_of(tape, recorded)->run(&call);
            left -= count;
            first = 0;
        } else {
            first -= elements;
        }
    }
}

typedef struct {
    const char *low, *high;
    int is_written;
} range;

static int by_address(const void *a, const void *b) {
    const char *left = ((const range *)a)->low, *right = ((const range *)b)->low;
    return (left > right) - (left < right);
}

/* Whether a call may read or write what another one writes. */
static int depend(const cnet_tape *tape, range *ranges) {
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < tape->count; i++) {
        const cnet_recorded *recorded = &tape->calls[i];
        const cnet_signature *s = &cnet_signatures[recorded->call.kernel];
        const ptrdiff_t size = recorded->dtype == CNET_F32 ? sizeof(float) : sizeof(double);
        for (int a = 0; a < s->arrays; a++) {
            const char *low = recorded->call.slots[a].pointer;
            if (low)
                ranges[count++] = (range){low, low + elements_of(&recorded->call) * size,
                                          s->arguments[a].kind == CNET_OUT};
        }
    }
    qsort(ranges, (size_t)count, sizeof *ranges, by_address);
    const char *written = NULL, *used = NULL; /* the ends of the ranges before */
    for (const range *each = ranges; each < ranges + count; each++) {
        if (each->low < (each->is_written ? used : written))
            return 1;
        used = each->high > used ? each->high : used;
        written = each->is_written && each->high > written ? each->high : written;
    }
    return 0;
}

size_t cnet_tape_elements_workspace(ptrdiff_t count) {
    return (size_t)count * CNET_MAX_ARRAYS * sizeof(range);
}

void cnet_tape_run_elements(const cnet_tape *tape, int threads, char *workspace) {
    ptrdiff_t elements = 0;
    for (ptrdiff_t i = 0; i < tape->count; i++)
        elements += elements_of(&tape->calls[i].call);
    const ptrdiff_t chunks = (elements + ELEMENTS_PER_CHUNK - 1) / ELEMENTS_PER_CHUNK;
    if (threads > 1 && chunks > 1 && depend(tape, (range *)workspace))
        threads = 1;
    cnet_parallel(run_chunk, tape, chunks, threads);
}
