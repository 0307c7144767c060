/* Runs a plan. Each block of images takes all steps on one thread, so that intermediate values stay
 * in that core's cache. A plan of a single block runs step by step, each step in parallel, or
 * branch by branch. Blocks and branches depend on the sizes alone, and so do the results. */
#define _POSIX_C_SOURCE 200809L
#include "cnet.h"

#include <time.h>

/* The call of a step for `images` images, without its memory. */
static cnet_call call_of(const cnet_step *step, ptrdiff_t images, int threads) {
    cnet_call call = step->call;
    call.threads = step->is_parallel ? threads : 1;
    call.slots[cnet_signatures[call.kernel].arrays].integer = images * step->rows;
    return call;
}

static size_t aligned(size_t bytes) {
    return (bytes + CNET_ALIGNMENT - 1) / CNET_ALIGNMENT * CNET_ALIGNMENT;
}

static size_t workspace_of(const cnet_plan *plan, cnet_call *call) {
    const cnet_implementation *kernel = &plan->kernels[call->kernel];
    return kernel->workspace ? kernel->workspace(call) : 0;
}

/* The arena of a block, followed by the largest workspace of any step. */
static size_t block_memory(const cnet_plan *plan, int threads) {
    size_t most = 0;
    for (ptrdiff_t i = 0; i < plan->count; i++) {
        cnet_call call = call_of(&plan->steps[i], plan->block, threads);
        const int branch = plan->steps[i].branch;
        const size_t bytes =
            branch ? plan->branch_workspace * (size_t)branch : workspace_of(plan, &call);
        most = bytes > most ? bytes : most;
    }
    return aligned(most + plan->arena_image * (size_t)plan->block);
}

/* Kernels make choices by which arrays they get: this stands for arrays whose address is not yet
 * known. */
static char unknown;

int cnet_plan_finish(cnet_plan *plan) {
    for (ptrdiff_t i = 0; i < plan->count; i++) {
        cnet_step *step = &plan->steps[i];
        for (int a = 0; a < cnet_signatures[step->call.kernel].arrays; a++)
            if (step->places[a] != CNET_PLAN_CONSTANT)
                step->call.slots[a].pointer = &unknown;
        step->call = call_of(step, plan->block, 1);
        const size_t bytes = workspace_of(plan, &step->call);
        if (bytes == CNET_UNSUITABLE)
            return 0;
        if (step->branch && aligned(bytes) > plan->branch_workspace)
            plan->branch_workspace = aligned(bytes);
        plan->is_parallel |= step->is_parallel || step->branch;
    }
    plan->serial_memory = block_memory(plan, 1);
    return 1;
}

/* The threads that work in one block, and the blocks that run at the same time. */
typedef struct {
    int inner, outer;
    ptrdiff_t blocks;
    size_t block_memory;
} schedule;

static schedule schedule_of(const cnet_plan *plan, ptrdiff_t images, int threads) {
    schedule s = {.blocks = (images + plan->block - 1) / plan->block};
    s.inner = s.blocks == 1 && plan->is_parallel ? threads : 1;
    s.outer = s.blocks < threads ? (int)s.blocks : threads;
    s.block_memory = s.inner == 1 ? plan->serial_memory : block_memory(plan, s.inner);
    return s;
}

typedef struct {
    const cnet_plan *plan;
    ptrdiff_t images;
    const char *x;
    char *y, *memory;
    double *seconds; /* of each step, or NULL */
    size_t block_memory;
    int threads;
} job_t;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A block of images, and the memory of their results. */
typedef struct {
    const job_t *job;
    ptrdiff_t first, images;
    char *arena;
} block_t;

static void run_step(const block_t *block, ptrdiff_t i, int threads, char *workspace) {
    const job_t *job = block->job;
    const cnet_plan *plan = job->plan;
    const cnet_step *step = &plan->steps[i];
    cnet_call call = call_of(step, block->images, threads);
    call.workspace = workspace;
    for (int a = 0; a < cnet_signatures[call.kernel].arrays; a++) {
        const ptrdiff_t place = step->places[a];
        if (place == CNET_PLAN_X) /* inputs are only read */
            call.slots[a].pointer = (char *)job->x + (size_t)block->first * plan->x_image;
        else if (place == CNET_PLAN_Y)
            call.slots[a].pointer = job->y + (size_t)block->first * plan->y_image;
        else if (place != CNET_PLAN_CONSTANT)
            call.slots[a].pointer = block->arena + place * plan->block;
    }
    const double begin = job->seconds ? now() : 0;
    plan->kernels[call.kernel].run(&call);
    if (job->seconds)
        job->seconds[i] += now() - begin;
}

static char *workspace_at(const block_t *block) {
    const cnet_plan *plan = block->job->plan;
    return block->arena + plan->arena_image * (size_t)plan->block;
}

typedef struct {
    const block_t *block;
    ptrdiff_t begin, end; /* steps */
} branches_t;

static void run_branch(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const branches_t *branches = argument;
    const cnet_plan *plan = branches->block->job->plan;
    char *workspace = workspace_at(branches->block) + (size_t)chunk * plan->branch_workspace;
    for (ptrdiff_t i = branches->begin; i < branches->end; i++)
        if (plan->steps[i].branch == chunk + 1)
            run_step(branches->block, i, 1, workspace);
}

static void run_block(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_plan *plan = job->plan;
    const ptrdiff_t first = chunk * plan->block, left = job->images - first;
    const block_t block = {job, first, left < plan->block ? left : plan->block,
                           job->memory + (size_t)slot * job->block_memory};
    for (ptrdiff_t i = 0; i < plan->count;) {
        branches_t branches = {&block, i, i};
        int count = 0;
        for (; branches.end < plan->count && plan->steps[branches.end].branch; branches.end++)
            if (plan->steps[branches.end].branch > count)
                count = plan->steps[branches.end].branch;
        if (!count)
            run_step(&block, branches.end++, job->threads, workspace_at(&block));
        else
            cnet_parallel(run_branch, &branches, count, job->threads);
        i = branches.end;
    }
}

size_t cnet_plan_memory(const cnet_plan *plan, ptrdiff_t images, int threads) {
    const schedule s = schedule_of(plan, images, threads);
    return (size_t)s.outer * s.block_memory;
}

void cnet_plan_run(const cnet_plan *plan, ptrdiff_t images, const void *x, void *y, int threads,
                   char *memory, double *seconds) {
    const schedule s = schedule_of(plan, images, threads);
    const job_t job = {plan, images, x, y, memory, seconds, s.block_memory, s.inner};
    cnet_parallel(run_block, &job, s.blocks, seconds ? 1 : s.outer);
}
