# Everything that is built or fetched goes to .cache, which git ignores.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_VERSION := v2.15.0
# Not a tool of e2e/sigstore: tidying a module that has it would need a test dependency that cannot be had everywhere.
FULCIO_VERSION := v1.8.8
# Newer ones need a newer Node than Debian's.
GITLAB_CI_LOCAL_VERSION := 4.61.1
CACHE := $(CURDIR)/.cache
BIN := $(CACHE)/bin
BINARY ?= $(BIN)/hallmark
PEERS := $(CACHE)/peers
LINT := $(CACHE)/lint/$(GOLANGCI_VERSION)/golangci-lint
FUZZTIME ?= 10s
ROUNDS ?= 5
BENCH ?= -rounds $(ROUNDS)

export CGO_ENABLED := 0

# Leave out what Google's storage client would bring for a transport that nothing
# here uses: about 13 MB.
TAGS := disable_grpc_modules,grpcnotrace
# What talks to a cloud does so a few times in a run. Not inlined, it takes 2 MB less.
COLD := github.com/aws/... github.com/Azure/... cloud.google.com/... google.golang.org/api/... google.golang.org/grpc/... github.com/hashicorp/hcl/... github.com/zclconf/...

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Show everything on this machine alone, without a network
	@go run ./cmd/hallmark demo

.PHONY: build
build: ## Build the binary into .cache/bin
	@mkdir -p $(BIN)
	$(MAKE) --no-print-directory binary

# The one way in which the program is built: here, in the Dockerfile and for a
# release.
.PHONY: binary
binary:
	go build -trimpath -tags $(TAGS) -ldflags '-s -w' $(COLD:%=-gcflags='%=-l') -o $(BINARY) ./cmd/hallmark

# What a release has binaries for.
TARGETS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

.PHONY: dist
dist: ## Build the binaries of a release into dist, with their checksums
	mkdir -p dist
	for target in $(TARGETS); do \
		$(MAKE) --no-print-directory binary GOOS="$${target%/*}" GOARCH="$${target#*/}" BINARY="dist/hallmark-$${target/\//-}"; \
	done
	cd dist && sha256sum hallmark-* > SHA256SUMS

.PHONY: test
test: ## Run the unit and command tests
	go test -parallel 8 -timeout 20m ./...

.PHONY: lint
lint: $(LINT) ## Check style, layers and that the modules are tidy
	go mod tidy -diff
	go -C e2e mod tidy -diff
	go -C e2e/sigstore mod tidy -diff
	go -C e2e/hosts mod tidy -diff
	go -C e2e/cluster mod tidy -diff
	$(LINT) run ./...
	cd e2e && $(LINT) run --config ../.golangci.yml ./...

.PHONY: fix
fix: $(LINT) ## Format the code as the linter wants it
	$(LINT) fmt ./...
	cd e2e && $(LINT) fmt --config ../.golangci.yml ./...

.PHONY: e2e
e2e: build peers gitlab ## Test against a real registry and the real peers; installs them
	e2e/install docker-registry etcd=etcd-server chromium xmllint=libxml2-utils mmdebstrap npm git rsync dockerd=docker.io gh
	e2e/install docker=docker-cli
	cd e2e && go test -count=1 -timeout 60m -v ./...

.PHONY: bench
bench: build peers ## Measure the whole job beside the peers' pipeline (ROUNDS=5)
	e2e/install docker-registry
	if [ -x ../shared/realworld/make-images ]; then e2e/install mmdebstrap npm jq; fi
	cd e2e && go run ./bench $(BENCH)

.PHONY: fuzz
fuzz: ## Run each fuzz test for a while (FUZZTIME=10s)
	@grep -rlE --include='*_test.go' '^func Fuzz' cmd internal | while read -r file; do \
		grep -oE '^func Fuzz[A-Za-z0-9_]+' "$$file" | cut -c6- | while read -r name; do \
			echo "$$(dirname "$$file") $$name"; \
			go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) </dev/null; \
		done; \
	done

.PHONY: peers
peers: ## Build the pinned peers: cosign 2 and 3, syft, grype, crane, the policy tester, Sigstore's services, a cluster
	@mkdir -p $(PEERS)
	go -C e2e build -trimpath -o $(PEERS)/ tool
	go -C e2e/sigstore build -trimpath -o $(PEERS)/cosign3 github.com/sigstore/cosign/v3/cmd/cosign
	go -C e2e/sigstore build -trimpath -o $(PEERS)/rekor-server github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix
	go -C e2e/sigstore build -trimpath -o $(PEERS)/ github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server
	GOBIN=$(PEERS) go install -trimpath github.com/sigstore/fulcio@$(FULCIO_VERSION)
	go -C e2e/hosts build -trimpath -o $(PEERS)/ github.com/nektos/act
	go -C e2e/cluster build -trimpath -ldflags '$(KUBERNETES_FLAGS)' -o $(PEERS)/ tool

# An API server that does not know its version is too old for Policy Controller.
KUBERNETES_FLAGS = -s -w -X k8s.io/component-base/version.gitVersion=$(shell go -C e2e/cluster list -m -f '{{.Version}}' k8s.io/kubernetes)

# A CI host in a program, from npm.
.PHONY: gitlab
gitlab:
	e2e/install npm
	npm install --silent --no-audit --no-fund --prefix $(CACHE)/npm gitlab-ci-local@$(GITLAB_CI_LOCAL_VERSION)

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(CACHE)

# Built outside the product's module, so that its go.mod stays the product's.
$(LINT):
	@mkdir -p $(@D)
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
