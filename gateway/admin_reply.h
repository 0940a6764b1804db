/* Answers of the administration port to its HTTP clients. The administration thread only. */
#ifndef GATEWAY_ADMIN_REPLY_H
#define GATEWAY_ADMIN_REPLY_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>

#define ADMIN_REPLY_PEER_BYTES 64u

/* The client's address, for logs. */
void admin_reply_peer(char peer[static ADMIN_REPLY_PEER_BYTES], struct MHD_Connection *connection);

/* `text` comes from malloc() and is taken over; NULL (no memory) closes the connection. */
enum MHD_Result admin_reply_text(struct MHD_Connection *connection, unsigned http_status,
                                 const char *type, char *text);

/* `object` is taken over; NULL (no memory) closes the connection. */
enum MHD_Result admin_reply_json(struct MHD_Connection *connection, unsigned http_status,
                                 json_t *object);

/* {"error": sentence, "again": again}. `again`: the same request may succeed later, and is safe to
 * send again as it is. */
enum MHD_Result admin_reply_error(struct MHD_Connection *connection, unsigned http_status,
                                  bool again, const char *sentence);

#endif
