/* The simulator as a program: runs seeds, on several processors, and sums them up; a seed that
 * fails is run again with fewer and fewer faults until each one left is needed. */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_sodium.h"

#define MAIN_JOBS_MAX     64u
#define MAIN_FAILURES_MAX 10u
#define MAIN_TRIALS_MAX   300u
#define MAIN_TRIAL_S      60u /* A run that takes longer has failed. */
#define MAIN_EXIT_FAILED  3

struct main_options {
    uint64_t seed;
    uint64_t seeds;
    uint32_t jobs;
    double until_s; /* Monotonic: no run begins later. 0: no limit. */
    bool trace;
    bool first; /* End with the first failure, whose faults stay as they are. */
    struct sim_wishes wishes;
};

/* What a worker tells its parent; shared memory. */
struct main_worker {
    uint64_t seed; /* At work on it. */
    uint64_t next; /* Where to go on. */
    bool done;
    pid_t process;
    struct sim_totals totals;
    struct sim_result result;
};

static double main_seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void main_usage(void)
{
    puts(
        "usage: sim [OPTION...]\n"
        "Runs a cluster of sites over simulated disks, networks, clocks and clients, with faults.\n"
        "One seed is one run, the same each time. Exit status 0: nothing was violated.\n\n"
        "  --seed N        first seed (1)\n"
        "  --seeds N       so many (1)\n"
        "  --jobs N        processes (1)\n"
        "  --minutes M     no run begins later\n"
        "  --seconds S     simulated seconds with faults, a run (the seed says)\n"
        "  --sites N --providers N --shards N   (the seed says)\n"
        "  --faults FILE   these instead of those of the seed; lines as printed for a failure\n"
        "  --no-faults     none\n"
        "  --first         end with the first failure, whose faults stay as they are; one process\n"
        "  --trace         print the trace hash of each run\n"
        "  --verbose       what happens, line by line\n"
        "  --list          the catalogue of faults\n"
        "  --help          this");
}

static uint64_t main_number(const char *text, uint64_t max)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 0);
    if (*text == 0 || *end != 0 || value > max) {
        (void)fprintf(stderr, "sim: %s is not a number from 0 to %" PRIu64 "\n", text, max);
        exit(2);
    }
    return value;
}

static void main_faults(struct main_options *options, const char *path)
{
    static char text[SIM_FAULTS_MAX * 80];
    static struct sim_schedule schedule;
    FILE *file = fopen(path, "r");
    size_t bytes = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file == NULL || sim_schedule_parse(&schedule, text) != STATUS_OK) {
        (void)fprintf(stderr, "sim: %s cannot be read as a list of faults\n", path);
        exit(2);
    }
    ASSERT(bytes < sizeof text);
    (void)fclose(file);
    options->wishes.schedule = &schedule;
}

static void main_list(void)
{
    for (uint32_t kind = 0; kind < SIM_FAULT_KIND_COUNT; kind++) {
        printf("%-9s %s\n", sim_fault_class((enum sim_fault_kind)kind),
               sim_fault_name((enum sim_fault_kind)kind));
    }
}

static void main_parse(struct main_options *options, int count, char **words)
{
    static const struct option names[] = {{"seed", 1, NULL, 's'},      {"seeds", 1, NULL, 'n'},
                                          {"jobs", 1, NULL, 'j'},      {"seconds", 1, NULL, 't'},
                                          {"sites", 1, NULL, 'i'},     {"providers", 1, NULL, 'p'},
                                          {"shards", 1, NULL, 'h'},    {"faults", 1, NULL, 'f'},
                                          {"no-faults", 0, NULL, 'N'}, {"verbose", 0, NULL, 'v'},
                                          {"trace", 0, NULL, 'T'},     {"minutes", 1, NULL, 'm'},
                                          {"list", 0, NULL, 'L'},      {"first", 0, NULL, 'F'},
                                          {"help", 0, NULL, 'H'},      {NULL, 0, NULL, 0}};
    struct sim_wishes *wishes = &options->wishes;
    int letter;
    while ((letter = getopt_long(count, words, "", names, NULL)) != -1) {
        switch (letter) {
        case 's':
            options->seed = main_number(optarg, UINT64_MAX);
            break;
        case 'n':
            options->seeds = main_number(optarg, UINT64_MAX);
            break;
        case 'j':
            options->jobs = (uint32_t)main_number(optarg, MAIN_JOBS_MAX);
            break;
        case 't':
            wishes->faults_ns = main_number(optarg, 100000) * SIM_S;
            break;
        case 'i':
            wishes->sites = (uint32_t)main_number(optarg, SITES_MAX);
            break;
        case 'p':
            wishes->providers = (uint32_t)main_number(optarg, SITES_MAX);
            break;
        case 'h':
            wishes->shards = (uint32_t)main_number(optarg, SHARDS_MAX);
            break;
        case 'f':
            main_faults(options, optarg);
            break;
        case 'N':
            wishes->no_faults = true;
            break;
        case 'm':
            options->until_s =
                main_seconds(CLOCK_MONOTONIC) + 60 * (double)main_number(optarg, 100000);
            break;
        case 'v':
            wishes->verbose = true;
            break;
        case 'T':
            options->trace = true;
            break;
        case 'F':
            options->first = true;
            break;
        case 'L':
            main_list();
            exit(0);
        case 'H':
            main_usage();
            exit(0);
        default:
            main_usage();
            exit(2);
        }
    }
}

