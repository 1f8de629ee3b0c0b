# Everything is set up by the target that needs it: begin with `make demo` or `make test`.
# Needed on the machine: Python 3.11 to 3.13 with pip, node with npm. ARGS passes arguments on:
#   make demo ARGS="--speed 60 --fresh"      make test ARGS="tests/unit -k tariff" JOBS=0

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
ARGS ?=
JOBS ?= 6
UV := build/uv/bin/uv
VENV := .venv/bin
STAMPS := build/stamps
LOCK := $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --python-version 3.11

export UV_LINK_MODE := copy
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# What is imported is compiled once, not by each of the hundreds of processes that a test run starts.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test campaign lint bench screenshots docs dist deb lock clean
.DELETE_ON_ERROR:

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

setup: $(STAMPS)/python $(STAMPS)/assets ## Make .venv and the pages' assets from the lock files

demo: setup ## Run a whole floor on this machine
	@$(PYTHON) scripts/system.py demo
	@$(VENV)/makerfloor demo $(ARGS)

test: setup ## Run every test, real peers included
	@$(PYTHON) scripts/system.py test
	@$(VENV)/python scripts/peers.py octoprint beancount meerk40t printrun prusalink pyftpdlib moonraker klipper schemas
	@$(VENV)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

campaign: setup ## Simulate thousands of sessions in which everything fails (ARGS="--seeds 200")
	@$(VENV)/python tests/model/every_policy.py
	@$(VENV)/python tests/model/mutate_safety.py
	@$(VENV)/python -m tests.mutants
	@$(VENV)/python -m tests.kit.disk
	@$(VENV)/python -m tests.kit.disk.ext4
	@$(VENV)/python -m tests.simulation.api_campaign
	@$(VENV)/python -m tests.fuzz.campaign
	@$(VENV)/python -m tests.simulation.kills
	@$(VENV)/python -m tests.simulation.campaign --leaps --gateways 3 --people 6 --limit 1000000 --seeds 20
	@$(VENV)/python -m tests.simulation.broker_troubles
	@$(VENV)/python -m tests.contract.broker_cluster
	@$(VENV)/python -m pytest -s tests/contract/postgres_failover.py
	@$(VENV)/python -m tests.simulation.week
	@$(VENV)/python -m tests.simulation.day
	@$(VENV)/python -m tests.simulation.campaign $(ARGS)
	@MAKERFLOOR_TEST_WHOLE=1 $(MAKE) --no-print-directory test ARGS=
	@MAKERFLOOR_TEST_ENGINE=postgresql $(MAKE) --no-print-directory test ARGS=

lint: setup ## Check style, types, the house's arrows and the sizes of files
	@$(VENV)/python -m pytest tests/house $(ARGS)

bench: setup ## Measure beside other systems, and print a table and JSON
	@$(PYTHON) scripts/system.py test
	@-$(VENV)/python scripts/peers.py fabomatic nemo-billing machine-access-control
	@$(VENV)/python -m tests.benchmarks $(ARGS)

screenshots: setup ## Make the pictures of the README, and one of every page with a year of data in build/pages
	@$(PYTHON) scripts/system.py test
	@$(VENV)/python -m scripts.screenshots
	@$(VENV)/python -m scripts.page_pictures

docs: setup ## Write the generated pages of docs/ and Grafana's dashboards anew
	@$(VENV)/python scripts/docs.py
	@$(VENV)/python -m scripts.grafana_dashboards

dist: setup ## Build the wheel in dist/ (by way of a source archive), and the locks that it is installed with
	@rm -rf dist && $(UV) build --quiet --build-constraints requirements/build.txt --out-dir dist
	@cp requirements/server.txt requirements/gateway.txt dist/

deb: dist ## Build the gateway's Debian package in dist/, for machines of this one's kind
	@/usr/bin/python3 scripts/deb.py

lock: $(UV) ## Choose versions anew within pyproject.toml and package.json (ARGS=--upgrade for the newest)
	@$(LOCK) $(ARGS) --all-extras pyproject.toml -o requirements/dev.txt > /dev/null
	@$(LOCK) --extra gateway -c requirements/dev.txt pyproject.toml -o requirements/gateway.txt > /dev/null
	@$(LOCK) --extra server --extra postgres --extra pdf -c requirements/dev.txt pyproject.toml \
		-o requirements/server.txt > /dev/null
	@npm install --package-lock-only --omit-lockfile-registry-resolved --silent

clean: ## Remove what was built; .venv and the demo's data stay
	@rm -rf build dist node_modules dashboards/web/vendor .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit(1)' \
		|| { echo "Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m pip install --quiet --upgrade --target build/uv --require-hashes -r requirements/uv.txt
	@touch $@

.venv/bin/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON) .venv

# Installed beside what is there, never anew from nothing: others may be at work in the same environment.
$(STAMPS)/python: requirements/dev.txt requirements/build.txt pyproject.toml $(UV) | .venv/bin/python
	@$(UV) pip install --quiet --python .venv/bin/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --build-constraints requirements/build.txt -e .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/assets: package.json package-lock.json .npmrc scripts/assets.py
	@command -v npm > /dev/null || { echo "npm is missing: apt-get install nodejs npm"; exit 1; }
	@npm ci --ignore-scripts --silent
	@$(PYTHON) scripts/assets.py
	@mkdir -p $(STAMPS) && touch $@
