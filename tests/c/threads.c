/* Tests the thread pool and the memory for results and workspaces under ThreadSanitizer: tasks
 * write non-atomic memory on purpose, so that missing synchronisation is detected. */
#define _POSIX_C_SOURCE 200809L
#include "cnet.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CHUNKS = 512, CALLERS = 4, SECONDS = 20 };

static const int thread_counts[] = {1, 2, 3, 8, 5, 2, 16, 1, 4};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            exit(EXIT_FAILURE);                                                                    \
        }                                                                                          \
    } while (0)

/* ---- Regions ------------------------------------------------------------------------------ */

typedef struct {
    int threads;
    struct timespec nap;                   /* of each chunk */
    int runs[MAX_CHUNKS];                  /* of each chunk */
    int runs_in_slot[CNET_MAX_THREADS];    /* as a workspace would be used */
    atomic_int occupied[CNET_MAX_THREADS]; /* by a running chunk */
} region_t;

static void mark(const void *job, ptrdiff_t chunk, int slot) {
    region_t *region = *(region_t *const *)job;
    REQUIRE(slot >= 0 && slot < region->threads);
    REQUIRE(atomic_exchange(&region->occupied[slot], 1) == 0);
    nanosleep(&region->nap, NULL);
    region->runs[chunk]++;
    region->runs_in_slot[slot]++;
    atomic_store(&region->occupied[slot], 0);
}

/* Runs one region; every chunk must run once, in slots below `threads`. */
static void check_slow_region(ptrdiff_t chunks, int threads, long nanoseconds) {
    region_t *region = calloc(1, sizeof *region);
    REQUIRE(region);
    region->threads = threads;
    region->nap.tv_nsec = nanoseconds;
    cnet_parallel(mark, &region, chunks, threads);
    ptrdiff_t total = 0;
    for (int slot = 0; slot < CNET_MAX_THREADS; slot++)
        total += region->runs_in_slot[slot];
    REQUIRE(total == chunks);
    for (ptrdiff_t chunk = 0; chunk < MAX_CHUNKS; chunk++)
        REQUIRE(region->runs[chunk] == (chunk < chunks));
    free(region);
}

static void check_region(ptrdiff_t chunks, int threads) { check_slow_region(chunks, threads, 0); }

static void test_every_chunk_runs_once(void) {
    for (int i = 0; i < THREAD_COUNTS; i++)
        for (ptrdiff_t chunks = 0; chunks <= MAX_CHUNKS; chunks = chunks * 2 + (chunks < 8))
            check_region(chunks, thread_counts[i]);
}

static void test_thousands_of_tiny_regions(void) {
    for (int i = 0; i < 5000; i++)
        check_region(2 + i % 3, thread_counts[i % THREAD_COUNTS]);
}

