/* Memory for results and workspaces, cached for reuse: fresh pages cost more than the work of most
 * kernels on them.
 *
 * Memory comes from the system in large segments. A request takes the start of the first free range
 * that is large enough, in the order of segments and addresses, and a released block is merged with
 * the free ranges beside it. So released memory serves requests of all sizes, and little more is
 * needed than what is in use at the same time.
 *
 * The cache is bounded by what is needed. Blocks in use and free ranges have at most a quarter more
 * bytes than were in use at the same time recently, plus CNET_SPARE_BYTES. "Recently" means in this
 * period or the one before. A period lasts until PERIOD times as many bytes were requested, which
 * takes several steps of a training. So training steps of any size reuse their memory, and memory
 * that is no longer needed is returned to the system, the last ranges first: a whole segment if it
 * is free, otherwise the pages of a free range, whose addresses stay reserved. Pages that were
 * never used, or were returned, do not count. */
#define _DEFAULT_SOURCE /* madvise */
#include "cnet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

/* Sizes are counted in units, which divide the pages of all systems. */
enum { UNIT = 4096, HUGE_PAGE = 2 << 20, PERIOD = 16 };
/* A new segment has at least this size, and at least a part of the bytes in use. */
enum { SEGMENT_BYTES = 32 << 20, SEGMENT_PART = 2 };

typedef struct {
    size_t number; /* in the order of segments */
    size_t units;
    char *data;
    char resident[]; /* for each unit, whether it may have memory: it was used, and not returned */
} segment;

/* A free range, or a block in use. */
typedef struct range {
    segment *segment;
    size_t first, units;
    size_t resident;              /* how many of the units may have memory */
    struct range *before, *after; /* among the free ranges */
} range;

static struct {
    pthread_mutex_t mutex;
    range *first, *last;        /* free */
    size_t segments;            /* that were ever used */
    size_t kept, used;          /* resident bytes of free ranges, and bytes of blocks in use */
    size_t peak, previous_peak; /* the most bytes in use in this period and in the one before */
    size_t requested;           /* bytes requested in this period */
} cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void before_fork(void) { pthread_mutex_lock(&cache.mutex); }
static void after_fork(void) { pthread_mutex_unlock(&cache.mutex); }
/* Runs when the library is loaded, before any fork. */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(before_fork, after_fork, after_fork);
}

/* The mutex must be held in all functions but the public ones. */

/* ---- Ranges. ---- */

static size_t count_resident(const range *r) {
    size_t count = 0;
    for (size_t i = r->first; i < r->first + r->units; i++)
        count += (size_t)r->segment->resident[i];
    return count;
}

static int is_before(const range *a, const range *b) {
    return a->segment == b->segment ? a->first < b->first : a->segment->number < b->segment->number;
}

/* Inserts a range into the list of free ranges. */
static void insert(range *r) {
    r->before = NULL;
    r->after = cache.first;
    while (r->after && is_before(r->after, r)) {
        r->before = r->after;
        r->after = r->after->after;
    }
    *(r->before ? &r->before->after : &cache.first) = r;
    *(r->after ? &r->after->before : &cache.last) = r;
    cache.kept += r->resident * UNIT;
}

static void take(range *r) {
    *(r->before ? &r->before->after : &cache.first) = r->after;
    *(r->after ? &r->after->before : &cache.last) = r->before;
    cache.kept -= r->resident * UNIT;
}

/* Cuts a free range after its first units, and takes them. Without memory for the entry of the
 * rest, takes all. */
static void take_units(range *r, size_t units) {
    range *rest = r->units > units ? malloc(sizeof *rest) : NULL;
    take(r);
    if (!rest)
        return;
    const size_t all = r->units, resident = r->resident;
    r->units = units;
    r->resident = resident == all ? units : count_resident(r); /* few units: those of a request */
    *rest = (range){.segment = r->segment,
                    .first = r->first + units,
                    .units = all - units,
                    .resident = resident - r->resident};
    insert(rest);
}

/* Merges two neighbours in the list, if their memory is adjacent. */
static void merge(range *r, range *next) {
    if (!r || !next || r->segment != next->segment || r->first + r->units != next->first)
        return;
    take(next);
    r->units += next->units;
    r->resident += next->resident;
    cache.kept += next->resident * UNIT;
    free(next);
}

