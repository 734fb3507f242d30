# Every target sets up what it needs, in .venv. PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.PHONY: demo quick test test-slow test-lowest lint check bench docs test-site chromium linkcheck dist notebook clean

demo: .venv/demo
	$(BIN)/python examples/demo/class_split.py $(if $(FULL),--full)

# For the edit loop: modules by themselves, and a few fits of the small network, in under a minute.
QUICK := tests/test_layers.py tests/data tests/datasets tests/training/test_augmentation.py \
	tests/training/test_schedule.py tests/training/test_early_stopping.py tests/cache/test_store.py \
	tests/keras/test_fused_adam.py tests/model_selection/test_class_split.py \
	tests/model_selection/test_target_scorer.py tests/estimators/test_bad_input.py \
	tests/estimators/test_score.py

quick: .venv/test
	$(BIN)/python -m pytest $(QUICK)

# More workers only where each finds a core and 4 GB of memory.
WORKERS ?= 2

test: lint .venv/test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-slow: .venv/test
	$(BIN)/python -m pytest -m slow

# The lowest versions that pyproject.toml allows have an environment of their own.
test-lowest: .venv-lowest/test
	.venv-lowest/bin/python -m pytest -n $(WORKERS) --dist worksteal

lint: .venv/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: .venv/lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy

# About 33 hours; the quick ones come first. SKFASHION_WEIGHTS may name a folder with files of weights.
BENCHMARKS := dropout_grid where_time_goes repeated_fits prediction_and_memory growth training_speed cluster_search \
	shared_workers large_inputs memory_growth feature_grid reference_protocol augmentation_views \
	other_domains shared_backbone image_files grid_speed freeze_ranking few_labels report_table frontier transfer_gain

bench: .venv/bench
	$(BIN)/python benchmarks/record.py $(BENCHMARKS)

# The build needs no network. It runs the gallery's examples.
docs: .venv/docs
	@start=$$(date +%s); $(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html && \
		$(BIN)/python docs/check_links.py docs/_build/html && \
		echo "docs/_build/html/index.html, in $$(($$(date +%s) - start)) s"

# Chromium opens the built site.
test-site: chromium docs .venv/test .venv/browser
	$(BIN)/python -m pytest -m "slow or not slow" tests/docs

chromium:
	@command -v chromium > /dev/null || { echo "make test-site needs the program chromium."; exit 1; }

# This one needs a network: it asks whether addresses outside the site exist.
linkcheck: .venv/docs
	$(BIN)/sphinx-build -q -b linkcheck -D plot_gallery=0 docs docs/_build/linkcheck

# Wheel and sdist, checked: the extras resolve, and the fast tests pass with the installed wheel.
EXTRAS = $$($(BIN)/python -c 'from importlib.metadata import metadata as m; print(*m("skfashion").get_all("Provides-Extra"), sep=",")')

dist: .venv/dist
	rm -rf dist build
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m pip install --quiet --dry-run "$$(ls dist/*.whl)[$(EXTRAS)]"
	$(PYTHON) -m venv build/env
	build/env/bin/python -m pip install --quiet "$$(ls dist/*.whl)[test]"
	mkdir build/copy
	tar -xzf dist/*.tar.gz -C build/copy --strip-components 1 --exclude '*/skfashion/*'
	cd build/copy && ../env/bin/python -m pytest -n $(WORKERS) --dist worksteal tests

# Runs the notebook, and stores its outputs in it.
notebook: .venv/test
	$(BIN)/jupyter execute --inplace examples/notebooks/reference_protocol.ipynb

clean:
	rm -rf .venv .venv-lowest build dist demo-output docs/_build docs/auto_examples docs/api/generated docs/api/examples
	rm -f docs/sg_execution_times.rst docs/backbone_table.inc

# TensorFlow 2.21 has no wheels for other versions.
CHECK_PYTHON = $(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("skfashion needs Python 3.11 to 3.13: make PYTHON=python3.13 ...")'

# One virtual environment; a file in it for each set of extras that is installed.
.venv/python:
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv
	@touch $@

.venv/demo .venv/test .venv/bench .venv/lint .venv/dist .venv/docs .venv/browser: .venv/%: .venv/python pyproject.toml
	$(INSTALL) '.[$*]'
	@touch $@

.venv-lowest/test: pyproject.toml
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		--editable '.[test]'
	@touch $@
