#!/usr/bin/env bash
# tests/run itself: what it must count as failed, and that it passes nothing in silence.
# variants: all alike
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/support/shell.sh"

# A tree with tests/run in it and the test programs that stand on stdin, "name: shell commands".
make_tree() {
    mkdir -p tree/tests build/tests
    cp "$root/tests/run" tree/tests/run
    local name commands
    while IFS=: read -r name commands; do
        printf '#!/bin/sh\n%s\n' "$commands" >"build/tests/${name}_test"
        chmod +x "build/tests/${name}_test"
    done
}

# Runs it, keeps its output in `output` and its exit status in `status`.
run_tree() {
    status=0
    output=$(TEST_SECONDS=${limit:-60} tree/tests/run build "$@" 2>&1) || status=$?
    last=$(printf '%s\n' "$output" | tail -n 1)
}

pass='echo "[ RUN      ] a"; echo "[       OK ] a"'
miss='echo "[ RUN      ] b"; echo "the reason"; echo "[  FAILED  ] b"; echo "[  FAILED  ] 1 test(s), listed below:"; echo "[  FAILED  ] b"; exit 1'
skip='echo "[ RUN      ] c"; echo "skipped: no data"; echo "[  SKIPPED ] c"; echo "[  SKIPPED ] c"'

all_pass() {
    make_tree <<<"one:$pass; $pass
two:$pass"
    run_tree
    shell_equal "$status" 0
    shell_equal "$last" "3 passed, 0 failed, 0 skipped"
}
failure_counts_and_shows_output() {
    make_tree <<<"one:$pass
two:$pass; $miss"
    run_tree
    shell_equal "$status" 1
    shell_equal "$last" "2 passed, 1 failed, 0 skipped"
    shell_contains "$output" "| the reason"
}
failure_with_exit_status_zero_counts() {
    make_tree <<<"one:$pass; (${miss})"
    run_tree
    shell_equal "$status" 1
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
}
skip_shows_reason() {
    make_tree <<<"one:$pass; $skip"
    run_tree
    shell_equal "$status" 0
    shell_equal "$last" "1 passed, 0 failed, 1 skipped"
    shell_contains "$output" "        skipped: no data"
}
crash_counts() {
    make_tree <<<"one:$pass; echo '[ RUN      ] d'; kill -SEGV \$\$"
    run_tree
    shell_equal "$status" 1
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
    shell_contains "$output" "died of signal 11"
}
exit_in_the_middle_counts() {
    make_tree <<<"one:$pass; echo '[ RUN      ] d'; exit 0"
    run_tree
    shell_equal "$status" 1
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
}
exit_status_after_passes_counts() {
    make_tree <<<"one:$pass; exit 3"
    run_tree
    shell_equal "$status" 1
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
    shell_contains "$output" "exit status 3"
}
zero_tests_counts() {
    make_tree <<<"one:true
two:$pass"
    run_tree
    shell_equal "$status" 1
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
    shell_contains "$output" "ran no test"
}
time_limit_counts() {
    make_tree <<<"one:echo '[ RUN      ] d'; exec sleep 1000"
    limit=1 run_tree
    shell_equal "$status" 1
    shell_equal "$last" "0 passed, 1 failed, 0 skipped"
    shell_contains "$output" "no end within 1 s"
}
no_test_at_all_fails() {
    make_tree </dev/null
    run_tree
    shell_equal "$status" 1
    shell_equal "$last" "0 passed, 1 failed, 0 skipped"
}
names_select() {
    make_tree <<<"one:$pass
two:$miss"
    run_tree one
    shell_equal "$status" 0
    shell_equal "$last" "1 passed, 0 failed, 0 skipped"
    run_tree one_test
    shell_equal "$status" 0
    shell_equal "$last" "1 passed, 0 failed, 0 skipped"
}
name_of_no_test_fails() {
    make_tree <<<"one:$pass"
    run_tree one three
    shell_equal "$status" 1
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
    shell_contains "$output" "no test is named three"
}
variants_leave_out_what_is_alike() {
    make_tree <<<"one:$pass"
    printf '#!/bin/sh\n%s\n' "$miss" >tree/tests/alike_test.sh
    chmod +x tree/tests/alike_test.sh
    TEST_VARIANT=1 run_tree
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
    sed -i '1a # variants: all alike' tree/tests/alike_test.sh
    TEST_VARIANT=1 run_tree
    shell_equal "$last" "1 passed, 0 failed, 0 skipped"
    TEST_VARIANT='' run_tree
    shell_equal "$last" "1 passed, 1 failed, 0 skipped"
    printf '/* One.\n * variants: all alike. */\n' >tree/tests/one_test.c
    printf '#!/bin/sh\n%s\n' "$pass; $pass" >tree/tests/alike_test.sh
    TEST_VARIANT=1 run_tree
    shell_equal "$last" "2 passed, 0 failed, 0 skipped"
    TEST_VARIANT='' run_tree
    shell_equal "$last" "3 passed, 0 failed, 0 skipped"
}
work_directory_is_new_and_removed() {
    make_tree <<<"one:test -z \"\$(ls -A \$TEST_DIR)\" || exit 9; touch \$TEST_DIR/x; $pass"
    run_tree
    run_tree
    shell_equal "$status" 0
    shell_equal "$(find build/test-work -name x)" ""
}

shell_run all_pass failure_counts_and_shows_output failure_with_exit_status_zero_counts \
    skip_shows_reason crash_counts exit_in_the_middle_counts \
    exit_status_after_passes_counts zero_tests_counts time_limit_counts \
    no_test_at_all_fails names_select name_of_no_test_fails \
    variants_leave_out_what_is_alike work_directory_is_new_and_removed
