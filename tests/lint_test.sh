#!/usr/bin/env bash
# tests/lint itself: a small tree without a fault passes every rule; then one violation of a rule is
# planted at a time, and that rule must name it.
# shellcheck disable=SC2016 # Files are written here whose text is not to be expanded.
# variants: all alike
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/support/shell.sh"

# A module "$1" of a room with its header, which returns $2.
module() {
    local name=${1##*/}
    mkdir -p "$(dirname "$1")" "$(dirname "tests/$1")"
    printf '#ifndef A_%s_H\n#define A_%s_H\n\nint %s_value(int number);\n\n#endif\n' \
        "$name" "$name" "$name" >"$1.h"
    printf '#include "%s.h"\n\nint %s_value(int number)\n{\n    return number + %s;\n}\n' \
        "$1" "$name" "$2" >"$1.c"
    printf '#include "%s.h"\n\nstatic void counts(void **state)\n{\n    (void)state;\n%s}\n' \
        "$1" "    assert_true(${name}_value(1));
" >"tests/$1_test.c"
}

# Compiles what lint looks at with nm, as far as it has changed.
compile() {
    local source object
    find matching replication gateway tools -name '*.c' | while IFS= read -r source; do
        object=build/objects/${source%.c}.o
        if [ ! "$object" -nt "$source" ]; then
            mkdir -p "$(dirname "$object")"
            gcc -O1 -I. -c -o "$object" "$source"
        fi
    done
}

# The tree without a fault, in a directory named $1.
make_clean() {
    mkdir -p "$1"
    cd "$1" || return
    mkdir -p tests/support tools .ci
    cp "$root/tests/lint" tests/lint
    cp "$root/tests/run" tests/run
    cp "$root/tools/packages" tools/packages
    cp "$root/.clang-format" .clang-format
    printf '# rule subject reason\n' >tests/lint.exceptions
    printf 'gcc  build  compiles\n' >.packages
    tools/packages table >README.md
    module matching/base/ground 1
    module matching/market 2
    module replication/io/pipe 3
    module replication/segment 4
    module gateway/door 5
    module tools/tool 6
    compile
}

make_tree() {
    cp -a "$clean/." .
}

# Runs one rule, or all of them, on the tree; sets `status` and `output`.
run_lint() {
    status=0
    output=$(tests/lint build "$@" 2>&1) || status=$?
}

# The rule must complain, in a line that has the text.
caught() {
    run_lint "$1"
    shell_equal "$status" 1
    shell_contains "$output" "$2"
}

# Adds lines to a file and compiles anew.
plant() {
    local file=$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$@" >>"$file"
    compile
}

clean_tree_passes() {
    make_tree
    command -v clang-format >/dev/null || shell_skip "no clang-format"
    command -v shellcheck >/dev/null || shell_skip "no shellcheck"
    run_lint
    shell_equal "$output" "lint: 0 violations of $(tests/lint --rules | wc -l) rules"
    shell_equal "$status" 0
}
arrows_up() {
    make_tree
    plant matching/base/ground.c '#include "matching/market.h"'
    caught arrows 'matching/base/ground.c:7: matching/base must not know matching/market.h'
}
arrows_replication_to_market() {
    make_tree
    plant replication/segment.c '#include "matching/market.h"'
    caught arrows 'replication/segment.c:7: replication must not know matching/market.h'
}
arrows_io_to_replication() {
    make_tree
    plant replication/io/pipe.h '#include "replication/segment.h"'
    caught arrows 'replication/io must not know replication/segment.h'
}
arrows_gateway_to_tools() {
    make_tree
    plant gateway/door.c '#include "tools/tool.h"'
    caught arrows 'gateway must not know tools/tool.h'
}
arrows_path_from_root() {
    make_tree
    mkdir -p other
    cp matching/market.h matching/base/near.h
    plant matching/base/ground.c '#include "near.h"'
    caught arrows 'is not spelled from the root'
}
cycle_of_two() {
    make_tree
    module matching/other 1
    plant matching/other.h '#include "matching/market.h"'
    plant matching/market.c '#include "matching/other.h"'
    caught cycles 'include each other in a circle'
}
cycle_not_within_one_module() {
    make_tree
    plant gateway/door_table.h '#include "gateway/door.h"'
    plant gateway/door.c '#include "gateway/door_table.h"'
    run_lint cycles
    shell_equal "$status" 0
}
includer() {
    make_tree
    plant gateway/door.h '#include <liburing.h>' >/dev/null 2>&1 || true
    caught includers 'may include liburing.h'
}
stems_twice() {
    make_tree
    module gateway/market 1
    caught stems 'same stem as'
}
purity_clock() {
    make_tree
    plant matching/market.c '#include <time.h>' 'long market_now(void);' \
        'long market_now(void) { return (long)time(0); }'
    caught purity 'matching/market.c: pure, but uses time'
}
purity_allocation() {
    make_tree
    plant matching/base/ground.c '#include <stdlib.h>' \
        'void *ground_more(void) { return malloc(9); }'
    caught purity 'pure, but uses malloc'
}
purity_of_segment() {
    make_tree
    plant replication/segment.c '#include <unistd.h>' \
        'int segment_sync(int file) { return fsync(file); }'
    caught purity 'replication/segment.c: pure, but uses fsync'
}
purity_missing_object() {
    make_tree
    rm build/objects/matching/market.o
    caught purity 'build first'
}
globals_variable() {
    make_tree
    plant gateway/door.c 'int door_count(void) { static int count; return ++count; }'
    caught globals 'gateway/door.c: variable count'
}
globals_initialised() {
    make_tree
    plant gateway/door.c 'int door_state = 7;'
    caught globals 'variable door_state'
}
globals_not_constants() {
    make_tree
    plant gateway/door.c 'const char *const door_names[2] = {"a", "b"};'
    run_lint globals
    shell_equal "$status" 0
}
prefixes_foreign() {
    make_tree
    plant matching/market.c 'int value_of(int a) { return a; }'
    caught prefixes 'matching/market.c: exports value_of'
}
length_71() {
    make_tree
    plant gateway/door.c 'int door_long(int a)' '{' "$(yes '    a++;' | head -n 70)" \
        '    return a;' '}'
    caught length 'function of 71 lines'
}
length_70_is_fine() {
    make_tree
    plant gateway/door.c 'int door_long(int a)' '{' "$(yes '    a++;' | head -n 69)" \
        '    return a;' '}'
    run_lint length
    shell_equal "$status" 0
}
mirrored_module_without_test() {
    make_tree
    rm tests/matching/market_test.c
    caught mirrored 'matching/market.c: no tests/matching/market_test.c'
}
mirrored_test_without_module() {
    make_tree
    cp tests/matching/market_test.c tests/matching/gone_test.c
    caught mirrored 'tests/matching/gone_test.c: tests no module'
}
mirrored_second_test_of_a_module() {
    make_tree
    cp tests/matching/market_test.c tests/matching/market_halt_test.c
    run_lint mirrored
    shell_equal "$status" 0
}
mirrored_part_of_module() {
    make_tree
    plant gateway/door_input.c 'int door_input_take(int a) { return a; }'
    run_lint mirrored
    shell_equal "$status" 0
}
asserts_nothing() {
    make_tree
    plant tests/matching/market_test.c 'static void idle(void **state)' '{' '    (void)state;' '}'
    caught asserted 'idle() asserts nothing'
}
asserts_by_a_helper() {
    make_tree
    plant tests/matching/market_test.c 'static int prove(int a)' '{' '    assert_true(a);' '}' \
        'static void proves(void **state)' '{' '    int a = again(prove(1));' '}'
    run_lint asserted
    shell_equal "$status" 0
}
sleeps() {
    make_tree
    plant tests/matching/market_test.c 'static void wait_for_it(void) { usleep(1000); }'
    caught sleepless 'tests/matching/market_test.c:8: sleeps'
}
sleep_in_a_comment_is_fine() {
    make_tree
    plant tests/matching/market_test.c '/* It does not' ' * usleep(1000) here. */' '// sleep(1)'
    run_lint sleepless
    shell_equal "$status" 0
}
decoder_without_fuzzer() {
    make_tree
    plant gateway/door.h 'int door_decode(const char *source);'
    caught fuzzed 'no fuzzer calls door_decode()'
    plant tests/gateway/door_fuzz.c 'int door_decode(const char *source);'
    run_lint fuzzed
    shell_equal "$status" 0
}
planted_bug_without_its_lines() {
    make_tree
    mkdir -p tests/mutants
    plant tests/mutants/other-sum.patch 'The sum is another.' '' '--- a/matching/market.c' \
        '+++ b/matching/market.c' '@@ -4,3 +4,3 @@' ' {' '-    return number + 2;' \
        '+    return number + 3;' ' }'
    run_lint planted
    shell_equal "$output" "lint: 0 violations of 1 rules"
    sed -i 's/number + 2/2 + number/' matching/market.c
    caught planted 'tests/mutants/other-sum.patch: does not apply any more'
}
floating_point() {
    make_tree
    plant matching/market.c 'int market_half(int a) { return (int)((double)a / 2); }'
    caught floats 'matching/market.c:7: no floating point'
}
words_left_over() {
    make_tree
    plant gateway/door.c "/* TO""DO: the rest. */"
    caught words 'gateway/door.c:7'
}
words_path_of_a_machine() {
    make_tree
    plant README.md "see /home""/somebody/notes"
    caught words 'README.md:4'
}
layout_off() {
    make_tree
    command -v clang-format >/dev/null || shell_skip "no clang-format"
    plant gateway/door.c 'int door_two(int a) {return a;}'
    caught layout 'gateway/door.c:'
}
script_with_a_fault() {
    make_tree
    command -v shellcheck >/dev/null || shell_skip "no shellcheck"
    plant tools/more '#!/bin/bash' 'rm -rf $1/*'
    caught scripts 'tools/more:2'
}
readme_lacks_package() {
    make_tree
    echo 'zsh  check  because' >>.packages
    caught readme 'lacks the line: | `zsh` | check | because |'
}
readme_has_one_too_many() {
    make_tree
    plant README.md '| `zsh` | build | because |'
    caught readme 'not in .packages: | `zsh`'
}
exception_excuses() {
    make_tree
    rm tests/matching/market_test.c
    echo 'mirrored matching/market.c shown by another test' >>tests/lint.exceptions
    run_lint mirrored exceptions
    shell_equal "$output" "lint: 0 violations of 2 rules"
}
exception_of_nothing() {
    make_tree
    echo 'mirrored matching/market.c shown by another test' >>tests/lint.exceptions
    run_lint mirrored exceptions
    shell_equal "$status" 1
    shell_contains "$output" 'nothing needs any more: mirrored matching/market.c'
}
exception_without_reason() {
    make_tree
    rm tests/matching/market_test.c
    echo 'mirrored matching/market.c' >>tests/lint.exceptions
    run_lint mirrored exceptions
    shell_contains "$output" 'no tests/matching/market_test.c'
    shell_contains "$output" 'no reason given'
}
# So that no rule is added without a test here.
every_rule_is_planted() {
    local rule
    for rule in $("$root/tests/lint" --rules); do
        grep -qE "(caught|run_lint) .*\b$rule\b" "$root/tests/lint_test.sh" ||
            shell_fail "no test plants a violation of $rule"
    done
}

clean=${TEST_DIR:-${BUILD:-build}}/clean
(set -e && make_clean "$clean") || exit 1
# shellcheck disable=SC2046 # Names are words.
shell_run $(sed -n 's/^\([a-z0-9_]*\)() {$/\1/p' "$0" | grep -vxE 'module|compile|make_clean|make_tree|run_lint|caught|plant')
