# Everything runs from .venv, which the first target that needs it makes from the locks. Needs Python 3.11
# or newer with venv, and make; only dynamodb-local needs Java and Maven too.

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

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench test-cluster dynamodb-local lock wheel clean

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

lock: $(READY) ## resolve the dependencies anew
	$(COMPILE) -o requirements.lock
	$(COMPILE) --extra embedded --group dev -o requirements-dev.lock

wheel: $(READY) ## build the wheel into dist/
	$(BIN)/python -m hatchling build --target wheel

clean: ## remove all that the other targets made
	rm -rf .venv .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
