#include "tests/support/admin_site.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/admin_views.h"
#include "matching/base/assertion.h"

#define ADMIN_SITE_EVENTS 16u

static void admin_site_write(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(file >= 0);
    ASSERT(write(file, text, strlen(text)) == (ssize_t)strlen(text));
    ASSERT(close(file) == 0);
}

/* What gateway/site.c gathers from journal and doors: figures that a test can recognise. */
static void admin_site_figures(struct admin_site *figures)
{
    (void)snprintf(figures->cluster, sizeof figures->cluster, "test");
    (void)snprintf(figures->site, sizeof figures->site, "one");
    (void)snprintf(figures->provider, sizeof figures->provider, "metal");
    figures->io_features = "none";
    figures->shard_count = 1;
    figures->serving = true;
    figures->wall_ns = 1000;
    figures->uptime_ns = 12345;
    figures->journal.store_bytes = 1000;
    figures->journal.store_used_bytes = 77;
    figures->doors.connections = 3;
    figures->doors.ends[DOOR_END_SILENT] = 5;
}

static void admin_site_execute(struct admin_site_double *site, const struct admin_request *request)
{
    struct event events[ADMIN_SITE_EVENTS];
    struct event_batch batch = {.events = events, .capacity = ADMIN_SITE_EVENTS};
    enum status status = engine_apply(site->engine, &request->command, &batch);
    uint32_t answered = 0;
    for (;;) {
        for (uint32_t i = 0; i < batch.count; i++) {
            if (events[i].type == EVENT_ADMINISTRATION) {
                answered++;
                admin_link_event(site->link, request->shard_id, &events[i]);
            }
        }
        if (status != STATUS_MORE) {
            break;
        }
        status = engine_resume(site->engine, &batch);
    }
    ASSERT(status == STATUS_OK);
    ASSERT(answered == 1);
}

static void admin_site_command(struct admin_site_double *site, const struct admin_request *request,
                               struct admin_answer *answer)
{
    enum status refuse = (enum status)atomic_load(&site->refuse);
    if (refuse != STATUS_OK) {
        answer->status = refuse;
        admin_link_answer(site->link, answer);
        return;
    }
    atomic_fetch_add(&site->commands_seen, 1);
    if (atomic_load(&site->lose_answers) > 0) {
        atomic_fetch_sub(&site->lose_answers, 1);
        admin_site_execute(site, request); /* Nobody waits for it: the answer goes nowhere. */
        return;
    }
    admin_link_wait(site->link, request);
    admin_site_execute(site, request);
}

static void admin_site_request(struct admin_site_double *site, const struct admin_request *request)
{
    if (atomic_load(&site->silent)) {
        return;
    }
    struct admin_answer answer = {.ticket = request->ticket, .kind = request->kind};
    if (request->kind == ADMIN_COMMAND && request->shard_id == 1) {
        admin_site_command(site, request, &answer);
        return;
    }
    if (request->kind == ADMIN_SITE) {
        admin_site_figures(&answer.body.site);
    } else if (request->shard_id != 1) {
        answer.status = STATUS_NOT_FOUND;
    } else {
        admin_views_answer(&answer, request, site->engine);
        if (request->kind == ADMIN_SHARD) {
            (void)snprintf(answer.body.shard.name, sizeof answer.body.shard.name, "EQ");
            answer.body.shard.log.leader = true;
            answer.body.shard.log.term = 4;
        }
    }
    admin_link_answer(site->link, &answer);
}

static void *admin_site_run(void *argument)
{
    struct admin_site_double *site = argument;
    while (!atomic_load(&site->stopping)) {
        struct io_completion completions[8];
        (void)io_poll(site->io, completions, 8, UINT64_MAX);
        uint32_t held = atomic_load(&site->held_count);
        for (uint32_t i = 0; !atomic_load(&site->hold) && i < held; i++) {
            admin_site_request(site, &site->held[i]);
            atomic_store(&site->held_count, i + 1 == held ? 0 : held);
        }
        struct admin_request request;
        while (admin_link_take(site->link, &request)) {
            uint32_t count = atomic_load(&site->held_count);
            if (atomic_load(&site->hold)) {
                ASSERT(count < ADMIN_SITE_HELD_MAX);
                site->held[count] = request;
                atomic_store(&site->held_count, count + 1);
            } else {
                admin_site_request(site, &request);
            }
        }
    }
    return NULL;
}

static void admin_site_engine(struct admin_site_double *site)
{
    const struct engine_limits limits = {.orders_max = 1024,
                                         .price_levels_max = 256,
                                         .instruments_max = 200,
                                         .firms_max = 64,
                                         .sessions_max = 256};
    size_t bytes = (engine_bytes(&limits) + 8191) & ~(size_t)4095;
    site->memory = aligned_alloc(4096, bytes);
    ASSERT(site->memory != NULL);
    memset(site->memory, 0, bytes);
    struct arena arena;
    arena_init(&arena, site->memory, bytes);
    ASSERT(engine_create(&site->engine, &arena, &limits) == STATUS_OK);
}

void admin_site_start(struct admin_site_double *site, uint32_t timeout_ms)
{
    memset(site, 0, sizeof *site);
    ASSERT(sodium_init() >= 0);
    test_paths_make(site->directory, "admin");
    (void)snprintf(site->token_path, sizeof site->token_path, "%s/admin.token", site->directory);
    admin_site_write(site->token_path, ADMIN_SITE_TOKEN "\n");
    admin_site_engine(site);
    struct io_options io_options = {.backend = IO_BACKEND_EPOLL,
                                    .handles_max = 16,
                                    .receive_buffer_bytes = 4096,
                                    .receive_buffer_count = 16};
    ASSERT(io_create(&site->io, &io_options) == STATUS_OK);
    ASSERT(admin_link_create(&site->link, site->io) == STATUS_OK);
    struct admin_options options = {.endpoint = "127.0.0.1:0",
                                    .token_path = site->token_path,
                                    .link = site->link,
                                    .timeout_ms = timeout_ms};
    char error[ADMIN_ERROR_BYTES];
    ASSERT(admin_start(&site->admin, &options, error) == STATUS_OK);
    site->port = admin_port(site->admin);
    ASSERT(site->port != 0);
    char config[1024];
    (void)snprintf(config, sizeof config,
                   "cluster: test\nsite: one\ndata: .\n"
                   "listen: {ouch: \"127.0.0.1:1\", admin: \"127.0.0.1:%u\"}\n"
                   "bootstrap:\n  sites:\n    - {name: one, provider: metal, role: voter, key: "
                   "8fe67fd62dcb33f639e32116b1020935e2141d8b90f3d684096b93645f0c54d8}\n"
                   "  shards:\n    - {id: 1, name: EQ, prefer: [one], commit_providers: 1}\n",
                   site->port);
    (void)snprintf(site->config_path, sizeof site->config_path, "%s/site.yaml", site->directory);
    admin_site_write(site->config_path, config);
    ASSERT(pthread_create(&site->thread, NULL, admin_site_run, site) == 0);
}

void admin_site_release(struct admin_site_double *site)
{
    atomic_store(&site->hold, false);
    io_wake(site->io);
}

void admin_site_stop(struct admin_site_double *site)
{
    admin_stop(site->admin);
    atomic_store(&site->stopping, true);
    io_wake(site->io);
    (void)pthread_join(site->thread, NULL);
    io_destroy(site->io);
    admin_link_destroy(site->link);
    free(site->memory);
    test_paths_remove(site->directory);
}
