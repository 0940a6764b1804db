/* The parts of config.c: nobody else includes this. Each turns a part of the file into a part of
 * the configuration; what is wrong stands in `reader`. */
#ifndef GATEWAY_CONFIG_PARTS_H
#define GATEWAY_CONFIG_PARTS_H

#include "gateway/config.h"
#include "gateway/config_file.h"
#include "gateway/config_reader.h"

#define CONFIG_PLACE_BYTES 64u

/* config_bootstrap.c: sites and shards. config->site is there already; `joined`: it need not be one
 * of the sites. */
void config_bootstrap_read(struct config *config, struct config_reader *reader,
                           const struct config_file_bootstrap *file, bool joined);

/* config_tuning.c: defaults, and what the file says instead (NULL: nothing). */
void config_tuning_read(struct config_tuning *tuning, struct config_reader *reader,
                        const struct config_file_tuning *file);
void config_tuning_snapshots(struct config_snapshots *snapshots, struct config_reader *reader,
                             const struct config_file_snapshots *file);
void config_tuning_prices(struct config *config, struct config_reader *reader,
                          const struct config_file *file);
/* In seconds, 1 to 3,600. */
void config_tuning_silence(uint64_t *site_silence_ns, struct config_reader *reader,
                           const char *text);

#endif
