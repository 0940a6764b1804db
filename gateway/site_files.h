/* What lies in a site's data directory (`data:` of its configuration). Made by `causeway init`. */
#ifndef GATEWAY_SITE_FILES_H
#define GATEWAY_SITE_FILES_H

#define SITE_JOURNAL_DIRECTORY   "journal"     /* replication/journal.h; the site's only truth. */
#define SITE_KEY_FILE            "site.key"    /* Signing key, 0600; replication/key_store.h. */
#define SITE_ADMIN_TOKEN_FILE    "admin.token" /* Operator's bearer token, 0600. */
#define SITE_STREAM_FILE         "streams-%u"  /* By shard id; derived, made anew at each start. */
#define SITE_GENESIS_FILE        "genesis"     /* What the cluster began with; genesis_file.h. */
#define SITE_MEMBERS_FILE        "members"     /* Who joined since the genesis; members.h. */
#define SITE_STREAM_NEXT_FILE    "streams-%u-next" /* While a market is made anew beside it. */
#define SITE_SHADOW_FILE         "shadow-%u"       /* Streams of the shadow, likewise derived. */
#define SITE_SNAPSHOTS_DIRECTORY "snapshots"       /* replication/snapshot_store.h. */
/* Segments that were sealed here or elsewhere, never committed, and dropped (DESIGN 6, rule 8). */
#define SITE_EVIDENCE_DIRECTORY "evidence"

#endif
