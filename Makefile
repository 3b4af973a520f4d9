SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PACKAGES ?= ./...
FUZZTIME ?= 20s
BENCH    ?= .

# docker compose, however it is installed.
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

# The linter is pinned in a module of its own, so that what it depends on never reaches a user of this one.
LINT := $(GO) tool -modfile=tools/go.mod golangci-lint

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PACKAGES=./eventstore/... narrows test, race, bench and fuzz; BENCH=regexp and FUZZTIME=1m do what they say."

.PHONY: demo
demo: ## the whole way on this computer: append, relay, consume, verify
	$(GO) run ./cmd/contrail demo

.PHONY: up
up: .env ## the local stack in containers, and where to find it (docs/stack.md)
	$(COMPOSE) up --build --detach --wait
	@echo "API http://127.0.0.1:8080/docs, dashboard http://127.0.0.1:8088: log in with CONTRAIL_DASHBOARD_TOKEN, which is in .env"

.PHONY: up-observability
up-observability: .env ## the same with Prometheus, Grafana, a collector and Jaeger, and with traces
	OTEL_TRACES_EXPORTER=otlp $(COMPOSE) --profile observability up --build --detach --wait
	@echo "API http://127.0.0.1:8080/docs, dashboard http://127.0.0.1:8088: log in with CONTRAIL_DASHBOARD_TOKEN, which is in .env"
	@echo "Grafana http://127.0.0.1:3000, Prometheus http://127.0.0.1:9090, traces http://127.0.0.1:16686"

.PHONY: down
down: .env ## stop the local stack and forget its data
	$(COMPOSE) --profile observability down --volumes

# A token for the dashboard that nobody else knows. An .env that is there is kept, and given one if it has none.
.PHONY: .env
.env:
	@if ! grep -qs '^CONTRAIL_DASHBOARD_TOKEN=.' .env; then \
		umask 077; \
		printf 'CONTRAIL_DASHBOARD_TOKEN=%s\n' "$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>.env; \
	fi

.PHONY: build
build: ## the static binary, as bin/contrail
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/contrail ./cmd/contrail

.PHONY: lint
lint: ## every linter, and the formatting
	$(LINT) run $(PACKAGES)

.PHONY: fmt
fmt: ## format the code as the linter wants it
	$(LINT) fmt

.PHONY: test
test: ## every test, against a real PostgreSQL and a real nats-server
	$(GO) test $(PACKAGES)

.PHONY: race
race: ## the tests in short form, under the race detector
	$(GO) test -race -short $(PACKAGES)

.PHONY: bench
bench: ## every benchmark, and no test
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PACKAGES)

.PHONY: fuzz
fuzz: ## each fuzz target in turn, for FUZZTIME
	@for package in $$($(GO) list $(PACKAGES)); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

.PHONY: ci
ci: ## all that has to pass before a change lands
	.ci/run
