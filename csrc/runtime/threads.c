/* The thread pool: one job at a time.
 *
 * The chunks are divided into one range for each thread, and each range has an atomic counter. A
 * thread takes the chunks of its own range first, and then those that are left in the others. So
 * successive jobs on the same arrays mostly find them in the caches of the same core, as long as
 * their chunks have the same order: for images, the batch is the slowest axis. That matters where
 * cores do not share a cache, because there lines move between cores at the speed of memory.
 *
 * A worker joins a job under the mutex while the job is open. When no chunk is left, the caller
 * closes the job under the same mutex and waits for the workers that have joined. So a late worker
 * never sees a finished job, and a worker that is never scheduled costs nothing: the others run its
 * chunks.
 *
 * After fork() the child has none of the parent's workers: the child creates a new pool, even if
 * the parent was in a parallel region at that moment. OpenMP pools hang in that case. */
#ifdef __linux__
#define _GNU_SOURCE /* affinities */
#else
#define _POSIX_C_SOURCE 200809L
#endif
#include "cnet.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#if defined(__x86_64__) || defined(__i386__)
#define CPU_RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define CPU_RELAX() __asm__ __volatile__("yield")
#else
#define CPU_RELAX() ((void)0)
#endif

/* How long to spin before sleeping, in nanoseconds. IDLE, for idle workers: longer than the Python
 * code between two kernels, short enough not to waste a core. LEAVING, for the caller until the
 * last worker is done, in addition to the time of two chunks: no longer than sleeping would cost,
 * because the caller may occupy the core that this worker waits for. Time is measured by the clock,
 * since one CPU takes ten times as long for a pause as another; the clock is read once per PAUSES
 * pauses, about a microsecond. TRIES is the number of attempts to lock the mutex before sleeping on
 * it. */
enum { IDLE = 2 * 1000 * 1000, LEAVING = 50 * 1000, PAUSES = 32, TRIES = 100 };

typedef struct {
    int pauses;
    int64_t end; /* 0 until the clock is first read */
} spin_t;

static int64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Pauses. Returns 0 once `most` nanoseconds have passed. */
static int spin(spin_t *s, int64_t most) {
    CPU_RELAX();
    if (++s->pauses % PAUSES)
        return 1;
    const int64_t now = nanoseconds();
    if (!s->end)
        s->end = now + most;
    return now < s->end;
}

typedef struct {
    cnet_task *task;
    const void *argument;
    ptrdiff_t chunks;
    int threads;
    int is_awaited;                  /* the caller sleeps until the last worker is done */
    _Alignas(64) atomic_int running; /* workers that are still inside */
} job_t;

/* A worker. Its number is its slot in every job that has so many threads. */
typedef struct worker {
    int number;
    struct worker *next; /* of those that sleep */
    pthread_t thread;
    pthread_cond_t wake;
    int is_called;
#ifdef __linux__
    int is_kept_off; /* from its caller's CPU */
    cpu_set_t allowed;
#endif
} worker_t;

static struct {
    pthread_mutex_t region; /* held by the thread whose job occupies the pool: other threads, and
                               the tasks of that job, run their chunks alone */
    pthread_mutex_t mutex;  /* guards job, workers, asleep */
    pthread_cond_t done;    /* the last worker has left a job */
    job_t *job;             /* the open job, or NULL */
    worker_t *asleep;
    int workers;
    atomic_uint opened; /* number of jobs opened so far: idle workers spin on it */
} pool = {
    .region = PTHREAD_MUTEX_INITIALIZER,
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
};

/* Tries without sleeping first: the mutex is held for less time than sleeping takes. */
static void lock_pool(void) {
    for (int tries = 0; pthread_mutex_trylock(&pool.mutex); tries++) {
        if (tries == TRIES) {
            pthread_mutex_lock(&pool.mutex);
            return;
        }
        CPU_RELAX();
    }
}

static atomic_int num_threads = 1;

int cnet_get_num_threads(void) { return atomic_load(&num_threads); }
void cnet_set_num_threads(int threads) { atomic_store(&num_threads, threads); }

