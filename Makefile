# The README's commands and what developers use. `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PACKS ?= packs
RUNS ?= runs
INSTALL = $(BIN)/uv pip install --python $(BIN)/python -c constraints.txt
ifneq ($(wildcard ../shared/data),)
export GLASSPOSE_DATA ?= $(abspath ../shared/data)
endif
# One thread a test process: two cores, two processes.
TEST = OMP_NUM_THREADS=1 MPLBACKEND=agg $(BIN)/python -m pytest -n 2 --dist worksteal -q

# Properties that cost about a millisecond each.
LAWS = tests/test_geometry.py tests/test_skeletons.py tests/test_metrics_distance.py tests/test_metrics_similarity.py tests/test_metrics_significance.py \
  tests/test_metrics_protocols.py tests/codecs/test_heatmap.py tests/codecs/test_codecs_contract.py tests/codecs/test_soft_argmax_and_simcc.py \
  tests/configs/test_round_trip.py

.PHONY: help demo test test-slow test-all test-nightly test-release audit check fix bench bench-gpu export-executorch export-litert android-model docs docs-pictures page pins clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

.venv/uv: # an environment with uv in it, which installs in a fraction of pip's time
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

.venv/package: .venv/uv pyproject.toml constraints.txt
	$(INSTALL) -e .
	@touch $@

.venv/tools: .venv/package
	$(INSTALL) --compile-bytecode --group test -e ".[people]"
	@touch $@

demo: .venv/package ## install, then find the keypoints of a portrait; writes glasspose-out/demo
	$(BIN)/glasspose demo

test: .venv/tools ## every test of a commit
	$(TEST) -m "not slow and not nightly and not release"

test-slow: .venv/tools ## what takes longer: browsers, exports, whole trainings
	$(TEST) -m "slow and not nightly and not release"

test-all: test test-slow ## both

test-nightly: .venv/tools ## and those of an hour, and every guard switched off in turn
	$(TEST) -m "nightly and not release"
	GLASSPOSE_EXAMPLES=50000 $(TEST) --timeout 7200 -m "not slow and not nightly and not release" $(LAWS)
	OMP_NUM_THREADS=1 MPLBACKEND=agg $(BIN)/python tests/mutants.py

test-release: .venv/tools ## what takes hours: two hundred killed runs
	$(TEST) -m "release"

audit: .venv/uv constraints.txt ## look for published holes in the pinned packages; asks a service on the network
	@$(BIN)/uv tool run --from pip-audit pip-audit --strict --no-deps --disable-pip -r constraints.txt \
	  || { echo "AUDIT NOT PASSED: either a hole is listed above, or the service could not be asked. Nothing is known about these versions."; exit 1; }

check: .venv/tools ## lint, types, layers, dead links
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/tools ## format, and mend what lint can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

BENCH ?= glasspose-out/bench

bench: .venv/tools ## how many times faster than plain ways this machine works; wants it for itself
	OMP_NUM_THREADS=1 $(BIN)/glasspose bench --out $(BENCH)
	$(BIN)/glasspose bench predict engines int8 samples packed targets decode flip --threads all --out $(BENCH)

bench-gpu: .venv/tools ## the same for training on a GPU
	$(BIN)/glasspose bench gpu --out $(BENCH)

# Exporters for phones bring dozens of packages, and LiteRT's pins other versions: each has an environment of its own.
WEIGHTS ?= hourglass-tiny-lsp

.venv-executorch/ready: .venv/uv pyproject.toml
	$(BIN)/uv venv --quiet --clear .venv-executorch
	$(BIN)/uv pip install --quiet --python .venv-executorch/bin/python -c constraints.txt -e ".[executorch]"
	@touch $@

.venv-litert/ready: .venv/uv pyproject.toml
	$(BIN)/uv venv --quiet --clear .venv-litert
	$(BIN)/uv pip install --quiet --python .venv-litert/bin/python -e . litert-torch
	@touch $@

export-executorch: .venv-executorch/ready ## WEIGHTS as a .pte for phones, with its proof
	.venv-executorch/bin/python -m glasspose export $(WEIGHTS) --to executorch

export-litert: .venv-litert/ready ## WEIGHTS as a .tflite for phones, with its proof
	.venv-litert/bin/python -m glasspose export $(WEIGHTS) --to litert

android-model: .venv-executorch/ready ## WEIGHTS, exported and proved, into the Android sample
	.venv-executorch/bin/python -m glasspose export $(WEIGHTS) --to executorch --out android/app/src/main/assets/pose.pte

docs: .venv/tools ## build the site from docs/ into site/; a dead link fails
	OMP_NUM_THREADS=1 MPLBACKEND=agg $(BIN)/sphinx-build -W --keep-going -q -b html docs site
	@echo "site/index.html"

docs-pictures: .venv/tools ## draw the pictures of README and docs again
	$(BIN)/python docs/make.py
	$(BIN)/python docs/figures.py
	$(BIN)/python docs/gallery.py

PAGE_WEIGHTS ?= hourglass-tiny-lsp
PAGE = src/glasspose/serving/page

page: .venv/tools ## build the page with the network and the runtime that it brings to browsers; needs node
	cd web && npm install
	mkdir -p $(PAGE)/device
	$(BIN)/glasspose export $(PAGE_WEIGHTS) --to onnx --flip-test --out $(PAGE)/device/pose.onnx
	$(BIN)/python web/check.py $(PAGE_WEIGHTS) $(PAGE)/device
	cd web && node build.mjs --device

pins: .venv/uv ## write constraints.txt: versions to be tested together, without addresses
	$(BIN)/uv pip compile pyproject.toml --group test --all-extras --universal --no-header --no-annotate --python-version 3.11 -o constraints.txt

clean: ## remove the environment and everything made
	rm -rf .venv .venv-executorch .venv-litert build dist site glasspose-out
