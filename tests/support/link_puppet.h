/* Somebody who dials a site with a key and says what the test wants, right or wrong. Polled by its
 * user, on an io of its own. */
#ifndef TESTS_SUPPORT_LINK_PUPPET_H
#define TESTS_SUPPORT_LINK_PUPPET_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/io/tls.h"
#include "replication/link_framer.h"

struct link_puppet {
    struct io *io;
    struct stream stream;
    uint8_t *memory;
    struct tls_context *context;
    struct tls *tls;
    struct link_framer framer;
    uint8_t *framer_memory;
    bool established; /* Keys are proved, as far as the puppet knows. */
    bool ended;       /* The other side closed, or refused. */
    uint8_t bye;      /* Reason that it gave; 0: none yet. */
    uint32_t frames;  /* Whole ones from it, HELLO included. */
};

/* Dial a port of this machine; `seed_byte` fills the key's seed. */
void link_puppet_open(struct link_puppet *puppet, uint16_t port, uint8_t seed_byte);
void link_puppet_close(struct link_puppet *puppet);
void link_puppet_poll(void *puppet); /* Of a struct link_puppet. */

/* Say a frame, or any bytes, through TLS. It is established. */
void link_puppet_say(struct link_puppet *puppet, const struct link_frame *frame);
void link_puppet_say_bytes(struct link_puppet *puppet, const uint8_t *bytes, uint32_t bytes_count);

#endif
