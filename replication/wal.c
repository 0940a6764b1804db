#include "replication/wal.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define WAL_MAGIC            "cwwal  1"
#define WAL_READ_CHUNK_BYTES (1u << 20)

static_assert(WAL_BYTES_MIN - WAL_HEADER_BYTES > WAL_RESERVED_BYTES + 4 * WAL_FRAME_BYTES_MAX,
              "the smallest ring holds a few largest frames besides the reserve");
static_assert(WAL_HEADER_BYTES == JOURNAL_BLOCK_BYTES, "the header is one block");

void wal_header_store(uint8_t block[static JOURNAL_BLOCK_BYTES],
                      const uint8_t incarnation[static WAL_KEY_BYTES], uint64_t wal_bytes)
{
    ASSERT(wal_bytes >= WAL_BYTES_MIN);
    ASSERT(wal_bytes <= WAL_BYTES_MAX);
    journal_block_init(block, WAL_MAGIC);
    memcpy(block + JOURNAL_BLOCK_BODY_AT, incarnation, WAL_KEY_BYTES);
    bytes_store_le64(block + JOURNAL_BLOCK_BODY_AT + WAL_KEY_BYTES, wal_bytes);
    journal_block_seal(block);
}

enum status wal_create(const char *path, const uint8_t incarnation[static WAL_KEY_BYTES],
                       uint64_t wal_bytes, struct journal_error *error)
{
    ASSERT(wal_bytes % WAL_ALIGNMENT_BYTES == 0);
    uint8_t block[JOURNAL_BLOCK_BYTES];
    wal_header_store(block, incarnation, wal_bytes);
    return journal_file_create(path, block, 1, wal_bytes, error);
}

