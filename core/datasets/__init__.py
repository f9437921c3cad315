"""Published data sets: one reader per format, all yielding ``FaceSample``.

reading = read_dataset("aflw2000", Path("AFLW2000"))
print(reading.report())
crop_rgb = load_crop(reading.samples[0], size_px=112)
"""

from core.datasets.recognise import recognise_dataset
from core.datasets.registry import DATASET_KINDS, read_dataset
from core.datasets.sample import (
    DatasetError,
    FaceSample,
    Reading,
    Skipped,
    load_crop,
)

__all__ = [
    "DATASET_KINDS",
    "DatasetError",
    "FaceSample",
    "Reading",
    "Skipped",
    "load_crop",
    "read_dataset",
    "recognise_dataset",
]
