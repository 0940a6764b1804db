/* A port of 127.0.0.1 for a site of a drill or a test. */
#ifndef TOOLS_FREE_PORT_H
#define TOOLS_FREE_PORT_H

#include <stdint.h>

/* Those that Linux gives to outgoing connections begin above (ip_local_port_range, by default
 * 32,768): one of them may be taken by a connection before the site comes to listen. */
#define FREE_PORT_MIN 10240u
#define FREE_PORT_MAX 32767u

/* A port of that range on which nobody listens now; 0: there is none. `*next` remembers where the
 * search goes on: no port comes twice until all were given. Where it is 0 the search begins
 * anywhere, so that processes do not get in each other's way. */
uint16_t free_port(uint32_t *next);

#endif
