/* Scratch memory, reused: fresh pages cost more than the work done in them. */
#define _POSIX_C_SOURCE 200809L
#include "cnet.h"

#include <pthread.h>
#include <stdlib.h>

static struct {
    pthread_mutex_t mutex;
    cnet_scratch kept[CNET_SCRATCH_BLOCKS];
    int count;
    size_t bytes;
} cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void before_fork(void) { pthread_mutex_lock(&cache.mutex); }
static void after_fork(void) { pthread_mutex_unlock(&cache.mutex); }
static void watch_forks(void) { pthread_atfork(before_fork, after_fork, after_fork); }

static void lock(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&cache.mutex);
}

static cnet_scratch take(int i) {
    cnet_scratch scratch = cache.kept[i];
    cache.kept[i] = cache.kept[--cache.count];
    cache.bytes -= scratch.bytes;
    return scratch;
}

cnet_scratch cnet_scratch_acquire(size_t bytes) {
    lock();
    int best = -1;
    for (int i = 0; i < cache.count; i++)
        if (cache.kept[i].bytes >= bytes &&
            (best < 0 || cache.kept[i].bytes < cache.kept[best].bytes))
            best = i;
    cnet_scratch scratch = best < 0 ? (cnet_scratch){0} : take(best);
    pthread_mutex_unlock(&cache.mutex);
    if (scratch.data || bytes > PTRDIFF_MAX)
        return scratch;
    size_t rounded = (bytes + 4095) & ~(size_t)4095;
    scratch.data = aligned_alloc(CNET_ALIGNMENT, rounded ? rounded : 4096);
    scratch.bytes = scratch.data ? rounded : 0;
    return scratch;
}

void cnet_scratch_release(cnet_scratch scratch) {
    lock();
    int keep =
        cache.count < CNET_SCRATCH_BLOCKS && scratch.bytes <= CNET_SCRATCH_BYTES - cache.bytes;
    if (keep) {
        cache.kept[cache.count++] = scratch;
        cache.bytes += scratch.bytes;
    }
    pthread_mutex_unlock(&cache.mutex);
    if (!keep)
        free(scratch.data);
}

void cnet_scratch_empty(void) {
    lock();
    while (cache.count)
        free(take(cache.count - 1).data);
    pthread_mutex_unlock(&cache.mutex);
}
