/* The thread pool: one job at a time, chunks handed out by an atomic counter.
 *
 * A worker takes part in a job by registering under the mutex while the job is open; the caller
 * closes the job under the same mutex when no chunk is left, then waits for those who registered.
 * So a late worker never sees a job that is over, and a worker that is never scheduled costs
 * nothing: the caller does its chunks.
 *
 * After fork() a child has none of the parent's workers: the pool is made anew there, also if the
 * parent was inside a region at that moment. OpenMP's pools hang in that case.
 */
#define _POSIX_C_SOURCE 200809L
#include "cnet.h"

#include <pthread.h>
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

/* How long to spin before sleeping, in nanoseconds. Idle workers: longer than the Python between
 * two kernels, short enough not to burn a core. The caller, until the last worker is done: no
 * longer than sleeping would cost, for it may hold the core that this worker waits for. By the
 * clock, since a pause takes ten times as long on one CPU as on another; the clock is looked at
 * every so many pauses, a microsecond or so. */
enum { IDLE = 2 * 1000 * 1000, LEAVING = 50 * 1000, PAUSES = 32 };

typedef struct {
    int pauses;
    int64_t end; /* 0 until the clock has been looked at */
} spin_t;

static int64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Pauses; 0 once it has been long enough. */
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
    int registered; /* workers that ever took part: the next one's slot is registered + 1 */
    _Alignas(64) atomic_ptrdiff_t next;
    _Alignas(64) atomic_int running; /* workers inside */
} job_t;

static struct {
    pthread_mutex_t region; /* held by the thread whose job is in the pool: others, and the tasks
                               of that job, work alone */
    pthread_mutex_t mutex;  /* guards job, registered, workers */
    pthread_cond_t wake;    /* a job has been opened */
    pthread_cond_t done;    /* the last worker left a job */
    job_t *job;             /* the open job, or NULL */
    int workers;
    atomic_uint opened; /* jobs ever opened: what idle workers spin on */
} pool = {
    .region = PTHREAD_MUTEX_INITIALIZER,
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
};

static atomic_int num_threads = 1;

int cnet_get_num_threads(void) { return atomic_load(&num_threads); }
void cnet_set_num_threads(int threads) { atomic_store(&num_threads, threads); }

static void work(job_t *job, int slot) {
    ptrdiff_t chunk;
    while ((chunk = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed)) < job->chunks)
        job->task(job->argument, chunk, slot);
}

static void *worker(void *unused) {
    (void)unused;
    unsigned seen = 0;
    for (;;) {
        for (spin_t s = {0}; atomic_load(&pool.opened) == seen && spin(&s, IDLE);)
            continue;
        pthread_mutex_lock(&pool.mutex);
        while (atomic_load(&pool.opened) == seen)
            pthread_cond_wait(&pool.wake, &pool.mutex);
        seen = atomic_load(&pool.opened);
        job_t *job = pool.job;
        int slot = 0;
        if (job && job->registered + 1 < job->threads) {
            slot = ++job->registered;
            atomic_fetch_add(&job->running, 1);
        }
        pthread_mutex_unlock(&pool.mutex);
        if (!slot)
            continue;
        work(job, slot);
        pthread_mutex_lock(&pool.mutex);
        if (atomic_fetch_sub(&job->running, 1) == 1)
            pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.mutex);
    }
    return NULL;
}

/* A pool of another process: none of its threads exist here, and its locks may be held by them. */
static void after_fork_in_child(void) {
    pthread_mutex_init(&pool.region, NULL);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.job = NULL;
    pool.workers = 0;
}

/* At load, so that no fork comes before. */
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

/* Called with the mutex held. If a thread cannot be made, the others do its work. */
static void start_workers(int wanted) {
    if (pool.workers >= wanted)
        return;
    sigset_t others, before; /* signals are for the threads of the program, but for faults */
    sigfillset(&others);
    sigdelset(&others, SIGSEGV);
    sigdelset(&others, SIGBUS);
    sigdelset(&others, SIGFPE);
    sigdelset(&others, SIGILL);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    for (; pool.workers < wanted; pool.workers++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, NULL))
            break;
        pthread_detach(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_here(cnet_task *task, const void *argument, ptrdiff_t chunks) {
    for (ptrdiff_t chunk = 0; chunk < chunks; chunk++)
        task(argument, chunk, 0);
}

void cnet_parallel(cnet_task *task, const void *argument, ptrdiff_t chunks, int threads) {
    if (threads > chunks)
        threads = (int)chunks;
    if (threads <= 1 || pthread_mutex_trylock(&pool.region)) {
        run_here(task, argument, chunks);
        return;
    }
    job_t job = {.task = task, .argument = argument, .chunks = chunks, .threads = threads};
    pthread_mutex_lock(&pool.mutex);
    start_workers(threads - 1);
    pool.job = &job;
    atomic_fetch_add(&pool.opened, 1);
    for (int i = 1; i < threads; i++) /* and not all workers, however many there are */
        pthread_cond_signal(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);

    work(&job, 0);

    pthread_mutex_lock(&pool.mutex);
    pool.job = NULL;
    pthread_mutex_unlock(&pool.mutex);
    for (spin_t s = {0}; atomic_load(&job.running) && spin(&s, LEAVING);)
        continue;
    pthread_mutex_lock(&pool.mutex);
    while (atomic_load(&job.running))
        pthread_cond_wait(&pool.done, &pool.mutex);
    pthread_mutex_unlock(&pool.mutex);
    pthread_mutex_unlock(&pool.region);
}
