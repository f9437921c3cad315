"""The networks have the published sizes, and a row never depends on its batch mates."""

from __future__ import annotations

import pytest
import torch

from core.head_pose import BIN_COUNT
from core.networks import NETWORKS, create_network, parameter_count


def test_the_student_with_two_mask_classes_has_11_26_million_parameters():
    assert parameter_count(create_network("mhpnet-2class")) == 11_267_196


def test_one_forward_pass_answers_all_four_heads():
    network = create_network("mhpnet").eval()
    for batch in (1, 3):
        outputs = network(torch.randn(batch, 3, 112, 112))
        assert [tuple(o.shape) for o in outputs] == [(batch, 3)] + [(batch, BIN_COUNT)] * 3
        assert outputs.pose_logits.shape == (batch, 3, BIN_COUNT)


def test_a_row_does_not_depend_on_its_batch_mates():
    """The published student subtracts the maximum over the batch: there it does."""
    network = create_network("mhpnet").eval()
    images = torch.randn(4, 3, 112, 112)
    images[1] *= 50.0
    alone = network(images[:1])
    together = network(images)
    for one, many in zip(alone, together, strict=True):
        torch.testing.assert_close(one[0], many[0], atol=1e-4, rtol=1e-4)


def test_every_parameter_of_the_student_gets_a_gradient():
    network = create_network("mhpnet")
    outputs = network(torch.randn(2, 3, 112, 112))
    assert all(bool(logits.isfinite().all()) for logits in outputs)
    sum(o.square().mean() for o in outputs).backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize(
    ("name", "millions", "pose", "mask"),
    [
        ("resnet101-pose", 43.6, True, False),
        ("res2net101-pose", 44.3, True, False),
        ("botnet101-pose", 38.9, True, False),
        ("resnet152-mask", 58.1, False, True),
        ("lite0-pose", 3.6, True, False),
        ("lite1-pose", 4.4, True, False),
        ("lite2-pose", 5.1, True, False),
        ("resnet18-pose", 11.3, True, False),
        ("regnetx004-pose", 4.8, True, False),
        ("lite0-mask", 3.4, False, True),
        ("lite1-mask", 4.1, False, True),
    ],
)
def test_teachers_have_their_size_and_answer_their_task_only(name, millions, pose, mask):
    network = create_network(name).eval()
    assert parameter_count(network) / 1e6 == pytest.approx(millions, abs=0.06)
    with torch.inference_mode():
        outputs = network(torch.randn(1, 3, 112, 112))
    assert (outputs.yaw_logits is not None) == pose
    assert (outputs.mask_logits is not None) == mask


def test_every_registered_network_was_tested_here():
    students = {"mhpnet", "mhpnet-2class"}
    marks = test_teachers_have_their_size_and_answer_their_task_only.pytestmark
    assert set(NETWORKS) == students | {row[0] for row in marks[0].args[1]}


@pytest.mark.parametrize("network", ["lite0-pose", "lite1-pose", "lite2-pose"])
def test_imagenet_weights_fill_the_whole_backbone(network):
    fresh, trained = create_network(network), create_network(network, imagenet=True)
    name = "backbone.conv_stem.weight"
    assert not torch.equal(fresh.state_dict()[name], trained.state_dict()[name])
    assert all(torch.isfinite(v).all() for v in trained.state_dict().values())


def test_an_unknown_network_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown network 'x'; known: mhpnet"):
        create_network("x")
    with pytest.raises(ValueError, match="no ImageNet weights for 'mhpnet'"):
        create_network("mhpnet", imagenet=True)
