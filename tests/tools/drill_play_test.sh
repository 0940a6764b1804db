#!/usr/bin/env bash
# Scenarios carried out with real sites: harmed in every way that one site can be, and proved.
# Sanitizers see the same sites in tests that wait less (site_peers_test and its like).
# variants: all alike
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"
build=$(cd "${BUILD:-build}" && pwd)
causeway=$build/causeway

# The value of a field of report.json.
field() {
    sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" there/report.json | head -1
}

scenario() {
    cat >one.yaml <<END
title: One site, harmed
about: It is killed, frozen, cut off, slowed down and restarted; nothing is lost.
duration: $1
round_trips:
  - {between: [east, town], is: 6ms}
line: {jitter: 1ms, loss: 0.01%}
sites:
  - {name: only, provider: metal, region: east}
shards:
  - {name: EQ, prefer: [only]}
  - {name: FX, prefer: [only]}
clients: {region: town, sessions: 6, rate: 600}
timeline:
  - {at: 1s, do: dns-gone}
  - {at: 1s, do: kill, who: [only], for: 200ms, say: "a <kill>"}
  - {at: 3s, do: stop, who: [only], for: 300ms}
  - {at: 5s, do: cut, from: [only], to: [clients], for: 300ms}
  - {at: 6s, do: lose-connects, to: [only], for: 300ms}
  - {at: 7s, do: degrade, from: [only], delay: 20ms, loss: 1%, over: 500ms, for: 1s}
  - {at: 9s, do: restart, who: [only]}
END
}

passed() {
    shell_contains "$(cat out)" "PASSED"
    shell_equal "$(field passed)" true
    shell_equal "$(field violations)" 0
    shell_equal "$(field messages_wrong)" 0
    shell_equal "$(field acknowledged_missing)" 0
    shell_equal "$(field journal_proved)" true
    test "$(field orders_acknowledged)" -gt 100
    test "$(field orders_in_journals)" -ge "$(field orders_acknowledged)"
    shell_contains "$(cat there/report.html)" "a &lt;kill&gt;"
    test -s there/timeline-EQ.png
    test -s there/timeline-FX.png
    shell_equal "$(grep -c '"does"' there/report.json)" 12
    # Nothing is left behind.
    ! pgrep -f "$PWD/there/only" >/dev/null
}

behind_an_emulated_line() {
    scenario 12s
    "$causeway" drill one.yaml --dir there >out
    if [ "$(field emulated_network)" != true ]; then
        shell_skip "no privileges"
    fi
    shell_equal "$(field faults_left_out)" 0
    # It was killed: nobody acknowledges anything then.
    test "$(field recovery_max_ns)" -gt 200000000
    passed
    # Every round trip takes its time.
    test "$(field latency_p50_ns)" -ge 6000000
}

on_loopback() {
    scenario 12s
    "$causeway" drill one.yaml --dir there --loopback >out 2>error
    shell_contains "$(cat error)" "without delays"
    shell_equal "$(field emulated_network)" false
    # Cut, heal, lost connections and heard again, degraded and restored.
    shell_equal "$(field faults_left_out)" 6
    passed
}

# More is expected than can be: it fails, and says why.
failed() {
    scenario 12s
    echo 'expect: {recovery: 1us}' >>one.yaml
    status=0
    "$causeway" drill one.yaml --dir there --loopback >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat out)" "FAILED"
    shell_contains "$(cat out)" "NO   recovered within 1.00 us"
    shell_equal "$(field passed)" false
}

interrupted() {
    scenario 60s
    "$causeway" drill one.yaml --dir there --loopback >out 2>error &
    local drill=$!
    until grep -q "orders acknowledged" error; do
        kill -0 "$drill"
    done
    kill -INT "$drill"
    local status=0
    wait "$drill" || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat error)" "interrupted"
    ! pgrep -f "$PWD/there/only" >/dev/null
}

asked_for_wrongly() {
    status=0
    "$causeway" drill no-such-thing >out 2>error || status=$?
    shell_equal "$status" 2
    shell_contains "$(cat error)" "no scenario 'no-such-thing'"
    echo "title: only" >one.yaml
    status=0
    "$causeway" drill one.yaml >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat error)" "one.yaml:1"
}

shell_run behind_an_emulated_line on_loopback failed interrupted asked_for_wrongly
