#!/usr/bin/env bash
# The tests of infonoise.jax on the oldest JAX that the package is for, on the newest that there is for
# this Python, and on Python 3.13 with the newest: `make test-versions`, after the wheel is built. Each has
# an environment of its own in target/versions. Where there is no Python 3.13, that part is skipped with a
# message; PYTHON313 names one.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONPATH
built=.venv/wheel
here=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# check NAME PYTHON REQUIREMENTS: an environment of its own, the wheel in it, and the tests.
check() {
  local name=$1 python=$2 requirements=$3 environment=target/versions/$1 wheels=out/wheel
  if ! cmp -s "$requirements" "$environment/requirements"; then
    rm -rf "$environment"
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$environment/requirements"
  fi
  local version
  version=$("$environment/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if [ "$version" != "$here" ]; then
    wheels=out/versions/$version
    if [ ! "$wheels" -nt "$built" ]; then
      rm -rf "$wheels"
      PATH="$PWD/$environment/bin:$PATH" "$environment/bin/python" -m pip wheel --quiet --disable-pip-version-check \
        --no-build-isolation --no-deps -C cmake.define.XLA_INCLUDE="$PWD/target/xla/jaxlib/include" \
        -C cmake.define.INFONOISE_TARGET_DIR="$PWD/target" -w "$wheels" .
      touch "$wheels"
    fi
  fi
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheels"/*.whl
  "$environment/bin/python" -c 'import sys, jax; print("test-versions: JAX", jax.__version__, "on Python", sys.version.split()[0])'
  "$environment/bin/python" -m pytest -q -rs -n auto tests/test_jax*.py tests/test_density.py tests/test_path.py tests/test_trainers.py
}

# The first of these that is a Python 3.13: a shim may stand where none is installed.
python313() {
  local candidate
  for candidate in ${PYTHON313:-python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

check oldest .venv/bin/python requirements-oldest-jax.txt
check newest .venv/bin/python requirements-newest-jax.txt
if [ "$here" != 3.13 ]; then
  python=$(python313)
  if [ -n "$python" ]; then
    check python3.13 "$python" requirements-newest-jax.txt
  else
    echo "test-versions: Python 3.13 skipped, not found: install it, or set PYTHON313"
  fi
fi
