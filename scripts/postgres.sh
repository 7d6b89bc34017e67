#!/bin/bash
# A throw-away PostgreSQL for tests: on the loopback interface, in a temporary directory, without a password.
#
#   scripts/postgres.sh start DIR      start one in DIR (made) and print its URL
#   scripts/postgres.sh again DIR      start the one in DIR again that was killed, at the same address
#   scripts/postgres.sh stop DIR       stop it and remove DIR
#   scripts/postgres.sh run CMD...     run CMD with NIGHTKEEPER_TEST_POSTGRES set, then stop
#
# With NIGHTKEEPER_TEST_POSTGRES set already, run uses that one. Without PostgreSQL, run only runs CMD; with CI set it fails.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# as runs a command as somebody else when we are root: PostgreSQL refuses to run as root.
as() {
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
    return
  fi
  local user=nobody
  id -u postgres >/dev/null 2>&1 && user=postgres
  (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@")
}

start() {
  local dir=$1 bin port try
  bin=$(postgres_bin)
  mkdir -p "$dir"
  chmod 711 "$dir"
  mkdir "$dir/run"
  if [ "$(id -u)" -eq 0 ]; then
    chown "$(id -u postgres 2>/dev/null || id -u nobody)" "$dir" "$dir/run"
  fi
  as "$bin/initdb" -D "$dir/data" -U nightkeeper -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/run/initdb.log" 2>&1 ||
    { cat "$dir/run/initdb.log" >&2; return 1; }
  for try in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 30000))
    # Nothing here has to survive a crash of the machine, so it need not wait for the disk.
    echo "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$dir/run' -c fsync=off -c full_page_writes=off -c max_connections=200" >"$dir/options"
    if as "$bin/pg_ctl" -D "$dir/data" -l "$dir/run/log" -w -t 60 -s -o "$(cat "$dir/options")" start >"$dir/run/start.log" 2>&1; then
      echo "postgres://nightkeeper@127.0.0.1:$port/postgres?sslmode=disable"
      return 0
    fi
  done
  cat "$dir/run/start.log" "$dir/run/log" >&2
  return 1
}

# again waits for the children of the one that was killed: they hold its memory for a moment.
again() {
  local dir=$1 bin try
  bin=$(postgres_bin)
  for try in {1..100}; do
    if as "$bin/pg_ctl" -D "$dir/data" -l "$dir/run/log" -w -t 60 -s -o "$(cat "$dir/options")" start >"$dir/run/start.log" 2>&1; then
      return 0
    fi
    sleep 0.1
  done
  cat "$dir/run/start.log" "$dir/run/log" >&2
  return 1
}

stop() {
  local dir=$1
  if [ -e "$dir/data/postmaster.pid" ]; then
    as "$(postgres_bin)/pg_ctl" -D "$dir/data" -m immediate -w -s stop >/dev/null 2>&1 || true
  fi
  rm -rf "$dir"
}

case "${1:-}" in
start) start "$2" ;;
again) again "$2" ;;
stop) stop "$2" ;;
run)
  shift
  if [ -n "${NIGHTKEEPER_TEST_POSTGRES:-}" ]; then
    exec "$@"
  fi
  if ! postgres_bin >/dev/null; then
    echo "no PostgreSQL here: its tests are skipped" >&2
    [ -z "${CI:-}" ] || exit 1
    exec "$@"
  fi
  dir=$(mktemp -d)
  trap 'stop "$dir"' EXIT
  NIGHTKEEPER_TEST_POSTGRES=$(start "$dir")
  export NIGHTKEEPER_TEST_POSTGRES
  "$@"
  ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
