/* Between the administration thread and the loop thread: requests one way, answers the other, each
 * through a bounded single-producer ring. Neither side ever waits for the other here: the loop is
 * woken by io_wake(), the administration thread by an event descriptor that it polls. */
#ifndef GATEWAY_ADMIN_LINK_H
#define GATEWAY_ADMIN_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/admin_message.h"
#include "matching/base/status.h"
#include "replication/io/io.h"

#define ADMIN_LINK_REQUESTS_MAX 1024u /* Under way, answers included. Beyond: 503. */
#define ADMIN_LINK_COMMANDS_MAX 64u   /* Submitted, not yet executed; then the oldest gives way. */

struct admin_link;

/* `io` is woken when a request waits. STATUS_FULL: no memory or no descriptor. */
MUST_USE enum status admin_link_create(struct admin_link **link, struct io *io);
/* Once both threads have let go of it. */
void admin_link_destroy(struct admin_link *link);

/* The loop thread's end. */

/* The next request, if any. Each is answered exactly once: by admin_link_answer(), or, a command
 * that has been submitted, through admin_link_wait(). Reads are answered in the order taken. */
bool admin_link_take(struct admin_link *link, struct admin_request *request);

/* Never full: there is room for the answer to every request taken. */
void admin_link_answer(struct admin_link *link, const struct admin_answer *answer);

/* `request` (ADMIN_COMMAND) has been submitted; admin_link_event() will answer it. */
void admin_link_wait(struct admin_link *link, const struct admin_request *request);

/* An EVENT_ADMINISTRATION of a shard's engine, whoever asked for it: answers all that wait for its
 * request id. */
void admin_link_event(struct admin_link *link, uint16_t shard_id, const struct event *event);

/* The administration thread's end. */

/* STATUS_FULL: nothing sent, too many are under way. The loop is not woken yet. */
MUST_USE enum status admin_link_send(struct admin_link *link, const struct admin_request *request);
void admin_link_wake_loop(struct admin_link *link);

/* STATUS_NOT_YET: no answer waits. */
MUST_USE enum status admin_link_receive(struct admin_link *link, struct admin_answer *answer);

/* Readable when answers may wait. */
int admin_link_descriptor(const struct admin_link *link);
/* Make it readable from any thread, so that whoever polls it looks around. */
void admin_link_wake(struct admin_link *link);
/* Make it quiet again; then take answers until STATUS_NOT_YET. */
void admin_link_quiet(struct admin_link *link);

#endif
