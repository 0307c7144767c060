/* Memory for results and workspaces, cached for reuse: fresh pages cost more than the work of most
 * kernels on them. When the cache is full, the oldest blocks are freed first. */
#define _DEFAULT_SOURCE /* madvise */
#include "cnet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

static struct {
    pthread_mutex_t mutex;
    cnet_block kept[CNET_CACHE_BLOCKS]; /* oldest first */
    int count;
    size_t bytes;
} cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void before_fork(void) { pthread_mutex_lock(&cache.mutex); }
static void after_fork(void) { pthread_mutex_unlock(&cache.mutex); }
/* Runs when the library is loaded, before any fork. */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(before_fork, after_fork, after_fork);
}

static cnet_block take(int i) {
    const cnet_block block = cache.kept[i];
    cache.count--;
    cache.bytes -= block.bytes;
    memmove(cache.kept + i, cache.kept + i + 1, (size_t)(cache.count - i) * sizeof block);
    return block;
}

/* Rounds sizes up to an eighth of their power of two, so that similar requests share blocks. */
static size_t size_class(size_t bytes) {
    size_t step = 512;
    while (bytes > 16 * step)
        step *= 2;
    return (bytes + step - 1) / step * step;
}

static char *allocate(size_t bytes) {
    enum { HUGE_PAGE = 2 << 20 };
#ifdef __linux__
    if (bytes >= 2 * HUGE_PAGE) {
        void *data = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
        if (data)
            madvise(data, bytes, MADV_HUGEPAGE);
        return data;
    }
#endif
    return aligned_alloc(CNET_ALIGNMENT, bytes);
}

cnet_block cnet_acquire(size_t bytes) {
    if (bytes > PTRDIFF_MAX / 2)
        return (cnet_block){0};
    bytes = size_class(bytes ? bytes : 1);
    cnet_block block = {0};
    pthread_mutex_lock(&cache.mutex);
    for (int i = cache.count - 1; i >= 0 && !block.data; i--)
        if (cache.kept[i].bytes == bytes)
            block = take(i);
    pthread_mutex_unlock(&cache.mutex);
    if (!block.data)
        block = (cnet_block){allocate(bytes), bytes};
    return block;
}

void cnet_release(cnet_block block) {
    cnet_block dropped[CNET_CACHE_BLOCKS];
    int drops = 0;
    if (block.bytes > CNET_CACHE_BYTES) {
        free(block.data);
        return;
    }
    pthread_mutex_lock(&cache.mutex);
    while (cache.count == CNET_CACHE_BLOCKS || cache.bytes + block.bytes > CNET_CACHE_BYTES)
        dropped[drops++] = take(0);
    cache.kept[cache.count++] = block;
    cache.bytes += block.bytes;
    pthread_mutex_unlock(&cache.mutex);
    while (drops)
        free(dropped[--drops].data);
}

void cnet_empty_cache(void) {
    pthread_mutex_lock(&cache.mutex);
    while (cache.count)
        free(take(cache.count - 1).data);
    pthread_mutex_unlock(&cache.mutex);
}
