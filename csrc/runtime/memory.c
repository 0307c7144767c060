/* Memory for results and workspaces, cached for reuse: fresh pages cost more than the work of most
 * kernels on them.
 *
 * The cache is bounded by what is needed. All blocks, in use and free, have at most a quarter more
 * bytes than were in use at the same time recently, plus CNET_SPARE_BYTES. "Recently" means in this
 * period or the one before. A period lasts until PERIOD times as many bytes were requested, which
 * takes several steps of a training. So training steps of any size reuse their memory, and memory
 * that is no longer needed is returned to the system.
 *
 * A free block holds its own entry in two lists: that of the blocks of its size, last released
 * first, and that of all blocks, by which the oldest is released first. */
#define _DEFAULT_SOURCE /* madvise */
#include "cnet.h"

#include <pthread.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

/* Sizes are rounded up to a multiple of an eighth of their power of two, and of 512, so that
 * similar requests share blocks. A request also takes a block that is up to LARGER sizes larger. */
enum { LEAST_BYTES = 512, PARTS = 8, CLASSES = PARTS * 56, LARGER = 2, PERIOD = 16 };

typedef struct entry {
    struct entry *older, *newer; /* among all free blocks */
    struct entry *below, *above; /* among those of the same size */
    size_t bytes;
} entry;

static struct {
    pthread_mutex_t mutex;
    entry *oldest, *newest;
    entry *tops[CLASSES];
    size_t kept, used;          /* bytes of free blocks, and of blocks in use */
    size_t peak, previous_peak; /* the most bytes in use in this period and in the one before */
    size_t requested;           /* bytes requested in this period */
} cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void before_fork(void) { pthread_mutex_lock(&cache.mutex); }
static void after_fork(void) { pthread_mutex_unlock(&cache.mutex); }
/* Runs when the library is loaded, before any fork. */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(before_fork, after_fork, after_fork);
}

/* The number of a positive size, which is rounded up. */
static int class_of(size_t *bytes) {
    size_t step = LEAST_BYTES;
    int number = 0;
    for (; *bytes > 2 * PARTS * step; step *= 2)
        number += PARTS;
    const size_t steps = (*bytes + step - 1) / step;
    *bytes = steps * step;
    return number + (int)steps - 1;
}

/* ---- The free blocks. The mutex must be held. ---- */

static void keep(entry *block, int class) {
    block->older = cache.newest;
    block->newer = NULL;
    *(cache.newest ? &cache.newest->newer : &cache.oldest) = block;
    cache.newest = block;
    block->below = cache.tops[class];
    block->above = NULL;
    if (block->below)
        block->below->above = block;
    cache.tops[class] = block;
    cache.kept += block->bytes;
}

static entry *take(entry *block, int class) {
    *(block->older ? &block->older->newer : &cache.oldest) = block->newer;
    *(block->newer ? &block->newer->older : &cache.newest) = block->older;
    *(block->above ? &block->above->below : &cache.tops[class]) = block->below;
    if (block->below)
        block->below->above = block->above;
    cache.kept -= block->bytes;
    return block;
}

static size_t recent_peak(void) {
    return cache.peak > cache.previous_peak ? cache.peak : cache.previous_peak;
}

static size_t most_bytes(void) { return recent_peak() + recent_peak() / 4 + CNET_SPARE_BYTES; }

/* Takes the oldest blocks until all blocks have at most `most` bytes; returns them as a list. */
static entry *take_oldest(size_t most) {
    entry *dropped = NULL;
    while (cache.oldest && cache.used + cache.kept > most) {
        size_t bytes = cache.oldest->bytes;
        entry *block = take(cache.oldest, class_of(&bytes));
        block->older = dropped;
        dropped = block;
    }
    return dropped;
}

static void count_request(size_t bytes) {
    cache.used += bytes;
    cache.requested += bytes;
    if (cache.requested / PERIOD > recent_peak()) {
        cache.previous_peak = cache.peak;
        cache.peak = cache.requested = 0;
    }
    if (cache.used > cache.peak)
        cache.peak = cache.used;
}

/* ---- The system's memory. ---- */

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

static void free_all(entry *dropped) {
    while (dropped) {
        entry *next = dropped->older;
        free(dropped);
        dropped = next;
    }
}

cnet_block cnet_acquire(size_t bytes) {
    if (bytes > PTRDIFF_MAX / 2)
        return (cnet_block){0};
    bytes += !bytes;
    const int class = class_of(&bytes);
    cnet_block block = {.bytes = bytes};
    entry *dropped = NULL;
    pthread_mutex_lock(&cache.mutex);
    for (int c = class; c <= class + LARGER && c < CLASSES && !block.data; c++)
        if (cache.tops[c]) {
            entry *found = take(cache.tops[c], c);
            block = (cnet_block){(char *)found, found->bytes};
        }
    count_request(block.bytes);
    if (!block.data)
        dropped = take_oldest(most_bytes());
    pthread_mutex_unlock(&cache.mutex);
    free_all(dropped);
    if (block.data || (block.data = allocate(bytes)))
        return block;
    cnet_empty_cache();
    if ((block.data = allocate(bytes)))
        return block;
    pthread_mutex_lock(&cache.mutex);
    cache.used -= bytes;
    cache.peak = cache.previous_peak = cache.used;
    pthread_mutex_unlock(&cache.mutex);
    return (cnet_block){0};
}

void cnet_release(cnet_block block) {
    entry *free_block = (entry *)block.data;
    size_t bytes = block.bytes;
    pthread_mutex_lock(&cache.mutex);
    cache.used -= bytes;
    free_block->bytes = bytes;
    keep(free_block, class_of(&bytes));
    entry *dropped = take_oldest(most_bytes());
    pthread_mutex_unlock(&cache.mutex);
    free_all(dropped);
}

void cnet_empty_cache(void) {
    pthread_mutex_lock(&cache.mutex);
    entry *dropped = take_oldest(0);
    cache.peak = cache.previous_peak = cache.requested = 0;
    pthread_mutex_unlock(&cache.mutex);
    free_all(dropped);
}
