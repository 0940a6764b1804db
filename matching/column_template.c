#include "matching/column_template.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/column_bits.h"

#define ORDER_SMALL_OFFSET offsetof(struct command_order, side)

static_assert(offsetof(struct command_order, user_reference) - ORDER_SMALL_OFFSET == 10,
              "the small fields of an order fill a template");
static_assert(offsetof(struct command_cancel, channel) == 12, "small fields of a cancel");

enum column_form column_template_form(uint8_t type)
{
    switch (type) {
    case COMMAND_TICK:
        return COLUMN_FORM_BARE;
    case COMMAND_ORDER_ENTER:
    case COMMAND_ORDER_REPLACE:
        return COLUMN_FORM_ORDER;
    case COMMAND_ORDER_CANCEL:
        return COLUMN_FORM_CANCEL;
    case COMMAND_ACCOUNT_QUERY:
        return COLUMN_FORM_QUERY;
    case COMMAND_SESSION_LOGON:
    case COMMAND_SESSION_LOGOFF:
        return COLUMN_FORM_LOGON;
    default: /* Administration is rare, and any byte may stand here. */
        return COLUMN_FORM_RAW;
    }
}

/* Where the small fields of a body begin. What follows them up to COLUMN_TEMPLATE_SMALL_BYTES bytes
 * is zero in a record that fits. */
static uint32_t column_template_small(enum column_form form)
{
    switch (form) {
    case COLUMN_FORM_ORDER:
        return ORDER_SMALL_OFFSET;
    case COLUMN_FORM_CANCEL:
        return offsetof(struct command_cancel, channel);
    case COLUMN_FORM_LOGON:
        return offsetof(struct command_logon, reserved);
    case COLUMN_FORM_QUERY:
    case COLUMN_FORM_BARE:
        return 0;
    case COLUMN_FORM_RAW:
        break;
    }
    ASSERT(false);
}

static uint32_t column_template_body_bytes(enum column_form form)
{
    switch (form) {
    case COLUMN_FORM_ORDER:
        return sizeof(struct command_order);
    case COLUMN_FORM_CANCEL:
        return sizeof(struct command_cancel);
    case COLUMN_FORM_QUERY:
        return sizeof(struct command_query);
    case COLUMN_FORM_LOGON:
        return sizeof(struct command_logon);
    case COLUMN_FORM_BARE:
    case COLUMN_FORM_RAW:
        return 0;
    }
    ASSERT(false);
}

bool column_template_fits(enum column_form form, const struct command *command)
{
    if (form == COLUMN_FORM_RAW) {
        return false;
    }
    static_assert(sizeof command->body % 8 == 0, "looked at in words");
    uint64_t rest = 0;
    for (uint32_t at = column_template_body_bytes(form); at < sizeof command->body; at += 8) {
        rest |= bytes_load_le64(command->body.bytes + at);
    }
    return rest == 0;
}

void column_template_take(struct column_template *template, enum column_form form,
                          const struct command *command)
{
    *template = (struct column_template){.type = command->type,
                                         .flags = command->flags,
                                         .site_id = command->site_id,
                                         .reserved = command->reserved};
    memcpy(template->small, command->body.bytes + column_template_small(form),
           sizeof template->small);
}

void column_template_give(const struct column_template *template, enum column_form form,
                          struct command *command)
{
    command->type = template->type;
    command->flags = template->flags;
    command->site_id = template->site_id;
    command->reserved = template->reserved;
    memcpy(command->body.bytes + column_template_small(form), template->small,
           sizeof template->small);
}

void column_template_reset(struct column_templates *templates, uint32_t commands_count)
{
    static_assert((COLUMN_TEMPLATE_SLOTS & (COLUMN_TEMPLATE_SLOTS - 1)) == 0, "used as a mask");
    ASSERT(commands_count > 0);
    ASSERT(commands_count <= COLUMN_TEMPLATES_MAX);
    uint32_t slots_count = 2;
    while (slots_count < 2 * commands_count) {
        slots_count *= 2;
    }
    templates->count = 0;
    templates->slots_mask = slots_count - 1;
    memset(templates->slots, 0, slots_count * sizeof templates->slots[0]);
}

