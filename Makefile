SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PACKAGES ?= ./...
FUZZTIME ?= 20s
BENCH    ?= .

# The linter is pinned in a module of its own, so that what it depends on never reaches a user of this one.
LINT := $(GO) tool -modfile=tools/go.mod golangci-lint

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PACKAGES=./eventstore/... narrows test, race, bench and fuzz; BENCH=regexp and FUZZTIME=1m do what they say."

.PHONY: demo
demo: ## the whole way on this computer: append, relay, consume, verify
	$(GO) run ./cmd/contrail demo

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
