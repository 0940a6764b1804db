/* What must hold after every step of every replica. Counts for itself: of the code under test it
 * uses no function. */
#include <inttypes.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

static bool check_same(const struct replica_position *one, const struct replica_position *other)
{
    return one->log_index == other->log_index && one->term == other->term &&
           memcmp(one->chain_hash, other->chain_hash, REPLICA_HASH_BYTES) == 0;
}

/* Whether a log has a position; what a snapshot stands for, it has. */
static bool check_holds(const struct cluster_log *log, const struct replica_position *position)
{
    if (position->log_index == 0) {
        return true;
    }
    if (position->log_index > log->last_log_index) {
        return false;
    }
    return position->log_index < log->base.log_index ||
           check_same(&log->entries[position->log_index].position, position);
}

/* Nothing is said that is not durable: terms, votes, acknowledgements (rules 2 and 3). */
static void check_message(const struct cluster_site *site, const struct replica_message *message)
{
    const struct cluster_log *durable = &site->durable;
    switch ((enum replica_message_type)message->type) {
    case REPLICA_VOTE_REPLY:
        if (message->granted) {
            assert_int_equal(durable->term, message->term);
            assert_int_equal(durable->voted_site_id, message->to_site_id);
        }
        return;
    case REPLICA_VOTE:
        assert_int_equal(durable->term, message->term);
        assert_int_equal(durable->voted_site_id, message->from_site_id);
        assert_true(check_holds(durable, &message->position));
        assert_int_equal(durable->last_log_index, message->position.log_index);
        return;
    case REPLICA_APPEND_REPLY:
        assert_int_equal(durable->term, message->term);
        if (!check_holds(durable, &message->position)) {
            fail_msg("site %u acknowledges %" PRIu64 ", which is not durable",
                     message->from_site_id, message->position.log_index);
        }
        return;
    case REPLICA_APPEND:
        assert_int_equal(durable->term, message->term);
        assert_int_equal(durable->voted_site_id, message->from_site_id);
        return;
    case REPLICA_PRE_VOTE:
    case REPLICA_PRE_VOTE_REPLY:
    case REPLICA_SNAPSHOT:
    case REPLICA_CAMPAIGN:
    case REPLICA_MESSAGE_TYPE_COUNT:
        return;
    }
}

/* One leader a term, and it has everything that was ever committed. */
static void check_leader(struct cluster *cluster, uint8_t site_id)
{
    const struct cluster_site *site = &cluster->sites[site_id - 1];
    if (site->generation < cluster->generation) {
        return; /* Nobody listens to it; should it commit something, that is found below. */
    }
    assert_true(site->replica.term < CLUSTER_TERMS_MAX);
    uint8_t *leader = &cluster->leaders[site->replica.term];
    if (*leader != 0 && *leader != site_id) {
        fail_msg("two leaders in term %" PRIu64 ": %u and %u", site->replica.term, *leader,
                 site_id);
    }
    if (*leader == 0 && cluster->committed_log_index > 0 &&
        !check_holds(&site->appended, &cluster->committed[cluster->committed_log_index])) {
        fail_msg("leader %u of term %" PRIu64 " lacks %" PRIu64 ", which is committed", site_id,
                 site->replica.term, cluster->committed_log_index);
    }
    *leader = site_id;
}

void cluster_check_step(struct cluster *cluster, uint8_t site_id)
{
    const struct cluster_site *site = &cluster->sites[site_id - 1];
    const struct replica *replica = &site->replica;
    const struct replica_output *output = &cluster->output;
    bool repaired =
        (output->halt == REPLICA_HALT_REPAIR && site->appended.repair != NULL) ||
        (output->halt == REPLICA_HALT_GENERATION && site->generation < cluster->generation);
    if (output->halt != REPLICA_RUNS && !repaired && !cluster->halts_expected) {
        fail_msg("site %u halts: %d", site_id, (int)output->halt);
    }
    if (output->forked) {
        cluster->fork_count++;
        assert_true(cluster->forks_expected);
    }
    if (replica->role == REPLICA_LEADER) {
        check_leader(cluster, site_id);
        assert_false(replica->fenced);
    }
    assert_true(output->commit_log_index >= site->commit_log_index);
    assert_true(output->message_count <= REPLICA_MESSAGES_MAX);
    for (uint32_t at = 0; at < output->message_count; at++) {
        assert_int_equal(output->messages[at].from_site_id, site_id);
        assert_int_equal(output->messages[at].generation, site->generation);
        check_message(site, &output->messages[at]);
    }
}

/* Durable copies of a position among the voters of a placement, whether they run or not. */
static void check_copies(const struct cluster *cluster, const struct placement *placement,
                         const struct replica_position *position, uint32_t commit_providers)
{
    uint32_t voter_count = 0;
    uint32_t copy_count = 0;
    uint32_t provider_count = 0;
    bool providers[SITES_MAX + 1] = {false};
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct placement_site *site = &placement->sites[at];
        if (site->role != PLACEMENT_VOTER) {
            continue;
        }
        voter_count++;
        if (check_holds(&cluster->sites[at].durable, position)) {
            copy_count++;
            provider_count += providers[site->provider_id] ? 0 : 1;
            providers[site->provider_id] = true;
        }
    }
    if (copy_count * 2 <= voter_count || provider_count < commit_providers) {
        fail_msg("%" PRIu64 " is committed with %u of %u copies at %u providers of %u",
                 position->log_index, copy_count, voter_count, provider_count, commit_providers);
    }
}

void cluster_check_committed(struct cluster *cluster, uint8_t site_id, uint64_t from_log_index)
{
    const struct cluster_site *site = &cluster->sites[site_id - 1];
    uint64_t to = site->commit_log_index;
    uint64_t at = from_log_index + 1;
    if (at <= site->appended.base.log_index) {
        at = site->appended.base.log_index;
    }
    for (; at <= to; at++) {
        assert_true(at <= site->appended.last_log_index);
        const struct replica_position *position = &site->appended.entries[at].position;
        if (at <= cluster->committed_log_index) {
            if (!check_same(position, &cluster->committed[at])) {
                fail_msg("site %u has committed another %" PRIu64, site_id, at);
            }
        } else {
            /* The first to know is the leader, and of its own term it commits something now. */
            assert_int_equal(at, cluster->committed_log_index + 1);
            assert_int_equal(site->replica.term, site->appended.entries[to].position.term);
            cluster->committed[at] = *position;
            cluster->committed_log_index = at;
        }
    }
    if (site->replica.role != REPLICA_LEADER) {
        /* A follower's commit is durable here; a leader that left with this step aside. */
        bool was = cluster->leaders[site->replica.term] == site_id;
        assert_true(was || to <= site->durable.last_log_index ||
                    to == site->appended.base.log_index);
        return;
    }
    const struct placement *placement = &site->replica.placement;
    uint32_t commit_providers = placement->commit_providers;
    if (site->replica.placement_log_index > from_log_index &&
        site->replica.previous_placement.commit_providers > commit_providers) {
        commit_providers = site->replica.previous_placement.commit_providers;
    }
    check_copies(cluster, placement, &cluster->committed[to], commit_providers);
}
