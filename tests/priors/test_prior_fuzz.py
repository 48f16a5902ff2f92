"""Five thousand damaged or changed priors: each is read cleanly or refused, and quickly."""

import json
import random
import time

import pytest
import torch
from prior_tools import CARD, IMAGES, WEIGHTS, make_file, put_together, signed, taken_apart, with_header

from emdiff_app.errors import PriorError
from emdiff_app.priors import Card, read_prior

FILES = 5000
SECONDS = 30
ODD = (
    *(None, True, False, "", "x" * 5000, "\0\x1b[2J", [], {}, [[[]]], {"kind": "image", "path": "../x"}),
    *(0, 1, -1, 2, 7, 255, 2**31, 2**53, 2**64, 10**30, 0.5, -0.0, 1e-320, 1e308, [2**40], [0] * 500),
)


def flipped(data, rng, low=0, high=None):
    """A few bits changed between two places."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(low, high or len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def spliced(data, rng):
    """A piece cut out, written twice, or replaced by noise."""
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    piece = rng.choice((b"", 2 * data[a:b], rng.randbytes(b - a), bytes(b - a)))
    return data[:a] + piece + data[b:]


def changed_leaf(value, rng):
    """The JSON value with one part somewhere inside replaced, removed or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        if rng.random() < 0.1:
            return {key: one for key, one in value.items() if key != name}
        if rng.random() < 0.05:
            return {**value, rng.choice(("evil", name + " ", name.upper())): value[name]}
        return {**value, name: changed_leaf(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], changed_leaf(value[at], rng), *value[at + rng.randrange(2) :]]
    return rng.choice(ODD)


class Mutations:
    """Ways to spoil one good file; every method returns the bytes of another."""

    def __init__(self, path):
        self.good = path.read_bytes()
        self.members = taken_apart(path)
        self.directory = self.good.rfind(b"PK\5\6") - 400

    def bits(self, rng):
        return flipped(self.good, rng)

    def cut(self, rng):
        return self.good[: rng.randrange(len(self.good))]

    def extended(self, rng):
        extra = rng.randbytes(rng.randint(1, 3000))
        return rng.choice((self.good + extra, extra + self.good, self.good + self.good))

    def piece(self, rng):
        return spliced(self.good, rng)

    def directory_bits(self, rng):
        return flipped(self.good, rng, self.directory)

    def swapped(self, rng):
        a, b = rng.sample(list(self.members), 2)
        return put_together({**self.members, a: self.members[b], b: self.members[a]})

    def swapped_and_signed(self, rng):
        a, b = rng.sample([WEIGHTS, IMAGES, "preview.png", "README.md"], 2)
        return put_together(signed({**self.members, a: self.members[b], b: self.members[a]}))

    def card_leaf(self, rng):
        card = json.loads(self.members[CARD])
        for _ in range(rng.randint(1, 2)):
            card = changed_leaf(card, rng)
        return put_together({**self.members, CARD: json.dumps(card).encode()})

    def card_bytes(self, rng):
        change = rng.choice((flipped, spliced))
        return put_together({**self.members, CARD: change(self.members[CARD], rng)})

    def header_leaf(self, rng):
        name = rng.choice((WEIGHTS, IMAGES))
        return put_together(with_header(self.members, lambda header: changed_leaf(header, rng), name))

    def header_bytes(self, rng):
        name = rng.choice((WEIGHTS, IMAGES))
        data = self.members[name]
        end = 8 + int.from_bytes(data[:8], "little")
        head = rng.choice((flipped, spliced))(data[:end], rng)
        return put_together(signed({**self.members, name: head + data[end:]}))

    def weights(self, rng):
        return put_together(signed({**self.members, WEIGHTS: flipped(self.members[WEIGHTS], rng, 4000)}))


def test_no_change_to_a_file_does_more_than_be_refused(tmp_path):
    mutations = Mutations(make_file(tmp_path / "good.emprior"))
    ways = [getattr(mutations, name) for name in vars(Mutations) if not name.startswith("_")]
    good = read_prior(tmp_path / "good.emprior")[0].network.state_dict()
    path, rng = tmp_path / "theirs.emprior", random.Random(0)
    taken, outcomes = 0.0, {way.__name__: set() for way in ways}
    for number in range(FILES):
        way = ways[number % len(ways)]
        path.write_bytes(way(rng))
        start = time.perf_counter()
        try:
            prior, card = read_prior(path)
        except PriorError as refusal:
            clean = str(refusal).isprintable() and len(str(refusal)) < 1000
            outcomes[way.__name__].add("refused")
        except Exception as error:
            pytest.fail(f"{way.__name__} (file {number}): {error!r}")
        else:
            weights = prior.network.state_dict()
            clean = isinstance(card, Card) and all(bool(torch.isfinite(w).all()) for w in weights.values())
            if "weights" not in way.__name__ and "header" not in way.__name__:
                clean = clean and all(torch.equal(w, good[name]) for name, w in weights.items())
            outcomes[way.__name__].add("read")
        spent = time.perf_counter() - start
        taken += spent
        assert clean, f"{way.__name__} (file {number})"
        assert spent < 1, f"{way.__name__} (file {number}) took {spent:.1f} s"
    assert taken < SECONDS
    # Some changes (a name in the card, a bit of a weight) are fair; each other way spoils something.
    assert "read" in outcomes["card_leaf"]
    assert "read" in outcomes.pop("weights")
    assert all("refused" in found for found in outcomes.values())
