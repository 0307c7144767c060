#include "pool/small_planes.h"

typedef struct {
    const small_planes_t *p;
    char *workspace;
} job_t;

static size_t aligned(size_t bytes) {
    return (bytes + CNET_ALIGNMENT - 1) / CNET_ALIGNMENT * CNET_ALIGNMENT;
}

/* The memory of a thread: images before and after the kernel, indices, and its workspace. */
typedef struct {
    size_t to, indices, workspace, end;
} places_t;

static places_t places_of(const small_planes_t *p) {
    cnet_call call = p->call;
    const size_t to = aligned((size_t)p->from_cells * VECTOR_BYTES);
    const size_t indices = to + aligned((size_t)p->to_cells * VECTOR_BYTES);
    const size_t bytes = p->indices ? (size_t)(p->to_cells * LANES) * sizeof *p->indices : 0;
    const size_t workspace = indices + aligned(bytes);
    return (places_t){to, indices, workspace,
                      workspace + aligned(p->workspace ? p->workspace(&call) : 0)};
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

static void to_planes(const real *from, ptrdiff_t cells, ptrdiff_t planes, real *to) {
    ptrdiff_t s = 0;
    for (; s + LANES <= cells; s += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        load_transposed(from + s * LANES, LANES, rows);
        for (ptrdiff_t lane = 0; lane < planes; lane++)
            store(to + (lane * cells + s), rows[lane]);
    }
    for (; s < cells; s++)
        for (ptrdiff_t lane = 0; lane < planes; lane++)
            to[lane * cells + s] = from[s * LANES + lane];
}

static void indices_to_planes(const int32_t *from, ptrdiff_t cells, ptrdiff_t planes, int32_t *to) {
    ptrdiff_t s = 0;
    for (; s + LANES <= cells; s += LANES) {
        vec rows[VECTOR_BYTES / sizeof(real)];
        for (ptrdiff_t r = 0; r < LANES; r++) {
            positions at;
            memcpy(&at, from + (s + r) * LANES, sizeof at);
            rows[r] = (vec) __builtin_convertvector(at, ivec);
        }
        transpose(rows);
        for (ptrdiff_t lane = 0; lane < planes; lane++) {
            const positions at = __builtin_convertvector((ivec)rows[lane], positions);
            memcpy(to + (lane * cells + s), &at, sizeof at);
        }
    }
    for (; s < cells; s++)
        for (ptrdiff_t lane = 0; lane < planes; lane++)
            to[lane * cells + s] = from[s * LANES + lane];
}

static ptrdiff_t planes_per_chunk(const small_planes_t *p) {
    const ptrdiff_t cells = max_size(1, max_size(p->from_cells, p->to_cells));
    return round_up(max_size(1, ELEMENTS_PER_CHUNK / cells), LANES);
}

static void pool_planes(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const small_planes_t *p = job->p;
    const places_t places = places_of(p);
    char *memory = job->workspace + (size_t)slot * places.end;
    cnet_call call = p->call;
    call.workspace = memory + places.workspace;
    call.slots[0].pointer = memory;
    call.slots[1].pointer = memory + places.to;
    if (p->indices)
        call.slots[2].pointer = memory + places.indices;
    const ptrdiff_t begin = chunk * planes_per_chunk(p);
    const ptrdiff_t end = min_size(p->planes, begin + planes_per_chunk(p));
    for (ptrdiff_t plane = begin; plane < end; plane += LANES) {
        const ptrdiff_t planes = min_size(LANES, end - plane);
        const ptrdiff_t at = plane * p->to_cells;
        to_channels(p->from + plane * p->from_cells, p->from_cells, planes, (real *)memory);
        p->run(&call);
        to_planes((real *)(memory + places.to), p->to_cells, planes, p->to + at);
        if (p->indices)
            indices_to_planes((int32_t *)(memory + places.indices), p->to_cells, planes,
                              p->indices + at);
    }
}

size_t CNET_FN(small_planes_workspace)(const small_planes_t *p, int threads) {
    return (size_t)threads * places_of(p).end;
}

void CNET_FN(pool_small_planes)(const small_planes_t *p, const cnet_call *call) {
    const job_t job = {.p = p, .workspace = call->workspace};
    cnet_parallel(pool_planes, &job, ceil_div(p->planes, planes_per_chunk(p)), call->threads);
}