/* The next chunk of each range of the open job. */
static struct {
    _Alignas(64) atomic_ptrdiff_t next;
} ranges[CNET_MAX_THREADS];

static ptrdiff_t first_chunk(const job_t *job, int range) {
    const ptrdiff_t each = job->chunks / job->threads, more = job->chunks % job->threads;
    return range * each + (range < more ? range : more);
}

static void open_ranges(const job_t *job) {
    for (int range = 0; range < job->threads; range++)
        atomic_store_explicit(&ranges[range].next, first_chunk(job, range), memory_order_relaxed);
}

/* Returns the number of chunks that this thread has run. */
static ptrdiff_t work(job_t *job, int slot) {
    ptrdiff_t done = 0;
    for (int i = 0; i < job->threads; i++) {
        const int range = (slot + i) % job->threads;
        atomic_ptrdiff_t *next = &ranges[range].next;
        const ptrdiff_t end = first_chunk(job, range + 1);
        ptrdiff_t chunk;
        for (; (chunk = atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < end; done++)
            job->task(job->argument, chunk, slot);
    }
    return done;
}

/* The thread that wakes another one keeps running, and the scheduler may place both on the same
 * CPU: for milliseconds on a virtual machine, where idle CPUs look busy. So the caller excludes its
 * own CPU from the affinity of the workers that it wakes, until they have done their part. */
#ifdef __linux__
static void keep_off_this_cpu(worker_t *worker) {
    const int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE ||
        pthread_getaffinity_np(worker->thread, sizeof worker->allowed, &worker->allowed))
        return;
    cpu_set_t others = worker->allowed;
    CPU_CLR((size_t)cpu, &others);
    worker->is_kept_off =
        CPU_COUNT(&others) && !pthread_setaffinity_np(worker->thread, sizeof others, &others);
}

static void allow_every_cpu(worker_t *self) {
    if (self->is_kept_off)
        pthread_setaffinity_np(self->thread, sizeof self->allowed, &self->allowed);
    self->is_kept_off = 0;
}
#else
static void keep_off_this_cpu(worker_t *worker) { (void)worker; }
static void allow_every_cpu(worker_t *self) { (void)self; }
#endif

/* The mutex must be held. */
static void sleep_until_called(worker_t *self) {
    self->is_called = 0;
    self->next = pool.asleep;
    pool.asleep = self;
    while (!self->is_called)
        pthread_cond_wait(&self->wake, &pool.mutex);
}

/* The mutex must be held. */
static void call_workers(int threads) {
    for (worker_t **at = &pool.asleep, *worker; (worker = *at);) {
        if (worker->number >= threads) {
            at = &worker->next;
            continue;
        }
        *at = worker->next;
        worker->is_called = 1;
        keep_off_this_cpu(worker);
        pthread_cond_signal(&worker->wake);
    }
}

/* The mutex must be held, and is held on return. Joins the open job, if there is one that has a
 * slot for this worker. Returns whether this worker has woken the job's caller from sleep. Then the
 * worker must sleep: the scheduler may place the caller on this CPU and so delay the worker, while
 * a sleeping worker is woken on another CPU. */
static int take_part(worker_t *self, unsigned *seen) {
    *seen = atomic_load(&pool.opened);
    job_t *job = pool.job;
    if (!job || self->number >= job->threads)
        return 0;
    atomic_fetch_add(&job->running, 1);
    pthread_mutex_unlock(&pool.mutex);
    work(job, self->number);
    allow_every_cpu(self);
    lock_pool();
    const int is_awaited = job->is_awaited;
    if (atomic_fetch_sub(&job->running, 1) != 1 || !is_awaited)
        return 0;
    pthread_cond_signal(&pool.done);
    return 1;
}

static void *run_worker(void *number) {
    worker_t self = {
        .number = (int)(intptr_t)number,
        .thread = pthread_self(),
        .wake = PTHREAD_COND_INITIALIZER,
    };
    unsigned seen = 0;
    for (;;) {
        for (spin_t s = {0}; atomic_load(&pool.opened) == seen && spin(&s, IDLE);)
            continue;
        lock_pool();
        if (atomic_load(&pool.opened) == seen)
            sleep_until_called(&self);
        while (take_part(&self, &seen))
            sleep_until_called(&self);
        pthread_mutex_unlock(&pool.mutex);
        allow_every_cpu(&self);
    }
    return NULL;
}

