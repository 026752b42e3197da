"""The definitions of SunSpec models that come with Sealbus (`sunspec_models`), loaded for `plant.tags_of`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from sealbus.plant import ModelDefinition

__all__ = ["model_definition", "model_ids"]

_FOLDER = resources.files("sealbus.web.devices") / "sunspec_models"


def model_ids() -> list[int]:
    """The models that are defined here."""
    names = (each.name for each in _FOLDER.iterdir() if each.name.endswith(".json"))
    return sorted(int(name.removeprefix("model_").removesuffix(".json")) for name in names)


@cache
def model_definition(model_id: int) -> ModelDefinition | None:
    """The definition of a model; None where it is not here."""
    path = _FOLDER / f"model_{model_id}.json"
    return msgspec.json.decode(path.read_bytes(), type=ModelDefinition) if path.is_file() else None
