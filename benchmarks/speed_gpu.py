"""How much of a GPU's bfloat16 arithmetic the network uses."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from core.answer_network import AnswerNetwork


def flop_per_face(network: AnswerNetwork) -> int:
    """Floating-point operations for one crop: two for each multiply-add."""
    size_px = network.card.input_px
    crops = torch.zeros((1, size_px, size_px, 3), dtype=torch.uint8)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(crops)
    return int(counter.get_total_flops())


def matmul_flop_per_s(device: str, side: int = 8192, calls: int = 20) -> float:
    """What the device reaches in a large bfloat16 matrix product: its peak in practice."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(3):
        a @ b
    begin.record()
    for _ in range(calls):
        a @ b
    end.record()
    end.synchronize()
    return 2 * side**3 * calls / (begin.elapsed_time(end) / 1000)
