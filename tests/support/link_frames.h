/* Random frames of a link, of every type, with all fields in their ranges. */
#ifndef TESTS_SUPPORT_LINK_FRAMES_H
#define TESTS_SUPPORT_LINK_FRAMES_H

#include "matching/base/random.h"
#include "replication/link_wire.h"

#define LINK_FRAMES_PAYLOAD_BYTES LINK_WIRE_SEGMENTS_BYTES_MAX

/* Make a frame of `type`; what it points to stands in `payload` (LINK_FRAMES_PAYLOAD_BYTES), of
 * which at most `payload_bytes_max` (1,024 or more) are used. */
void link_frames_make(struct link_frame *frame, struct random *random, uint8_t type,
                      uint8_t *payload, uint32_t payload_bytes_max);

/* The same for a replica's message of one type. */
void link_frames_make_replica(struct link_frame *frame, struct random *random, uint8_t message_type,
                              uint8_t *payload, uint32_t payload_bytes_max);

/* Fails the running test unless both are equal in every field. */
void link_frames_equal(const struct link_frame *one, const struct link_frame *other);

#endif
