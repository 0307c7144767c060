/* Memory for results and workspaces, cached for reuse: fresh pages cost more than the work of most
 * kernels on them.
 *
 * Memory comes from the system in large segments. A request takes the first bytes of the smallest
 * free block that is large enough, and a released block is merged with the free blocks beside it.
 * So the memory of released blocks serves requests of all sizes, and little more is needed than
 * what is in use at the same time.
 *
 * The cache is bounded by what is needed. All blocks, in use and free, have at most a quarter more
 * bytes than were in use at the same time recently, plus CNET_SPARE_BYTES. "Recently" means in this
 * period or the one before. A period lasts until PERIOD times as many bytes were requested, which
 * takes several steps of a training. So training steps of any size reuse their memory, and memory
 * that is no longer needed is returned to the system: a whole segment if it is free, otherwise the
 * pages of free blocks, whose addresses stay reserved. Pages that were never used, or were
 * returned, do not count.
 *
 * A free range is in two lists: that of the free ranges of about its size, and that of all free
 * ranges, by which the memory of the oldest is returned first. */
#define _DEFAULT_SOURCE /* madvise */
#include "cnet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

/* Sizes are counted in units, which divide the pages of all systems. There are PARTS lists of free
 * ranges for the sizes between two powers of two. */
enum { UNIT = 4096, HUGE_PAGE = 2 << 20, PARTS = 8, CLASSES = PARTS * 56, PERIOD = 16 };
/* New segments have at least this size, and at least a part of the memory in use, so that they are
 * few. */
enum { SEGMENT_BYTES = 32 << 20, SEGMENT_PART = 8 };

typedef struct segment segment;

/* A block in use, or a free one. */
typedef struct range {
    segment *segment;
    size_t first, units;
    size_t resident; /* how many of the units may have memory */
    int is_free;
    struct range *older, *newer; /* among all free ranges */
    struct range *below, *above; /* among those in the same list of sizes */
} range;

struct segment {
    segment *next;
    char *data;
    size_t units;
    char *resident;   /* for each unit, whether it may have memory: it was used, and not returned */
    range *borders[]; /* for the first and the last unit of a range, the range */
};

