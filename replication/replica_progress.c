#include "replication/replica_progress.h"

#include <string.h>

#include "matching/base/assertion.h"

void replica_progress_begin(struct replica_progress *progress, uint64_t next_log_index,
                            uint64_t now_ns)
{
    ASSERT(next_log_index > 0);
    uint64_t round_trip_ns = progress->round_trip_ns;
    memset(progress, 0, sizeof *progress);
    progress->round_trip_ns = round_trip_ns;
    progress->next_log_index = next_log_index;
    progress->heard_ns = now_ns;
    progress->sent_ns = now_ns;
}

bool replica_progress_may_send(const struct replica_progress *progress, uint32_t messages_max,
                               uint64_t bytes_max)
{
    ASSERT(messages_max >= 1);
    ASSERT(messages_max <= REPLICA_IN_FLIGHT_MAX);
    switch (progress->state) {
    case REPLICA_PROGRESS_PROBE:
        return !progress->waits;
    case REPLICA_PROGRESS_STREAM:
        /* One message may always be under way, however large. */
        return !progress->waits && progress->flight_count < messages_max &&
               (progress->flight_count == 0 || progress->flight_bytes < bytes_max);
    case REPLICA_PROGRESS_SNAPSHOT:
        return false;
    }
    ASSERT(false);
    return false;
}

void replica_progress_sent(struct replica_progress *progress, uint64_t last_log_index,
                           uint32_t segment_bytes, uint64_t now_ns)
{
    ASSERT(last_log_index + 1 >= progress->next_log_index);
    progress->sent_ns = now_ns;
    if (progress->state == REPLICA_PROGRESS_PROBE) {
        progress->waits = true;
        return;
    }
    ASSERT(progress->state == REPLICA_PROGRESS_STREAM);
    if (last_log_index < progress->next_log_index) {
        return; /* A heartbeat. */
    }
    ASSERT(progress->flight_count < REPLICA_IN_FLIGHT_MAX);
    uint32_t place = (progress->flight_first + progress->flight_count) % REPLICA_IN_FLIGHT_MAX;
    progress->flights[place] = (struct replica_progress_flight){last_log_index, segment_bytes};
    progress->flight_count++;
    progress->flight_bytes += segment_bytes;
    progress->next_log_index = last_log_index + 1;
}

static void progress_land(struct replica_progress *progress)
{
    ASSERT(progress->flight_count > 0);
    const struct replica_progress_flight *flight = &progress->flights[progress->flight_first];
    ASSERT(progress->flight_bytes >= flight->segment_bytes);
    progress->flight_bytes -= flight->segment_bytes;
    progress->flight_first = (progress->flight_first + 1) % REPLICA_IN_FLIGHT_MAX;
    progress->flight_count--;
}

bool replica_progress_matched(struct replica_progress *progress, uint64_t log_index)
{
    while (progress->flight_count > 0 &&
           progress->flights[progress->flight_first].last_log_index <= log_index) {
        progress_land(progress);
    }
    if (log_index >= progress->next_log_index) {
        progress->next_log_index = log_index + 1;
    }
    if (log_index <= progress->matched_log_index) {
        return false;
    }
    progress->matched_log_index = log_index;
    ASSERT(progress->next_log_index > progress->matched_log_index);
    return true;
}

void replica_progress_probe(struct replica_progress *progress, uint64_t next_log_index)
{
    progress->state = REPLICA_PROGRESS_PROBE;
    progress->waits = false;
    progress->flight_count = 0;
    progress->flight_bytes = 0;
    /* What it holds durably is never asked again. */
    uint64_t least = progress->matched_log_index + 1;
    progress->next_log_index = next_log_index > least ? next_log_index : least;
    ASSERT(progress->next_log_index > 0);
}

void replica_progress_measure(struct replica_progress *progress, uint64_t round_trip_ns)
{
    if (progress->round_trip_ns == 0) {
        progress->round_trip_ns = round_trip_ns;
    } else {
        progress->round_trip_ns -= progress->round_trip_ns / 8;
        progress->round_trip_ns += round_trip_ns / 8;
    }
}
