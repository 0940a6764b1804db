#include "tools/load_market.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/soupbin.h"
#include "matching/base/assertion.h"
#include "tools/decimal.h"

#define LOAD_MARKET_LOTS_MAX       1000000u
#define LOAD_MARKET_ORDERS_MAX     200000u /* Open at a time, a session. */
#define LOAD_MARKET_RECORDED_PRICE "10000000"

static void load_market_password(char text[static SOUPBIN_PASSWORD_BYTES + 1])
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    for (uint32_t i = 0; i < SOUPBIN_PASSWORD_BYTES; i++) {
        text[i] = letters[randombytes_uniform(sizeof letters - 1)];
    }
    text[SOUPBIN_PASSWORD_BYTES] = '\0';
}

/* The instruments of the flow that these options make. */
static enum status load_market_instruments(FILE *file, uint32_t instruments)
{
    struct flow *flow;
    const struct flow_options options = {.seed = 1, .sessions = 1, .instruments = instruments};
    enum status status = flow_create(&flow, &options);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < instruments; i++) {
        int64_t price_min;
        int64_t price_max;
        char tick[DECIMAL_TEXT_BYTES];
        char lowest[DECIMAL_TEXT_BYTES];
        char highest[DECIMAL_TEXT_BYTES];
        flow_price_range(flow, i, &price_min, &price_max);
        decimal_format(tick, flow_tick_size(flow, i), FLOW_PRICE_DECIMALS);
        decimal_format(lowest, price_min, FLOW_PRICE_DECIMALS);
        decimal_format(highest, price_max, FLOW_PRICE_DECIMALS);
        (void)fprintf(file,
                      "      - {symbol: LOAD%04u, tick: %s, price_min: %s, price_max: %s, "
                      "quantity_max: %u}\n",
                      i + 1, tick, lowest, highest, LOAD_MARKET_LOTS_MAX);
    }
    flow_destroy(flow);
    return STATUS_OK;
}

static enum status load_market_text(FILE *file, const struct load_market_options *options)
{
    (void)fprintf(file, "# Made for generated order flow. It holds passwords.\n"
                        "shards:\n"
                        "  - id: 1\n"
                        "    firms: [{name: LOAD}]\n"
                        "    instruments:\n");
    enum status status = STATUS_OK;
    if (options->instruments > 0) {
        status = load_market_instruments(file, options->instruments);
    }
    if (options->symbol != NULL) {
        char tick[DECIMAL_TEXT_BYTES];
        decimal_format(tick, 1, options->price_decimals);
        (void)fprintf(file,
                      "      - {symbol: %s, tick: %s, price_decimals: %u, quantity_decimals: %u,\n"
                      "         price_max: " LOAD_MARKET_RECORDED_PRICE
                      ", quantity_max: 1000000}\n",
                      options->symbol, tick, options->price_decimals, options->quantity_decimals);
    }
    (void)fprintf(file, "    sessions:\n");
    for (uint32_t i = 0; i < options->sessions; i++) {
        char password[SOUPBIN_PASSWORD_BYTES + 1];
        load_market_password(password);
        (void)fprintf(file,
                      "      - {name: L%05u, firm: LOAD, password: %s, open_orders_max: %u}\n",
                      i + 1, password, LOAD_MARKET_ORDERS_MAX);
        sodium_memzero(password, sizeof password);
    }
    return status;
}

enum status load_market_write(const char *path, const struct load_market_options *options,
                              char error[static LOAD_MARKET_ERROR_BYTES])
{
    ASSERT(options->sessions > 0 && options->sessions < 100000);
    ASSERT(options->instruments > 0 || options->symbol != NULL);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (file == NULL) {
        (void)snprintf(error, LOAD_MARKET_ERROR_BYTES, "cannot write %s: %s", path,
                       strerror(errno));
        if (descriptor >= 0) {
            (void)close(descriptor);
        }
        return STATUS_IO;
    }
    enum status status = load_market_text(file, options);
    bool failed = ferror(file) != 0;
    failed |= fclose(file) != 0;
    if (status == STATUS_OK && failed) {
        status = STATUS_IO;
    }
    if (status != STATUS_OK) {
        (void)snprintf(error, LOAD_MARKET_ERROR_BYTES, "cannot write %s: %s", path,
                       status_text(status));
    }
    return status;
}

enum status load_market_check(const struct market_file_shard *shard, const struct flow *flow,
                              uint32_t instruments, char error[static LOAD_MARKET_ERROR_BYTES])
{
    ASSERT(instruments <= shard->instrument_count);
    for (uint32_t i = 0; i < instruments; i++) {
        const struct command_instrument *terms = &shard->instruments[i].terms;
        int64_t price_min;
        int64_t price_max;
        flow_price_range(flow, i, &price_min, &price_max);
        const char *why = NULL;
        if (terms->price_decimals != FLOW_PRICE_DECIMALS) {
            why = "price_decimals must be 4";
        } else if (flow_tick_size(flow, i) % terms->tick_size != 0) {
            why = "its tick does not divide the flow's, 0.01";
        } else if (terms->price_min > price_min || terms->price_max < price_max) {
            why = "its price range is narrower than the flow's";
        }
        if (why != NULL) {
            (void)snprintf(error, LOAD_MARKET_ERROR_BYTES,
                           "instrument %.8s does not take generated orders: %s; `causeway load "
                           "--write-market FILE` writes a market that does",
                           (const char *)terms->symbol, why);
            return STATUS_BAD_ARGUMENT;
        }
    }
    return STATUS_OK;
}
