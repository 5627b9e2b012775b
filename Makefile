# The two commands are `make demo` and `make test`; each does all the set-up it needs.
SHELL := /bin/bash
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen

.PHONY: help demo test lint types unit bench bench-peers bench-recorded fuzz soak format setup peers clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv

setup: $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv) ## uv and the Python packages of the lock file
	@$(UV) sync --frozen --quiet

demo: setup ## the live map with recorded traffic and a simulated raid
	$(RUN) lowsky demo

peers: ## browser and other programs that tests hold us against (Debian, needs root)
	@if [ "$$CI" = true ]; then tools/install-test-peers.sh; fi

test: setup peers lint types unit ## everything CI runs

lint:
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types:
	$(RUN) mypy

unit:
	$(RUN) pytest -n 2 --dist loadfile

format: setup ## put the code into its form
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

bench: setup ## every figure of BENCHMARKS.md, some hours; PART="tracking goals" runs only these
	$(RUN) python -m benchmarks.run $(PART)

bench-peers: setup ## Stone Soup and lowsky on the same measurements, in one run: accuracy, speed, memory
	mkdir -p artefacts/bench
	$(RUN) python -m benchmarks.peers --json artefacts/bench/peers.json

RECORDED ?= ../shared/data
bench-recorded: setup ## recorded flights with truth under RECORDED=FOLDER, which are not part of the repository
	$(RUN) python -m benchmarks.recorded $(RECORDED) --json artefacts/recorded

fuzz: setup ## a million mutated real messages into every feed
	$(RUN) python tests/fuzz/run.py --count 1000000

soak: setup ## an hour of 1,000 tracks: memory and latency
	$(RUN) python -m benchmarks.soak --minutes 60

clean:
	rm -rf .venv .uv artefacts dist
