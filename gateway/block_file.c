#include "gateway/block_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "gateway/block_storage.h"
#include "matching/base/assertion.h"
#include "matching/base/checksum.h"

/* For people who look into the file; no block begins at 0, so that 0 can mean "none". */
static const char TITLE[64] = "causeway session streams, version 2, derived from the journal\n";

static enum status file_write(struct block_file *file, const void *bytes, size_t count)
{
    ASSERT(file->bytes <= file->bytes_max);
    if (count > file->bytes_max - file->bytes) {
        return STATUS_NO_SPACE;
    }
    enum status status = block_storage_write(file->file, file->bytes, bytes, count);
    file->bytes += status == STATUS_OK ? count : 0;
    return status;
}

enum status block_file_create(struct block_file *file, const char *path, uint64_t bytes_max)
{
    ASSERT(file != NULL);
    *file = (struct block_file){.file = -1, .bytes_max = bytes_max};
    enum status status = block_storage_open(path, &file->file);
    if (status != STATUS_OK) {
        file->file = -1;
        return status;
    }
    status = file_write(file, TITLE, sizeof TITLE);
    if (status != STATUS_OK) {
        block_file_close(file);
    }
    return status;
}

void block_file_close(struct block_file *file)
{
    if (file->file >= 0) {
        block_storage_close(file->file);
    }
    file->file = -1;
}

static uint64_t header_hash(const struct block_header *header, uint64_t offset)
{
    return checksum_bytes(checksum_mix(CHECKSUM_SEED, offset), &header->payload_hash,
                          sizeof *header - offsetof(struct block_header, payload_hash));
}

/* What the next block of the chain points back to, and the tree whose head it is. */
static uint32_t chain_next(const struct block_chain *chain, struct block_header *header,
                           struct block_tree *head)
{
    const struct block_tree *trees = chain->trees;
    uint32_t count = chain->tree_count;
    uint32_t below = count; /* Trees that stay. */
    head->blocks = 1;
    if (count >= 2 && trees[count - 1].blocks == trees[count - 2].blocks) {
        head->blocks += 2 * trees[count - 1].blocks;
        below = count - 2;
    }
    ASSERT(below < BLOCK_TREES_MAX);
    header->previous_offset = count > 0 ? trees[count - 1].offset : 0;
    header->jump_offset = below > 0 ? trees[below - 1].offset : 0;
    header->jump_sequence = below > 0 ? trees[below - 1].next_sequence : 1;
    return below;
}

enum status block_file_append(struct block_file *file, struct block_chain *chain,
                              struct block_header *header, uint8_t *bytes, uint64_t *offset)
{
    ASSERT(header->event_count > 0);
    ASSERT(chain->tree_count <= BLOCK_TREES_MAX);

    struct block_tree head = {.offset = file->bytes,
                              .next_sequence = header->first_sequence + header->event_count};
    uint32_t below = chain_next(chain, header, &head);
    header->payload_hash =
        checksum_bytes(CHECKSUM_SEED, bytes + sizeof *header, header->stored_bytes);
    header->header_hash = header_hash(header, head.offset);
    memcpy(bytes, header, sizeof *header);
    enum status status = file_write(file, bytes, sizeof *header + header->stored_bytes);
    if (status == STATUS_OK) {
        chain->trees[below] = head;
        chain->tree_count = below + 1;
        *offset = head.offset;
    }
    return status;
}

/* Reads and checks a header at `offset` on the way to `sequence`, which it must not be past. */
static enum status file_header(const struct block_file *file, uint32_t session_id,
                               uint64_t sequence, uint64_t offset, struct block_header *header)
{
    enum status status = block_storage_read(file->file, offset, header, sizeof *header);
    if (status != STATUS_OK) {
        return status;
    }
    bool right = header->header_hash == header_hash(header, offset) &&
                 header->session_id == session_id &&
                 sequence < header->first_sequence + header->event_count;
    return right ? STATUS_OK : STATUS_DAMAGED;
}

/* Where the way to `sequence`, in an older block, goes on. */
static uint64_t header_back(const struct block_header *header, uint64_t sequence)
{
    ASSERT(sequence < header->first_sequence);
    return sequence < header->jump_sequence ? header->jump_offset : header->previous_offset;
}

enum status block_file_find(const struct block_file *file, uint32_t session_id, uint64_t sequence,
                            uint64_t *offset, struct block_header *header)
{
    ASSERT(session_id > 0);
    ASSERT(sequence > 0);
    for (uint32_t step = 0; step < BLOCK_STEPS_MAX && *offset != 0; step++) {
        enum status status = file_header(file, session_id, sequence, *offset, header);
        if (status != STATUS_OK || sequence >= header->first_sequence) {
            return status;
        }
        *offset = header_back(header, sequence);
    }
    return STATUS_DAMAGED;
}

enum status block_file_walk(const struct block_file *file, struct block_walk *walk,
                            uint32_t session_id, uint64_t sequence, uint64_t last_offset,
                            const struct block_step **found)
{
    ASSERT(session_id > 0);
    ASSERT(sequence > 0);
    if (walk->last_offset != last_offset || sequence < walk->sequence) {
        walk->last_offset = last_offset;
        walk->step_count = 0;
    }
    walk->sequence = sequence;
    const struct block_step *last = NULL;
    while (walk->step_count > 0) {
        last = &walk->steps[walk->step_count - 1];
        if (sequence < last->header.first_sequence + last->header.event_count) {
            break; /* All others of them are newer. */
        }
        walk->step_count--;
        last = NULL;
    }
    while (last == NULL || sequence < last->header.first_sequence) {
        uint64_t offset = last == NULL ? last_offset : header_back(&last->header, sequence);
        if (offset == 0 || walk->step_count == BLOCK_STEPS_MAX) {
            return STATUS_DAMAGED;
        }
        struct block_step *step = &walk->steps[walk->step_count];
        enum status status = file_header(file, session_id, sequence, offset, &step->header);
        if (status != STATUS_OK) {
            return status;
        }
        step->offset = offset;
        walk->step_count++;
        last = step;
    }
    *found = last;
    return STATUS_OK;
}

enum status block_file_payload(const struct block_file *file, uint64_t offset,
                               const struct block_header *header, void *target)
{
    ASSERT(offset > 0);
    ASSERT(target != NULL);
    enum status status =
        block_storage_read(file->file, offset + sizeof *header, target, header->stored_bytes);
    if (status == STATUS_OK &&
        checksum_bytes(CHECKSUM_SEED, target, header->stored_bytes) != header->payload_hash) {
        status = STATUS_DAMAGED;
    }
    return status;
}
