/* A site's configuration file as a text: its `bootstrap` section replaced, all else left as it is.
 */
#ifndef TOOLS_CONFIG_TEXT_H
#define TOOLS_CONFIG_TEXT_H

#include "gateway/config.h"
#include "matching/base/status.h"

#define CONFIG_TEXT_BYTES_MAX   16384u
#define CONFIG_TEXT_ERROR_BYTES 1024u

/* Write PATH.new with `section` in place of the file's own, durable, and read it back as causewayd
 * will. STATUS_BAD_FORMAT, STATUS_IO, and what config_read() says; `error` gets a sentence. */
MUST_USE enum status config_text_propose(const char *path, const char *section,
                                         struct config *config,
                                         char error[static CONFIG_TEXT_ERROR_BYTES]);
/* PATH.new takes the place of PATH, durable: STATUS_IO; or is removed. */
MUST_USE enum status config_text_accept(const char *path);
void config_text_discard(const char *path);

/* The beginning of a genesis' section: its sites, in their order; and all of it. */
void config_text_sites(char section[static CONFIG_TEXT_BYTES_MAX], const struct config_site *sites,
                       uint32_t count);
void config_text_genesis(char section[static CONFIG_TEXT_BYTES_MAX], const struct config *config);

#endif
