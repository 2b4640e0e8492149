# Everything runs from .venv, which the first target that needs it makes from the locks; Node comes with it.
# Needs Python 3.11 or newer with venv, and make; only dynamodb-local needs Java and Maven too.

PYTHON ?= python3
PORT ?= 8080
# Two workers, each file whole in one of them, so that a file's servers start once.
PYTEST_ARGS ?= -n 2 --dist loadfile

BIN := .venv/bin
READY := .venv/ready
UV := $(BIN)/uv
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade
POM := infra/dynamodb-local/pom.xml
DYNAMODB_LOCAL := .cache/dynamodb-local

# What is deployed, and where to. OSLS_ARGS may give parameters: --param=log_days=90
export ARCH ?= arm64
STAGE ?= dev
CONFIG ?= $(firstword $(wildcard backout.yaml) $(EXAMPLE))
OSLS_ARGS ?=
EXAMPLE := examples/backout.yaml
HOST_ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
NODE := export PATH="$(CURDIR)/$(BIN):$$PATH" &&
OSLS := node_modules/.bin/osls

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench test-cluster dynamodb-local package test-package deploy lock wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11 ...' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@# uv first, by its own lines of the lock: it installs the rest several times faster than pip
	awk '/^[a-z]/ {wanted = /^uv==/} wanted' requirements-dev.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r .venv/uv.lock
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

demo: $(READY) ## break a made-up shop and watch it being rolled back
	$(BIN)/backout demo

serve: $(READY) ## serve every function in one process, with the table in memory
	$(BIN)/backout serve --config examples/backout.yaml --embedded --port $(PORT)

test: $(READY) ## run the tests; those that miss a program say which
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(READY) ## lint, format, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## measure it
	$(BIN)/python -m benchmarks

test-cluster: $(READY) ## run the contract tests against a real cluster
	@test -n "$$BACKOUT_TEST_KUBECONFIG" || { \
		echo 'Set BACKOUT_TEST_KUBECONFIG to the kubeconfig of a cluster that tests may change.' >&2; exit 2; }
	$(BIN)/python -m pytest tests/contract/test_*_cluster.py

dynamodb-local: $(DYNAMODB_LOCAL)/ready ## fetch DynamoDB Local, for the tests of concurrent writers

$(DYNAMODB_LOCAL)/ready: $(POM)
	rm -rf $(DYNAMODB_LOCAL)
	mvn -q -B -f $(POM) dependency:copy-dependencies -DincludeScope=runtime \
		-DoutputDirectory=$(CURDIR)/$(DYNAMODB_LOCAL)
	touch $@

$(OSLS): $(READY) package-lock.json .npmrc
	$(NODE) npm ci --silent
	touch $@

package: $(READY) $(OSLS) ## make what is deployed on AWS, for ARCH, with backout.yaml in it
	$(BIN)/python -m infra.aws --architecture $(ARCH) --config $(CONFIG) --folder build/$(ARCH)
	$(NODE) $(OSLS) package --stage $(STAGE) --package build/$(ARCH)/osls $(OSLS_ARGS)

test-package: ## make it for arm64 and for this machine, and drive what was made as Lambda does
	for arch in $(sort arm64 $(HOST_ARCH)); do $(MAKE) package ARCH=$$arch CONFIG=tests/package/backout.yaml || exit; done
	BACKOUT_PACKAGES=$(HOST_ARCH) $(BIN)/python -m pytest tests/package

deploy: ## package and deploy to STAGE, with AWS credentials as the AWS CLI finds them
	@test $(CONFIG) != $(EXAMPLE) || { echo 'Put your backout.yaml beside serverless.yml.' >&2; exit 2; }
	$(MAKE) package
	$(NODE) $(OSLS) deploy --stage $(STAGE) $(OSLS_ARGS)

lock: $(READY) ## resolve the dependencies anew
	$(COMPILE) --extra tracing -o requirements.lock
	$(COMPILE) --extra embedded --group dev -o requirements-dev.lock

wheel: $(READY) ## build the wheel into dist/
	$(BIN)/python -m hatchling build --target wheel

clean: ## remove all that the other targets made
	rm -rf .venv .cache dist build node_modules .serverless .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
