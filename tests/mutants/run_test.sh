#!/usr/bin/env bash
# tests/mutants/run over a small tree of its own, with the Makefile of this one: a bug that nothing
# notices, that cannot be planted, or that a broken test seems to notice, fails, and by its name.
# variants: all alike
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"

# counter_next() counts up to 3; counter_test looks at all of it, first_test only at its first step,
# the simulator runs over it seed by seed.
make_tree() {
    command -v patch >/dev/null 2>&1 || shell_skip "patch is not installed (make check installs it)"
    mkdir -p matching tests/matching tests/mutants tests/sim
    cp "$root/Makefile" .
    cp "$root/tests/mutants/run" tests/mutants/
    printf 'int counter_next(int count);\n' >matching/counter.h
    cat >matching/counter.c <<'C'
#include "matching/counter.h"

int counter_next(int count)
{
    if (count < 3) {
        count++;
    }
    return count;
}
C
    make_test counter 'counter_next(0) == 1 && counter_next(2) == 3 && counter_next(3) == 3'
    make_test first 'counter_next(0) == 1'
    cat >tests/sim/sim_main.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/counter.h"

int main(int count, char **words)
{
    int seed = atoi(words[3]);
    int end = seed + atoi(words[5]);
    if (count != 6 || strcmp(words[1], "--first") != 0) {
        return 2;
    }
    for (; seed < end; seed++) {
        if (counter_next(seed) > 3 && seed < 4) {
            printf("seed %d FAILED: more than three\n", seed);
            return 1;
        }
    }
    return 0;
}
C
    # Every bug that a test wants; the list names those that it is about.
    plant endless 's/count++;/for (volatile int again = 1; again;) { }/'
    plant four 's/< 3/< 4/'
    plant harmless 's/< 3/<= 2/'
    plant crashing 's/count++;/__builtin_trap();/'
}
make_test() {
    cat >"tests/matching/$1_test.c" <<C
#include <stdio.h>

#include "matching/counter.h"

int main(void)
{
    puts("[ RUN      ] counts");
    (void)fflush(stdout);
    int good = $2;
    puts(good ? "[       OK ] counts" : "[  FAILED  ] counts");
    return good ? 0 : 1;
}
C
}
# plant NAME EDIT: a patch that does what EDIT, of sed, does; aside until a list names it.
plant() {
    local copy=planted
    mkdir -p "$copy/a/matching" "$copy/b/matching"
    cp matching/counter.c "$copy/a/matching/"
    sed "$2" matching/counter.c >"$copy/b/matching/counter.c"
    {
        printf 'It is wrong (a rule).\n\n'
        (cd "$copy" && diff -U1 a/matching/counter.c b/matching/counter.c) || true
    } >"tests/$1.aside"
}
# bugs LINE...: the list, and the patches that it names.
bugs() {
    local line
    printf '%s\n' "$@" >tests/mutants/list
    for line in "$@"; do
        mv "tests/${line%% *}.aside" "tests/mutants/${line%% *}.patch"
    done
}
run_mutants() {
    status=0
    output=$(MUTANT_SECONDS="${seconds:-120}" tests/mutants/run build "$@" 2>&1 </dev/null) || status=$?
}

kills_and_says_by_what() {
    make_tree
    plant four_again 's/< 3/< 4/'
    bugs 'four matching/first matching/counter' 'crashing matching/first' 'four_again sim:2:5'
    run_mutants
    shell_equal "$status" 0
    shell_contains "$output" "killed by matching/counter: counts"
    shell_contains "$output" "killed by matching/first: counts, signal"
    shell_contains "$output" "killed by sim: 2. seed: more than three"
    shell_contains "$output" "3 passed, 0 failed"
    # Nothing else was compiled again, and the source is as it was.
    shell_equal "$(find build/mutants/four -name '*.o')" build/mutants/four/matching/counter.o
    shell_equal "$(grep -c '< 4' matching/counter.c || true)" 0
    run_mutants cra
    shell_equal "$status" 0
    shell_contains "$output" "1 passed, 0 failed"
    run_mutants none
    shell_equal "$status" 1
    shell_contains "$output" "no bug of this name"
}
what_cannot_be_planted_fails() {
    make_tree
    plant misfit 's/< 3/< 4/'
    plant broken 's/count++;/count++/'
    plant header 's/< 3/< 4/'
    bugs 'harmless matching/first matching/counter' 'misfit matching/first' \
        'broken matching/first' 'header matching/first'
    sed -i 's/if (count < 3)/if (count < 5)/' tests/mutants/misfit.patch
    sed -i 's,counter\.c,counter.h,' tests/mutants/header.patch
    run_mutants
    shell_equal "$status" 1
    shell_contains "$output" "survives matching/first matching/counter"
    shell_contains "$output" "its patch does not apply"
    shell_contains "$output" "it does not compile"
    shell_contains "$output" "touches something else than .c files"
    shell_contains "$output" "0 passed, 4 failed"
}
killer_that_fails_anyway_kills_nothing() {
    make_tree
    make_test first 'counter_next(0) == 2'
    bugs 'four matching/first matching/counter'
    run_mutants
    shell_equal "$status" 1
    shell_contains "$output" "fails without a bug, so it cannot notice one: counts"
    shell_contains "$output" "0 passed, 1 failed"
}
endless_one_fails() {
    make_tree
    bugs 'endless matching/first'
    seconds=1 run_mutants
    shell_equal "$status" 1
    shell_contains "$output" "no end of matching/first within 1 s"
}
list_and_patches_agree() {
    make_tree
    bugs 'four matching/counter' 'harmless matching/counter' 'crashing matching/counter'
    sed -i 's/^harmless/gone/' tests/mutants/list
    sed -i 1,2d tests/mutants/crashing.patch
    run_mutants
    shell_equal "$status" 1
    shell_contains "$output" "harmless is planted by no line of the list"
    shell_contains "$output" "gone stands in the list, but has no patch"
    shell_contains "$output" "crashing does not say what is wrong"
}
interrupted_leaves_nothing() {
    make_tree
    bugs 'endless matching/first'
    tests/mutants/run build >log 2>&1 </dev/null &
    local process=$! tries=0
    # Until the test runs with the bug: it has said so.
    while ! grep -qs RUN build/mutants/endless/log && [ "$tries" -lt 6000 ]; do
        tries=$((tries + 1))
        read -rt 0.05 <> <(:) || true
    done
    kill -TERM "$process"
    status=0
    wait "$process" || status=$?
    shell_equal "$status" 130
    shell_equal "$(find build -name '*.directory')" ""
    shell_equal "$(find /proc/[0-9]*/exe -lname "$PWD/*" 2>/dev/null || true)" ""
}

shell_run kills_and_says_by_what what_cannot_be_planted_fails killer_that_fails_anyway_kills_nothing \
    endless_one_fails list_and_patches_agree interrupted_leaves_nothing
