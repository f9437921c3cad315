"""A studio for tests: its own home, and fresh networks in place of trained ones."""

from __future__ import annotations

from pathlib import Path

from core.checkpoint import ModelCard, save_checkpoint
from core.networks import create_network
from ui.studio import Studio, open_studio


def write_network(folder: Path, network: str) -> Path:
    """A checkpoint of a network that never learned anything."""
    path = folder / f"{network}.safetensors"
    card = ModelCard(network=network, recipe="untrained")
    save_checkpoint(path, card, create_network(network).state_dict())
    return path


def start_studio(folder: Path, *, teachers: tuple[str, ...] = ()) -> Studio:
    """A studio whose models are loaded."""
    studio = open_studio(
        folder / "home",
        write_network(folder, "mhpnet"),
        [write_network(folder, name) for name in teachers],
        "cpu",
    )
    studio.models.start()
    assert studio.models.wait(120), "the models did not load in two minutes"
    return studio
