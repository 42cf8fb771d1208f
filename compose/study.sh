#!/bin/sh
# Run the demo's study in the four nodes that setup.sh has started, and have it audited.
#
#   compose/study.sh [OUT]        models and bundles go to OUT (compose/out if left out)
#
# ROUNDS, SEED and DATA may be set; 20, 1 and breast-cancer are the demo's. PROPOSER is any region.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"

out=${1:-$here/out}
mkdir -p "$out"
proposer=${PROPOSER:-skane}

say "$proposer plans and proposes"
in_node "$proposer" landsting study new --task classifier --data "${DATA:-breast-cancer}" --rounds "${ROUNDS:-20}" \
    --seed "${SEED:-1}" --timeout 10 --title "demo: breast-cancer" --lab -o plan.toml
in_node "$proposer" landsting study propose plan.toml
study=$(in_node "$proposer" landsting study id plan.toml)

for region in $REGIONS; do
    in_node "$region" landsting study accept "$study" --data "${DATA:-breast-cancer}" --ref compose/1
done

began=$(date +%s)
in_node "$proposer" landsting study follow "$study" --timeout 900
for region in $REGIONS; do
    in_node "$region" landsting study follow "$study" --timeout 60 > /dev/null
done
say "trained in $(($(date +%s) - began)) s"

for region in $REGIONS; do
    # In /tmp, which lasts as long as the container: a home keeps no copies of what it hands over.
    in_node "$region" landsting model export "$study" -o "/tmp/$region.safetensors"
    in_node "$region" landsting log export --study "$study" --requester compose/1 -o "/tmp/$region.bundle"
    for file in safetensors bundle; do
        in_node "$region" cat "/tmp/$region.$file" > "$out/$region.$file"
    done
done

say "the audit, in a container without a network"
bundles=$(for region in $REGIONS; do printf '/tmp/%s.bundle ' "$region"; done)
names=$(for region in $REGIONS; do printf '%s.bundle ' "$region"; done)
tar -C "$out" -cf - $names | docker run --rm -i --network none --read-only --tmpfs /tmp --cap-drop ALL \
    --security-opt no-new-privileges:true --entrypoint sh "$IMAGE" -euc "
        tar -xf - -C /tmp
        landsting audit verify $bundles --study $study"
