# The front door. `make` alone says what there is.

GO             ?= go
VERSION_LINT   := 2.15.0
VERSION_VULN   := 1.9.0
VERSION_SBOM   := 1.10.0
VERSION_REDOC  := 2.77.0
CACHE          := $(CURDIR)/.cache
LINT           := $(CACHE)/golangci-lint-$(VERSION_LINT)
GENERATED      := adapters/rest/internal adapters/records/internal clients/go/api clients/go/slugs.gen.go clients/typescript/src/slugs.gen.ts
CONTRACTS      := ./e2e/rig ./adapters/migrate ./adapters/records/postgres ./adapters/redis ./adapters/s3 ./adapters/token

# SQLite is C that was translated to Go, and a connection of it is used by one goroutine
# at a time: the race detector would make it ten times slower and find nothing in it.
RACE           := -race -gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false
PLAIN          := TestWhatIs|TestADecoderDoesNotGrow|TestCallersCannotMakeSeries
# Tests of servers wait more than they work, so that one package more runs at once than there are cores.
BESIDE         := -p $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 1))) -parallel 6
TOOL           := $(GO) tool -modfile=tools/go.mod

export CGO_ENABLED := 1

.DEFAULT_GOAL := help
.PHONY: help deps servers docs assets screenshots build demo test chaos chaos-short soak verify generate check-generated check-format check-modules clients vulncheck sbom lint lint-api contract deploy-check test-containers migration fuzz fuzz-short fuzz-api bench bench-floor bench-isolation bench-claims keep contact-sheet sheet clean FORCE

help: ## Say what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install what building needs: a C compiler, pkg-config, libvips.
	@sh scripts/deps build

servers: deps ## Install and build the servers that tests run.
	@sh scripts/deps servers
	@GO="$(GO)" sh scripts/servers
	@sh scripts/assets test || true # the tests that need them say so
	@sh scripts/interop || true
	@sh scripts/clients fetch || true

assets: ## Fetch uPlot from npm, for the dashboard's charts; without it they are plain lines.
	@sh scripts/assets build

build: bin/imgd ## Build bin/imgd.

bin/imgd bin/demo: bin/%: FORCE | deps
	@test -e $@ || echo "Compiling; the first time this takes a few minutes."
	$(GO) build -trimpath -o $@ ./cmd/$*

demo: bin/imgd bin/demo ## Start imgd, send it a picture, show what comes back, serve until Ctrl-C. DEMO_ONCE=1: do not serve on.
	@bin/demo $(if $(DEMO_ONCE),-once)

# Tests run without a cache, since many of them look at processes and files that
# it does not know of. Those in PLAIN weigh memory, or go through many pixels or requests
# in one goroutine, and are built without the race detector alone. The black-box tests come last and
# alone: they watch the clock. The clients have the race detector in a build of their own.
test: servers ## Run all tests.
	@$(GO) version && echo "libvips $$(pkg-config --modversion vips)"
	$(GO) test $(RACE) $(BESIDE) -count=1 -timeout 20m $$($(GO) list ./... | grep -v -E '^imgd/e2e(/chaos|/storm|/fuzz|/clients)?$$')
	$(GO) test -count=1 -timeout 20m -run '$(PLAIN)' ./adapters/vips/decode ./adapters/vips/engine ./adapters/rest
	$(GO) test -count=1 -timeout 20m ./e2e
	$(GO) test -count=1 -timeout 20m ./e2e/chaos
	$(GO) test -count=1 -timeout 10m ./e2e/fuzz ./e2e/clients

chaos-short: servers ## Let it storm for three minutes: faults while clients upload.
	IMGD_TEST_STORM=3m $(GO) test -v -count=1 -timeout 30m ./e2e/storm

chaos: servers ## Stop processes at every point in every way, then let it storm for a quarter of an hour.
	IMGD_TEST_ALL_POINTS=1 IMGD_TEST_RESTARTS=20 $(GO) test -count=1 -timeout 60m ./e2e/chaos
	IMGD_TEST_RESTARTS=20 $(GO) test -v -count=1 -timeout 20m -run TestARollingRestartFailsNoRequest ./e2e
	IMGD_TEST_STORM=15m $(GO) test -v -count=1 -timeout 60m ./e2e/storm

soak: deps ## Render a thousand mixed images and send all bombs eight times; print what is held. Takes half an hour.
	IMGD_TEST_SOAK=1000 $(GO) test -v -count=1 -timeout 60m -run TestADecoderDoesNotGrow ./adapters/vips/decode
	IMGD_TEST_SOAK=1000 $(GO) test -v -count=1 -timeout 60m -run 'TestAllProcessesTogetherHoldLittle|TestBombsAreAnsweredWithinTheirMemory' ./e2e

bench-isolation: deps ## Compare decoders that are locked up with those that are not, and with none.
	$(GO) test -run '^$$' -bench BenchmarkIsolation -benchtime 5x -timeout 20m ./adapters/vips/decode

test-containers: servers ## Run the tests that use servers with servers in Docker.
	TEST_DRIVER=containers sh scripts/docker sh scripts/images $(GO) test $(BESIDE) -count=1 -timeout 20m $(CONTRACTS)

# Code is generated before anything else reads it.
verify: check-generated ## Check generated code, migrations, format, style, openapi.yaml and deploy/.
	@$(MAKE) --no-print-directory -j 2 $(if $(filter output-sync,$(.FEATURES)),-O) check-format check-modules vulncheck lint lint-api contract deploy-check

