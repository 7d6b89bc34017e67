#!/bin/bash
# Installs what the tests need, where that is possible: Debian's chromium for the pages, PostgreSQL for the store, Prometheus
# and amtool as senders of alerts, and a C compiler for the race detector. Where it is not possible, it says so, and the
# tests that need them are skipped. RUNLEVEL keeps packages from starting services: tests start their own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

missing=()
chromium_path >/dev/null || missing+=(chromium fonts-dejavu-core)
postgres_bin >/dev/null || missing+=(postgresql)
command -v prometheus >/dev/null || missing+=(prometheus)
command -v amtool >/dev/null || missing+=(prometheus-alertmanager)
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "not installed, and only root on Debian can do it here: ${missing[*]}. Tests that need them are skipped."
  exit 0
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for try in 1 2 3; do
  if { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    exit 0
  fi
  echo "attempt $try did not work"
  sleep 5
done
tail -n 30 "$log"
if [ -n "${CI:-}" ]; then
  echo "CI needs ${missing[*]}"
  exit 1
fi
