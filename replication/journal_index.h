/* Where recent segments of one shard stand in the ring's memory, by log index. Bounded: when it is
 * full the ring pushes back, as when the ring itself is full. The loop thread owns it. */
#ifndef REPLICATION_JOURNAL_INDEX_H
#define REPLICATION_JOURNAL_INDEX_H

#include <stdbool.h>
#include <stdint.h>

/* Segments of one shard that are appended and not yet stored: far more than the 10 ms between two
 * of the store's commits bring. A power of two. */
#define JOURNAL_INDEX_MAX 16384u

struct journal_index {
    uint64_t first_log_index; /* Segments first .. end - 1 are here. */
    uint64_t end_log_index;
    uint64_t *positions; /* JOURNAL_INDEX_MAX, of their records; by log index modulo the size. The
                            owner's memory, which need not be clear. */
};

bool journal_index_full(const struct journal_index *index);
/* `log_index` follows the last one, unless the index is empty. Not full. */
void journal_index_add(struct journal_index *index, uint64_t log_index, uint64_t position);
/* Forget what lies above `last_log_index`. */
void journal_index_cut(struct journal_index *index, uint64_t last_log_index);
/* Forget what stands before `position`: the store has it. */
void journal_index_release(struct journal_index *index, uint64_t position);
bool journal_index_find(const struct journal_index *index, uint64_t log_index, uint64_t *position);

#endif
