/* Runs a plan: blocks of images go through all steps, each on one thread, so that what lies between
 * the steps stays in its cache; a plan of one block runs step by step, each in parallel. Blocks
 * follow from the sizes alone, and so do the results. */
#include "cnet.h"

#include <string.h>

/* One step of one block. */
typedef struct {
    const cnet_kernels *k;
    const cnet_step *step;
    cnet_conv2d g; /* of the step, n being the images of the block */
    size_t real_size;
    const void *from, *other;
    void *to;
    cnet_exec e;
} call_t;

static cnet_window2d window_of(const cnet_conv2d *g) {
    cnet_window2d window;
    memcpy(&window, g, sizeof window); /* its fields are the first of a convolution */
    return window;
}

static ptrdiff_t outputs_of(const cnet_conv2d *g) { return g->n * g->c * g->oh * g->ow; }

/* ---- The steps ------------------------------------------------------------------------- */

static size_t no_workspace(const call_t *c) {
    (void)c;
    return 0;
}

static size_t conv2d_workspace(const call_t *c) {
    return c->k->conv2d_workspace(&c->g, c->e.algorithm, c->e.threads);
}
static void conv2d(const call_t *c) {
    const cnet_conv2d *g = &c->g;
    c->k->conv2d(c->from, c->step->weight, c->step->bias, c->to, g, &c->e);
    if (c->step->relu)
        c->k->relu(c->to, c->to, g->n * g->o * g->oh * g->ow, &c->e);
}

static size_t prepared_conv2d_workspace(const call_t *c) {
    return c->k->prepared_conv2d_workspace(&c->g, c->e.threads);
}
static void prepared_conv2d(const call_t *c) {
    const cnet_step *s = c->step;
    c->k->prepared_conv2d(c->from, s->weight, c->to, NULL, &c->g, s->relu, s->pool, &c->e);
}

static void prepared_linear(const call_t *c) {
    const cnet_conv2d *g = &c->g;
    c->k->prepared_linear(c->from, c->step->weight, c->to, g->n * g->h, g->o, g->c, c->step->relu,
                          &c->e);
}

static void batch_norm(const call_t *c) {
    const cnet_norm g = {c->g.n, c->g.c, c->g.h};
    const char *parts = c->step->weight;
    const size_t bytes = (size_t)g.c * c->real_size;
    c->k->batch_norm(c->from, parts, parts + bytes, parts + 2 * bytes, parts + 3 * bytes, c->to, &g,
                     c->step->number, &c->e);
}

static size_t max_pool2d_workspace(const call_t *c) {
    return (size_t)outputs_of(&c->g) * sizeof(int32_t); /* for positions that nobody reads */
}
static void max_pool2d(const call_t *c) {
    const cnet_window2d window = window_of(&c->g);
    c->k->max_pool2d(c->from, c->to, (int32_t *)c->e.workspace, &window, &c->e);
}

static void avg_pool2d(const call_t *c) {
    const cnet_window2d window = window_of(&c->g);
    c->k->avg_pool2d(c->from, c->to, &window, c->step->option, (ptrdiff_t)c->step->number, &c->e);
}

static void relu(const call_t *c) { c->k->relu(c->from, c->to, c->g.n * c->g.c, &c->e); }

static void activate(const call_t *c) {
    c->k->activate(c->from, c->to, c->g.n * c->g.c, (cnet_activation)c->step->option,
                   c->step->number, &c->e);
}

static void softmax(const call_t *c) {
    c->k->softmax(c->from, c->to, c->g.n * c->g.h, c->g.c, c->step->option, &c->e);
}

static void add(const call_t *c) { c->k->add(c->from, c->other, c->to, c->g.n * c->g.c, &c->e); }

static void copy(const call_t *c) {
    memcpy(c->to, c->from, (size_t)(c->g.n * c->g.c) * c->real_size);
}

