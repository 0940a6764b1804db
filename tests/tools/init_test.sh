#!/usr/bin/env bash
# causeway init, as a user runs it.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"
build=$(cd "${BUILD:-build}" && pwd)
causeway=$build/causeway

makes_a_site() {
    "$causeway" init new --cluster demo --site nyc1 --ouch 127.0.0.1:7011 --admin '[::1]:7911' >out
    shell_contains "$(cat out)" "causewayd --config new/site.yaml"
    "$build/causewayd" --config new/site.yaml --test >/dev/null
    for secret in new/data/site.key new/data/admin.token; do
        shell_equal "$(stat -c %a "$secret")" 600
    done
    shell_equal "$(stat -c %a new/data)" 700
    shell_contains "$(cat new/site.yaml)" "$(cat new/data/site.key.pub)"
    shell_contains "$(cat new/site.yaml)" "127.0.0.1:7011"
    shell_equal "$(wc -c <new/data/admin.token)" 65
    test -e new/data/journal/journal.id
}

# The journal is made with the sizes asked for, and the configuration names them.
sizes_are_kept() {
    "$causeway" init new --cluster demo --site nyc1 --wal 16MiB --store '32 MiB' >out
    shell_contains "$(cat new/site.yaml)" "wal: 16MiB"
    shell_contains "$(cat new/site.yaml)" "store: 32 MiB"
    "$build/causewayd" --config new/site.yaml --test >/dev/null
    shell_equal "$(stat -c %s new/data/journal/wal.ring)" $((16 * 1024 * 1024))
}

two_sites_differ() {
    "$causeway" init one --cluster demo --site nyc1 >/dev/null
    mkdir two # An empty directory will do.
    "$causeway" init two --cluster demo --site nyc1 >/dev/null
    for file in data/site.key data/admin.token data/journal/journal.id; do
        if cmp -s "one/$file" "two/$file"; then
            shell_fail "both sites have the same $file"
        fi
    done
}

refuses_what_is_there() {
    "$causeway" init new --cluster demo --site nyc1 >/dev/null
    find new -type f -exec sha256sum {} + >before
    status=0
    "$causeway" init new --cluster demo --site nyc1 >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat error)" "not an empty directory"
    sha256sum --quiet -c before
}

# Wrong arguments are named, and nothing is left behind.
wrong_arguments() {
    local arguments
    for arguments in "" "new" "new --cluster demo" "new --cluster demo --site nyc1 more" \
        "new --cluster Demo! --site nyc1" "new --cluster demo --site NYC" \
        "new --cluster demo --site nyc1 --ouch localhost:7001" \
        "new --cluster demo --site nyc1 --ouch 127.0.0.1" \
        "new --cluster demo --site nyc1 --provider averyveryveryverylongprovidername" \
        "new --cluster demo --site nyc1 --admin 127.0.0.1:70000" \
        "new --cluster demo --site nyc1 --wal 1MiB" "new --cluster demo --site nyc1 --wal many" \
        "new --cluster demo --site nyc1 --store 5"; do
        status=0
        # shellcheck disable=SC2086 # Several arguments on purpose.
        "$causeway" init $arguments >out 2>error || status=$?
        shell_equal "$arguments: $status" "$arguments: 2"
        test -s error
        test ! -e new
    done
}

# A file system that forgets is no place for a journal.
refuses_tmpfs() {
    memory=/dev/shm
    if [ "$(stat -f -c %T $memory 2>/dev/null)" != tmpfs ] || [ ! -w $memory ]; then
        shell_skip "no tmpfs to write to"
    fi
    directory=$(mktemp -d $memory/init-XXXXXX)
    status=0
    "$causeway" init "$directory/new" --cluster demo --site nyc1 >out 2>error || status=$?
    left=$(ls "$directory")
    rm -rf "$directory"
    shell_equal "$status" 1
    shell_equal "$left" ""
    shell_contains "$(cat error)" "tmpfs"
}

shell_run makes_a_site sizes_are_kept two_sites_differ refuses_what_is_there wrong_arguments refuses_tmpfs
