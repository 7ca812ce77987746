"""Noise levels in the trainer's own time: :class:`Path` and what it draws, :class:`Levels`."""

from infonoise.paths.levels import Levels
from infonoise.paths.path import Path

__all__ = ["Levels", "Path"]
