#!/usr/bin/env bash
# The whole site under kill -9, and real trading days through the whole path, as `causeway drill` proves it.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"
build=$(cd "${BUILD:-build}" && pwd)
causeway=$build/causeway
shared=${CAUSEWAY_SHARED:-$root/../shared}

# A hundred kills and both days where the programs are plain; sanitizers make each start many times
# slower, and look at the same code on either day.
kills=100
days=both
if grep -q -e -fsanitize "$build/flags"; then
    kills=5
    days=one
fi

# The value of a field of report.json.
field() {
    sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$2/report.json"
}

killed_at_random_moments() {
    "$causeway" drill --dir site --kills "$kills" --duration 30s --rate 10k >out
    shell_contains "$(cat out)" "PASSED"
    shell_equal "$(field kills site)" "$kills"
    shell_equal "$(field violations site)" 0
    shell_equal "$(field messages_wrong site)" 0
    test "$(field orders_acknowledged site)" -gt 1000
    test "$(field reconnects site)" -ge "$kills"
    test -s site/timeline.png
}

# day SYMBOL FILE EXECUTIONS REPRODUCED-WITHOUT-RULE-5
day() {
    local file=$shared/data/lobster/$2
    [ -r "$file" ] || shell_skip "no data"
    "$causeway" drill --dir site --flow "$file" --kills 2 >out
    shell_contains "$(cat out)" "PASSED"
    shell_equal "$(field recorded_executions site)" "$3"
    shell_equal "$(field reproduced site)" "$3"
    shell_equal "$(field unexpected site)" 0
    [ "$days" = "both" ] || return 0
    "$causeway" drill --dir site --flow "$file" --kills 0 --no-rule-5 >out
    shell_equal "$(field reproduced site)" "$4"
    echo "$1: $3 of $3 executions reproduced with rule 5, $4 without"
}
goog_through_the_whole_path() {
    day GOOG GOOG_2012-06-21_34200000_57600000_message_10.csv.xz 7765 7762
}
aapl_through_the_whole_path() {
    day AAPL AAPL_2012-06-21_message_50.csv.xz 4067 4058
}

interrupted() {
    "$causeway" drill --dir site --duration 60s >out 2>error &
    local drill=$!
    until grep -q "orders acknowledged" error; do
        kill -0 "$drill"
    done
    kill -INT "$drill"
    local status=0
    wait "$drill" || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat error)" "interrupted"
    grep -q "event=stopped" site/one.log
}

asked_for_wrongly() {
    local status=0
    "$causeway" drill --kills many >out 2>error || status=$?
    shell_equal "$status" 2
    mkdir full
    touch full/precious
    status=0
    "$causeway" drill --dir full >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat error)" "no drill made"
    test -e full/precious
    status=0
    "$causeway" drill --dir site --flow nowhere.csv >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat error)" "nowhere.csv"
    "$causeway" drill --help >out
    shell_contains "$(cat out)" "SIGKILL"
}

listed() {
    "$causeway" drill --list >out
    shell_equal "$(grep -c '^  ' out)" "$(find "$root/tools/drills" -name '*.yaml' | wc -l)"
    shell_contains "$(cat out)" "2025-10-20"
    shell_contains "$(cat out)" "region-loss"
    # Installed, too.
    mkdir -p there/bin there/share/causeway/drills
    cp "$causeway" there/bin
    status=0
    there/bin/causeway drill --list >out 2>error || status=$?
    shell_equal "$status" 1
    cp "$root/tools/drills/switchover.yaml" there/share/causeway/drills
    there/bin/causeway drill --list >out
    shell_contains "$(cat out)" "switchover"
    echo "titel: x" >there/share/causeway/drills/wrong.yaml
    status=0
    there/bin/causeway drill --list >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat out)" "wrong.yaml:1: there is no key"
}

tests=(listed killed_at_random_moments goog_through_the_whole_path interrupted asked_for_wrongly)
[ "$days" = "one" ] || tests+=(aapl_through_the_whole_path)
shell_run "${tests[@]}"
