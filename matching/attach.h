/* Logons and logoffs: who is attached to a session, under which epoch (rules.md 2). */
#ifndef MATCHING_ATTACH_H
#define MATCHING_ATTACH_H

#include "matching/market.h"

void attach_logon(struct market *market, const struct command *command);
void attach_logoff(struct market *market, const struct command *command);

/* End the session's epoch, if somebody is attached. */
void attach_end(struct market *market, uint32_t session_id);

#endif
