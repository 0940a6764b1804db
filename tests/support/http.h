/* A plain blocking HTTP/1.1 client for tests, of socket calls alone: sends the bytes it is told and
 * hands back what came. */
#ifndef TESTS_SUPPORT_HTTP_H
#define TESTS_SUPPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_BYTES_MAX (1u << 20)

struct http_response {
    int status; /* 0: the server closed without an answer. */
    char *body; /* Into bytes. */
    size_t count;
    char bytes[HTTP_BYTES_MAX];
};

/* Connect to 127.0.0.1:port; asserts that it succeeds. */
int http_connect(uint16_t port);
/* False when the server has closed. */
bool http_send(int fd, const void *bytes, size_t count);
/* Everything until the server closes; then closes, too. */
void http_receive(int fd, struct http_response *response);

/* One request on a connection of its own. `token` and `body` may be NULL. */
void http_request(struct http_response *response, uint16_t port, const char *method,
                  const char *path, const char *token, const char *body);

#endif