static enum status wal_header_check(const struct wal *wal, struct journal_error *error)
{
    enum status status = journal_block_check(wal->file, WAL_MAGIC);
    if (status == STATUS_BAD_VERSION) {
        journal_error_set(
            error,
            "%s is of a version that this program does not speak; use the program that wrote it",
            wal->path);
        return status;
    }
    if (status != STATUS_OK) {
        journal_error_set(error,
                          "the first block of %s is damaged (%s); the site must be rebuilt from "
                          "its peers",
                          wal->path, status_text(status));
        return STATUS_DAMAGED;
    }
    const uint8_t *body = wal->file + JOURNAL_BLOCK_BODY_AT;
    if (memcmp(body, wal->image.key, WAL_KEY_BYTES) != 0) {
        journal_error_set(error,
                          "%s belongs to another journal than journal.id beside it; put back the "
                          "one that was there; where it is lost, the site joins as a new one",
                          wal->path);
        return STATUS_FOREIGN;
    }
    if (bytes_load_le64(body + WAL_KEY_BYTES) != wal->file_bytes) {
        journal_error_set(error,
                          "%s and journal.id do not agree about its size; the site must be rebuilt "
                          "from its peers",
                          wal->path);
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}

static enum status wal_read(struct wal *wal, struct journal_error *error)
{
    uint64_t offset = 0;
    while (offset < wal->file_bytes) {
        uint64_t left_bytes = wal->file_bytes - offset;
        uint32_t bytes =
            left_bytes < WAL_READ_CHUNK_BYTES ? (uint32_t)left_bytes : WAL_READ_CHUNK_BYTES;
        enum status status =
            io_file_read_now(wal->io, wal->writes[0].handle, wal->file + offset, bytes, offset);
        if (status == STATUS_SHORT) {
            journal_error_set(error,
                              "%s is shorter than the %" PRIu64
                              " bytes it was made with; the site must be rebuilt from its peers",
                              wal->path, wal->file_bytes);
            return STATUS_DAMAGED;
        }
        if (status != STATUS_OK) {
            journal_error_set(error,
                              "the disk gives an error when %s is read at byte %" PRIu64
                              "; replace it and rebuild the site from its peers",
                              wal->path, offset);
            return status;
        }
        offset += bytes;
    }
    return STATUS_OK;
}

static enum status wal_open_handles(struct wal *wal, struct journal_error *error)
{
    for (uint32_t i = 0; i < wal->writes_max; i++) {
        enum status status = io_file_open(wal->io, wal->path, true, &wal->writes[i].handle);
        if (status != STATUS_OK) {
            journal_error_set(error,
                              "cannot open %s for direct writes (%s): the site's user must own it, "
                              "its file system must support O_DIRECT",
                              wal->path, status_text(status));
            return status;
        }
        wal->handles++;
    }
    return STATUS_OK;
}

static uint8_t *wal_map(uint64_t wal_bytes)
{
    void *memory = mmap(NULL, wal_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

enum status wal_open(struct wal *wal, struct io *io, const char *path, uint64_t wal_bytes,
                     const uint8_t incarnation[static WAL_KEY_BYTES], uint32_t writes_max,
                     uint64_t io_token, uint8_t *memory, struct journal_error *error)
{
    ASSERT(writes_max > 0);
    ASSERT(writes_max <= WAL_WRITES_IN_FLIGHT_MAX);
    ASSERT(strlen(path) < JOURNAL_PATH_BYTES);

    memset(wal, 0, sizeof *wal);
    wal->io = io;
    wal->io_token = io_token;
    wal->writes_max = writes_max;
    memcpy(wal->path, path, strlen(path));
    wal->file_bytes = wal_bytes;
    wal->lent = memory != NULL;
    wal->file = memory != NULL ? memory : wal_map(wal_bytes);
    if (wal->file == NULL) {
        journal_error_set(error, "no memory for the ring's image of %" PRIu64 " bytes", wal_bytes);
        return STATUS_FULL;
    }
    ASSERT((uintptr_t)wal->file % WAL_ALIGNMENT_BYTES == 0);
    wal->image.ring = wal->file + WAL_HEADER_BYTES;
    wal->image.ring_bytes = wal_bytes - WAL_HEADER_BYTES;
    memcpy(wal->image.key, incarnation, WAL_KEY_BYTES);

    enum status status = wal_open_handles(wal, error);
    if (status == STATUS_OK) {
        status = wal_read(wal, error);
    }
    if (status == STATUS_OK) {
        status = wal_header_check(wal, error);
    }
    if (status == STATUS_OK && io_memory_register(io, wal->file, wal_bytes) != STATUS_OK) {
        return STATUS_OK; /* Too much memory to lock: writes work without, a little slower. */
    }
    return status;
}

/* Where the frame being filled stands. */
static uint64_t wal_filling_start(const struct wal *wal)
{
    return wal_chain_start(&wal->image, wal->closed.position);
}

static uint8_t *wal_ring_at(const struct wal *wal, uint64_t position)
{
    return wal->file + WAL_HEADER_BYTES + position % wal->image.ring_bytes;
}

static uint64_t wal_frame_end(uint64_t start, uint32_t records_bytes)
{
    struct wal_frame frame = {.records_bytes = records_bytes};
    return start + wal_frame_bytes(&frame);
}

static bool wal_fits(const struct wal *wal, uint64_t start, uint32_t records_bytes, bool vote)
{
    uint32_t frame_bytes_max = vote ? WAL_FRAME_BYTES_MAX : WAL_FRAME_OTHERS_BYTES;
    if (WAL_FRAME_HEADER_BYTES + records_bytes > frame_bytes_max) {
        return false;
    }
    uint64_t end = wal_frame_end(start, records_bytes) + (vote ? 0 : WAL_RESERVED_BYTES);
    return end <= wal->released_position + wal->image.ring_bytes;
}

bool wal_frame_fits(const struct wal *wal, uint32_t record_bytes, bool vote)
{
    ASSERT(record_bytes > 0);
    ASSERT(record_bytes <= WAL_FRAME_OTHERS_BYTES);
    return wal_fits(wal, wal_filling_start(wal), wal->records_bytes + record_bytes, vote);
}

bool wal_ring_fits(const struct wal *wal, uint32_t record_bytes, bool vote)
{
    ASSERT(record_bytes > 0);
    ASSERT(record_bytes <= WAL_FRAME_OTHERS_BYTES);
    uint64_t start = wal_filling_start(wal);
    if (wal->records_bytes > 0) {
        start = wal_chain_start(&wal->image, wal_frame_end(start, wal->records_bytes));
    }
    return wal_fits(wal, start, record_bytes, vote);
}

uint64_t wal_append(struct wal *wal, const struct wal_record *record)
{
    uint32_t record_bytes = wal_record_bytes(record);
    ASSERT(wal_frame_fits(wal, record_bytes, record->type == WAL_RECORD_VOTE));
    uint64_t position = wal_filling_start(wal) + WAL_FRAME_HEADER_BYTES + wal->records_bytes;
    wal_record_store(wal_ring_at(wal, position), record_bytes, record);
    wal->records_bytes += record_bytes;
    wal->records_count++;
    return position;
}

bool wal_writable(const struct wal *wal)
{
    ASSERT(wal->closed.number >= wal->persisted_number);
    return wal->closed.number - wal->persisted_number < wal->writes_max;
}

/* Close the frame being filled: header, hash, and the next one begins behind it. */
static uint8_t *wal_seal(struct wal *wal, uint32_t *frame_bytes)
{
    ASSERT(wal->records_bytes > 0);
    struct wal_frame frame = {.number = wal->closed.number + 1,
                              .persisted_number = wal->persisted_number,
                              .records_bytes = wal->records_bytes};
    uint64_t start = wal_filling_start(wal);
    uint8_t *target = wal_ring_at(wal, start);
    memcpy(frame.previous_hash, wal->closed.hash, WAL_HASH_BYTES);
    memcpy(frame.start_nonce, wal->start_nonce, WAL_NONCE_BYTES);
    *frame_bytes = wal_frame_bytes(&frame);
    wal_frame_seal(&frame, target, *frame_bytes, wal->image.key);

    wal->closed.number = frame.number;
    wal->closed.position = start + *frame_bytes;
    memcpy(wal->closed.hash, frame.hash, WAL_HASH_BYTES);
    memcpy(wal->closed.start_nonce, wal->start_nonce, WAL_NONCE_BYTES);
    wal->records_bytes = 0;
    wal->records_count = 0;
    wal->written_bytes += *frame_bytes;
    wal->written_count++;
    ASSERT(wal->closed.position <= wal->released_position + wal->image.ring_bytes);
    return target;
}

uint64_t wal_write(struct wal *wal)
{
    ASSERT(wal_writable(wal));
    uint32_t frame_bytes;
    uint8_t *frame = wal_seal(wal, &frame_bytes);
    struct wal_write *write = &wal->writes[wal->closed.number % wal->writes_max];
    ASSERT(write->number == 0);
    write->number = wal->closed.number;
    write->end_position = wal->closed.position;
    write->start_position = wal->closed.position - frame_bytes;
    write->done = false;
    io_file_write(wal->io, write->handle, frame, frame_bytes, (uint64_t)(frame - wal->file),
                  wal->io_token);
    return write->number;
}

enum status wal_complete(struct wal *wal, const struct io_completion *completion,
                         struct journal_error *error)
{
    ASSERT(completion->token == wal->io_token);
    if (completion->kind != IO_WRITTEN) {
        return STATUS_OK;
    }
    struct wal_write *write = NULL;
    for (uint32_t i = 0; i < wal->writes_max; i++) {
        if (wal->writes[i].handle == completion->handle) {
            write = &wal->writes[i];
        }
    }
    ASSERT(write != NULL);
    ASSERT(write->number > wal->persisted_number);
    ASSERT(!write->done);
    if (completion->result < 0) {
        write->number = 0;
        return journal_file_failed(error, "write", wal->path, -completion->result);
    }
    if ((uint64_t)completion->result != write->end_position - write->start_position) {
        write->number = 0;
        return journal_file_failed(error, "write all of a frame to", wal->path, EIO);
    }
    write->done = true;
    for (;;) {
        struct wal_write *oldest = &wal->writes[(wal->persisted_number + 1) % wal->writes_max];
        if (oldest->number != wal->persisted_number + 1 || !oldest->done) {
            break;
        }
        wal->persisted_number = oldest->number;
        wal->persisted_position = oldest->end_position;
        oldest->number = 0;
    }
    ASSERT(wal->persisted_number <= wal->closed.number);
    return STATUS_OK;
}

static enum status wal_write_now(struct wal *wal, uint64_t start_position, uint32_t frame_bytes,
                                 struct journal_error *error)
{
    const uint8_t *frame = wal_ring_at(wal, start_position);
    enum status status = io_file_write_now(wal->io, wal->writes[0].handle, frame, frame_bytes,
                                           (uint64_t)(frame - wal->file));
    if (status != STATUS_OK) {
        journal_error_set(error, "cannot write %s (%s): check the disk before you start again",
                          wal->path, status_text(status));
    }
    return status;
}

enum status wal_rewrite(struct wal *wal, const struct wal_place *from, const struct wal_place *to,
                        struct journal_error *error)
{
    ASSERT(from->number <= to->number);
    ASSERT(to->number - from->number <= WAL_WRITES_IN_FLIGHT_MAX);
    struct wal_place place = *from;
    while (place.number < to->number) {
        struct wal_frame frame;
        const uint8_t *records;
        wal_chain_trusted(&wal->image, &place, &frame, &records);
        uint32_t frame_bytes = wal_frame_bytes(&frame);
        enum status status = wal_write_now(wal, place.position - frame_bytes, frame_bytes, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    ASSERT(place.position == to->position);
    return STATUS_OK;
}

enum status wal_start(struct wal *wal, const struct wal_place *place, struct journal_error *error)
{
    ASSERT(wal->closed.number == 0);
    wal->closed = *place;
    wal->persisted_number = place->number;
    wal->persisted_position = place->position;
    wal->released_position = place->position;
    do {
        randombytes_buf(wal->start_nonce, sizeof wal->start_nonce);
    } while (memcmp(wal->start_nonce, place->start_nonce, WAL_NONCE_BYTES) == 0);

    struct wal_record record = {.type = WAL_RECORD_START};
    uint32_t frame_bytes;
    (void)wal_append(wal, &record);
    (void)wal_seal(wal, &frame_bytes);
    enum status status = wal_write_now(wal, wal->closed.position - frame_bytes, frame_bytes, error);
    if (status != STATUS_OK) {
        return status;
    }
    wal->persisted_number = wal->closed.number;
    wal->persisted_position = wal->closed.position;
    return STATUS_OK;
}

void wal_release(struct wal *wal, uint64_t position)
{
    ASSERT(position >= wal->released_position);
    ASSERT(position <= wal->persisted_position);
    wal->released_position = position;
}

uint64_t wal_used_bytes(const struct wal *wal)
{
    uint64_t end = wal->closed.position;
    if (wal->records_bytes > 0) {
        end = wal_frame_end(wal_filling_start(wal), wal->records_bytes);
    }
    ASSERT(end >= wal->released_position);
    return end - wal->released_position;
}

static uint32_t wal_in_flight(const struct wal *wal)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < wal->handles; i++) {
        if (wal->writes[i].number > 0 && !wal->writes[i].done) {
            count++;
        }
    }
    return count;
}

/* The next completion of this wal. Those of others are dropped: their owner is about to end. */
static void wal_wait(struct wal *wal, struct io_completion *completion)
{
    for (;;) {
        uint32_t found = io_poll(wal->io, completion, 1, UINT64_MAX);
        if (found == 0) {
            continue;
        }
        if (completion->kind == IO_RECEIVED && completion->result > 0) {
            io_buffer_release(wal->io, completion);
        }
        bool ours = completion->kind == IO_WRITTEN || completion->kind == IO_CLOSED;
        if (ours && completion->token == wal->io_token) {
            return;
        }
    }
}

enum status wal_finish(struct wal *wal, struct journal_error *error)
{
    enum status first = STATUS_OK;
    while (wal_in_flight(wal) > 0) {
        struct io_completion completion;
        wal_wait(wal, &completion);
        enum status status = wal_complete(wal, &completion, error);
        first = first == STATUS_OK ? status : first;
    }
    ASSERT(wal->persisted_number <= wal->closed.number);
    return first;
}

void wal_close(struct wal *wal)
{
    ASSERT(wal_in_flight(wal) == 0);
    for (uint32_t i = 0; i < wal->handles; i++) {
        struct io_completion completion;
        io_close(wal->io, wal->writes[i].handle, wal->io_token);
        wal_wait(wal, &completion);
        ASSERT(completion.kind == IO_CLOSED);
    }
    if (wal->file != NULL) {
        io_memory_forget(wal->io, wal->file);
        int result = wal->lent ? 0 : munmap(wal->file, wal->file_bytes);
        ASSERT(result == 0);
    }
    wal->file = NULL;
    wal->handles = 0;
}
