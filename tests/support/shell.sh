# Sourced by the tests that are scripts: runs the functions named on the command line of
# shell_run and reports each as cmocka would, so that tests/run counts both alike.
#
# A test function runs in a shell of its own, in an empty directory that is removed afterwards, with
# `set -e`: the first command that fails, fails it.
# shellcheck shell=bash

# Fails with a sentence.
shell_fail() {
    echo "$*" >&2
    return 1
}

# Asserts that both texts are equal.
shell_equal() {
    [ "$1" = "$2" ] || shell_fail "expected: $2
found:    $1"
}

# Asserts that text $1 contains $2.
shell_contains() {
    case "$1" in
    *"$2"*) ;;
    *) shell_fail "no \"$2\" in: $1" ;;
    esac
}

# Ends a test early: $1 says what is not to be had here.
shell_skip() {
    echo "skipped: $1"
    exit 77
}

shell_run() {
    local name failed=0 directory status
    for name in "$@"; do
        echo "[ RUN      ] $name"
        # Without a directory of its own it would run, and remove files, in this one.
        directory=$(mktemp -d "${TEST_DIR:-${BUILD:-build}}/shell-XXXXXX") || return 1
        # Not in an `if`: that would switch `set -e` off inside.
        (
            set -e
            cd "$directory"
            "$name"
        )
        status=$?
        case $status in
        0) echo "[       OK ] $name" ;;
        77) echo "[  SKIPPED ] $name" ;;
        *)
            echo "[  FAILED  ] $name"
            failed=1
            ;;
        esac
        rm -rf "$directory"
    done
    return "$failed"
}
