/* Runs the functions of combinations.h on arrays that broadcast. */
#include "combine.h"

enum { OPERANDS = 4 };

/* to[t] = f(from[0][t & masks[0]], ...) for a whole number of vectors: a mask of 0 repeats the
 * first vector. Pointers and masks are kept in registers, because `to` could overwrite them. */
typedef void loop_t(const real *const from[OPERANDS], const ptrdiff_t masks[OPERANDS], real *to,
                    ptrdiff_t count);
#define OPERAND(name, i)                                                                           \
    const real *const from_##name = from[i];                                                       \
    const ptrdiff_t mask_##name = masks[i]
#define ELEMENTS(name) const vec name = load(from_##name + (t & mask_##name))
#define OP(name, operands, value)                                                                  \
    static void name##_loop(const real *const from[OPERANDS], const ptrdiff_t masks[OPERANDS],     \
                            real *to, ptrdiff_t count) {                                           \
        OPERAND(a, 0);                                                                             \
        OPERAND(b, 1);                                                                             \
        OPERAND(c, 2);                                                                             \
        OPERAND(d, 3);                                                                             \
        for (ptrdiff_t t = 0; t < count; t += LANES) {                                             \
            ELEMENTS(a);                                                                           \
            ELEMENTS(b);                                                                           \
            ELEMENTS(c);                                                                           \
            ELEMENTS(d);                                                                           \
            (void)b, (void)c, (void)d;                                                             \
            store(to + t, value);                                                                  \
        }                                                                                          \
    }
CNET_COMBINATIONS(OP)
#undef OP
#define OP(name, operands, value) name##_loop,
static loop_t *const loops[] = {CNET_COMBINATIONS(OP)};
#undef OP

typedef struct {
    loop_t *loop;
    const real *operands[OPERANDS];
    ptrdiff_t strides[OPERANDS][3]; /* 0 along the axes of the result that an operand lacks */
    real *y;
    ptrdiff_t y_pitch; /* between the runs of y along its last axis */
    cnet_norm g;
} job_t;

/* A run of the result along its last axis. */
static void run(const job_t *job, const real *const at[OPERANDS], real *y, ptrdiff_t count) {
    vec constants[OPERANDS];
    const real *from[OPERANDS];
    ptrdiff_t masks[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) {
        masks[i] = at[i] && job->strides[i][2] ? -1 : 0;
        constants[i] = broadcast(at[i] && !masks[i] ? at[i][0] : 0);
        from[i] = masks[i] ? at[i] : (const real *)&constants[i];
    }
    const ptrdiff_t rest = count % LANES, end = count - rest;
    if (!rest) {
        job->loop(from, masks, y, end);
        return;
    }
    /* The last vector overlaps with the others, or is the only one. It is computed first, because y
     * may be an operand, and by the same instructions, so that a result does not depend on its
     * position. */
    const ptrdiff_t last = max_size(0, count - LANES);
    const real *from_last[OPERANDS];
    vec lasts[OPERANDS], y_last;
    for (int i = 0; i < OPERANDS; i++) {
        from_last[i] = masks[i] ? from[i] + last : from[i];
        if (masks[i] && !end) {
            lasts[i] = load_run(from[i], rest);
            from_last[i] = (const real *)&lasts[i];
        }
    }
    job->loop(from_last, masks, (real *)&y_last, LANES);
    job->loop(from, masks, y, end);
    store_run(y + last, y_last, end ? LANES : rest);
}

static void combine_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t size = job->g.size, count = job->g.n * job->g.c * size;
    const ptrdiff_t end = min_size(count, (chunk + 1) * ELEMENTS_PER_CHUNK);
    for (ptrdiff_t t = chunk * ELEMENTS_PER_CHUNK; t < end;) {
        const ptrdiff_t row = t / size, first = t - row * size;
        const ptrdiff_t n = row / job->g.c, channel = row - n * job->g.c;
        const ptrdiff_t length = min_size(end - t, size - first);
        const real *at[OPERANDS] = {0};
        for (int i = 0; i < OPERANDS && job->operands[i]; i++) {
            const ptrdiff_t *strides = job->strides[i];
            at[i] = job->operands[i] + n * strides[0] + channel * strides[1] + first * strides[2];
        }
        run(job, at, job->y + row * job->y_pitch + first, length);
        t += length;
    }
}

/* y[i, j, t] = f(a[i, j, t], b[i, j, t], ...), where f is the operation of up to four operands.
 *
 * y (n, c, size); overwrites y. Bit 3 k + axis of `axes` says whether operand k has that axis of y;
 * along the others it is repeated. Operands that the operation does not have are NULL. A pitch is
 * the distance between the runs of an array along its last axis, or 0 if they follow each other.
 * Parallel over elements. */
void CNET_FN(combine)(const cnet_call *call) {
    const cnet_combine_arguments *a = &call->combine;
    const ptrdiff_t sizes[3] = {a->g.n, a->g.c, a->g.size};
    const ptrdiff_t pitches[OPERANDS] = {a->a_pitch, a->b_pitch, a->c_pitch, a->d_pitch};
    job_t job = {.loop = loops[a->operation],
                 .operands = {a->a, a->b, a->c, a->d},
                 .y = a->y,
                 .y_pitch = a->y_pitch ? a->y_pitch : a->g.size,
                 .g = a->g};
    for (int i = 0; i < OPERANDS; i++) {
        ptrdiff_t stride = 1;
        for (int axis = 2; axis >= 0; axis--)
            if (a->axes >> (3 * i + axis) & 1) {
                job.strides[i][axis] = stride;
                stride = axis == 2 && pitches[i] ? pitches[i] : stride * sizes[axis];
            }
    }
    const ptrdiff_t count = a->g.n * a->g.c * a->g.size;
    cnet_parallel(combine_chunk, &job, ceil_div(count, ELEMENTS_PER_CHUNK), call->threads);
}
