#include "replication/journal_index.h"

#include "matching/base/assertion.h"

static_assert((JOURNAL_INDEX_MAX & (JOURNAL_INDEX_MAX - 1)) == 0, "a power of two");

bool journal_index_full(const struct journal_index *index)
{
    ASSERT(index->first_log_index <= index->end_log_index);
    return index->end_log_index - index->first_log_index == JOURNAL_INDEX_MAX;
}

void journal_index_add(struct journal_index *index, uint64_t log_index, uint64_t position)
{
    ASSERT(log_index > 0);
    ASSERT(!journal_index_full(index));
    if (index->first_log_index == index->end_log_index) {
        index->first_log_index = log_index;
        index->end_log_index = log_index;
    }
    ASSERT(log_index == index->end_log_index);
    index->positions[log_index % JOURNAL_INDEX_MAX] = position;
    index->end_log_index++;
}

void journal_index_cut(struct journal_index *index, uint64_t last_log_index)
{
    ASSERT(index->first_log_index <= index->end_log_index);
    if (index->end_log_index > last_log_index + 1) {
        index->end_log_index = last_log_index + 1;
    }
    if (index->first_log_index > index->end_log_index) {
        index->first_log_index = index->end_log_index;
    }
}

void journal_index_release(struct journal_index *index, uint64_t position)
{
    ASSERT(index->first_log_index <= index->end_log_index);
    while (index->first_log_index < index->end_log_index &&
           index->positions[index->first_log_index % JOURNAL_INDEX_MAX] < position) {
        index->first_log_index++;
    }
}

bool journal_index_find(const struct journal_index *index, uint64_t log_index, uint64_t *position)
{
    ASSERT(log_index > 0);
    if (log_index < index->first_log_index || log_index >= index->end_log_index) {
        return false;
    }
    *position = index->positions[log_index % JOURNAL_INDEX_MAX];
    return true;
}
