"""The trainer: it learns, and it survives what machines do to it."""

import pytest
import torch

from emdiff_app.diffusion import Architecture, Batch, LearnedPrior, Trainer, memory, precision
from emdiff_app.diffusion.anchors import Denoising
from emdiff_app.errors import RunError
from emdiff_app.physics.random import generator_of

SMALL = Architecture((8, 16), (1, 1), (1,))


def trainer(**arguments):
    torch.manual_seed(0)
    arguments = {"learning_rate": 3e-3, "precision": "float32", **arguments}
    return Trainer(LearnedPrior("tiny", 1, 0.5, 0.5, architecture=SMALL), **arguments)


def flat_images(count=256):
    """A world of two flat images: black and white."""
    white = torch.randint(0, 2, (count, 1, 1, 1), generator=generator_of(3)).float()
    return white.expand(-1, 1, 16, 16).contiguous()


class Greedy:
    """Plain denoising on a machine that cannot hold more than `most` images."""

    def __init__(self, most):
        self.most, self.counts = most, []

    def loss(self, prior, batch, generator):
        self.counts.append(len(batch))
        if len(batch) > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return Denoising().loss(prior, batch, generator)


def test_training_learns_what_no_linear_filter_can():
    clean, run = flat_images(), trainer()
    for step in range(200):
        run.step(clean[(step * 16) % 256 :][:16])
    recorded = clean + 1.5 * torch.randn(clean.shape, generator=generator_of(4))
    error = (run.average.denoise(recorded, 1.5) - clean).square().mean()
    assert error < 0.05  # the variance of the pixels is 0.25


def test_running_out_of_memory_halves_the_parts_and_changes_nothing_else():
    x, term, free = flat_images(16), Greedy(4), trainer()
    short = trainer()
    for _ in range(3):
        short.step(x, term)
        free.step(x)
    assert term.counts[1:] == [16, 8, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]  # the first counts bytes
    assert short.part == 4
    assert short.steps == free.steps == 3


def test_memory_that_runs_out_while_precision_is_chosen_halves_the_parts_too(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "_known", {})
    short, term = trainer(precision="auto"), Greedy(4)
    short.prepare(Batch(clean=flat_images(16)), term)
    assert short.part == 4
    short.step(flat_images(16), term)
    assert short.steps == 1


def test_parts_add_up_to_the_whole():
    """The gradient of a batch is that of its parts, when the noise is the same."""

    class Fixed:
        def loss(self, prior, batch, generator):
            return prior.loss(batch.clean, torch.full((len(batch),), 0.5), torch.ones_like(batch.clean))

    x, results = torch.randn(8, 1, 16, 16, generator=generator_of(1)), []
    for part in (8, 2):
        run = trainer(turns=False)
        run.part = part
        loss = run.step(x, Fixed())
        results.append((loss, [w.detach().clone() for w in run.prior.parameters()]))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-4)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-4, rtol=1e-3)


def test_too_little_memory_for_one_crop_is_said_in_words():
    run = trainer()
    run.part = 4
    with pytest.raises(RunError, match="one crop at a time"):
        run.step(flat_images(4), Greedy(0))


def test_other_errors_are_not_taken_for_memory():
    class Broken:
        def loss(self, prior, batch, generator):
            raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        trainer().step(flat_images(4), Broken())


def test_the_first_parts_fit_into_the_free_memory(monkeypatch):
    run, x = trainer(), flat_images(16)
    run.step(x[:1])
    each = memory.bytes_saved(lambda: Denoising().loss(run.prior, Batch(clean=x[:1]), generator_of(0)))
    assert each > 16 * 16 * 8 * 4  # at least one layer of features
    monkeypatch.setattr("emdiff_app.diffusion.training.free_bytes", lambda device: 10 * each)
    tight = trainer()
    tight.step(x)
    assert tight.part == 6  # a share of it is left to others


def test_a_loss_that_is_not_finite_changes_no_weight_and_is_counted():
    run = trainer()
    before = [w.clone() for w in run.prior.parameters()]
    assert not torch.isfinite(torch.tensor(run.step(torch.full((2, 1, 16, 16), torch.nan))))
    torch.testing.assert_close(before, list(run.prior.parameters()))
    assert run.skipped == 1
    assert run.step(flat_images(2)) > 0
    assert run.skipped == 1


def test_a_restored_trainer_goes_on_as_if_nothing_had_happened():
    x, one, other = flat_images(32), trainer(), trainer(seed=9)
    for _ in range(3):
        one.step(x[:8])
    other.restore(one.state())
    for _ in range(3):
        assert one.step(x[8:16]) == other.step(x[8:16])
    torch.testing.assert_close(list(one.average.parameters()), list(other.average.parameters()))


def test_turning_is_a_choice():
    corner = torch.zeros(1, 1, 8, 8)
    corner[..., 0, 1] = 1
    seen = []

    class Watching:
        def loss(self, prior, batch, generator):
            seen.append(tuple(batch.clean[0, 0].nonzero()[0].tolist()))
            return prior.denoise(batch.clean, 1.0).square().mean()

    for turns in (False, True):
        seen.clear()
        run = trainer(turns=turns)
        for _ in range(60):
            run.step(corner, Watching())
        assert len(set(seen)) == (8 if turns else 1)


def test_half_precision_is_taken_only_where_it_is_faster(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    for cost, pays in ((0.5, True), (0.95, False), (2.0, False)):
        now = [0.0]

        def work(half, cost=cost, now=now):
            now[0] += cost if half else 1.0

        cpu = torch.device("cpu")
        assert precision.bfloat16_pays(cpu, work, ("test", cost), clock=lambda now=now: now[0]) is pays


def test_half_precision_is_never_tried_where_it_would_be_emulated(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    run = trainer(precision="auto")
    run.step(flat_images(2))
    assert run.prior.bfloat16 is False


def test_without_a_compiler_training_goes_on(monkeypatch):
    def broken(self, *args, **kwargs):
        def fail(*args, **kwargs):
            raise RuntimeError("no C++ compiler")

        self._compiled_call_impl = fail

    monkeypatch.setattr(torch.nn.Module, "compile", broken)
    run = trainer(compiled=True)
    assert run.step(flat_images(4)) > 0
    assert run.compiled is False
