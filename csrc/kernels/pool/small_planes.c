#include "pool/small_planes.h"

typedef struct {
    const small_pool_t *pool;
    const cnet_call *call;
    cnet_call one; /* with channels last, of one image with LANES channels */
    int has_indices;
    ptrdiff_t planes, from_cells, to_cells; /* their number, and cells of one */
    size_t to, indices, workspace, bytes;   /* the memory of a thread: where results begin, indices
                                               and the kernel's workspace, and its size */
} job_t;

static size_t aligned(size_t bytes) {
    return (bytes + CNET_ALIGNMENT - 1) / CNET_ALIGNMENT * CNET_ALIGNMENT;
}

static job_t job_of(const small_pool_t *pool, const cnet_call *call) {
    job_t job = {.pool = pool, .call = call, .one = *call};
    cnet_window2d *g = (cnet_window2d *)&job.one.slots[pool->arrays];
    const ptrdiff_t cells = g->h * g->w, outputs = g->oh * g->ow;
    job.planes = g->n * g->c;
    job.from_cells = pool->is_backward ? outputs : cells;
    job.to_cells = pool->is_backward ? cells : outputs;
    job.one.threads = 1;
    g->n = 1;
    g->c = LANES;
    job.has_indices = pool->arrays == 3 && call->slots[2].pointer;
    const size_t results = (size_t)(job.to_cells * LANES);
    job.to = aligned((size_t)job.from_cells * VECTOR_BYTES);
    job.indices = job.to + aligned(results * sizeof(real));
    job.workspace = job.indices + (job.has_indices ? aligned(results * sizeof(int32_t)) : 0);
    job.bytes = job.workspace + (pool->workspace ? aligned(pool->workspace(&job.one)) : 0);
    return job;
}

/* to[cell][lane] = from[lane][cell] */
static void to_channels(const real *from, ptrdiff_t cells, ptrdiff_t planes, real *to) {
    ptrdiff_t s = 0;
    if (planes == LANES)
        for (; s + LANES <= cells; s += LANES)
            load_transposed(from + s, cells, (vec *)(to + s * LANES));
    else
        memset(to, 0, (size_t)cells * VECTOR_BYTES);
    for (; s < cells; s++)
        for (ptrdiff_t lane = 0; lane < planes; lane++)
            to[s * LANES + lane] = from[lane * cells + s];
}

/* to[lane][cell] = from[cell][lane], of numbers, or of other elements of their size. */
static void to_planes(const void *from, ptrdiff_t cells, ptrdiff_t planes, void *to) {
    const real *x = from;
    real *y = to;
    ptrdiff_t s = 0;
    for (; s + LANES <= cells; s += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        load_transposed(x + s * LANES, LANES, rows);
        for (ptrdiff_t lane = 0; lane < planes; lane++)
            store(y + (lane * cells + s), rows[lane]);
    }
    for (; s < cells; s++)
        for (ptrdiff_t lane = 0; lane < planes; lane++)
            memcpy(y + (lane * cells + s), x + (s * LANES + lane), sizeof *x);
}

static void indices_to_planes(const int32_t *from, ptrdiff_t cells, ptrdiff_t planes, int32_t *to) {
    if (sizeof *from == sizeof(real)) {
        to_planes(from, cells, planes, to);
        return;
    }
    for (ptrdiff_t s = 0; s < cells; s++)
        for (ptrdiff_t lane = 0; lane < planes; lane++)
            to[lane * cells + s] = from[s * LANES + lane];
}

static ptrdiff_t planes_per_chunk(const job_t *job) {
    const ptrdiff_t cells = max_size(1, max_size(job->from_cells, job->to_cells));
    return round_up(max_size(1, ELEMENTS_PER_CHUNK / cells), LANES);
}

static void pool_planes(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_slot *arrays = job->call->slots;
    char *memory = job->call->workspace + (size_t)slot * job->bytes;
    cnet_call one = job->one;
    one.workspace = memory + job->workspace;
    one.slots[0].pointer = memory;
    one.slots[1].pointer = memory + job->to;
    if (job->has_indices)
        one.slots[2].pointer = memory + job->indices;
    const ptrdiff_t begin = chunk * planes_per_chunk(job);
    const ptrdiff_t end = min_size(job->planes, begin + planes_per_chunk(job));
    for (ptrdiff_t plane = begin; plane < end; plane += LANES) {
        const ptrdiff_t planes = min_size(LANES, end - plane), at = plane * job->to_cells;
        to_channels((const real *)arrays[0].pointer + plane * job->from_cells, job->from_cells,
                    planes, (real *)memory);
        job->pool->run(&one);
        to_planes(memory + job->to, job->to_cells, planes, (real *)arrays[1].pointer + at);
        if (job->has_indices)
            indices_to_planes((int32_t *)(memory + job->indices), job->to_cells, planes,
                              (int32_t *)arrays[2].pointer + at);
    }
}

size_t CNET_FN(small_planes_workspace)(const small_pool_t *pool, const cnet_call *call) {
    return (size_t)call->threads * job_of(pool, call).bytes;
}

void CNET_FN(pool_small_planes)(const small_pool_t *pool, const cnet_call *call) {
    const job_t job = job_of(pool, call);
    cnet_parallel(pool_planes, &job, ceil_div(job.planes, planes_per_chunk(&job)), call->threads);
}
