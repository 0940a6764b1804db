#!/usr/bin/env bash
# The program as a whole: help, version, what is typed wrong.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"
causeway=$(cd "${BUILD:-build}" && pwd)/causeway

run() {
    status=0
    "$causeway" "$@" >out 2>error || status=$?
}

helps() {
    run --help
    shell_equal "$status" 0
    test ! -s error
    # Every subcommand that is listed has a help of its own.
    awk '/^Subcommands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' out >names
    test "$(wc -l <names)" -ge 2
    while IFS= read -r name; do
        run "$name" --help
        shell_equal "$name $status" "$name 0"
        shell_contains "$(cat out)" "Usage: causeway $name"
        run "$name" --no-such-option
        shell_equal "$name $status" "$name 2"
        shell_contains "$(cat error)" "causeway $name --help"
    done <names
    run --version
    shell_equal "$status" 0
    shell_contains "$(cat out)" "causeway "
}

hints() {
    run
    shell_equal "$status" 2
    run intt
    shell_equal "$status" 2
    shell_contains "$(cat error)" "did you mean 'init'?"
    run nothing-of-the-kind
    shell_equal "$status" 2
    shell_contains "$(cat error)" "unknown subcommand"
}

shell_run helps hints
