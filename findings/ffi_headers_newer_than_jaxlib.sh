#!/usr/bin/env bash
# An XLA FFI handler built with newer headers is registered without an error, and then
# a JAX operation that has nothing to do with it fails.
#
# Versions: jax and jaxlib 0.7.0 run; headers of jaxlib 0.10.2 build. CPython 3.11, g++ 12.
# Behaviour: `jax.ffi.register_ffi_target` returns. The first operation of any kind then
#   raises RuntimeError, "Unable to initialize backend 'cpu': INVALID_ARGUMENT: FFI handler
#   registration for twice on platform Host (canonical host) failed because the handler's
#   API version (0.3) is incompatible with the framework's API version (0.1)". The message
#   advises to set JAX_PLATFORMS=cpu, which is what runs already. A second operation works;
#   the handler itself is then "NOT_FOUND". With the runtime's own headers all of it works.
# So: build with the headers of the oldest jaxlib that the package supports. Headers of
#   jaxlib up to 0.8 say API version 0.1.
# Needs python3 (3.11 to 3.13), g++, unzip. Exits non-zero if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jax==0.7.0 jaxlib==0.7.0
venv/bin/pip download --quiet --disable-pip-version-check --no-deps -d newer jaxlib==0.10.2
(cd newer && unzip -q ./*.whl 'jaxlib/include/*')

cat >twice.cc <<'CC'
#include "xla/ffi/api/ffi.h"
namespace ffi = xla::ffi;
static ffi::Error Run(ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> y) {
  for (size_t i = 0; i < x.element_count(); ++i) y->typed_data()[i] = 2 * x.typed_data()[i];
  return ffi::Error::Success();
}
XLA_FFI_DEFINE_HANDLER_SYMBOL(Twice, Run,
                              ffi::Ffi::Bind().Arg<ffi::Buffer<ffi::F32>>().Ret<ffi::Buffer<ffi::F32>>());
CC
cat >use.py <<'PY'
import ctypes, sys
import jax, jax.numpy as jnp

jax.ffi.register_ffi_target("twice", jax.ffi.pycapsule(ctypes.CDLL(sys.argv[1]).Twice), platform="cpu")
print("registered")
for attempt in range(2):
    try:
        print("unrelated:", jnp.ones(3) + 1)
    except Exception as error:
        print("unrelated:", type(error).__name__, error)
try:
    print("twice:", jax.ffi.ffi_call("twice", jax.ShapeDtypeStruct((3,), jnp.float32))(jnp.ones(3)))
except Exception as error:
    print("twice:", type(error).__name__, error)
PY
own=$(venv/bin/python -c 'import jax.ffi; print(jax.ffi.include_dir())')
for headers in "$own" newer/jaxlib/include; do
  g++ -std=c++17 -O1 -fPIC -shared -isystem "$headers" twice.cc -o twice.so
  venv/bin/python use.py ./twice.so 2>/dev/null | tee output
  [ "$headers" = "$own" ] && mv output own || mv output newer.output
  echo
done
expect() {
  grep -q "$2" "$1" || { echo "changed: $1 holds no line '$2'" >&2; exit 1; }
}
expect own '^twice: \[2\. 2\. 2\.\]'
expect newer.output '^registered$'
expect newer.output "^unrelated: RuntimeError Unable to initialize backend 'cpu'"
expect newer.output '^unrelated: \[2\. 2\. 2\.\]'
expect newer.output '^twice: .*NOT_FOUND'
echo "as described"
