#!/bin/sh
# Make four regions ready: homes, cards, roster, data; then start their nodes.
#
#   compose/setup.sh              what `landsting demo` does before it proposes, by the commands an operator types
#   compose/setup.sh --remove     stop the nodes and delete their homes, keys and logs
#
# Cards are handed round by this script, as operators would by mail. Nothing else leaves a home.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"

if [ "${1:-}" = "--remove" ]; then
    compose down --volumes --remove-orphans
    exit 0
fi

post=$(mktemp -d)
trap 'rm -rf "$post"' EXIT
mkdir "$post/cards"
if compose ps -q 2> /dev/null | grep -q .; then
    say "these regions are set up already; to begin again: compose/setup.sh --remove"
    exit 1
fi
seed=${SEED:-1}

number=10
for region in $REGIONS; do
    number=$((number + 1))
    say "$region: a home"
    once "$region" landsting init --network "$NETWORK" --name "$region" \
        --advertise "tcp://10.77.0.$number:7700" --bind tcp://0.0.0.0:7700
    once "$region" landsting card > "$post/cards/$region.card"
done

cards=$(for region in $REGIONS; do printf 'cards/%s.card ' "$region"; done)
list=$(echo $REGIONS | tr ' ' ',')
for region in $REGIONS; do
    say "$region: the others' cards, the roster, its own rows"
    tar -C "$post" -cf - cards | once "$region" tar -xf - -C /srv/landsting
    once "$region" landsting roster found $cards
    # The demo's rows are split in a scratch folder of the container; only this region's stay.
    once "$region" sh -euc "
        landsting data example /tmp/example --regions $list --seed $seed > /tmp/out
        cp -R /tmp/example/$region rows
        landsting data add rows/$region.csv"
done

compose up -d
say "waiting until every node has heard every signature under the roster"
for region in $REGIONS; do
    wait_for "$region" '"in_force": true' landsting roster show --json
done
say "ready. Next: compose/study.sh"
