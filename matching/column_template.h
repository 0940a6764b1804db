/* What records of a batch have in common: their kind, their small fields and which of their other
 * fields need a number at all. A batch has few such combinations; each is written once and then
 * named by its rank, the most frequent first. Pure. */
#ifndef MATCHING_COLUMN_TEMPLATE_H
#define MATCHING_COLUMN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "matching/command.h"

#define COLUMN_TEMPLATES_MAX        SEGMENT_COMMANDS_MAX
#define COLUMN_TEMPLATE_SLOTS       (2u * COLUMN_TEMPLATES_MAX)
#define COLUMN_TEMPLATE_SMALL_BYTES 10u
#define COLUMN_TEMPLATE_BYTES_MAX   18u /* In a header: which bytes change, and those. */
#define COLUMN_TEMPLATES_BYTES_MAX  (10u + COLUMN_TEMPLATES_MAX * COLUMN_TEMPLATE_BYTES_MAX)

/* How the body of a record is taken apart. */
enum column_form {
    COLUMN_FORM_RAW = 0, /* Not at all: its type is rare or unknown, or unused bytes are not 0. */
    COLUMN_FORM_BARE,    /* No body. */
    COLUMN_FORM_ORDER,
    COLUMN_FORM_CANCEL,
    COLUMN_FORM_QUERY,
    COLUMN_FORM_LOGON, /* And logoff. */
};

/* Bits of `present`: the field is not what the model expects, its number follows. Fields without a
 * bit always have a number. */
#define COLUMN_PRESENT_TIMESTAMP   0x0001u
#define COLUMN_PRESENT_SESSION     0x0002u
#define COLUMN_PRESENT_EPOCH       0x0004u /* Of a session that came before. */
#define COLUMN_PRESENT_INPUT       0x0008u /* Of a session that came before. */
#define COLUMN_PRESENT_WAITED      0x0010u
#define COLUMN_PRESENT_REFERENCE   0x0020u /* Of a channel that came before. */
#define COLUMN_PRESENT_TARGET      0x0040u /* Original reference of an order. */
#define COLUMN_PRESENT_QUANTITY    0x0080u /* Of a cancel. */
#define COLUMN_PRESENT_MINIMUM     0x0100u
#define COLUMN_PRESENT_PRICE       0x0200u
#define COLUMN_PRESENT_DEADLINE    0x0400u
#define COLUMN_PRESENT_MAXIMUM_AGE 0x0800u
#define COLUMN_PRESENT_IDENTIFIER  0x1000u
#define COLUMN_PRESENT_CONNECTION  0x2000u
#define COLUMN_PRESENT_ALL         0x3FFFu

struct column_template {
    uint8_t type;
    uint8_t flags;
    uint8_t site_id;
    uint8_t reserved;
    uint8_t present[2];                         /* Little-endian. */
    uint8_t small[COLUMN_TEMPLATE_SMALL_BYTES]; /* The body's small fields as they stand there. */
};
static_assert(sizeof(struct column_template) == 16, "the layout is the format");

/* The templates of a batch, numbered as they come, ranked when all are known. */
struct column_templates {
    struct column_template templates[COLUMN_TEMPLATES_MAX];
    uint32_t uses[COLUMN_TEMPLATES_MAX];
    uint16_t ranks[COLUMN_TEMPLATES_MAX];
    uint16_t order[COLUMN_TEMPLATES_MAX]; /* Number of each rank. */
    uint32_t starts[SEGMENT_COMMANDS_MAX + 2];
    uint32_t count;
    uint32_t slots_mask;
    uint16_t slots[COLUMN_TEMPLATE_SLOTS]; /* Number + 1; 0: free. */
};

/* By type alone; `type` may be any byte. */
enum column_form column_template_form(uint8_t type);

/* Whether every byte of the body that the form does not take apart is zero. */
bool column_template_fits(enum column_form form, const struct command *command);

/* Take what a template holds from a command that fits, but for `present`. */
void column_template_take(struct column_template *template, enum column_form form,
                          const struct command *command);

/* Put it back into a command whose other bytes are zero or set later. */
void column_template_give(const struct column_template *template, enum column_form form,
                          struct command *command);

/* Empty the table for a batch of `commands_count`. */
void column_template_reset(struct column_templates *templates, uint32_t commands_count);

/* Number of a template, counting its use. */
uint32_t column_template_use(struct column_templates *templates,
                             const struct column_template *template);

/* Rank by use, equal ones as they came. */
void column_template_rank(struct column_templates *templates);

/* As part of a header, in order of rank. The reader takes at most `templates_max` templates,
 * numbers them by rank and does not count: STATUS_SHORT, STATUS_BAD_FORMAT. */
size_t column_template_bytes(const struct column_templates *templates);
void column_template_write(uint8_t *target, size_t *position,
                           const struct column_templates *templates);
MUST_USE enum status column_template_read(struct column_templates *templates,
                                          uint32_t templates_max, const uint8_t *source,
                                          size_t source_bytes, size_t *position);

#endif
