# What developers and CI run. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The program is built without C, and so are its tests: then both share the build cache. The race detector needs C.
export CGO_ENABLED := 0

# Packages in which goroutines share state are tested under the race detector; the rest without it. The web pages, the
# shop and the telemetry engine take minutes there, and what they share is behind these packages; pure rules share nothing,
# and incidents and postmortems share only their store.
RACE := ./internal/kit/... ./internal/loop/observe/... ./internal/loop/detect ./internal/loop/page \
	./internal/loop/remediate/... ./internal/loop/prevent ./internal/edge/store/...

.PHONY: help build test check bench crash screenshots demo needs format vet lint layout generated tidy lists generate unit race story

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

build: ## build/nightkeeper, one static binary
	@mkdir -p build
	go build -ldflags '-s -w' -o build/nightkeeper ./cmd/nightkeeper

demo: build ## play Black Friday and watch it on the web page
	build/nightkeeper demo

test: needs build check unit race story ## install what tests need where possible, build, lint, run every test

check: format vet lint layout generated tidy ## everything but the tests: format, vet, lint, layout, generated files, go.mod

bench: ## cold build, size, start, memory, and the Go benchmarks
	go run ./scripts/bench

crash: ## alerts pour in while the server is killed 300 times: none may be lost; then two servers on PostgreSQL
	NIGHTKEEPER_KILLS=300 scripts/postgres.sh run go test -count=1 -timeout 60m -v -run NoAcceptedAlertIsLost ./test/story

screenshots: ## make the pictures of docs/ from the real pages
	scripts/screenshots.sh

generate: ## pages from .templ files
	cd internal/edge/web/ui && go tool templ generate

lists: ## docs/flow.txt and the calls in docs/api.md from the code
	go test ./internal -run TestFlow -update
	go test ./docs -run TestCalls -update

# What the targets above are made of.

needs:
	@scripts/needs.sh

format:
	@out=$$(gofmt -s -l $$(git ls-files --cached --others --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "gofmt -s would change:"; echo "$$out"; exit 1; fi

vet:
	go vet ./...

lint:
	go tool -modfile=tools/go.mod staticcheck ./...

layout:
	go test ./internal

generated:
	@scripts/generated.sh

tidy:
	go mod tidy -diff
	cd tools && go mod tidy -diff

# testreport prints the closing line of every package, what failed, and what was skipped and why. With CI set it fails
# when a test was skipped that needs chromium, PostgreSQL or Prometheus.
unit:
	scripts/postgres.sh run go test -json -timeout 20m $$(scripts/packages.sh $(RACE) ./test/story) | go run ./scripts/testreport

race:
	CGO_ENABLED=1 scripts/postgres.sh run go test -race -json -timeout 20m $(RACE) | go run ./scripts/testreport

# Those that play the whole demo come first, two at a time; the others wait most of the time, and do so together.
DEMOS := BlackFriday|BadDeploy|DataCorruption
story:
	go test -json -timeout 20m -parallel 2 -run '$(DEMOS)' ./test/story | go run ./scripts/testreport
	scripts/postgres.sh run go test -json -timeout 20m -parallel 4 -skip '$(DEMOS)' ./test/story | go run ./scripts/testreport
