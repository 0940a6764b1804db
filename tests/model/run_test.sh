#!/usr/bin/env bash
# tests/model/run over small models of its own: what must fail, fails, and by its name.
# variants: all alike
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"

# A counter up to 3. $1: lines of the list.
make_models() {
    command -v spin >/dev/null 2>&1 || shell_skip "spin is not installed (make check installs it)"
    mkdir model
    cp "$root/tests/model/run" "$root/tests/model/common.pml" model/
    printf '%s\n' "$1" >model/list
    cat >model/counter.pml <<'P'
#include "common.pml"
#ifndef STEPS
#define STEPS 3
#endif
#ifdef BUG_ONE_MORE
#define END 4
#elif defined BUG_HARMLESS
#define END 2
#else
#define END 3
#endif
int count;
active proctype counter() {
    do
    :: d_step {
            count < END * STEPS / 3 -> count++;
            MUST(count_is_at_most_three, count <= 3 || STEPS > 3);
            if
            :: count == 3 -> GOAL(three)
            :: else
            fi;
            skip
        }
    :: else -> break
    od
}
P
}
run_models() {
    status=0
    output=$(MODEL_SECONDS="${seconds:-60}" DEEP="${deep:-}" model/run . "$@" 2>&1 </dev/null) || status=$?
}

holds_and_finds() {
    make_models 'check counter counter : ONE_MORE HARMLESS'
    sed -i 's/ HARMLESS//; s/defined BUG_HARMLESS/0/' model/list model/counter.pml
    run_models
    shell_equal "$status" 0
    shell_contains "$output" "6 states"
    shell_contains "$output" "holds"
    shell_contains "$output" "counter, BUG_ONE_MORE"
    shell_contains "$output" "found: count_is_at_most_three"
    shell_contains "$output" "2 passed, 0 failed"
}
harmless_bug_fails() {
    make_models 'check counter counter : ONE_MORE HARMLESS'
    run_models
    shell_equal "$status" 1
    shell_contains "$output" "not found"
    shell_contains "$output" "2 passed, 1 failed"
}
unlisted_bug_fails() {
    make_models 'check counter counter : ONE_MORE'
    run_models
    shell_equal "$status" 1
    shell_contains "$output" "BUG_HARMLESS is planted, but not searched for"
}
error_in_the_model_fails() {
    make_models 'check counter counter BUG_ONE_MORE : HARMLESS ONE_MORE'
    run_models
    shell_equal "$status" 1
    shell_contains "$output" "violated: count_is_at_most_three"
}
missed_goal_fails() {
    make_models 'check counter counter STEPS=2 : ONE_MORE HARMLESS'
    run_models
    shell_equal "$status" 1
    shell_contains "$output" "never reached: three"
}
truncated_search_fails() {
    make_models 'check counter counter STEPS=300000 : ONE_MORE HARMLESS'
    run_models
    shell_equal "$status" 1
    shell_contains "$output" "not searched to the end"
}
endless_search_fails() {
    make_models 'check counter counter : ONE_MORE HARMLESS'
    sed -i 's/^int count/int other[40]; int count/; s/^active/active [7]/
        s|count < END \* STEPS / 3 -> count++|other[_pid] < 30 -> other[_pid]++|' model/counter.pml
    seconds=1 run_models
    shell_equal "$status" 1
    shell_contains "$output" "no end within 1 s"
}
broken_model_fails() {
    make_models 'check counter counter : ONE_MORE HARMLESS'
    echo 'proctype {' >>model/counter.pml
    run_models
    shell_equal "$status" 1
    shell_contains "$output" "does not compile"
}
deep_ones_only_when_asked() {
    make_models 'deep counter counter : ONE_MORE
check counter counter : HARMLESS'
    run_models none
    shell_equal "$status" 1
    shell_contains "$output" "no model of this name"
    deep=1 run_models
    shell_contains "$output" "counter, BUG_ONE_MORE"
}

shell_run holds_and_finds harmless_bug_fails unlisted_bug_fails error_in_the_model_fails \
    missed_goal_fails truncated_search_fails endless_search_fails broken_model_fails \
    deep_ones_only_when_asked