/* ---- A worker ---- */

/* So many seconds of the processor from now on, then SIGPROF; 0: any number. */
static void main_limit(uint32_t seconds)
{
    struct itimerval limit = {.it_value.tv_sec = seconds};
    int result = setitimer(ITIMER_PROF, &limit, NULL);
    ASSERT(result == 0);
}

static void main_work(const struct main_options *options, struct main_worker *worker, uint32_t step)
{
    struct sim_world *world = sim_create();
    if (world == NULL) {
        (void)fprintf(stderr, "sim: there is not enough memory\n");
        _exit(2);
    }
    world->totals = worker->totals;
    while (worker->next - options->seed < options->seeds && !worker->result.failed &&
           (options->until_s <= 0 || main_seconds(CLOCK_MONOTONIC) < options->until_s)) {
        worker->seed = worker->next;
        worker->next += step;
        main_limit(MAIN_TRIAL_S);
        double began_s = main_seconds(CLOCK_PROCESS_CPUTIME_ID);
        sim_run(world, worker->seed, &options->wishes, &worker->result);
        if (world->plan.site_count == 3) {
            world->totals.three_runs++;
            world->totals.three_simulated_ns += world->queue.now_ns;
            world->totals.three_worked_ns +=
                (uint64_t)(1e9 * (main_seconds(CLOCK_PROCESS_CPUTIME_ID) - began_s));
        }
        worker->totals = world->totals;
        if (options->trace) {
            printf("seed %" PRIu64 " trace %016" PRIx64 "\n", worker->seed, worker->result.trace);
        }
    }
    main_limit(0);
    worker->done = !worker->result.failed;
    sim_destroy(world);
    (void)fflush(stdout);
    _exit(worker->result.failed ? MAIN_EXIT_FAILED : 0);
}

static void main_fork(const struct main_options *options, struct main_worker *worker, uint32_t step)
{
    (void)fflush(stdout);
    worker->result.failed = false;
    worker->result.failure[0] = 0;
    pid_t process = fork();
    if (process == 0) {
        main_work(options, worker, step);
    }
    ASSERT(process > 0);
    worker->process = process;
}

/* ---- A failure ---- */

struct main_trial {
    const struct main_options *options;
    struct main_worker *worker;
    uint64_t seed;
};

