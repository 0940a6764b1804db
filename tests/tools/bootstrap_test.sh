#!/usr/bin/env bash
# causeway bootstrap, as a user runs it.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/support/shell.sh"
build=$(cd "${BUILD:-build}" && pwd)
causeway=$build/causeway

make_sites() {
    local number=0 site
    for site in nyc1:aws lon1:gcp fra1:metal; do
        number=$((number + 1))
        "$causeway" init "${site%:*}" --cluster demo --site "${site%:*}" --provider "${site#*:}" \
            --peer "127.0.0.1:710$number" >/dev/null
    done
}

gives_all_the_same_genesis() {
    make_sites
    "$causeway" bootstrap nyc1 lon1 fra1 --shards 'EQ=lon1,nyc1;FX=fra1' >out
    shell_contains "$(cat out)" "3 sites share one genesis"
    for site in nyc1 lon1 fra1; do
        "$build/causewayd" --config "$site/site.yaml" --test >/dev/null
        sed -n '/^bootstrap:/,/^threading:/p' "$site/site.yaml" >"$site.genesis"
        cmp nyc1.genesis "$site.genesis"
        shell_contains "$(cat nyc1.genesis)" "$(cat "$site/data/site.key.pub")"
    done
    shell_contains "$(cat nyc1.genesis)" "{id: 2, name: FX, prefer: [fra1], commit_providers: 2}"
    shell_contains "$(cat lon1/site.yaml)" "site: lon1"
    shell_contains "$(cat lon1/site.yaml)" "idle: sleep" # The rest of the file stays.
}

may_be_said_again() {
    make_sites
    "$causeway" bootstrap nyc1 lon1 fra1 >/dev/null
    cp nyc1/site.yaml before
    "$causeway" bootstrap nyc1 lon1 fra1 >/dev/null
    cmp before nyc1/site.yaml
}

refuses_what_makes_no_cluster() {
    make_sites
    "$causeway" init alone --cluster demo --site alone >/dev/null
    "$causeway" init other --cluster another --site other --peer 127.0.0.1:7109 >/dev/null
    cp nyc1/site.yaml before
    for wrong in "alone:says no address for other sites" "other:all must be of one" \
        "nyc1:there is a site" "nowhere:cannot read"; do
        status=0
        "$causeway" bootstrap nyc1 "${wrong%%:*}" >out 2>error || status=$?
        shell_equal "$([ "$status" -ne 0 ] && echo failed)" failed
        shell_contains "$(cat error)" "${wrong#*:}"
        cmp before nyc1/site.yaml
        test ! -e nyc1/site.yaml.new
    done
    status=0
    "$causeway" bootstrap nyc1 lon1 --shards EQ >out 2>error || status=$?
    shell_equal "$status" 2
    shell_contains "$(cat error)" "NAME=SITE"
}

# What it began with it keeps: it would be refused at its next start.
refuses_a_site_that_has_been_started() {
    make_sites
    cp nyc1/site.yaml before
    "$build/causewayd" --config nyc1/site.yaml 2>log &
    site=$!
    while ! grep -q event=ready log && kill -0 "$site" 2>/dev/null; do
        sleep 0.01
    done
    kill "$site"
    wait "$site"
    shell_contains "$(cat nyc1/data/genesis)" "site 1 nyc1 aws voter $(cat nyc1/data/site.key.pub)"
    status=0
    "$causeway" bootstrap nyc1 lon1 fra1 >out 2>error || status=$?
    shell_equal "$status" 1
    shell_contains "$(cat error)" "nyc1/site.yaml has been started before"
    cmp before nyc1/site.yaml
}

shell_run gives_all_the_same_genesis may_be_said_again refuses_what_makes_no_cluster \
    refuses_a_site_that_has_been_started
