# Two commands are all a user needs: `make run` and `make test`.
.PHONY: run test setup setup-test build web fmt clippy deny unit fuzz-minute fuzz fuzz-run e2e eval bench clean

BIN := target/release/sidetone
CARGO := cargo
export PATH := $(CURDIR)/.node/node_modules/.bin:$(PATH)
CONFIG ?=

run: setup build ## Build everything and serve it on http://localhost:8080
	$(BIN) serve $(if $(CONFIG),--config $(CONFIG))

test: setup-test web fmt clippy deny unit fuzz-minute build e2e ## All checks and tests

setup: ## Install what is missing, after naming it
	@scripts/setup.sh run
setup-test:
	@scripts/setup.sh test

web: web/node_modules/.installed ## Type-check, test and build the pages
	cd web && npm run --silent check && npm run --silent test && npm run --silent build
web/dist/index.html: web/node_modules/.installed $(shell find web/src web/public web/index.html -type f 2>/dev/null)
	cd web && npm run --silent build
web/node_modules/.installed: web/package-lock.json
	scripts/setup.sh node
	cd web && npm ci --no-audit --no-fund --loglevel=error
	touch $@

build: web/dist/index.html ## The engine, pages inside
	$(CARGO) build --release --workspace --locked

fmt:
	$(CARGO) fmt --all --check
clippy: web/dist/index.html
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings
deny:
	@scripts/setup.sh deny
	$(CARGO) deny --locked --log-level error check bans licenses sources
unit: web/dist/index.html
	$(CARGO) test --release --workspace --locked
# FUZZ_SECONDS is for each target; two run at a time. The tests' minute is from a fixed seed, so that it says the same every
# time; the hour is from a seed of its own and hunts for what is new.
fuzz-minute: FUZZ_SECONDS ?= 60
fuzz-minute: export FUZZ_SEED ?= 1
fuzz-minute fuzz-run:
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test --release --locked --workspace --test edge no_input_panics -- --nocapture
fuzz: FUZZ_SECONDS ?= 3600
fuzz: fuzz-run ## Every parser that a stranger reaches, an hour each (FUZZ_SECONDS=…)
e2e: build ## Chromium calls the engine; the sound of both sides is measured
	cd web && node e2e/run.mjs

eval: build ## The whole evaluation, into eval/results/
	$(BIN) eval all
bench: build ## Concurrent recorded callers against the running engine
	$(BIN) bench call

clean:
	rm -rf target web/dist web/node_modules data
