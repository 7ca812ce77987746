"""scikit-build-core, whose sdist also takes what lies outside of this folder: the Rust sources and the C++ headers."""

import shutil
from pathlib import Path

from scikit_build_core.build import *  # noqa: F403 (the other hooks are its own)
from scikit_build_core import build as scikit_build

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "repository"  # where CMakeLists.txt finds them in an unpacked sdist
PARTS = ["Cargo.toml", "Cargo.lock", "LICENSE-MIT", "LICENSE-APACHE", "include", "bindings/cpp/include"]
PARTS += ["core", "ffi", "cli", "benches"]


def build_sdist(folder, settings=None):
    repository = HERE.parent.parent
    if SOURCES.exists():  # an sdist made from an unpacked one
        return scikit_build.build_sdist(folder, settings)
    SOURCES.mkdir()
    try:
        for part in PARTS:
            copy = shutil.copytree if (repository / part).is_dir() else shutil.copy2
            copy(repository / part, SOURCES / part)
        return scikit_build.build_sdist(folder, settings)
    finally:
        shutil.rmtree(SOURCES)
