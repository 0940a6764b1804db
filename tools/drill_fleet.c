#include "tools/drill_fleet.h"

#include <stdio.h>
#include <string.h>

#include "gateway/wall_offset.h"
#include "matching/base/assertion.h"
#include "tools/drill_config.h"
#include "tools/free_port.h"
#include "tools/pause.h"

#define DRILL_FLEET_OUCH_PORT      7001u
#define DRILL_FLEET_PEER_PORT      7101u
#define DRILL_FLEET_ADMIN_PORT     7901u
#define DRILL_FLEET_READY_MS       60000u
#define DRILL_FLEET_STOP_MS        20000u
#define DRILL_FLEET_MARKET_TRIES   60u
#define DRILL_FLEET_PAUSE_NS       UINT64_C(1000000000)
#define DRILL_FLEET_OPERATOR_TRIES 20u
#define DRILL_FLEET_DISK_BYTES     (UINT64_C(1) << 30)
#define DRILL_FLEET_FULL_NS        UINT64_C(2000000000)

static enum status drill_fleet_fail(struct drill_fleet *fleet, enum status status, uint32_t site,
                                    const char *what)
{
    char words[DRILL_PLACE_ERROR_BYTES / 2];
    ASSERT(status != STATUS_OK);
    site_child_last_words(&fleet->sites[site].child, words, sizeof words);
    (void)snprintf(fleet->error, sizeof fleet->error, "%s %s; its last line: %s",
                   fleet->scenario->sites[site].name, what, words);
    return status;
}

/* Where the site's doors are: at its own address, or at ports of loopback. */
static void drill_fleet_endpoints(struct drill_fleet *fleet, uint32_t index)
{
    struct drill_fleet_site *site = &fleet->sites[index];
    const struct {
        char *target;
        unsigned port;
    } doors[] = {{site->ouch, DRILL_FLEET_OUCH_PORT},
                 {site->peer, DRILL_FLEET_PEER_PORT},
                 {site->admin, DRILL_FLEET_ADMIN_PORT}};
    char address[WAN_ADDRESS_BYTES];
    wan_address(index, address);
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        if (fleet->wan != NULL) {
            (void)snprintf(doors[i].target, DRILL_FLEET_ENDPOINT_BYTES, "%s:%u", address,
                           doors[i].port);
        } else {
            (void)snprintf(doors[i].target, DRILL_FLEET_ENDPOINT_BYTES, "127.0.0.1:%u",
                           free_port(&fleet->port));
        }
    }
}

/* Whether a fault of that kind ever happens to the site. */
static bool drill_fleet_meets(const struct scenario *scenario, enum scenario_fault_kind kind,
                              uint32_t index)
{
    bool meets = false;
    ASSERT(index < scenario->site_count);
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct scenario_fault *fault = &scenario->faults[i];
        meets = meets || (fault->kind == kind && (fault->who >> index & 1) != 0);
    }
    return meets;
}

/* Small disks for those whose disk will be filled, where that is allowed; else disk_reason says why
 * not, and the faults are left out. */
static void drill_fleet_disks(struct drill_fleet *fleet)
{
    bool permitted = false;
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        char directory[DRILL_PLACE_PATH_BYTES + CONFIG_NAME_BYTES];
        char image[DRILL_PLACE_PATH_BYTES + CONFIG_NAME_BYTES + 8];
        if (!drill_fleet_meets(fleet->scenario, SCENARIO_FILL_DISK, i)) {
            continue;
        }
        if (!permitted && drill_disk_permit(fleet->disk_reason) != STATUS_OK) {
            return;
        }
        permitted = true;
        (void)snprintf(directory, sizeof directory, "%s/%s", fleet->place.directory,
                       fleet->scenario->sites[i].name);
        (void)snprintf(image, sizeof image, "%s.disk", directory);
        fleet->sites[i].small_disk = drill_disk_make(directory, image, DRILL_FLEET_DISK_BYTES,
                                                     fleet->disk_reason) == STATUS_OK;
    }
}

