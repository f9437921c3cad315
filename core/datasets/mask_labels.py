"""What the data sets call masked, unmasked and incorrect, and how their face boxes become crops."""

from __future__ import annotations

from core.datasets.sample import UnusableEntryError
from core.faces import MaskLabel

#: Side of a mask crop ÷ longer side of the face box, as in the crops of ``mask-csv``.
MASK_CROP_FACTOR = 1.3

#: Class names in lower case, ``_`` between words. No name of a hand or scarf: they are no masks.
_NAMES: dict[MaskLabel, str] = {
    MaskLabel.UNMASKED: (
        "unmasked unmask unmasked_face no_mask nomask non_mask without_mask withoutmask "
        "face_without_mask face_no_mask"
    ),
    MaskLabel.MASKED: (
        "masked mask masked_face with_mask withmask face_with_mask face_mask correct_mask "
        "correctly_masked correctly_masked_face mask_weared_correct"
    ),
    MaskLabel.INCORRECT: (
        "incorrect incorrect_mask incorrectly_masked incorrectly_masked_face "
        "mask_weared_incorrect mask_worn_incorrectly mask_worn_incorrect worn_incorrectly "
        "face_with_mask_incorrect with_incorrect_mask partially_worn_mask"
    ),
}
_LABEL_BY_NAME = {name: label for label, names in _NAMES.items() for name in names.split()}


def find_mask_label(name: str) -> MaskLabel | None:
    """The label that a class name means; case, spaces and hyphens do not matter."""
    return _LABEL_BY_NAME.get("_".join(name.lower().replace("-", " ").replace("_", " ").split()))


def mask_label(name: str) -> MaskLabel:
    """As ``find_mask_label``; a name that is not known makes the entry unusable."""
    label = find_mask_label(name)
    if label is None:
        raise UnusableEntryError("unknown label", repr(name))
    return label
