# The same commands for people and for continuous integration; each one says what it lacks.

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench crash tamper fuzz schemathesis clients stunnel sbom reproducible

TARGET := $(or $(CARGO_TARGET_DIR),target)

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install the system packages that are missing (asks first)
	@scripts/setup

demo: setup ## build Coffre and run the whole story in a temporary directory
	cargo build --locked -p coffre-cli
	$(TARGET)/debug/coffre demo $(ARGS)

test: ## run all tests
	@scripts/setup tests
	scripts/test

check: setup ## format, lints, licences, architecture
	scripts/check

bench: ## measure Coffre beside its baselines, in a release build
	@scripts/setup bench
	@for part in s3-server openbao; do scripts/$$part || [ $$? -eq 77 ] || exit 1; done
	cargo bench --locked -p coffre-cli --bench figures -- $(ARGS)

crash: setup ## lose the power and kill the server a thousand times each (ARGS="COUNT SEED")
	@scripts/crash $(ARGS)

tamper: setup ## change every kind of file a thousand times (ARGS="COUNT SEED")
	@scripts/tamper $(ARGS)

fuzz: setup ## fuzz every reader of outside bytes, ten minutes each
	@scripts/fuzz $(or $(ARGS),600)

schemathesis: ## have schemathesis try the API with requests of its own making
	cargo build --locked -p coffre-cli
	@scripts/schemathesis $(TARGET)/debug/coffre

clients: ## generate, compile and run the TypeScript and PHP clients
	cargo build --locked -p coffre-cli
	@scripts/clients $(TARGET)/debug/coffre

stunnel: ## try the stunnel configuration for clients without modern TLS
	cargo build --locked -p coffre-cli
	@scripts/stunnel $(TARGET)/debug/coffre

sbom: ## write the bill of materials (CycloneDX) to target/sbom
	@scripts/sbom

reproducible: setup ## build the release binary twice and compare
	@scripts/reproducible