generate: deps ## Generate code from openapi.yaml and the queries.
	$(TOOL) oapi-codegen -config adapters/rest/oapi.yaml openapi.yaml
	$(TOOL) oapi-codegen -config clients/go/oapi.yaml openapi.yaml
	$(GO) run ./clients/slugs
	$(TOOL) sqlc generate
	cd tools && $(GO) run ./rows ../adapters/records/internal imgd/adapters/records/internal lite pg

check-generated: generate | servers
	git diff --exit-code -- $(GENERATED)
	@test -z "$$(git ls-files --others --exclude-standard -- $(GENERATED))" || { echo "generated files are not committed:"; git ls-files --others --exclude-standard -- $(GENERATED); exit 1; }
	$(GO) test -count=1 -run 'TestTheMigrationsLeadToTheDesiredState|TestAMigratedDatabaseIsWhatSchemaSQLSays' ./adapters/migrate

check-format:
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); test -z "$$unformatted" || { echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; }

check-modules:
	$(GO) mod verify
	$(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff
	cd tools/servers && $(GO) mod tidy -diff
	cd tools/chart && $(GO) mod tidy -diff
	cd tools/contract && $(GO) mod tidy -diff
	cd clients/go && $(GO) mod tidy -diff

# Known holes of what is linked, and reached. The database of them is on the network;
# where it is not reached, this says so and does not fail: it knows nothing then.
vulncheck: deps ## Look for known vulnerabilities in the modules that are used.
	@GO="$(GO)" sh scripts/vulncheck $(VERSION_VULN)

sbom: bin/imgd ## Write bin/imgd.cdx.json: the modules in bin/imgd, and the system's libraries it is linked with.
	@GO="$(GO)" sh scripts/sbom $(VERSION_SBOM) bin/imgd bin/imgd.cdx.json

lint: $(LINT) | deps ## Run the linters.
	$(LINT) run ./...
	cd clients/go && $(LINT) run ./...

$(LINT):
	@echo "Building golangci-lint $(VERSION_LINT), once; this takes a minute or two."
	GOBIN=$(CACHE)/bin CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(VERSION_LINT)
	mv $(CACHE)/bin/golangci-lint $@

lint-api: ## Check openapi.yaml.
	@sh scripts/redocly $(VERSION_REDOC) lint openapi.yaml

contract: ## Check that openapi.yaml keeps what it has promised to callers.
	@GO="$(GO)" sh scripts/contract

clients: servers ## Build both clients, and have them play their scenarios against the real binary.
	$(GO) test -count=1 -timeout 10m -v ./e2e/clients
	@sh scripts/clients pack

deploy-check: ## Check the Helm chart, the alerts, the dashboard, the unit of systemd and compose.yaml.
	@GO="$(GO)" sh deploy/check

migration: bin/imgd ## Write migrations from a changed schema.sql: make migration NAME=add_things, with an empty PostgreSQL in IMGD_DEV_DATABASE_URL
	@test -n "$(NAME)" || { echo "usage: make migration NAME=add_things"; exit 2; }
	bin/imgd migrate diff $(NAME)

fuzz: deps ## Fuzz every target for 30 s.
	@GO="$(GO)" sh scripts/fuzz 30s

fuzz-short: deps
	@GO="$(GO)" sh scripts/fuzz 5s

fuzz-api: deps ## Ask the API what openapi.yaml lets one ask, and what it does not, for ten minutes. IMGD_TEST_FUZZ=30s: for one.
	IMGD_TEST_FUZZ=$${IMGD_TEST_FUZZ:-5m} $(GO) test -v -count=1 -timeout 30m -run TestWhateverIsAsked ./e2e/fuzz

bench: servers ## Run the benchmarks of docs/benchmarks.md.
	$(GO) test -run '^$$' -bench BenchmarkPhoto12MP -benchtime 10x -timeout 20m ./e2e
	$(GO) test -run '^$$' -bench BenchmarkTinyJobs -benchtime 2000x -timeout 20m ./e2e
	$(GO) test -run '^$$' -bench BenchmarkWorkers -benchtime 1x -timeout 20m ./e2e

bench-floor: deps ## Compare the service with plain calls of libvips (bench/floor.c). IMGD_BENCH_PHOTO=file: on your picture.
	$(GO) test -run '^$$' -bench BenchmarkFloor -benchtime 5x -timeout 20m ./e2e

bench-claims: servers ## Compare a claim among a thousand jobs with one among a million; takes half an hour and 15 GB.
	$(GO) test -run '^$$' -bench BenchmarkClaim -benchtime 1000x -timeout 90m ./adapters/records

keep: deps ## Test backup and restore under load for two minutes.
	TEST_KEEP=2m $(GO) test -count=1 -timeout 20m -v -run TestARestoredBackupFindsAllItNeeds ./e2e

docs: ## Make build/site: the guides, the API and the problems as pages that open from disk.
	CGO_ENABLED=0 $(GO) run ./cmd/docs

contact-sheet: bin/imgd bin/demo ## Make docs/contact-sheet.jpg anew.
	bin/demo -once -sheet docs/contact-sheet.jpg

screenshots: servers assets ## Make the pictures of the pages in docs/images anew; takes five minutes. Look at them.
	@sh scripts/deps fonts
	mkdir -p docs/images
	IMGD_TEST_SCREENSHOTS=$(CURDIR)/docs/images $(GO) test -count=1 -timeout 20m -run 'TestTheDashboardFits|TestTheContract' ./e2e

sheet: bin/imgd bin/demo ## Make docs/operations.jpg anew: every operation on one picture.
	bin/demo -once -operations docs/operations.jpg

clean: ## Remove what was built, and the tools that were fetched.
	rm -rf bin build .cache clients/typescript/dist clients/typescript/build clients/typescript/node_modules