uint32_t column_template_use(struct column_templates *templates,
                             const struct column_template *template)
{
    uint64_t low = bytes_load_le64(template);
    uint64_t high = bytes_load_le64((const uint8_t *)template + 8);
    uint64_t hash = (low ^ (high * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xD6E8FEB86659FD93);
    hash ^= hash >> 32;
    uint32_t slot = (uint32_t)hash & templates->slots_mask;
    while (templates->slots[slot] != 0) {
        uint32_t number = templates->slots[slot] - 1u;
        const uint8_t *there = (const uint8_t *)&templates->templates[number];
        if (bytes_load_le64(there) == low && bytes_load_le64(there + 8) == high) {
            templates->uses[number]++;
            return number;
        }
        slot = (slot + 1) & templates->slots_mask;
    }
    ASSERT(templates->count < COLUMN_TEMPLATES_MAX);
    uint32_t number = templates->count++;
    templates->templates[number] = *template;
    templates->uses[number] = 1;
    templates->slots[slot] = (uint16_t)(number + 1);
    return number;
}

void column_template_rank(struct column_templates *templates)
{
    /* Counting sort: starts[] of a use count is where its templates begin. */
    uint32_t uses_max = 0;
    for (uint32_t number = 0; number < templates->count; number++) {
        ASSERT(templates->uses[number] > 0 && templates->uses[number] <= SEGMENT_COMMANDS_MAX);
        if (templates->uses[number] > uses_max) {
            uses_max = templates->uses[number];
        }
    }
    memset(templates->starts, 0, (uses_max + 2) * sizeof templates->starts[0]);
    for (uint32_t number = 0; number < templates->count; number++) {
        templates->starts[uses_max - templates->uses[number] + 1]++;
    }
    for (uint32_t at = 1; at <= uses_max; at++) {
        templates->starts[at] += templates->starts[at - 1];
    }
    for (uint32_t number = 0; number < templates->count; number++) {
        uint32_t rank = templates->starts[uses_max - templates->uses[number]]++;
        ASSERT(rank < templates->count);
        templates->ranks[number] = (uint16_t)rank;
        templates->order[rank] = (uint16_t)number;
    }
}

/* Which bytes of a template differ from those of the one before it. */
static uint16_t column_template_changes(const uint8_t *template, const uint8_t *before)
{
    uint32_t changes = 0;
    for (uint32_t at = 0; at < sizeof(struct column_template); at++) {
        changes |= (template[at] != before[at] ? 1u : 0u) << at;
    }
    return (uint16_t)changes;
}

static size_t column_template_ones(uint16_t changes)
{
    size_t ones = 0;
    for (uint32_t rest = changes; rest > 0; rest &= rest - 1) {
        ones++;
    }
    return ones;
}

static const struct column_template column_template_zero;

static void column_template_pair(const struct column_templates *templates, uint32_t rank,
                                 const uint8_t **template, const uint8_t **before)
{
    ASSERT(rank < templates->count);
    *template = (const uint8_t *)&templates->templates[templates->order[rank]];
    *before = rank == 0 ? (const uint8_t *)&column_template_zero
                        : (const uint8_t *)&templates->templates[templates->order[rank - 1]];
}

size_t column_template_bytes(const struct column_templates *templates)
{
    size_t bytes = templates->count < 0x80 ? 1 : 2;
    static_assert(COLUMN_TEMPLATES_MAX < 1u << 14, "the count is a varint of two bytes");
    for (uint32_t rank = 0; rank < templates->count; rank++) {
        const uint8_t *template;
        const uint8_t *before;
        column_template_pair(templates, rank, &template, &before);
        bytes += 2 + column_template_ones(column_template_changes(template, before));
    }
    return bytes;
}

void column_template_write(uint8_t *target, size_t *position,
                           const struct column_templates *templates)
{
    size_t start = *position;
    column_bits_varint_write(target, position, templates->count);
    for (uint32_t rank = 0; rank < templates->count; rank++) {
        const uint8_t *template;
        const uint8_t *before;
        column_template_pair(templates, rank, &template, &before);
        uint16_t changes = column_template_changes(template, before);
        bytes_store_le16(target + *position, changes);
        *position += 2;
        for (uint32_t at = 0; at < sizeof(struct column_template); at++) {
            if (changes >> at & 1) {
                target[(*position)++] = template[at];
            }
        }
    }
    ASSERT(*position - start == column_template_bytes(templates));
}

enum status column_template_read(struct column_templates *templates, uint32_t templates_max,
                                 const uint8_t *source, size_t source_bytes, size_t *position)
{
    ASSERT(templates_max <= COLUMN_TEMPLATES_MAX);
    uint64_t count;
    enum status status = column_bits_varint_read(&count, source, source_bytes, position);
    if (status != STATUS_OK) {
        return status;
    }
    if (count > templates_max) {
        return STATUS_BAD_FORMAT;
    }
    uint8_t template[sizeof(struct column_template)] = {0};
    for (uint32_t rank = 0; rank < count; rank++) {
        if (source_bytes - *position < 2) {
            return STATUS_SHORT;
        }
        uint16_t changes = bytes_load_le16(source + *position);
        *position += 2;
        if (source_bytes - *position < column_template_ones(changes)) {
            return STATUS_SHORT;
        }
        for (uint32_t at = 0; at < sizeof template; at++) {
            if (changes >> at & 1) {
                template[at] = source[(*position)++];
            }
        }
        memcpy(&templates->templates[rank], template, sizeof template);
        const struct column_template *read = &templates->templates[rank];
        if (column_template_form(read->type) == COLUMN_FORM_RAW ||
            (bytes_load_le16(read->present) & ~COLUMN_PRESENT_ALL) != 0) {
            return STATUS_BAD_FORMAT;
        }
    }
    templates->count = (uint32_t)count;
    return STATUS_OK;
}