static struct {
    pthread_mutex_t mutex;
    segment *segments;
    range *oldest, *newest;
    range *tops[CLASSES];
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

/* ---- Ranges of a segment. ---- */

static size_t count_resident(const range *r) {
    size_t count = 0;
    for (size_t i = r->first; i < r->first + r->units; i++)
        count += (size_t)r->segment->resident[i];
    return count;
}

static void set_borders(range *r) {
    r->segment->borders[r->first] = r->segment->borders[r->first + r->units - 1] = r;
}

/* Cuts a range that is in no list after its first units; returns the rest, or NULL if there is no
 * memory for the entry: then the range stays whole. */
static range *cut(range *r, size_t units) {
    range *rest = r->units > units ? malloc(sizeof *rest) : NULL;
    if (!rest)
        return NULL;
    *rest = (range){.segment = r->segment, .first = r->first + units, .units = r->units - units};
    rest->resident = r->resident == r->units ? rest->units : count_resident(rest);
    r->units = units;
    r->resident -= rest->resident;
    set_borders(r);
    set_borders(rest);
    return rest;
}

/* ---- The lists of free ranges. ---- */

/* The list of the ranges of a positive size. */
static int class_of(size_t units) {
    size_t step = 1;
    int class = 0;
    for (; units > 2 * PARTS * step; step *= 2)
        class += PARTS;
    return class + (int)((units + step - 1) / step) - 1;
}

static void list(range *r) {
    range **top = &cache.tops[class_of(r->units)];
    r->is_free = 1;
    r->older = cache.newest;
    r->newer = NULL;
    *(r->older ? &r->older->newer : &cache.oldest) = r;
    cache.newest = r;
    r->below = *top;
    r->above = NULL;
    if (r->below)
        r->below->above = r;
    *top = r;
    cache.kept += r->resident * UNIT;
}

static void unlist(range *r) {
    r->is_free = 0;
    *(r->older ? &r->older->newer : &cache.oldest) = r->newer;
    *(r->newer ? &r->newer->older : &cache.newest) = r->older;
    *(r->above ? &r->above->below : &cache.tops[class_of(r->units)]) = r->below;
    if (r->below)
        r->below->above = r->above;
    cache.kept -= r->resident * UNIT;
}

/* The smallest free range of at least so many units, and of those of the same size the newest; NULL
 * if there is none. */
static range *smallest(size_t units) {
    for (int class = class_of(units); class < CLASSES; class++) {
        range *found = NULL;
        for (range *r = cache.tops[class]; r; r = r->below)
            if (r->units >= units && (!found || r->units < found->units))
                found = r;
        if (found)
            return found;
    }
    return NULL;
}

/* Extends a range that is in no list by the free range at `unit`, if there is one. */
static void merge(range *r, size_t unit) {
    range *other =
        unit < r->segment->units ? r->segment->borders[unit] : NULL; /* SIZE_MAX is none */
    if (!other || !other->is_free)
        return;
    unlist(other);
    r->first = other->first < r->first ? other->first : r->first;
    r->units += other->units;
    r->resident += other->resident;
    set_borders(r);
    free(other);
}

/* ---- The system's memory. ---- */

static size_t recent_peak(void) {
    return cache.peak > cache.previous_peak ? cache.peak : cache.previous_peak;
}

static size_t most_bytes(void) { return recent_peak() + recent_peak() / 4 + CNET_SPARE_BYTES; }

static void return_segment(range *r) {
    segment *s = r->segment, **link = &cache.segments;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    unlist(r);
    free(r);
    free(s->data);
    free(s);
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

/* Returns the memory of the oldest free ranges until at most `most` bytes are left in all. */
static void return_oldest(size_t most) {
    for (range *r = cache.oldest, *newer; r && cache.used + cache.kept > most; r = newer) {
        newer = r->newer;
        if (r->units == r->segment->units)
            return_segment(r);
        else
            return_pages(r);
    }
}

/* Lists a new segment as a free range; NULL if memory is exhausted. */
static range *new_segment(size_t units) {
    const size_t huge = HUGE_PAGE / UNIT, count = (units + huge - 1) / huge * huge;
    char *data = aligned_alloc(HUGE_PAGE, count * UNIT);
    segment *s = data ? calloc(1, sizeof *s + count * (sizeof *s->borders + 1)) : NULL;
    range *r = s ? malloc(sizeof *r) : NULL;
    if (!r) {
        free(data);
        free(s);
        return NULL;
    }
#ifdef __linux__
    madvise(data, count * UNIT, MADV_HUGEPAGE);
#endif
    s->data = data;
    s->units = count;
    s->resident = (char *)(s->borders + count);
    s->next = cache.segments;
    cache.segments = s;
    *r = (range){.segment = s, .units = count};
    set_borders(r);
    list(r);
    return r;
}

/* A new segment for at least so many units. */
static range *grown(size_t units) {
    const size_t part = cache.used / SEGMENT_PART;
    const size_t usual = (part > SEGMENT_BYTES ? part : SEGMENT_BYTES) / UNIT;
    return_oldest(most_bytes());
    range *r = new_segment(units > usual ? units : usual);
    if (r)
        return r;
    return_oldest(0);
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
    range *found = smallest(units);
    cnet_block block = {0};
    if (found || (found = grown(units))) {
        unlist(found);
        range *rest = cut(found, units);
        if (rest)
            list(rest);
        if (found->resident < found->units)
            memset(found->segment->resident + found->first, 1, found->units);
        found->resident = found->units;
        block = (cnet_block){found->segment->data + found->first * UNIT, found->units * UNIT};
        cache.used += block.bytes - units * UNIT;
    } else {
        cache.used -= units * UNIT;
        cache.peak = cache.previous_peak = cache.used;
    }
    pthread_mutex_unlock(&cache.mutex);
    return block;
}

void cnet_release(cnet_block block) {
    pthread_mutex_lock(&cache.mutex);
    const segment *s = cache.segments;
    while (block.data < s->data || block.data >= s->data + s->units * UNIT)
        s = s->next;
    range *r = s->borders[(size_t)(block.data - s->data) / UNIT];
    cache.used -= block.bytes;
    merge(r, r->first - 1);
    merge(r, r->first + r->units);
    list(r);
    return_oldest(most_bytes());
    pthread_mutex_unlock(&cache.mutex);
}

void cnet_empty_cache(void) {
    pthread_mutex_lock(&cache.mutex);
    return_oldest(0);
    cache.peak = cache.previous_peak = cache.requested = 0;
    pthread_mutex_unlock(&cache.mutex);
}