/* A wall clock of its own, right as yet. */
static enum status drill_fleet_clock(struct drill_fleet *fleet, struct drill_fleet_site *site,
                                     struct drill_config_site *terms)
{
    char path[sizeof site->wall_offset];
    int bytes = snprintf(path, sizeof path, "%s/wall-offset", site->place.directory);
    bool fits = bytes > 0 && (size_t)bytes < sizeof path;
    memcpy(site->wall_offset, path, sizeof path);
    enum status status = fits ? wall_offset_write(site->wall_offset, 0) : STATUS_BAD_ARGUMENT;
    if (status != STATUS_OK) {
        (void)snprintf(fleet->error, sizeof fleet->error, "cannot write a clock's offset below %s",
                       site->place.directory);
    }
    terms->wall_offset = site->wall_offset;
    return status;
}

static enum status drill_fleet_sites(struct drill_fleet *fleet)
{
    const struct scenario *scenario = fleet->scenario;
    struct drill_config_site terms[SITES_MAX];
    drill_fleet_disks(fleet);
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        struct drill_fleet_site *site = &fleet->sites[i];
        drill_fleet_endpoints(fleet, i);
        enum status status =
            drill_place_site_make(&fleet->place, &site->place, scenario->sites[i].name,
                                  scenario->sites[i].provider, site->ouch, site->admin,
                                  scenario->small ? DRILL_CONFIG_SMALL_WAL : NULL, fleet->error);
        if (status != STATUS_OK) {
            return status;
        }
        terms[i] = (struct drill_config_site){.directory = site->place.directory,
                                              .ouch = site->ouch,
                                              .peer = site->peer,
                                              .admin = site->admin};
        if (drill_fleet_meets(scenario, SCENARIO_STEP_CLOCK, i)) {
            status = drill_fleet_clock(fleet, site, &terms[i]);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        struct drill_fleet_site *site = &fleet->sites[i];
        enum status status = drill_config_write(scenario, terms, i, fleet->error);
        if (status != STATUS_OK) {
            return status;
        }
        site_child_init(&site->child, fleet->place.program, site->place.config, site->place.log);
        site->child.namespace_fd = fleet->wan != NULL ? wan_namespace(fleet->wan, i) : -1;
    }
    return STATUS_OK;
}

static void drill_fleet_lines(struct drill_fleet *fleet, uint64_t now_ns)
{
    for (uint32_t from = 0; fleet->wan != NULL && from < fleet->lines.node_count; from++) {
        for (uint32_t to = 0; to < fleet->lines.node_count; to++) {
            if (from != to) {
                struct wan_line line = drill_lines_at(&fleet->lines, from, to, now_ns);
                wan_line_set(fleet->wan, from, to, &line);
            }
        }
    }
}

enum status drill_fleet_make(struct drill_fleet *fleet, const struct scenario *scenario,
                             const char *directory, uint64_t seed, bool loopback)
{
    ASSERT(scenario->site_count + 1 <= WAN_NODES_MAX);
    memset(fleet, 0, sizeof *fleet);
    fleet->scenario = scenario;
    fleet->operator_tries = DRILL_FLEET_OPERATOR_TRIES;
    drill_lines_init(&fleet->lines, scenario);
    (void)snprintf(fleet->reason, sizeof fleet->reason, "asked for");
    if (!loopback && wan_space_permit(fleet->reason) == STATUS_OK) {
        enum status status = wan_start(&fleet->wan, scenario->site_count + 1, seed, fleet->reason);
        ASSERT((status == STATUS_OK) == (fleet->wan != NULL));
    }
    if (fleet->wan != NULL && wan_enter(fleet->wan, scenario->site_count) != STATUS_OK) {
        (void)snprintf(fleet->error, sizeof fleet->error, "the clients' namespace is shut");
        return STATUS_DENIED;
    }
    enum status status = drill_place_make(&fleet->place, directory, fleet->error);
    if (status == STATUS_OK) {
        status = drill_fleet_sites(fleet);
    }
    if (status == STATUS_OK) {
        drill_fleet_lines(fleet, 0);
    }
    return status;
}

void drill_fleet_close(struct drill_fleet *fleet)
{
    for (uint32_t i = 0; fleet->scenario != NULL && i < fleet->scenario->site_count; i++) {
        site_child_kill(&fleet->sites[i].child);
    }
    for (uint32_t i = 0; i < DRILL_FLEET_OPERATORS_MAX; i++) {
        drill_operator_end(&fleet->operators[i].worker);
    }
    wan_stop(fleet->wan);
    fleet->wan = NULL;
}

int drill_fleet_clients(const struct drill_fleet *fleet)
{
    return fleet->wan != NULL ? wan_namespace(fleet->wan, fleet->scenario->site_count) : -1;
}

