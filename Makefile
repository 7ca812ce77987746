# Entry points; each sets up what it needs in .venv and target/.
SEEDS ?= 1
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Tests in as many processes as there are cores; those that compare times run alone.
PYTEST := $(PY) -m pytest -q -rs -n auto --dist loadgroup -m "not timing"

CHECK_PYTHON := $(addprefix tests/,reference $(addsuffix .py,$(addprefix test_, \
  bfloat16 density docs exact jax jax_checkpoints jax_devices jax_processes jax_strict jax_transforms journal path \
  plan plot python pytorch state_recipes timesteps trainers vectors)))

.PHONY: demo check check-python test costs test-versions test-cross test-gpu cuda bench results pictures fuzz lib lint header clean
demo: $(VENV)/wheel  ## builds everything, trains, prints the table, writes the plots
	$(PY) demo/run.py --seeds $(SEEDS) --out out/demo

check:  ## quick tests of the Rust code: format, clippy, the core's tests, headers, a C program
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	cargo test --quiet --locked -p infonoise -p infonoise-header
	@$(MAKE) --no-print-directory lib
	mkdir -p out/check && $(CC) -std=c11 -Wall -Wextra -Werror -Iinclude tests/c/smoke.c out/lib/libinfonoise.a -o out/check/smoke
	out/check/smoke

check-python: $(VENV)/wheel  ## quick tests of the Python package
	$(PYTEST) $(CHECK_PYTHON)

test: lint $(VENV)/wheel  ## every test of the project
	cargo test --workspace --locked
	cargo test -q --locked --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz
	tests/fuzz/run.sh 5
	$(PYTEST) tests demo

costs: $(VENV)/wheel lib  ## ratios of times, with wide limits; other processes can make it fail
	$(PY) -m pytest -q -rs -m timing tests

test-versions: $(VENV)/wheel  ## the JAX tests on the oldest and the newest JAX, and on Python 3.13
	tests/versions.sh

test-cross:  ## the same bits on aarch64 and s390x, under emulation
	tests/cross.sh

pictures: $(VENV)/wheel  ## the pictures of docs/method.md and docs/choosing.md
	$(PY) docs/make_pictures.py --out docs/images
	$(PY) docs/seeing.py --out docs/images

results: $(VENV)/wheel  ## the paper's questions at small scale, in hours; rewrites docs/results.md
	$(PY) experiments/results.py --report docs

bench: $(VENV)/wheel lib  ## every benchmark; rewrites docs/performance.md and its picture
	cargo bench --locked -p infonoise-benches > out/criterion.txt
	$(PY) benches/report.py

test-gpu: $(VENV)/wheel cuda  ## tests that need a GPU; says so where there is none
	$(PY) -m pytest tests/test_cuda.py -k on_a_gpu -q -rs -s

cuda: target/cuda/installed  ## nvcc, for the tests of infonoise/cuda.hpp
target/cuda/installed: requirements-cuda.txt $(VENV)/requirements
	rm -rf target/cuda
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target target/cuda -r requirements-cuda.txt
	touch $@

fuzz:  ## a minute of any bytes for each target
	tests/fuzz/run.sh 60

lib:  ## out/lib/libinfonoise.a, reduced to its exports, for the processor of CC
	CC="$(CC)" ffi/build.sh out/lib/libinfonoise.a

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

header:  ## include/*.h from the ffi crate
	cargo run --quiet --locked -p infonoise-header

$(VENV)/requirements: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# The XLA headers that the wheel is built with: those of the oldest JAX that it is for.
XLA := target/xla/jaxlib/include
$(XLA)/installed: requirements-build.txt $(VENV)/requirements
	rm -rf target/xla
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target target/xla -r requirements-build.txt
	touch $@

SOURCES := $(shell find core ffi include bindings/cpp/include bindings/jax pyproject.toml CMakeLists.txt -type f -not -name '*.pyc')
WHEEL := -C cmake.define.XLA_INCLUDE=$(CURDIR)/$(XLA) -C cmake.define.INFONOISE_TARGET_DIR=$(CURDIR)/target
$(VENV)/wheel: $(VENV)/requirements $(XLA)/installed Cargo.toml Cargo.lock $(SOURCES)
	rm -rf out/wheel
	$(PY) -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps $(WHEEL) -w out/wheel .
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall out/wheel/*.whl
	touch $@

clean:
	rm -rf $(VENV) target out