/* ---- The system's memory. ---- */

static size_t recent_peak(void) {
    return cache.peak > cache.previous_peak ? cache.peak : cache.previous_peak;
}

static size_t most_bytes(void) { return recent_peak() + recent_peak() / 4 + CNET_SPARE_BYTES; }

static void return_segment(range *r) {
    take(r);
    free(r->segment->data);
    free(r->segment);
    free(r);
}

static void return_pages(range *r) {
#ifdef __linux__
    const size_t page = (size_t)sysconf(_SC_PAGESIZE) / UNIT;
    const size_t begin = (r->first + page - 1) / page * page;
    const size_t end = (r->first + r->units) / page * page, before = r->resident;
    if (begin >= end || !before ||
        madvise(r->segment->data + begin * UNIT, (end - begin) * UNIT, MADV_DONTNEED))
        return;
    memset(r->segment->resident + begin, 0, end - begin);
    r->resident = count_resident(r);
    cache.kept -= (before - r->resident) * UNIT;
#else
    (void)r;
#endif
}

/* Returns the memory of the last free ranges until at most `most` bytes are left in all. */
static void return_last(size_t most) {
    for (range *r = cache.last, *before; r && cache.used + cache.kept > most; r = before) {
        before = r->before;
        if (r->units == r->segment->units)
            return_segment(r);
        else
            return_pages(r);
    }
}

/* A new segment, as a free range; NULL if memory is exhausted. */
static range *new_segment(size_t units) {
    const size_t huge = HUGE_PAGE / UNIT, count = (units + huge - 1) / huge * huge;
    char *data = aligned_alloc(HUGE_PAGE, count * UNIT);
    segment *s = data ? calloc(1, sizeof *s + count) : NULL;
    range *r = s ? malloc(sizeof *r) : NULL;
    if (!r) {
        free(data);
        free(s);
        return NULL;
    }
#ifdef __linux__
    madvise(data, count * UNIT, MADV_HUGEPAGE);
#endif
    s->number = cache.segments++;
    s->units = count;
    s->data = data;
    *r = (range){.segment = s, .units = count};
    insert(r);
    return r;
}

/* A free range of at least so many units; NULL if memory is exhausted. */
static range *find(size_t units) {
    range *r = cache.first;
    while (r && r->units < units)
        r = r->after;
    if (r)
        return r;
    const size_t part = cache.used / SEGMENT_PART;
    const size_t usual = (part > SEGMENT_BYTES ? part : SEGMENT_BYTES) / UNIT;
    return_last(most_bytes());
    if ((r = new_segment(units > usual ? units : usual)))
        return r;
    return_last(0);
    return new_segment(units);
}

/* ---- Requests. ---- */

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

cnet_block cnet_acquire(size_t bytes) {
    if (bytes > PTRDIFF_MAX / 2)
        return (cnet_block){0};
    const size_t units = (bytes + !bytes + UNIT - 1) / UNIT;
    pthread_mutex_lock(&cache.mutex);
    count_request(units * UNIT);
    range *found = find(units);
    cnet_block block = {0};
    if (found) {
        segment *s = found->segment;
        take_units(found, units);
        if (found->resident < found->units)
            memset(s->resident + found->first, 1, found->units);
        found->resident = found->units;
        block = (cnet_block){s->data + found->first * UNIT, found->units * UNIT, found};
        cache.used += block.bytes - units * UNIT;
    } else {
        cache.used -= units * UNIT;
        cache.peak = cache.previous_peak = cache.used;
    }
    pthread_mutex_unlock(&cache.mutex);
    return block;
}

void cnet_release(cnet_block block) {
    range *r = block.range;
    pthread_mutex_lock(&cache.mutex);
    cache.used -= block.bytes;
    insert(r);
    merge(r, r->after);
    merge(r->before, r);
    return_last(most_bytes());
    pthread_mutex_unlock(&cache.mutex);
}

void cnet_empty_cache(void) {
    pthread_mutex_lock(&cache.mutex);
    return_last(0);
    cache.peak = cache.previous_peak = cache.requested = 0;
    pthread_mutex_unlock(&cache.mutex);
}
