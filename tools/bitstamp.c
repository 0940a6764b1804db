#include "tools/bitstamp.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/id_map.h"

#define FIELDS         7u
#define ROOM_MIN       16384u
#define ORDER_ID_LIMIT (UINT64_C(1) << 62)
#define TIME_MS_LIMIT  (UINT64_C(1) << 42)
#define PRICE_LIMIT    (UINT64_C(1) << 40)
#define VOLUME_LIMIT   (UINT64_C(1) << 60)

static const char HEADER[] = "id,timestamp,exchange.timestamp,price,volume,action,direction";

/* What is known of an id. */
struct known {
    uint64_t created; /* Volume when it was created; 0: older than the file. */
    uint64_t left;    /* Of its last row. */
    bool entered;
    bool cancelled;
};

struct row {
    uint64_t id;
    uint64_t time_ms;
    uint64_t price;
    uint64_t volume;
    enum side side;
    bool created;
    bool deleted;
};

struct loading {
    struct text_file file;
    struct bitstamp *result;
    struct id_map ids;
    struct known *known; /* By index of the id. */
    uint64_t known_room;
    uint64_t action_room;
    uint64_t first_ms;
    uint64_t last_ms;
};

static enum status parse_row(struct loading *loading, struct row *row)
{
    char *fields[FIELDS];
    struct text_file *file = &loading->file;
    uint32_t count = text_file_split(file->line, fields, FIELDS);
    uint64_t exchange_ms = 0;
    *row = (struct row){.id = 0};
    if (count != FIELDS) {
        return text_file_bad(file, "%u fields instead of 7", count);
    }
    if (!text_file_number(fields[0], 0, ORDER_ID_LIMIT - 1, &row->id) || row->id == 0) {
        return text_file_bad(file, "\"%.32s\" is no order id", fields[0]);
    }
    if (!text_file_number(fields[1], 0, TIME_MS_LIMIT, &row->time_ms) ||
        !text_file_number(fields[2], 0, TIME_MS_LIMIT, &exchange_ms)) {
        return text_file_bad(file, "\"%.32s\" or \"%.32s\" is no time in milliseconds", fields[1],
                             fields[2]);
    }
    if (row->time_ms < loading->last_ms) {
        return text_file_bad(file, "time %.32s is before the row above", fields[1]);
    }
    if (!text_file_number(fields[3], BITSTAMP_PRICE_DECIMALS, PRICE_LIMIT, &row->price) ||
        row->price == 0) {
        return text_file_bad(file, "\"%.32s\" is no price", fields[3]);
    }
    row->created = strcmp(fields[5], "created") == 0;
    row->deleted = strcmp(fields[5], "deleted") == 0;
    if (!row->created && !row->deleted && strcmp(fields[5], "changed") != 0) {
        return text_file_bad(file, "action \"%.32s\" is not created, changed or deleted",
                             fields[5]);
    }
    if (!text_file_number(fields[4], 0, VOLUME_LIMIT, &row->volume) ||
        (row->volume == 0 && !row->deleted)) {
        return text_file_bad(file, "\"%.32s\" is no volume", fields[4]);
    }
    row->side = strcmp(fields[6], "bid") == 0 ? SIDE_BUY : SIDE_SELL;
    if (row->side == SIDE_SELL && strcmp(fields[6], "ask") != 0) {
        return text_file_bad(file, "direction \"%.32s\" is neither bid nor ask", fields[6]);
    }
    return STATUS_OK;
}

static enum status put_action(struct loading *loading, const struct row *row,
                              enum market_action_type type)
{
    struct bitstamp *result = loading->result;
    if (result->action_count == loading->action_room) {
        uint64_t room = loading->action_room == 0 ? ROOM_MIN : 2 * loading->action_room;
        struct market_action *grown = realloc(result->actions, room * sizeof *grown);
        if (grown == NULL) {
            return STATUS_FULL;
        }
        result->actions = grown;
        loading->action_room = room;
    }
    result->actions[result->action_count++] = (struct market_action){
        .time_ns = (row->time_ms - loading->first_ms) * 1000000,
        .order_id = row->id,
        .quantity = row->volume,
        .total = row->volume,
        .price = type == MARKET_ACTION_ENTER ? (int64_t)row->price : 0,
        .type = (uint8_t)type,
        .side = (uint8_t)row->side,
    };
    return STATUS_OK;
}

static enum status known_of(struct loading *loading, uint64_t id, struct known **known)
{
    uint32_t index = 0;
    enum status status = id_map_put(&loading->ids, id, &index);
    if (status == STATUS_OK && index >= loading->known_room) {
        uint64_t room = loading->known_room == 0 ? ROOM_MIN : 2 * loading->known_room;
        struct known *grown = realloc(loading->known, room * sizeof *grown);
        if (grown == NULL) {
            return STATUS_FULL;
        }
        memset(grown + loading->known_room, 0, (room - loading->known_room) * sizeof *grown);
        loading->known = grown;
        loading->known_room = room;
    }
    *known = status == STATUS_OK ? &loading->known[index] : NULL;
    return status;
}

