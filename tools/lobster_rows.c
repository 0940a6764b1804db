#include "tools/lobster_rows.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"
#include "matching/command.h"

#define FIELDS         6u
#define ROOM_MIN       65536u
#define TIME_DECIMALS  9u
#define DAY_NS         (UINT64_C(86400) * 1000000000)
#define ORDER_ID_LIMIT (UINT64_C(1) << 62)
#define PRICE_LIMIT    (UINT64_C(1) << 40)
#define QUANTITY_LIMIT (UINT64_C(1) << 40)

/* What the first row of an id said. */
struct known {
    int64_t price;
    uint8_t side;
    bool entered; /* It has a type-1 row. */
};

struct loading {
    struct text_file file;
    struct lobster_rows *rows;
    struct known *known; /* By index of the id. */
    uint32_t known_room;
};

static enum status parse_time(struct loading *loading, char *text, uint64_t *time_ns)
{
    /* Some files were written through floating point and have digits below a nanosecond. */
    char *fraction = strchr(text, '.');
    if (fraction != NULL && strspn(fraction + 1, "0123456789") == strlen(fraction + 1) &&
        strlen(fraction + 1) > TIME_DECIMALS) {
        fraction[1 + TIME_DECIMALS] = '\0';
    }
    if (!text_file_number(text, TIME_DECIMALS, DAY_NS, time_ns)) {
        return text_file_bad(&loading->file, "time \"%.32s\" is not seconds after midnight", text);
    }
    const struct lobster_rows *rows = loading->rows;
    if (rows->count > 0 && *time_ns < rows->rows[rows->count - 1].time_ns) {
        return text_file_bad(&loading->file, "time %.32s is before the row above", text);
    }
    return STATUS_OK;
}

static enum status parse_side(struct loading *loading, const char *text, uint8_t *side)
{
    if (strcmp(text, "1") != 0 && strcmp(text, "-1") != 0) {
        return text_file_bad(&loading->file, "direction \"%.32s\" is neither 1 nor -1", text);
    }
    *side = text[0] == '-' ? SIDE_SELL : SIDE_BUY;
    return STATUS_OK;
}

/* Compares with what earlier rows of the same id said. */
static enum status check_order(struct loading *loading, const struct lobster_row *row, uint64_t id)
{
    if (row->order >= loading->known_room) {
        uint32_t room = loading->known_room == 0 ? ROOM_MIN : 2 * loading->known_room;
        struct known *known = realloc(loading->known, room * sizeof *known);
        if (known == NULL) {
            (void)text_file_bad(&loading->file, "no memory for so many orders");
            return STATUS_FULL;
        }
        memset(known + loading->known_room, 0, (room - loading->known_room) * sizeof *known);
        loading->known = known;
        loading->known_room = room;
    }
    struct known *known = &loading->known[row->order];
    if (known->side == 0) {
        *known = (struct known){.price = row->price, .side = row->side};
    }
    if (known->side != row->side || known->price != row->price) {
        return text_file_bad(&loading->file,
                             "order %llu had another price or direction in a row above",
                             (unsigned long long)id);
    }
    if (row->type == LOBSTER_ROW_NEW && known->entered) {
        return text_file_bad(&loading->file, "order %llu is new a second time",
                             (unsigned long long)id);
    }
    known->entered = known->entered || row->type == LOBSTER_ROW_NEW;
    return STATUS_OK;
}

