/* The rows of a LOBSTER message file, checked one by one and against each other. */
#ifndef TOOLS_LOBSTER_ROWS_H
#define TOOLS_LOBSTER_ROWS_H

#include <stdint.h>

#include "matching/base/status.h"
#include "tools/id_map.h"
#include "tools/text_file.h"

enum lobster_row_type {
    LOBSTER_ROW_NEW = 1,
    LOBSTER_ROW_REDUCE = 2,
    LOBSTER_ROW_DELETE = 3,
    LOBSTER_ROW_TRADE = 4,
    LOBSTER_ROW_HIDDEN = 5,
    LOBSTER_ROW_AUCTION = 6,
    LOBSTER_ROW_HALT = 7,
};

struct lobster_row {
    uint64_t time_ns; /* Since midnight; never decreases. */
    uint64_t quantity;
    int64_t price;
    uint32_t order; /* Index of the order id; types 1 to 4 only. */
    uint8_t type;   /* enum lobster_row_type. */
    uint8_t side;   /* Of the resting order: SIDE_BUY or SIDE_SELL. */
};

struct lobster_rows {
    struct lobster_row *rows;
    uint64_t count;
    uint64_t room;
    struct id_map ids; /* Of the orders in rows of types 1 to 4. */
};

/* Reads a whole file. Rows of types 1 to 4 have an id, a quantity and a price above 0; all rows of
 * an id have its side and price; at most one of them is of type 1. Statuses as lobster_load();
 * `message` is set on errors. */
MUST_USE enum status lobster_rows_load(struct lobster_rows *rows, const char *path,
                                       char message[static TEXT_FILE_MESSAGE_MAX]);
void lobster_rows_destroy(struct lobster_rows *rows);

#endif