static enum status convert_row(struct loading *loading, const struct row *row)
{
    struct known *known = NULL;
    enum status status = known_of(loading, row->id, &known);
    if (status != STATUS_OK) {
        (void)text_file_bad(&loading->file, "no memory for so many orders");
        return status;
    }
    if (row->created && known->created != 0) {
        return text_file_bad(&loading->file, "order %llu is created a second time",
                             (unsigned long long)row->id);
    }
    if (known->created != 0 && row->volume > known->created) {
        return text_file_bad(&loading->file, "more is left of order %llu than there was",
                             (unsigned long long)row->id);
    }
    known->created = row->created ? row->volume : known->created;
    known->left = row->volume;
    if (!row->deleted && !known->entered) {
        known->entered = true;
        loading->result->older_count += row->created ? 0 : 1;
        status = put_action(loading, row, MARKET_ACTION_ENTER);
    } else if (row->deleted && row->volume > 0 && known->entered && !known->cancelled) {
        known->cancelled = true;
        status = put_action(loading, row, MARKET_ACTION_CANCEL);
    }
    if (status != STATUS_OK) {
        (void)text_file_bad(&loading->file, "no memory for so many actions");
    }
    return status;
}

static enum status load_rows(struct loading *loading)
{
    bool got = false;
    enum status status = text_file_next(&loading->file, &got);
    if (status == STATUS_OK && (!got || strcmp(loading->file.line, HEADER) != 0)) {
        return text_file_bad(&loading->file, "not the header of a Bitstamp order file: %s", HEADER);
    }
    while (status == STATUS_OK && got) {
        status = text_file_next(&loading->file, &got);
        struct row row;
        if (status == STATUS_OK && got) {
            status = parse_row(loading, &row);
        }
        if (status == STATUS_OK && got) {
            loading->first_ms = loading->result->row_count == 0 ? row.time_ms : loading->first_ms;
            loading->last_ms = row.time_ms;
            loading->result->row_count++;
            status = convert_row(loading, &row);
        }
    }
    return status;
}

static enum status list_orders(struct loading *loading)
{
    struct bitstamp *result = loading->result;
    result->orders = calloc((size_t)loading->ids.count + 1, sizeof *result->orders);
    if (result->orders == NULL) {
        (void)text_file_bad(&loading->file, "no memory for so many orders");
        return STATUS_FULL;
    }
    for (uint32_t index = 0; index < loading->ids.count; index++) {
        const struct known *known = &loading->known[index];
        ASSERT(known->created == 0 || known->left <= known->created);
        if (known->created != 0) {
            result->orders[result->order_count++] =
                (struct bitstamp_order){.order_id = loading->ids.ids[index],
                                        .executed = known->created - known->left};
        }
    }
    return STATUS_OK;
}

enum status bitstamp_load(struct bitstamp *bitstamp, const char *path,
                          char message[static TEXT_FILE_MESSAGE_MAX])
{
    ASSERT(bitstamp != NULL);
    ASSERT(path != NULL);
    *bitstamp = (struct bitstamp){.row_count = 0};
    struct loading loading = {.result = bitstamp};
    enum status status = text_file_open(&loading.file, path);
    if (status == STATUS_OK) {
        status = load_rows(&loading);
        enum status closed = text_file_close(&loading.file);
        status = status == STATUS_OK ? closed : status;
    }
    if (status == STATUS_OK) {
        status = list_orders(&loading);
    }
    free(loading.known);
    id_map_destroy(&loading.ids);
    if (status != STATUS_OK) {
        memcpy(message, loading.file.message, sizeof loading.file.message);
        bitstamp_destroy(bitstamp);
    }
    return status;
}

void bitstamp_destroy(struct bitstamp *bitstamp)
{
    free(bitstamp->actions);
    free(bitstamp->orders);
    *bitstamp = (struct bitstamp){.row_count = 0};
}

void bitstamp_compare(const struct bitstamp *bitstamp, const uint64_t *executed, uint64_t *equal,
                      uint64_t *compared)
{
    *equal = 0;
    *compared = 0;
    for (uint64_t index = 0; index < bitstamp->order_count; index++) {
        uint64_t recorded = bitstamp->orders[index].executed;
        if (recorded > 0 || executed[index] > 0) {
            *compared += 1;
            *equal += recorded == executed[index] ? 1 : 0;
        }
    }
    ASSERT(*equal <= *compared);
}
