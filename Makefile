# make up         build skiff and start a cluster on this machine (Ctrl-C stops it)
# make test       every test once, those in namespaces and virtual machines included (needs root)
# make test-long  the repetitions too: more kills, more power cuts, more cases of every property
# make fuzz       what is read from strangers, ten minutes a target (FUZZ_SECONDS)
# make lint       format, clippy, licences and advisories
# make bench      figures beside their targets and references (needs root)

.PHONY: up test test-long fuzz lint bench deps deps-up deps-test deps-fuzz kubectl
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# What a node needs to run containers, and what building takes.
PACKAGES_UP := containerd runc containernetworking-plugins nftables iptables iproute2 conntrack \
	ca-certificates gcc make libc6-dev protobuf-compiler libprotobuf-dev
# What the tests need beside it: a registry, etcd, a name client, an IPVS client, file system tools, HTTP and TLS clients,
# and what programs of users are written in. Node of other origin than Debian's brings its own npm.
PACKAGES_TEST := $(PACKAGES_UP) docker-registry etcd-server ipvsadm dnsutils e2fsprogs util-linux wget curl openssl wrk \
	python3-venv $(if $(shell command -v npm),,nodejs npm)

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
# Errors of tests are sentences; where they came from is in the sentence.
export RUST_LIB_BACKTRACE := 0

ifdef NEXTEST
RUN_TESTS := cargo nextest run --workspace --config-file e2e/nextest.toml
RUN_LONG := $(RUN_TESTS) --profile long --run-ignored all
else
RUN_TESTS := cargo test --workspace -- --test-threads=2
RUN_LONG := $(RUN_TESTS) --include-ignored
endif

up: deps-up
	cargo build --release --bin skiff
	$(SUDO) target/release/skiff up

test: deps-test kubectl
	cargo build --workspace --bins --examples
	$(RUN_TESTS)

test-long: deps-test kubectl
	cargo build --workspace --bins --examples
	PROPTEST_CASES=4096 $(RUN_LONG)
	$(MAKE) fuzz

# The stable toolchain has no sanitizers; safe code needs none.
FUZZ_SECONDS ?= 600
fuzz: deps-fuzz
	command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
	for target in $$(ls fuzz/corpus); do \
		mkdir -p target/fuzz/$$target; \
		cargo fuzz run --fuzz-dir fuzz/libfuzzer --target-dir target/fuzz-build --sanitizer none $$target \
			target/fuzz/$$target fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=10; \
	done

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test -q -p skiff-e2e --test tidy
	command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	cargo deny check bans licenses sources
	if cargo deny fetch db; then cargo deny --offline check advisories; \
	else echo "advisories were not checked: their database cannot be reached"; fi

bench: deps-test kubectl
	cargo build --release -p skiff -p skiff-e2e --bin skiff --bin skiff-bench
	target/release/skiff-bench

deps: deps-test
deps-fuzz:
	$(call install_missing,$(PACKAGES_UP) g++)
deps-up:
	$(call install_missing,$(PACKAGES_UP))
deps-test:
	$(call install_missing,$(PACKAGES_TEST))

# Debian has no recent kubectl.
kubectl:
	@if [ -z "$${KUBECTL:-}" ] && ! command -v kubectl >/dev/null; then \
		echo "kubectl is missing: see https://kubernetes.io/docs/tasks/tools/, or set KUBECTL" >&2; \
		exit 1; \
	fi

# Installs those of the packages $(1) that are not there; says nothing when all are.
define install_missing
@missing=(); \
for package in $(1); do \
	dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q '^install ok installed$$' \
		|| missing+=("$$package"); \
done; \
if [ $${#missing[@]} -gt 0 ]; then \
	echo "installing $${missing[*]}"; \
	$(SUDO) apt-get update -qq; \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"$${missing[@]}"; \
fi
endef
