/* A small disk of a drill's site that can be filled: a file system of its own in an image file,
 * mounted where the site's directory is, for this process and its children alone. It is gone with
 * them; the image stays and can be mounted to look at it. Linux, root. Blocking. */
#ifndef TOOLS_DRILL_DISK_H
#define TOOLS_DRILL_DISK_H

#include <stdint.h>

#include "matching/base/status.h"

#define DRILL_DISK_ERROR_BYTES 256u

/* Mounts of this process and its children are nobody else's from now on. Once, before the first
 * disk, by a process of one thread. STATUS_DENIED with a reason: there can be no disks. */
MUST_USE enum status drill_disk_permit(char reason[static DRILL_DISK_ERROR_BYTES]);

/* Make the directory and an empty disk of `disk_bytes` on it (the image is sparse). STATUS_DENIED,
 * STATUS_NO_SPACE, STATUS_IO with a reason; nothing is mounted then. */
MUST_USE enum status drill_disk_make(const char *directory, const char *image, uint64_t disk_bytes,
                                     char reason[static DRILL_DISK_ERROR_BYTES]);

/* Take every block that is still free, and give them back. Files that are there keep theirs and can
 * be written over. STATUS_IO: it did not work. */
MUST_USE enum status drill_disk_fill(const char *directory);
MUST_USE enum status drill_disk_free(const char *directory);

#endif
