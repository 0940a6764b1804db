#!/usr/bin/env bash
# causeway keygen, as a user runs it.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"
causeway=$(cd "${BUILD:-build}" && pwd)/causeway

makes_a_key() {
    printed=$("$causeway" keygen a.key)
    shell_equal "$printed" "$(cat a.key.pub)"
    shell_equal "${#printed}" 64
    shell_equal "$(stat -c %a a.key)" 600
    case "$(cat a.key)" in
    *"$printed"*) shell_fail "the secret file holds the public key" ;;
    esac
}

never_overwrites() {
    "$causeway" keygen a.key >first
    before=$(cat a.key)
    status=0
    "$causeway" keygen a.key >second 2>error || status=$?
    shell_equal "$status" 1
    shell_equal "$(cat a.key)" "$before"
    shell_equal "$(cat second)" ""
    shell_contains "$(cat error)" "a.key"
}

wrong_arguments() {
    for arguments in "" "a b" "--nonsense a"; do
        status=0
        # shellcheck disable=SC2086 # Several arguments on purpose.
        "$causeway" keygen $arguments >out 2>error || status=$?
        shell_equal "$status" 2
        shell_contains "$(cat error)" "causeway keygen --help"
    done
    status=0
    "$causeway" keygen nowhere/a.key >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$("$causeway" keygen --help)" "Usage: causeway keygen"
}

shell_run makes_a_key never_overwrites wrong_arguments