static const struct {
    size_t (*workspace)(const call_t *c);
    void (*run)(const call_t *c);
} kinds[CNET_STEPS] = {
    [CNET_STEP_CONV2D] = {conv2d_workspace, conv2d},
    [CNET_STEP_PREPARED_CONV2D] = {prepared_conv2d_workspace, prepared_conv2d},
    [CNET_STEP_PREPARED_LINEAR] = {no_workspace, prepared_linear},
    [CNET_STEP_BATCH_NORM] = {no_workspace, batch_norm},
    [CNET_STEP_MAX_POOL2D] = {max_pool2d_workspace, max_pool2d},
    [CNET_STEP_AVG_POOL2D] = {no_workspace, avg_pool2d},
    [CNET_STEP_RELU] = {no_workspace, relu},
    [CNET_STEP_ACTIVATE] = {no_workspace, activate},
    [CNET_STEP_SOFTMAX] = {no_workspace, softmax},
    [CNET_STEP_ADD] = {no_workspace, add},
    [CNET_STEP_COPY] = {no_workspace, copy},
};

/* ---- The plan -------------------------------------------------------------------------- */

static call_t call_of(const cnet_plan *plan, const cnet_step *step, ptrdiff_t images, int threads) {
    call_t call = {
        .k = plan->kernels,
        .step = step,
        .g = step->g,
        .real_size = plan->real_size,
        .e = {.threads = step->parallel ? threads : 1, .algorithm = step->algorithm},
    };
    call.g.n = images;
    return call;
}

size_t cnet_plan_block_memory(const cnet_plan *plan, int threads) {
    size_t most = 0;
    for (ptrdiff_t i = 0; i < plan->count; i++) {
        const call_t call = call_of(plan, &plan->steps[i], plan->block, threads);
        const size_t bytes = kinds[call.step->kind].workspace(&call);
        most = bytes > most ? bytes : most;
    }
    most += plan->arena_image * (size_t)plan->block;
    return (most + CNET_ALIGNMENT - 1) / CNET_ALIGNMENT * CNET_ALIGNMENT;
}

/* How many threads work in a block, and how many blocks run at the same time. */
typedef struct {
    int inner, outer;
    ptrdiff_t blocks;
    size_t block_memory;
} schedule;

static schedule schedule_of(const cnet_plan *plan, int threads) {
    schedule s = {.blocks = (plan->images + plan->block - 1) / plan->block};
    s.inner = s.blocks == 1 && plan->parallel ? threads : 1;
    s.outer = s.blocks < threads ? (int)s.blocks : threads;
    s.block_memory = s.inner == 1 ? plan->serial_memory : cnet_plan_block_memory(plan, s.inner);
    return s;
}

typedef struct {
    const cnet_plan *plan;
    const char *x;
    char *y, *memory;
    size_t block_memory;
    int threads;
} job_t;

static void run_block(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_plan *plan = job->plan;
    const ptrdiff_t first = chunk * plan->block, left = plan->images - first;
    const ptrdiff_t images = left < plan->block ? left : plan->block;
    char *arena = job->memory + (size_t)slot * job->block_memory;
    const char *x = job->x + (size_t)first * plan->x_image;
    char *y = job->y + (size_t)first * plan->y_image;
    for (ptrdiff_t i = 0; i < plan->count; i++) {
        const cnet_step *step = &plan->steps[i];
        call_t call = call_of(plan, step, images, job->threads);
        const ptrdiff_t values[] = {step->source, step->other, step->to};
        const char *places[3];
        for (int v = 0; v < 3; v++)
            places[v] = values[v] == CNET_PLAN_X   ? x
                        : values[v] == CNET_PLAN_Y ? y
                                                   : arena + values[v] * plan->block;
        call.from = places[0];
        call.other = places[1];
        call.to = (char *)places[2];
        call.e.workspace = arena + plan->arena_image * (size_t)plan->block;
        kinds[step->kind].run(&call);
    }
}

size_t cnet_plan_memory(const cnet_plan *plan, int threads) {
    const schedule s = schedule_of(plan, threads);
    return (size_t)s.outer * s.block_memory;
}

void cnet_plan_run(const cnet_plan *plan, const void *x, void *y, int threads, char *memory) {
    const schedule s = schedule_of(plan, threads);
    const job_t job = {plan, x, y, memory, s.block_memory, s.inner};
    cnet_parallel(run_block, &job, s.blocks, s.outer);
}