/* The workers of the larger regions before have time to join the smaller ones. */
static void test_no_more_threads_than_asked_for(void) {
    for (int threads = 16; threads > 1; threads /= 2)
        check_slow_region(100, threads, 500000);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Returns when as many chunks as there are threads run at the same time: then each thread takes the
 * chunk of its own range. */
static void meet(const void *job, ptrdiff_t chunk, int slot) {
    REQUIRE(chunk == slot);
    atomic_int *missing = *(atomic_int *const *)job;
    const double start = now();
    atomic_fetch_sub(missing, 1);
    while (atomic_load(missing) > 0) {
        REQUIRE(now() - start < SECONDS);
        sched_yield();
    }
}

static void test_threads_run_at_once(void) {
    for (int threads = 1; threads <= 8; threads++) {
        atomic_int missing = threads, *job = &missing;
        cnet_parallel(meet, &job, threads, threads);
    }
}

/* ---- Nested and concurrent calls ---------------------------------------------------------- */

static void check_inner(const void *job, ptrdiff_t chunk, int slot) {
    (void)slot;
    const pthread_t *outer = job;
    REQUIRE(pthread_equal(*outer, pthread_self()));
    check_region(chunk, 4);
}

static void nest(const void *job, ptrdiff_t chunk, int slot) {
    (void)job, (void)chunk, (void)slot;
    const pthread_t self = pthread_self();
    cnet_parallel(check_inner, &self, 3, 8);
}

static void test_a_region_within_a_task_stays_on_its_thread(void) {
    for (int i = 0; i < 50; i++)
        cnet_parallel(nest, NULL, 16, 4);
}

static void *call_regions(void *argument) {
    const int first = *(const int *)argument;
    for (int i = 0; i < 500; i++) {
        const int threads = thread_counts[(first + i) % THREAD_COUNTS];
        cnet_set_num_threads(threads);
        REQUIRE(cnet_get_num_threads() >= 1);
        check_region(1 + i % 40, threads);
    }
    return NULL;
}

static void run_in_threads(void *(*function)(void *)) {
    pthread_t threads[CALLERS];
    int numbers[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        numbers[i] = i;
        REQUIRE(pthread_create(&threads[i], NULL, function, &numbers[i]) == 0);
    }
    for (int i = 0; i < CALLERS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

static void test_many_callers_at_once(void) { run_in_threads(call_regions); }

/* ---- Memory ------------------------------------------------------------------------------- */

static size_t block_size(int round, int block) {
    return (size_t)(round * 131 % 20000 * (block + 1));
}

static void *use_blocks(void *argument) {
    enum { BLOCKS = 3 };
    const int number = *(const int *)argument;
    for (int i = 0; i < 500; i++) {
        cnet_block held[BLOCKS];
        for (int j = 0; j < BLOCKS; j++) {
            held[j] = cnet_acquire(block_size(i, j));
            REQUIRE(held[j].data && held[j].bytes >= block_size(i, j));
            REQUIRE((uintptr_t)held[j].data % CNET_ALIGNMENT == 0);
            memset(held[j].data, number * BLOCKS + j, held[j].bytes);
        }
        for (int j = 0; j < BLOCKS; j++) {
            for (size_t t = 0; t < held[j].bytes; t += 97)
                REQUIRE(held[j].data[t] == number * BLOCKS + j);
            cnet_release(held[j]);
        }
        if (i % 100 == number)
            cnet_empty_cache();
    }
    return NULL;
}

static void test_a_block_belongs_to_one_holder(void) {
    run_in_threads(use_blocks);
    cnet_empty_cache();
}

static void test_sizes_of_blocks(void) {
    static const size_t sizes[] = {0,    1,    511,     512,           513,
                                   8192, 8193, 1 << 22, (1 << 22) + 1, 9000001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const cnet_block block = cnet_acquire(sizes[i]);
        REQUIRE(block.data && block.bytes >= sizes[i]);
        REQUIRE(block.bytes <= sizes[i] + 4096);
        memset(block.data, 1, block.bytes);
        cnet_release(block);
    }
    cnet_empty_cache();
}

/* Blocks are released in an order in which each has a neighbour in use, and then between two free
 * ones. */
static void test_released_blocks_are_merged(void) {
    enum { MANY = 200, SIZE = 8192 };
    cnet_block blocks[MANY];
    const char *lowest = NULL;
    for (int i = 0; i < MANY; i++) {
        blocks[i] = cnet_acquire(SIZE);
        lowest = !i || blocks[i].data < lowest ? blocks[i].data : lowest;
    }
    for (int i = 0; i < 2 * MANY; i += 2)
        cnet_release(blocks[i < MANY ? i : i - MANY + 1]);
    for (int size = SIZE; size <= MANY * SIZE; size += SIZE) {
        const cnet_block block = cnet_acquire((size_t)size);
        REQUIRE(block.data == lowest);
        cnet_release(block);
    }
    cnet_empty_cache();
}

static void test_the_first_free_block_is_taken(void) {
    enum { MANY = 9, SIZE = 8192 };
    cnet_block blocks[MANY];
    for (int i = 0; i < MANY; i++)
        blocks[i] = cnet_acquire(i == 3 ? 2 * SIZE : SIZE);
    for (int i = MANY - 2; i > 0; i -= 2)
        cnet_release(blocks[i]);
    REQUIRE(cnet_acquire(2 * SIZE).data == blocks[3].data);
    for (int i = 1; i < MANY; i += i == 1 ? 4 : 2)
        REQUIRE(cnet_acquire(SIZE).data == blocks[i].data);
    for (int i = 0; i < MANY; i++)
        cnet_release(blocks[i]);
    cnet_empty_cache();
}

static void test_more_than_there_is(void) {
    REQUIRE(cnet_acquire(SIZE_MAX).data == NULL);
    REQUIRE(cnet_acquire((size_t)PTRDIFF_MAX + 1).data == NULL);
}

/* ---- Fork --------------------------------------------------------------------------------- */

#if !defined(__SANITIZE_THREAD__) /* no threads in a child of a multithreaded process */

/* The child uses the pool; a hang ends it by SIGALRM. */
static void check_child(void) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        alarm(SECONDS);
        for (int threads = 1; threads <= 4; threads++)
            check_region(64, threads);
        cnet_release(cnet_acquire(1000));
        test_threads_run_at_once();
        _exit(0);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_fork_after_a_region(void) {
    for (int i = 0; i < 20; i++) {
        check_region(64, 4);
        check_child();
    }
}

typedef struct {
    atomic_int begun, may_end;
} gate;

static void wait_at_gate(const void *job, ptrdiff_t chunk, int slot) {
    (void)chunk, (void)slot;
    gate *g = *(gate *const *)job;
    atomic_fetch_add(&g->begun, 1);
    while (!atomic_load(&g->may_end))
        sched_yield();
}

static void *hold_region(void *argument) {
    cnet_parallel(wait_at_gate, &argument, 8, 4);
    return NULL;
}

static void test_fork_during_a_region(void) {
    for (int i = 0; i < 20; i++) {
        gate g = {0, 0};
        pthread_t holder;
        REQUIRE(pthread_create(&holder, NULL, hold_region, &g) == 0);
        while (atomic_load(&g.begun) < 4)
            sched_yield();
        check_child();
        atomic_store(&g.may_end, 1);
        REQUIRE(pthread_join(holder, NULL) == 0);
        REQUIRE(atomic_load(&g.begun) == 8);
    }
}

#endif

int main(void) {
    alarm(15 * SECONDS); /* a hang is a failure */
    test_every_chunk_runs_once();
    test_thousands_of_tiny_regions();
    test_no_more_threads_than_asked_for();
    test_threads_run_at_once();
    test_a_region_within_a_task_stays_on_its_thread();
    test_many_callers_at_once();
    test_a_block_belongs_to_one_holder();
    test_sizes_of_blocks();
    test_released_blocks_are_merged();
    test_the_first_free_block_is_taken();
    test_more_than_there_is();
#if !defined(__SANITIZE_THREAD__)
    test_fork_after_a_region();
    test_fork_during_a_region();
#endif
    puts("threads and memory passed");
    return 0;
}
