# What setup.sh and study.sh share. REGIONS are the services of compose.yaml, in the order of their addresses.
REGIONS="vgr skane halland orebro"
NETWORK=compose.landsting.example
IMAGE=${LANDSTING_IMAGE:-landsting:local}

say() {
    printf '%s\n' "== $*" >&2
}

# Version 2 is a command of docker, version 1 a program of its own; both read this file.
if docker compose version > /dev/null 2>&1; then
    compose() { docker compose -p landsting -f "$here/compose.yaml" "$@"; }
elif command -v docker-compose > /dev/null; then
    compose() { docker-compose -p landsting -f "$here/compose.yaml" "$@"; }
else
    say "neither 'docker compose' nor 'docker-compose' is here"
    exit 1
fi

# A command in a region's container that ends with it; for what is done before its node runs.
once() {
    region=$1
    shift
    compose run --rm -T --no-deps --entrypoint /usr/bin/env "$region" "$@"
}

# A command beside a region's running node.
in_node() {
    region=$1
    shift
    compose exec -T "$region" "$@" < /dev/null
}

# Wait up to a minute until a command beside a node says something.
wait_for() {
    region=$1
    words=$2
    shift 2
    for _ in $(seq 60); do
        if in_node "$region" "$@" 2> /dev/null | grep -q -- "$words"; then
            return
        fi
        sleep 1
    done
    say "$region: gave up waiting for $words; its last words:"
    compose logs --tail 10 "$region" >&2
    return 1
}
