/* A site's configuration file (YAML, read by libcyaml): who I am and how to start.
 *
 * What decides outcomes of the market is not here but in the journal. `bootstrap` is genesis: used
 * once, and compared at every start (genesis.h). Unknown keys, wrong types, values out of range and
 * references to nothing are errors with a line number. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/io/io.h"
#include "replication/journal_id.h"

#define CONFIG_NAME_BYTES     32u /* Names of cluster, sites, providers: 1 .. 31 of [a-z0-9-]. */
#define CONFIG_ENDPOINT_BYTES 64u /* "address:port", numeric. */
#define CONFIG_PATHS_MAX      4u
#define CONFIG_PATH_BYTES     512u
#define CONFIG_ERROR_BYTES    512u
#define CONFIG_KEYS_MAX       64u

enum config_role { CONFIG_VOTER = 1, CONFIG_LEARNER = 2 };
enum config_threading { CONFIG_SHARED = 0, CONFIG_DEDICATED = 1 };

struct config_site {
    char name[CONFIG_NAME_BYTES];
    char provider[CONFIG_NAME_BYTES];
    enum config_role role;
    char peer[CONFIG_PATHS_MAX][CONFIG_ENDPOINT_BYTES];
    uint32_t peer_count;
    uint8_t public_key[32]; /* Ed25519; `key:` as 64 hexadecimal digits. */
    uint8_t provider_id;    /* From 1: providers are numbered as they appear. */
    uint32_t version;       /* 0: of the genesis; else of its line in members.h. */
    bool incarnation_set;   /* Of its journal; `incarnation:` as 32 hexadecimal digits. With */
    uint8_t incarnation[JOURNAL_INCARNATION_BYTES]; /* several sites every one has it. */
};

struct config_shard {
    uint16_t id; /* 1 .. SHARDS_MAX, without gaps. */
    char name[CONFIG_NAME_BYTES];
    uint8_t prefer[SITES_MAX]; /* Indexes into sites. */
    uint32_t prefer_count;
    uint32_t commit_providers;
    uint32_t
        waived_rules; /* Rules of placement.h given up on purpose: bit of enum placement_rule. */
};

/* Sizes and waits, all optional in the file (`tuning:`); the defaults are in config.md. */
struct config_tuning {
    uint64_t wal_bytes;
    uint64_t store_bytes;
    uint64_t stream_bytes_max;
    uint32_t wal_writes_in_flight;
    uint32_t segment_commands_max;
    uint32_t queue_commands_max;
    uint32_t connections_max;
    uint32_t orders_max;
    uint32_t price_levels_max;
    uint32_t instruments_max;
    uint32_t firms_max;
    uint32_t sessions_max;
    int compression_level;           /* 1 .. 9. */
    enum io_backend_kind io_backend; /* best, ring, epoll. */
};

/* When snapshots are taken and what is kept, all optional in the file (`snapshots:`). All three
 * 0: none are taken, and the journal keeps everything. */
struct config_snapshots {
    uint64_t every_bytes;    /* Of segments since the last one; 0: not for this reason. */
    uint64_t every_segments; /* Likewise. */
    uint64_t every_ns;       /* Likewise, when anything has happened. */
    uint32_t keep;           /* Of each shard, 2 .. SNAPSHOT_KEPT_MAX. */
    bool trim;               /* The journal below the oldest of those kept. */
};

/* What a GiB to a site of this provider costs, in millionths of the list's currency. */
struct config_price {
    char provider[CONFIG_NAME_BYTES];
    uint64_t micros_per_gib;
};

struct config {
    char cluster[CONFIG_NAME_BYTES];
    char site[CONFIG_NAME_BYTES];
    char data[CONFIG_PATH_BYTES]; /* Relative to the configuration file's directory, made absolute.
                                   */
    char wall_offset[CONFIG_PATH_BYTES]; /* Likewise; empty: the system's clock as it is. */
    char listen_ouch[CONFIG_ENDPOINT_BYTES];
    char listen_peer[CONFIG_ENDPOINT_BYTES]; /* May be empty with one site. */
    char listen_admin[CONFIG_ENDPOINT_BYTES];
    bool soupbin_unsequenced; /* `soupbin: 4.00` (or later): 49-byte logins may be answered with
                                 `U`. */
    struct config_site genesis[SITES_MAX]; /* bootstrap.sites. */
    uint32_t genesis_count;
    /* Of site id - 1: those; with members_read() also who joined since or took a place. One that is
     * not known has no name. */
    struct config_site sites[SITES_MAX];
    uint32_t site_count;
    uint32_t site_index; /* This site in `sites`; site_count: it is not there. */
    /* Public keys that have been trusted besides those of `genesis` and `sites`, oldest first. */
    uint8_t keys[CONFIG_KEYS_MAX][32];
    uint32_t key_count;
    uint64_t key_changes; /* Grows with each that comes, also when another goes for it. */
    struct config_shard shards[SHARDS_MAX];
    uint32_t shard_count;
    enum config_threading threading;
    enum io_idle idle;
    struct config_tuning tuning;
    struct config_snapshots snapshots;
    struct config_price prices[SITES_MAX]; /* Of bytes out, for metrics (`egress:`). */
    uint32_t price_count;
    uint64_t site_silence_ns; /* Not heard for so long, a site counts as gone (rules.md 2.7). */
};

/* Read and check `path`. On any error returns STATUS_NOT_FOUND, STATUS_DENIED or STATUS_BAD_FORMAT
 * and puts a sentence with file and line into `error`: what is wrong and what would be right. */
MUST_USE enum status config_read(struct config *config, const char *path,
                                 char error[static CONFIG_ERROR_BYTES]);
/* The same, but the site need not be one of bootstrap.sites: it may have joined since. Whoever runs
 * or inspects a site wants members_read() (members.h). */
MUST_USE enum status config_read_joined(struct config *config, const char *path,
                                        char error[static CONFIG_ERROR_BYTES]);

#endif
