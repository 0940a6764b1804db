#include "gateway/admin_reply.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void admin_reply_peer(char peer[static ADMIN_REPLY_PEER_BYTES], struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    (void)snprintf(peer, ADMIN_REPLY_PEER_BYTES, "unknown");
    if (info != NULL && info->client_addr != NULL) {
        socklen_t bytes = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                   : sizeof(struct sockaddr_in);
        (void)getnameinfo(info->client_addr, bytes, peer, ADMIN_REPLY_PEER_BYTES, NULL, 0,
                          NI_NUMERICHOST);
    }
}

enum MHD_Result admin_reply_text(struct MHD_Connection *connection, unsigned http_status,
                                 const char *type, char *text)
{
    if (text == NULL) {
        return MHD_NO; /* Without memory only closing is left. */
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (http_status == MHD_HTTP_UNAUTHORIZED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    }
    enum MHD_Result result = MHD_queue_response(connection, http_status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result admin_reply_json(struct MHD_Connection *connection, unsigned http_status,
                                 json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return admin_reply_text(connection, http_status, "application/json", text);
}

enum MHD_Result admin_reply_error(struct MHD_Connection *connection, unsigned http_status,
                                  bool again, const char *sentence)
{
    return admin_reply_json(connection, http_status,
                            json_pack("{s:s, s:b}", "error", sentence, "again", again));
}
