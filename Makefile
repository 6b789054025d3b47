# Every target sets up what it needs in a local virtual environment. A second interpreter has its own:
#   make test PYTHON=/path/to/python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
TESTS ?= $(sort $(dir $(wildcard tests/*/test_*.py)))
BENCH ?= -m benchmarks
DEMO_ARGS ?=

BIN := $(VENV)/bin
BUILD := build/$(notdir $(VENV))
CMAKE_GENERATE := $(BIN)/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -S . -B
CTEST := $(BIN)/ctest --output-on-failure --no-tests=error -j 2 --test-dir
PIP := $(BIN)/python -m pip
FORMATTED_C = $(wildcard csrc/include/bytebound/*.h csrc/src/*.[ch] tests/c/*.[ch] src/bytebound/_native/*.[ch])

# An older release with a wheel goes before a newer one that only comes as source.
export PIP_PREFER_BINARY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Folders are among the sources too: their times tell of a file that was removed.
SOURCES := pyproject.toml CMakeLists.txt LICENSE README.md \
	$(shell find src csrc -name __pycache__ -prune -o -print)

.DEFAULT_GOAL := help
.PHONY: help demo test test-c test-python bench lint format sanitize wheel install clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed $(VENV)/.with-cli ## run the main job, `bytebound stress`; DEMO_ARGS adds options
	$(BIN)/bytebound stress $(DEMO_ARGS)

test: test-c test-python ## run all tests; PYTEST_ARGS adds options, TESTS names folders or files

test-c: $(VENV)/.with-build ## run the tests of the C core
	$(CMAKE_GENERATE) $(BUILD)/core -DCMAKE_BUILD_TYPE=Release -DBYTEBOUND_THREADED=$$($(BIN)/python -c \
		'import sysconfig; print(sysconfig.get_config_var("Py_GIL_DISABLED") or 0)')
	$(BIN)/cmake --build $(BUILD)/core
	$(CTEST) $(BUILD)/core

test-python: $(VENV)/.installed $(VENV)/.with-test $(VENV)/.with-cli ## run the Python tests against the installed package
	@# A process for each: what tests leave behind makes full collections slow, above all without a GIL.
	@failed=; for tests in $(TESTS); do \
		$(BIN)/python -m pytest $(PYTEST_ARGS) $$tests || failed="$$failed $$tests"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

bench: $(VENV)/.installed $(VENV)/.with-bench $(VENV)/.with-test ## run the benchmarks and print their table
	$(BIN)/python $(BENCH)

lint: $(VENV)/.installed $(VENV)/.with-dev $(VENV)/.with-test $(VENV)/.with-cli ## check style, spelling, types and stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint src
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml \
		--allowlist scripts/stubtest-allowlist.txt --ignore-unused-allowlist bytebound
	$(BIN)/clang-format --dry-run -Werror $(FORMATTED_C)
	$(BIN)/codespell

format: $(VENV)/.with-dev ## rewrite the Python and C sources in the house style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(FORMATTED_C)

sanitize: $(VENV)/.with-build ## test the C core under ASan, UBSan and TSan, and fuzz it for 20 s a target
	$(CMAKE_GENERATE) $(BUILD)/asan -DCMAKE_BUILD_TYPE=Debug -DBYTEBOUND_ASAN=ON -DBYTEBOUND_UBSAN=ON -DBYTEBOUND_FUZZ_SECONDS=20
	$(BIN)/cmake --build $(BUILD)/asan
	$(CTEST) $(BUILD)/asan --verbose
	$(CMAKE_GENERATE) $(BUILD)/tsan -DCMAKE_BUILD_TYPE=Debug -DBYTEBOUND_TSAN=ON
	$(BIN)/cmake --build $(BUILD)/tsan
	$(CTEST) $(BUILD)/tsan -R 'budget|threads'

wheel: $(VENV)/.with-build ## build a wheel into dist/
	$(PIP) wheel -q --no-build-isolation --no-deps --config-settings=build-dir=$(BUILD)/ext -w dist .
	ls dist

install: $(VENV)/.installed ## install the package into the virtual environment

clean: ## remove everything built, and the virtual environments
	rm -rf build dist .venv .venv-* .hypothesis .benchmarks .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.with-build: pyproject.toml | $(VENV)/.created
	$(BIN)/python scripts/requirements.py build run >$@.txt
	$(PIP) install -q -r $@.txt cmake ninja
	touch $@

$(VENV)/.with-%: pyproject.toml | $(VENV)/.created
	$(BIN)/python scripts/requirements.py $* >$@.txt
	$(PIP) install -q -r $@.txt
	touch $@

$(VENV)/.installed: $(SOURCES) | $(VENV)/.with-build
	$(PIP) install -q --no-build-isolation --no-deps --config-settings=build-dir=$(BUILD)/ext .
	touch $@