/* Id, size and price: they mean something for orders only. */
static enum status parse_order(struct loading *loading, char **fields, struct lobster_row *row)
{
    uint64_t id = 0;
    uint64_t price = 0;
    if (!text_file_number(fields[2], 0, ORDER_ID_LIMIT - 1, &id) || id == 0) {
        return text_file_bad(&loading->file, "\"%.32s\" is no order id", fields[2]);
    }
    if (!text_file_number(fields[3], 0, QUANTITY_LIMIT, &row->quantity) || row->quantity == 0) {
        return text_file_bad(&loading->file, "\"%.32s\" is no size of an order", fields[3]);
    }
    if (!text_file_number(fields[4], 0, PRICE_LIMIT, &price) || price == 0) {
        return text_file_bad(&loading->file, "\"%.32s\" is no price", fields[4]);
    }
    row->price = (int64_t)price;
    enum status status = parse_side(loading, fields[5], &row->side);
    if (status == STATUS_OK) {
        status = id_map_put(&loading->rows->ids, id, &row->order);
        if (status != STATUS_OK) {
            (void)text_file_bad(&loading->file, "no memory for so many orders");
        }
    }
    return status == STATUS_OK ? check_order(loading, row, id) : status;
}

static enum status parse_row(struct loading *loading, struct lobster_row *row)
{
    char *fields[FIELDS];
    *row = (struct lobster_row){.type = 0};
    uint32_t count = text_file_split(loading->file.line, fields, FIELDS);
    if (count != FIELDS) {
        return text_file_bad(
            &loading->file,
            "%u fields instead of 6: a LOBSTER message file has time,type,order_id,size,price,"
            "direction",
            count);
    }
    uint64_t type = 0;
    if (!text_file_number(fields[1], 0, LOBSTER_ROW_HALT, &type) || type == 0) {
        return text_file_bad(&loading->file, "type \"%.32s\" is not 1 to 7", fields[1]);
    }
    row->type = (uint8_t)type;
    enum status status = parse_time(loading, fields[0], &row->time_ns);
    if (status == STATUS_OK && row->type <= LOBSTER_ROW_TRADE) {
        status = parse_order(loading, fields, row);
    }
    return status;
}

static enum status append_row(struct loading *loading, const struct lobster_row *row)
{
    struct lobster_rows *rows = loading->rows;
    if (rows->count == rows->room) {
        uint64_t room = rows->room == 0 ? ROOM_MIN : 2 * rows->room;
        struct lobster_row *grown = realloc(rows->rows, room * sizeof *grown);
        if (grown == NULL) {
            (void)text_file_bad(&loading->file, "no memory for so many rows");
            return STATUS_FULL;
        }
        rows->rows = grown;
        rows->room = room;
    }
    ASSERT(rows->count < rows->room);
    rows->rows[rows->count++] = *row;
    return STATUS_OK;
}

static enum status load_rows(struct loading *loading)
{
    enum status status = STATUS_OK;
    bool got = true;
    while (status == STATUS_OK && got) {
        status = text_file_next(&loading->file, &got);
        struct lobster_row row;
        if (status == STATUS_OK && got) {
            status = parse_row(loading, &row);
        }
        if (status == STATUS_OK && got) {
            status = append_row(loading, &row);
        }
    }
    return status;
}

enum status lobster_rows_load(struct lobster_rows *rows, const char *path,
                              char message[static TEXT_FILE_MESSAGE_MAX])
{
    ASSERT(rows != NULL);
    ASSERT(path != NULL);
    *rows = (struct lobster_rows){.count = 0};
    struct loading loading = {.rows = rows};
    enum status status = text_file_open(&loading.file, path);
    if (status == STATUS_OK) {
        status = load_rows(&loading);
        enum status closed = text_file_close(&loading.file);
        status = status == STATUS_OK ? closed : status;
    }
    if (status == STATUS_OK && rows->ids.count == 0) {
        status = text_file_bad(&loading.file, "there are no orders in the file");
    }
    free(loading.known);
    if (status != STATUS_OK) {
        memcpy(message, loading.file.message, sizeof loading.file.message);
        lobster_rows_destroy(rows);
    }
    return status;
}

void lobster_rows_destroy(struct lobster_rows *rows)
{
    free(rows->rows);
    id_map_destroy(&rows->ids);
    *rows = (struct lobster_rows){.count = 0};
}
