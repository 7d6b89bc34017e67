#!/bin/bash
# Fails when a page's generated code is not what its .templ file says. It generates into a copy and changes nothing here.
set -euo pipefail
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
ui=internal/edge/web/ui
mkdir -p "$copy/$ui" build
cp $ui/*.templ "$copy/$ui/"
go build -o build/templ github.com/a-h/templ/cmd/templ
templ=$PWD/build/templ
(cd "$copy/$ui" && "$templ" generate -log-level error)
bad=0
for f in "$copy/$ui"/*_templ.go; do
  if ! cmp -s "$f" "$ui/$(basename "$f")"; then
    echo "$ui/$(basename "$f") is not what its .templ file says: run make generate"
    bad=1
  fi
done
for f in $ui/*_templ.go; do
  [ -e "$copy/$f" ] || { echo "$f has no .templ file any more: remove it"; bad=1; }
done
exit $bad
