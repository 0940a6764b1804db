/* Compile-time ceilings. Configured values lie at or below them; every queue, loop and batch in the
 * tree has its bound here, with the reason and what happens when it is reached. */
#ifndef MATCHING_BASE_LIMITS_H
#define MATCHING_BASE_LIMITS_H

/* A site and what it holds. Beyond a bound the configuration or the command is refused. */
#define SITES_MAX       9u
#define SHARDS_MAX      8u
#define INSTRUMENTS_MAX 4096u
#define FIRMS_MAX       1024u
#define SESSIONS_MAX    16384u
#define CHANNELS_MAX    16u /* UserRefIdx 0..15 a session: order flow channels. Beyond: rejected. */

/* Orders. A rejected order says which bound it met. */
#define ORDERS_MAX         (1u << 22)          /* Open orders a shard: 4 Mi x 128 B. Rejected. */
#define PRICE_LEVELS_MAX   (1u << 20)          /* Occupied prices a shard. Rejected. */
#define ORDER_LOTS_MAX     (UINT64_C(1) << 62) /* Sums of two quantities stay below 2^63. */
#define ORDER_PRICE_MAX    (INT64_C(1) << 62)  /* Absolute; differences fit int64_t. */
#define SESSION_ORDERS_MAX (1u << 20) /* Open orders a session, configured below. Rejected. */

/* After an outage, configured below. Beyond a day nobody waits: the command is refused. */
#define GRACE_MS_MAX       86400000u /* A session's, before its orders are canceled. */
#define CANCEL_ONLY_MS_MAX 86400000u /* A shard's, before it opens again. */

/* Output of one engine step; more comes by engine_resume(). One fill makes two events. */
#define EVENT_BATCH_MIN 8u
#define EVENT_BATCH_MAX 1024u

/* Administration: recent request ids that are answered again instead of executed again. */
#define ADMIN_REQUESTS_MAX 1024u

/* Segments: sealed when full. 4,096 commands of 128 B are 512 KiB raw; a reader refuses more. */
#define SEGMENT_COMMANDS_MAX     4096u
#define SEGMENT_RAW_BYTES_MAX    (SEGMENT_COMMANDS_MAX * 160u)
#define SEGMENT_STORED_BYTES_MAX (SEGMENT_RAW_BYTES_MAX + 4096u)

/* Write-ahead ring. A frame holds at least one largest segment; a full ring pushes back. */
#define WAL_ALIGNMENT_BYTES      4096u
#define WAL_FRAME_BYTES_MAX      (1u << 20)
#define WAL_BYTES_MIN            (UINT64_C(8) << 20)
#define WAL_BYTES_MAX            (UINT64_C(1) << 30)
#define WAL_WRITES_IN_FLIGHT_MAX 16u

/* Address space of the store, reserved once. Below, a few largest segments would fill it. */
#define STORE_BYTES_MIN (UINT64_C(4) << 20)

/* Consensus. What a step puts out, a message carries and a leader keeps of each follower; beyond,
 * the rest follows in later steps. Configured values lie at or below. */
#define REPLICA_BATCH_ENTRIES_MAX 256u       /* Segments named by one append message. */
#define REPLICA_IN_FLIGHT_MAX     64u        /* Append messages not yet answered, per follower. */
#define REPLICA_BURST_MAX         4u         /* Append messages to one follower in one step. */
#define REPLICA_ENTRIES_MIN       16u        /* Headers of the log's tail kept in memory; beyond, */
#define REPLICA_ENTRIES_MAX       (1u << 16) /* older ones are asked of the journal. */
#define REPLICA_PROMOTE_LAG_MAX   64u /* Segments a learner may be behind. Else not promoted. */
#define REPLICA_AUDITS_MAX        8u  /* Event hashes remembered of each site. The oldest goes. */
#define REPLICA_AUDIT_STRIDE      16u /* They are compared at every log index divisible by it. */

/* Bounds between which election timeouts follow the measured round trips. */
#define REPLICA_ELECTION_NS_MIN UINT64_C(1000000)
#define REPLICA_ELECTION_NS_MAX UINT64_C(10000000000)

/* Snapshots: hashed, sent and taken in by the chunk. Beyond the last bound none can be written. */
#define SNAPSHOT_CHUNK_BYTES       (256u << 10)
#define SNAPSHOT_CHUNKS_MAX        (1u << 16) /* Their hashes are 2 MiB of manifest. */
#define SNAPSHOT_PARTS_MAX         4u
#define SNAPSHOT_CONTENT_BYTES_MAX ((uint64_t)SNAPSHOT_CHUNKS_MAX * SNAPSHOT_CHUNK_BYTES)
#define SNAPSHOT_KEPT_MAX          16u /* Of a shard, looked at; older ones wait until these go. */
#define SNAPSHOT_BAD_KEPT          4u  /* Of a shard, as evidence; then others make room. */

/* Client connections. Beyond: accepted and closed at once, counted. */
#define CONNECTIONS_MAX 16384u
#define CLIENT_PACKET_BYTES_MAX                                                                    \
    512u /* Largest SoupBinTCP packet a client may send. Disconnect.                               \
          */

#endif