/* Resets the pool, which belongs to the parent: its threads do not exist in the child, and they may
 * have held its locks. */
static void after_fork_in_child(void) {
    pthread_mutex_init(&pool.region, NULL);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.job = NULL;
    pool.asleep = NULL;
    pool.workers = 0;
}

/* Runs when the library is loaded, before any fork. */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

/* Called with the mutex held. If a thread cannot be created, the others do its work. */
static void start_workers(int wanted) {
    if (pool.workers >= wanted)
        return;
    sigset_t others, before; /* blocked in workers: signals, except faults, go to the program's own
                                threads */
    sigfillset(&others);
    sigdelset(&others, SIGSEGV);
    sigdelset(&others, SIGBUS);
    sigdelset(&others, SIGFPE);
    sigdelset(&others, SIGILL);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    for (; pool.workers < wanted; pool.workers++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run_worker, (void *)(intptr_t)(pool.workers + 1)))
            break;
        pthread_detach(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

typedef struct {
    int64_t *log;
    ptrdiff_t capacity, used;
} recorder_t;

static _Thread_local recorder_t recorder; /* it records if its log is not NULL */

void cnet_record_regions(int64_t *log, ptrdiff_t capacity) {
    recorder = (recorder_t){log, capacity, 0};
}

ptrdiff_t cnet_stop_recording(void) {
    recorder.log = NULL;
    return recorder.used;
}

/* Regions inside of the tasks are not recorded: they run on the thread of the task. */
static void record_region(cnet_task *task, const void *argument, ptrdiff_t chunks, int threads) {
    int64_t *const log = recorder.log;
    int64_t *next = recorder.used + chunks + 4 <= recorder.capacity ? log + recorder.used : NULL;
    recorder.log = NULL;
    int64_t now = nanoseconds();
    if (next) {
        *next++ = now;
        *next++ = threads;
        *next++ = chunks;
    }
    for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) {
        const int64_t before = now;
        task(argument, chunk, 0);
        now = nanoseconds();
        if (next)
            *next++ = now - before;
    }
    if (next)
        *next = now;
    recorder.used += chunks + 4;
    recorder.log = log;
}

static void run_here(cnet_task *task, const void *argument, ptrdiff_t chunks) {
    for (ptrdiff_t chunk = 0; chunk < chunks; chunk++)
        task(argument, chunk, 0);
}

void cnet_parallel(cnet_task *task, const void *argument, ptrdiff_t chunks, int threads) {
    if (recorder.log) {
        record_region(task, argument, chunks, threads);
        return;
    }
    if (threads > chunks)
        threads = (int)chunks;
    if (threads <= 1 || pthread_mutex_trylock(&pool.region)) {
        run_here(task, argument, chunks);
        return;
    }
    job_t job = {.task = task, .argument = argument, .chunks = chunks, .threads = threads};
    lock_pool();
    start_workers(threads - 1);
    open_ranges(&job);
    pool.job = &job;
    atomic_fetch_add(&pool.opened, 1);
    call_workers(threads);
    pthread_mutex_unlock(&pool.mutex);

    const int64_t begin = nanoseconds();
    const ptrdiff_t done = work(&job, 0);
    const int64_t each = (nanoseconds() - begin) / (done + !done);

    lock_pool();
    pool.job = NULL;
    pthread_mutex_unlock(&pool.mutex);
    for (spin_t s = {0}; atomic_load(&job.running) && spin(&s, LEAVING + 2 * each);)
        continue;
    lock_pool();
    job.is_awaited = 1;
    while (atomic_load(&job.running))
        pthread_cond_wait(&pool.done, &pool.mutex);
    pthread_mutex_unlock(&pool.mutex);
    pthread_mutex_unlock(&pool.region);
}