/* One that outlived a full disk runs already; it is not excused for longer than a slow machine
 * takes to end it. */
static enum status drill_fleet_start_one(struct drill_fleet *fleet, uint32_t index, uint64_t now_ns)
{
    struct drill_fleet_site *site = &fleet->sites[index];
    bool runs = site_child_look(&site->child) != STATUS_CLOSED;
    ASSERT(runs == (site->child.pid != 0));
    site->wanted = true;
    site->full_until_ns = runs && site->disk_full ? now_ns + DRILL_FLEET_FULL_NS : 0;
    site->disk_full = false;
    if (runs) {
        return STATUS_OK;
    }
    site->restarting = false;
    site->frozen = false;
    enum status status = site_child_start(&site->child);
    return status == STATUS_OK ? STATUS_OK
                               : drill_fleet_fail(fleet, STATUS_IO, index, "cannot be started");
}

static enum status drill_fleet_wait(struct drill_fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        if (fleet->sites[i].wanted &&
            site_child_wait(&fleet->sites[i].child, DRILL_FLEET_READY_MS) != STATUS_OK) {
            return drill_fleet_fail(fleet, STATUS_TIMEOUT, i, "does not come to serve");
        }
    }
    return STATUS_OK;
}

enum status drill_fleet_start(struct drill_fleet *fleet)
{
    const struct drill_place_site *first = &fleet->sites[0].place;
    enum status refused = drill_refusal_see(fleet->place.program, first->directory, first->config,
                                            fleet->refused, fleet->error);
    if (refused != STATUS_OK && refused != STATUS_NOT_FOUND) {
        return refused;
    }
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        enum status status = drill_fleet_start_one(fleet, i, 0);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return drill_fleet_wait(fleet);
}

enum status drill_fleet_market(struct drill_fleet *fleet)
{
    enum status status = STATUS_TIMEOUT;
    for (uint32_t try = 0; status != STATUS_OK && try < DRILL_FLEET_MARKET_TRIES; try++) {
        uint32_t site = try % fleet->scenario->site_count;
        const char *const apply[] = {
            "market", "apply", fleet->place.market, "--config", fleet->sites[site].place.config,
            NULL};
        status = drill_place_tool(&fleet->place, apply, fleet->error);
        if (status != STATUS_OK && site + 1 == fleet->scenario->site_count) {
            pause_ns(DRILL_FLEET_PAUSE_NS); /* Nobody leads yet. */
        }
    }
    return status;
}

static void drill_fleet_kill(struct drill_fleet_site *site)
{
    site->wanted = false;
    site->restarting = false;
    site_child_kill(&site->child);
}

static void drill_fleet_leave_out(struct drill_fleet *fleet, const char *reason)
{
    fleet->faults_left_out++;
    (void)snprintf(fleet->left_out_reason, sizeof fleet->left_out_reason, "%.255s", reason);
}

static enum status drill_fleet_disk(struct drill_fleet *fleet, struct drill_fleet_site *site,
                                    bool fill)
{
    if (!site->small_disk) {
        drill_fleet_leave_out(fleet, fleet->disk_reason);
        return STATUS_OK;
    }
    enum status status =
        fill ? drill_disk_fill(site->place.directory) : drill_disk_free(site->place.directory);
    if (status != STATUS_OK) {
        (void)snprintf(fleet->error, sizeof fleet->error, "%s cannot be %s", site->place.directory,
                       fill ? "filled" : "emptied");
    }
    site->disk_full = fill || site->disk_full;
    return status;
}

