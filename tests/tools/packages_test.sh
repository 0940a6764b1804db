#!/usr/bin/env bash
# tools/packages on pretended machines: dpkg-query, apt-get, sudo and id are small scripts here.
# shellcheck disable=SC2016 # Scripts are written into files here, to be expanded later.
# variants: all alike
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"

# A machine whose file `installed` names what is there. $1: user id. apt-get knows no package before
# its first update when there is a file `stale`. Every call of apt-get is noted in `calls`.
make_machine() {
    mkdir -p tree/tools bin
    cp "$root/tools/packages" tree/tools/packages
    printf '# list\nalpha build  the first\nbeta check  the second\n' >tree/.packages
    : >installed
    : >calls
    cat >bin/dpkg-query <<'X'
#!/bin/sh
for name; do :; done
grep -qx "$name" installed && printf 'installed '
X
    cat >bin/apt-get <<'X'
#!/bin/sh
echo "apt-get $* as ${DEBIAN_FRONTEND:-nobody}" >>calls
case "$*" in
*update*) rm -f stale; exit 0 ;;
esac
[ -e stale ] && exit 100
for name; do case "$name" in alpha|beta) [ -e broken ] || echo "$name" >>installed ;; esac; done
exit 0
X
    printf '#!/bin/sh\necho %s\n' "$1" >bin/id
    chmod +x bin/*
    local tool
    for tool in bash sh awk grep rm env dirname cat; do
        ln -s "$(command -v "$tool")" "bin/$tool"
    done
}

run_packages() {
    status=0
    output=$(PATH=$PWD/bin bash tree/tools/packages "$@" 2>&1 </dev/null) || status=$?
}

all_there_asks_nothing() {
    make_machine 1000
    echo alpha >installed
    run_packages build
    shell_equal "$status:$output" "0:"
    shell_equal "$(cat calls)" ""
}
root_installs_what_is_missing() {
    make_machine 0
    echo alpha >installed
    run_packages check
    shell_equal "$status" 0
    shell_equal "$(wc -l <calls)" 1
    shell_contains "$(cat calls)" "install beta as noninteractive"
}
build_kind_leaves_check_kind_out() {
    make_machine 0
    run_packages build
    shell_equal "$status" 0
    shell_equal "$(cat installed)" alpha
}
stale_lists_are_updated_once() {
    make_machine 0
    touch stale
    run_packages check
    shell_equal "$status" 0
    shell_equal "$(grep -c update calls)" 1
    shell_equal "$(sort installed | tr '\n' ' ')" "alpha beta "
}
without_root_and_sudo_it_says_what_to_do() {
    make_machine 1000
    run_packages build
    shell_equal "$status" 1
    shell_contains "$output" "neither root nor sudo"
    shell_contains "$output" "apt-get install --no-install-recommends alpha"
    shell_equal "$(cat calls)" ""
}
sudo_is_used_without_asking() {
    make_machine 1000
    printf '#!/bin/sh\necho "sudo $1" >>calls\nshift\nexec "$@"\n' >bin/sudo
    chmod +x bin/sudo
    run_packages build
    shell_equal "$status" 0
    shell_contains "$(cat calls)" "sudo -n"
    shell_equal "$(cat installed)" alpha
}
silent_failure_of_apt_is_found() {
    make_machine 0
    touch broken
    run_packages build
    shell_equal "$status" 1
    shell_contains "$output" "still missing after apt-get: alpha"
}
table_has_every_package() {
    make_machine 0
    run_packages table
    shell_contains "$output" '| `alpha` | build | the first |'
    shell_contains "$output" '| `beta` | check | the second |'
}

shell_run all_there_asks_nothing root_installs_what_is_missing build_kind_leaves_check_kind_out \
    stale_lists_are_updated_once without_root_and_sudo_it_says_what_to_do \
    sudo_is_used_without_asking silent_failure_of_apt_is_found table_has_every_package