/* Run the seed once more with these faults, in a process of its own: an assertion counts. */
static bool main_fails(void *context, const struct sim_schedule *schedule)
{
    struct main_trial *trial = context;
    struct main_options options = *trial->options;
    options.wishes.schedule = schedule;
    options.wishes.verbose = false;
    options.trace = false;
    options.seed = trial->seed;
    options.seeds = 1;
    memset(trial->worker, 0, sizeof *trial->worker);
    trial->worker->next = trial->seed;
    main_fork(&options, trial->worker, 1);
    int status = 0;
    (void)waitpid(trial->worker->process, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void main_report(const struct main_options *options, struct main_worker *spare,
                        const struct main_worker *worker, int status)
{
    static char text[SIM_FAULTS_MAX * 80];
    struct main_trial trial = {options, spare, worker->seed};
    struct sim_schedule *schedule = malloc(sizeof *schedule);
    struct sim_plan plan;
    ASSERT(schedule != NULL);
    sim_plan_make(worker->seed, &options->wishes, &plan, schedule);
    uint32_t count = schedule->count;
    const char *what = worker->result.failed ? worker->result.failure : "the process died";
    printf("\nseed %" PRIu64 " FAILED: %s", worker->seed, what);
    if (WIFSIGNALED(status)) {
        printf(" (signal %d)", WTERMSIG(status));
    }
    printf("\n  again: build/tests/sim/sim --seed %" PRIu64 " --verbose\n", worker->seed);
    (void)fflush(stdout);
    if (options->wishes.schedule == NULL && !options->first) {
        sim_schedule_shrink(schedule, main_fails, &trial, MAIN_TRIALS_MAX);
        (void)sim_schedule_print(schedule, text, sizeof text);
        printf("  needed of its %u faults (--faults FILE): %u\n%s", count, schedule->count, text);
    }
    (void)fflush(stdout);
    free(schedule);
}

/* ---- All of it ---- */

static void main_add(struct sim_totals *sum, const struct sim_totals *totals)
{
    /* Nothing but counters. */
    static_assert(sizeof *sum % sizeof(uint64_t) == 0, "nothing but counters");
    uint64_t one[sizeof *sum / sizeof(uint64_t)];
    uint64_t other[sizeof *sum / sizeof(uint64_t)];
    memcpy(one, sum, sizeof one);
    memcpy(other, totals, sizeof other);
    for (size_t at = 0; at < sizeof one / sizeof one[0]; at++) {
        one[at] += other[at];
    }
    memcpy(sum, one, sizeof one);
}

/* Processor seconds of all workers that have ended. */
static double main_worked_s(void)
{
    struct rusage usage;
    int result = getrusage(RUSAGE_CHILDREN, &usage);
    ASSERT(result == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void main_totals(const struct sim_totals *totals, uint32_t failures, double seconds)
{
    double simulated_s = (double)totals->simulated_ns / 1e9;
    printf("\n%" PRIu64
           " runs, %u failed; %.2f simulated hours in %.0f s, %.0f simulated seconds a "
           "second of a processor\n",
           totals->runs, failures, simulated_s / 3600, seconds, simulated_s / main_worked_s());
    if (totals->three_worked_ns > 0) {
        printf("%" PRIu64 " of three sites: %.0f simulated seconds a second of a processor\n",
               totals->three_runs,
               (double)totals->three_simulated_ns / (double)totals->three_worked_ns);
    }
    printf("%" PRIu64 " events, %" PRIu64 " starts of sites, %" PRIu64 " new journals, %" PRIu64
           " elections, %" PRIu64 " frames\n",
           totals->events, totals->starts, totals->rebuilds, totals->elections, totals->frames);
    printf("%" PRIu64 " segments committed, %" PRIu64 " commands acknowledged, %" PRIu64
           " orders accepted, %" PRIu64 " rejected (%" PRIu64 " too late)\n",
           totals->commits, totals->acknowledged, totals->accepted, totals->rejected,
           totals->too_late);
    printf("%" PRIu64 " snapshots taken, %" PRIu64 " installed, %" PRIu64 " engines fenced\n",
           totals->snapshots, totals->installs, totals->fenced);
    printf("%" PRIu64 " shards repaired, %" PRIu64 " of them with losses: %" PRIu64
           " committed segments that no survivor had\n",
           totals->repairs, totals->repairs_lossy, totals->repair_losses);
    printf("faults:");
    for (uint32_t kind = 0; kind < SIM_FAULT_KIND_COUNT; kind++) {
        printf(" %s %" PRIu64, sim_fault_name((enum sim_fault_kind)kind), totals->faults[kind]);
    }
    printf("\n");
}

static void main_progress(const struct main_worker *workers, const struct main_options *options)
{
    uint64_t runs = 0;
    uint64_t simulated_ns = 0;
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    for (uint32_t at = 0; at < options->jobs; at++) {
        runs += workers[at].totals.runs;
        simulated_ns += workers[at].totals.simulated_ns;
    }
    (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " runs, %.1f simulated hours ", runs,
                  options->seeds, (double)simulated_ns / 3.6e12);
}

/* Wait until a worker ends, with progress meanwhile: the pipe is closed by none of them. */
static struct main_worker *main_wait(struct main_worker *workers,
                                     const struct main_options *options, int wake, int *status)
{
    for (;;) {
        pid_t process = waitpid(-1, status, WNOHANG);
        for (uint32_t at = 0; process > 0 && at < options->jobs; at++) {
            if (workers[at].process == process) {
                return &workers[at];
            }
        }
        if (process < 0) {
            return NULL;
        }
        struct pollfd descriptor = {.fd = wake, .events = POLLIN};
        (void)poll(&descriptor, 1, options->wishes.verbose ? 10 : 200);
        main_progress(workers, options);
    }
}

static uint32_t main_run(const struct main_options *options, struct main_worker *workers)
{
    int wake[2];
    uint32_t failures = 0;
    uint32_t running = options->jobs;
    int result = pipe(wake);
    ASSERT(result == 0);
    for (uint32_t at = 0; at < options->jobs; at++) {
        workers[at].next = options->seed + at;
        main_fork(options, &workers[at], options->jobs);
    }
    while (running > 0) {
        int status = 0;
        struct main_worker *worker = main_wait(workers, options, wake[0], &status);
        ASSERT(worker != NULL);
        if (worker->done) {
            running--;
            continue;
        }
        failures++;
        worker->totals.runs += !worker->result.failed;
        main_report(options, &workers[options->jobs], worker, status);
        if (options->first || failures >= MAIN_FAILURES_MAX) {
            running--;
            worker->done = true;
            continue;
        }
        main_fork(options, worker, options->jobs);
    }
    return failures;
}

int main(int count, char **words)
{
    static struct main_options options = {.seed = 1, .seeds = 1, .jobs = 1};
    main_parse(&options, count, words);
    options.jobs = options.jobs == 0 || options.first ? 1 : options.jobs;
    options.jobs = options.seeds < options.jobs ? (uint32_t)options.seeds : options.jobs;
    sim_sodium_start();
    struct main_worker *workers = mmap(NULL, (MAIN_JOBS_MAX + 1) * sizeof *workers,
                                       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT(workers != MAP_FAILED);
    double began_s = main_seconds(CLOCK_MONOTONIC);
    uint32_t failures = main_run(&options, workers);
    struct sim_totals totals = {0};
    for (uint32_t at = 0; at < options.jobs; at++) {
        main_add(&totals, &workers[at].totals);
    }
    main_totals(&totals, failures, main_seconds(CLOCK_MONOTONIC) - began_s);
    return failures == 0 ? 0 : 1;
}
