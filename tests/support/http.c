#include "tests/support/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "matching/base/assertion.h"

int http_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ASSERT(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

bool http_send(int fd, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    while (count > 0) {
        ssize_t sent = send(fd, at, count, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        count -= (size_t)sent;
    }
    return true;
}

void http_receive(int fd, struct http_response *response)
{
    response->count = 0;
    for (;;) {
        ssize_t got = recv(fd, response->bytes + response->count,
                           sizeof response->bytes - 1 - response->count, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        response->count += (size_t)got;
    }
    (void)close(fd);
    response->bytes[response->count] = '\0';
    response->status = 0;
    if (strncmp(response->bytes, "HTTP/1.1 ", 9) == 0) {
        response->status = atoi(response->bytes + 9);
    }
    char *end = strstr(response->bytes, "\r\n\r\n");
    response->body = end != NULL ? end + 4 : response->bytes + response->count;
}

void http_request(struct http_response *response, uint16_t port, const char *method,
                  const char *path, const char *token, const char *body)
{
    size_t body_bytes = body != NULL ? strlen(body) : 0;
    char head[1024];
    int bytes = snprintf(head, sizeof head,
                         "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s%s%s"
                         "Content-Length: %zu\r\n\r\n",
                         method, path, token != NULL ? "Authorization: Bearer " : "",
                         token != NULL ? token : "", token != NULL ? "\r\n" : "", body_bytes);
    ASSERT(bytes > 0 && (size_t)bytes < sizeof head);
    int fd = http_connect(port);
    /* A server may refuse early and close: then its answer still counts. */
    if (http_send(fd, head, (size_t)bytes) && body != NULL) {
        (void)http_send(fd, body, body_bytes);
    }
    http_receive(fd, response);
}
