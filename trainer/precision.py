"""bfloat16 where the device computes in it, float32 everywhere else.

A CPU without AVX-512 has to emulate bfloat16, which makes a ResNet-18 learn many times slower
(``docs/training.md``). GPUs before Ampere emulate it too.
"""

from __future__ import annotations

import torch


def autocast(device: torch.device, precision: str = "bf16") -> torch.autocast:
    """The context in which a network answers or learns; ``precision`` "fp32" turns it off.

    What would be emulated is computed in float32, whatever the recipe would like.
    """
    enabled = in_use(device, precision) == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def in_use(device: torch.device, precision: str) -> str:
    """What is computed in on this machine where ``precision`` is wanted."""
    return precision if computes_bf16(device) else "fp32"


def computes_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16, or for the wide sums that serve it."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")