static enum status drill_fleet_fault_site(struct drill_fleet *fleet,
                                          const struct scenario_fault *fault, uint32_t index,
                                          uint64_t now_ns)
{
    struct drill_fleet_site *site = &fleet->sites[index];
    switch (fault->kind) {
    case SCENARIO_KILL:
        drill_fleet_kill(site);
        return STATUS_OK;
    case SCENARIO_START:
        return drill_fleet_start_one(fleet, index, now_ns);
    case SCENARIO_RESTART:
        site->restarting = site->child.pid != 0;
        site_child_ask(&site->child);
        return STATUS_OK;
    case SCENARIO_STOP:
        site_child_freeze(&site->child);
        site->frozen = true;
        return STATUS_OK;
    case SCENARIO_CONTINUE:
        site_child_thaw(&site->child);
        site->frozen = false;
        return STATUS_OK;
    case SCENARIO_FILL_DISK:
    case SCENARIO_FREE_DISK:
        return drill_fleet_disk(fleet, site, fault->kind == SCENARIO_FILL_DISK);
    case SCENARIO_STEP_CLOCK:
        ASSERT(site->wall_offset[0] != '\0');
        site->wall_offset_ns += fault->step_ns;
        return wall_offset_write(site->wall_offset, site->wall_offset_ns);
    case SCENARIO_TRANSFER:
    case SCENARIO_RECOVER:
    case SCENARIO_CUT:
    case SCENARIO_HEAL:
    case SCENARIO_DEGRADE:
    case SCENARIO_RESTORE:
    case SCENARIO_LOSE_CONNECTS:
    case SCENARIO_HEAR_CONNECTS:
    case SCENARIO_DNS_GONE:
    case SCENARIO_FAULT_KINDS:
        break;
    }
    ASSERT(false); /* Not of sites. */
    return STATUS_OK;
}

enum status drill_fleet_fault(struct drill_fleet *fleet, const struct scenario_fault *fault,
                              uint64_t now_ns)
{
    if (drill_lines_concerns(fault->kind)) {
        drill_lines_fault(&fleet->lines, fault, now_ns);
        drill_fleet_lines(fleet, now_ns);
        if (fleet->wan == NULL) {
            drill_fleet_leave_out(fleet, fleet->reason);
        }
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < fleet->scenario->site_count && status == STATUS_OK; i++) {
        if ((fault->who >> i & 1) != 0) {
            status = drill_fleet_fault_site(fleet, fault, i, now_ns);
        }
    }
    return status;
}

enum status drill_fleet_tick(struct drill_fleet *fleet, uint64_t now_ns)
{
    drill_fleet_lines(fleet, now_ns);
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        struct drill_fleet_site *site = &fleet->sites[i];
        if (!site->wanted || site_child_look(&site->child) != STATUS_CLOSED) {
            continue;
        }
        if (site->disk_full) {
            site->wanted = false; /* As it should: it acknowledges nothing it cannot keep. */
            continue;
        }
        if (!site->restarting && now_ns >= site->full_until_ns) {
            return drill_fleet_fail(fleet, STATUS_CLOSED, i, "ended by itself");
        }
        enum status status = drill_fleet_start_one(fleet, i, now_ns);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

bool drill_fleet_whole(struct drill_fleet *fleet)
{
    bool whole = true;
    ASSERT(fleet->scenario != NULL);
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        struct drill_fleet_site *site = &fleet->sites[i];
        bool expected = site->wanted && !site->frozen && !site->disk_full;
        whole = whole && (!expected || (!site->restarting && site->child.pid != 0 &&
                                        site_child_look(&site->child) == STATUS_OK));
    }
    return whole;
}

enum status drill_fleet_calm(struct drill_fleet *fleet, uint64_t now_ns)
{
    drill_lines_init(&fleet->lines, fleet->scenario);
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        site_child_thaw(&fleet->sites[i].child);
        fleet->sites[i].frozen = false;
        if (fleet->sites[i].disk_full) {
            (void)!drill_disk_free(fleet->sites[i].place.directory);
        }
        if (fleet->sites[i].restarting) {
            (void)site_child_stop(&fleet->sites[i].child, DRILL_FLEET_STOP_MS);
        }
    }
    enum status status = drill_fleet_tick(fleet, now_ns);
    return status == STATUS_OK ? drill_fleet_wait(fleet) : status;
}

uint16_t drill_fleet_wanted(const struct drill_fleet *fleet)
{
    uint16_t wanted = 0;
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        wanted = (uint16_t)(wanted | (unsigned)fleet->sites[i].wanted << i);
    }
    return wanted;
}

uint16_t drill_fleet_stop(struct drill_fleet *fleet)
{
    uint16_t well = 0;
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        site_child_ask(&fleet->sites[i].child);
    }
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        struct drill_fleet_site *site = &fleet->sites[i];
        bool running = site->child.pid != 0;
        bool good = running && site_child_stop(&site->child, DRILL_FLEET_STOP_MS) == 0;
        site->wanted = false;
        well = (uint16_t)(well | (unsigned)good << i);
    }
    return well;
}
