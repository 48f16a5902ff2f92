"""Ways to make a hostile or broken prior out of the members of a good one."""

import io
import json
import os
import pickle
import struct
import warnings
import zipfile

import numpy as np
import torch
from prior_tools import CARD, IMAGES, WEIGHTS, put_together, signed, with_card, with_header

GIGA = 1 << 30


def zipped(*members, compression=zipfile.ZIP_STORED):
    """A zip of (name or ZipInfo, data), with repeated names if asked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members:
            with warnings.catch_warnings(action="ignore"):  # that a name is there already
                archive.writestr(name, data)
    return buffer.getvalue()


def also(members, name, data=b"x"):
    return zipped(*members.items(), (name, data))


def entry(members, name, **attributes):
    """The member's entry in the zip with other attributes."""
    items = []
    for key, data in members.items():
        info = zipfile.ZipInfo(key)
        for attribute, value in attributes.items() if key == name else ():
            setattr(info, attribute, value)
        items.append((info, data))
    return zipped(*items)


def patched_directory(members, name, offset, value):
    """The entry of `name` in the directory, with other bytes at `offset`."""
    data = bytearray(put_together(members))
    at = data.rfind(b"PK\1\2", 0, data.rfind(name.encode()))
    data[at + offset : at + offset + len(value)] = value
    return bytes(data)


def bomb(members, name, size):
    """A member of zeros that is tiny in the file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, data in members.items():
            if key == name:
                with archive.open(key, "w", force_zip64=size > 2 * GIGA) as out:
                    for _ in range(size >> 20):
                        out.write(bytes(1 << 20))
            else:
                archive.writestr(key, data, zipfile.ZIP_STORED)
    return buffer.getvalue()


def overlapping(members):
    """Two entries of the directory that share the same bytes of the file."""
    data = put_together(members)
    archive = zipfile.ZipFile(io.BytesIO(data))
    page = archive.getinfo("README.md")
    preview = archive.getinfo("preview.png")
    changed = patched_directory(members, "README.md", 42, struct.pack("<L", preview.header_offset))
    assert page.header_offset != preview.header_offset
    return changed


def tensors(members, **fields):
    """The first tensor of the header with other fields."""

    def change(header):
        name = next(key for key in header if key != "__metadata__")
        return {**header, name: {**header[name], **fields}}

    return put_together(with_header(members, change))


def arguments(members, **fields):
    network = json.loads(members[CARD])["network"]
    return put_together(
        with_card(members, network={**network, "arguments": {**network["arguments"], **fields}})
    )


def named(members, **fields):
    network = {**json.loads(members[CARD])["network"], **fields}
    return put_together(with_card(members, network=network, versions={"emdiff": "9.1"}))


def raw_card(members, text):
    return put_together({**members, CARD: text})


def saved_by_torch():
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, buffer)
    return buffer.getvalue()


def with_nan(members):
    data = bytearray(members[WEIGHTS])
    data[-4:] = np.float32(np.nan).tobytes()
    return put_together(signed({**members, WEIGHTS: bytes(data)}))


def model_that_reads(members, path):
    model = json.loads(members[CARD])["model"]
    model["operator"][0]["psf"]["path"] = path
    return put_together(with_card(members, model=model))


def header_of(members, text, length=None):
    data = (len(text) if length is None else length).to_bytes(8, "little") + text
    return put_together(signed({**members, WEIGHTS: data}))


def flipped_weight(members):
    data = bytearray(members[WEIGHTS])
    data[-3] ^= 1
    return put_together({**members, WEIGHTS: bytes(data)})


def sparse_weights(path, members):
    """A file whose weights really have 1.5 GB, as its directory says, but are not those of the network."""
    others = {name: data for name, data in members.items() if name != WEIGHTS}
    size = 3 * GIGA // 2
    head = put_together({**others, WEIGHTS: b""})
    end = head.rfind(b"PK\5\6")
    directory = struct.unpack("<L", head[end + 16 : end + 20])[0]
    listing = bytearray(head[directory:end])
    at = listing.rfind(b"PK\1\2")
    listing[at + 20 : at + 28] = struct.pack("<LL", size, size)
    ending = bytearray(head[end:])
    ending[16:20] = struct.pack("<L", directory + size)
    with path.open("wb") as file:
        file.write(head[:directory])
        file.write(members[WEIGHTS])
        file.seek(directory + size)
        file.write(bytes(listing) + bytes(ending))
    return path


# What it is: how it is made from the members of a good file, and words of the sentence.
HOSTILE = {
    "nothing": (lambda m: b"", "not a prior file"),
    "one byte": (lambda m: b"P", "not a prior file"),
    "no zip": (lambda m: os.urandom(5000), "not a prior file"),
    "first half": (lambda m: put_together(m)[:20_000], "only a part"),
    "last half": (lambda m: put_together(m)[20_000:], "only a part"),
    "a byte short": (lambda m: put_together(m)[:-1], "only a part"),
    "something in front": (lambda m: b"#!/bin/sh\n" + put_together(m), "not a prior file"),
    "something behind": (lambda m: put_together(m) + b"\0", "not a prior file"),
    "a pickle": (lambda m: pickle.dumps(print), "not a prior file"),
    "saved by torch": (lambda m: saved_by_torch(), "not a prior file"),
    "an empty zip": (lambda m: zipped(), "prior.json is missing"),
    "a full directory": (lambda m: zipped(*((f"{i}", b"") for i in range(5_000))), "not a prior file"),
    "card bomb": (lambda m: bomb(m, CARD, 64 << 20), "too large"),
    "page bomb": (lambda m: bomb(m, "README.md", 64 << 20), "too large"),
    "weights bomb": (lambda m: bomb(m, WEIGHTS, 64 << 20), "compressed"),
    "images bomb": (lambda m: bomb(m, IMAGES, 32 << 20), "compressed"),
    "compressed unusually": (
        lambda m: entry(m, "README.md", compress_type=zipfile.ZIP_LZMA),
        "compressed",
    ),
    "a lie about a size": (
        lambda m: patched_directory(m, WEIGHTS, 24, struct.pack("<L", GIGA)),
        "compressed",
    ),
    "two lies about a size": (
        lambda m: patched_directory(m, WEIGHTS, 20, struct.pack("<LL", GIGA, GIGA)),
        "overlap",
    ),
    "a name twice": (lambda m: zipped(*m.items(), (WEIGHTS, m[WEIGHTS])), "twice"),
    "a card twice": (lambda m: zipped(*m.items(), (CARD, m[CARD])), "twice"),
    "members that overlap": (overlapping, "overlap"),
    "a way out": (lambda m: also(m, "../../evil.py"), "no prior does"),
    "an absolute name": (lambda m: also(m, "/etc/passwd"), "no prior does"),
    "a drive": (lambda m: also(m, "C:\\evil.py"), "no prior does"),
    "a folder": (lambda m: also(m, "model.safetensors/"), "no prior does"),
    "a hidden end": (
        lambda m: patched_directory(m, "README.md", 46, b"README\0md"),
        "damaged|no prior|missing",
    ),
    "a pickle inside": (lambda m: also(m, "data.pkl", pickle.dumps(print)), "no prior does"),
    "a link": (lambda m: entry(m, WEIGHTS, external_attr=0o120777 << 16), "link"),
    "an encrypted member": (lambda m: patched_directory(m, WEIGHTS, 8, b"\1\0"), "encrypted"),
    "weights that are a pickle": (
        lambda m: put_together(signed({**m, WEIGHTS: pickle.dumps([1.0] * 9)})),
        "weights that do not fit",
    ),
    "weights saved by torch": (
        lambda m: put_together(signed({**m, WEIGHTS: saved_by_torch()})),
        "weights that do not fit",
    ),
    "no weights": (lambda m: put_together({k: d for k, d in m.items() if k != WEIGHTS}), "missing"),
    "no images": (lambda m: put_together({k: d for k, d in m.items() if k != IMAGES}), "missing"),
    "a wrong checksum": (flipped_weight, "weights do not match the checksum"),
    "no checksums": (lambda m: put_together(with_card(m, sha256={})), "checksum"),
    "other images": (
        lambda m: put_together({**m, IMAGES: m[IMAGES][:-1] + b"\x01"}),
        "images.safetensors does not match",
    ),
    "a huge header": (lambda m: header_of(m, b"{}", 1 << 62), "impossible size"),
    "a header past the end": (lambda m: header_of(m, b"{}", 5000), "impossible size"),
    "a long header": (lambda m: header_of(m, b'{"a":' + b"1" * (1 << 19) + b"}"), "impossible size"),
    "a deep header": (lambda m: header_of(m, b'{"a":' * 40_000), "do not fit"),
    "a header of many": (
        lambda m: header_of(m, json.dumps(dict.fromkeys(map(str, range(20_000)))).encode()),
        "fit",
    ),
    "a header that is a list": (lambda m: header_of(m, b"[]"), "not an object"),
    "a huge tensor": (lambda m: tensors(m, shape=[1 << 39, 1 << 20]), "overlap or leave gaps"),
    "a tensor beyond numbers": (lambda m: tensors(m, shape=[1 << 80]), "understood"),
    "a shape of fractions": (lambda m: tensors(m, shape=[2.0, 2]), "understood"),
    "a negative shape": (lambda m: tensors(m, shape=[-4, -4]), "understood"),
    "a shape of truths": (lambda m: tensors(m, shape=[True]), "understood"),
    "tensors that overlap": (lambda m: tensors(m, data_offsets=[0, 4]), "overlap or leave gaps"),
    "offsets backwards": (lambda m: tensors(m, data_offsets=[64, 0]), "overlap or leave gaps"),
    "half precision": (lambda m: tensors(m, dtype="F16"), "understood"),
    "bytes for weights": (lambda m: tensors(m, dtype="U8"), "overlap or leave gaps"),
    "an odd dtype": (lambda m: tensors(m, dtype="O"), "understood"),
    "a tensor renamed": (
        lambda m: put_together(
            with_header(m, lambda h: {("evil" if k.startswith("stem.w") else k): v for k, v in h.items()})
        ),
        "2 names",
    ),
    "weights that are not finite": (with_nan, "not finite"),
    "a newer format": (
        lambda m: put_together(with_card(m, schema_version=7, versions={"emdiff": "9.1"})),
        r"newer EMDiff \(9\.1, format 7\).*format 1",
    ),
    "a format far ahead": (lambda m: put_together(with_card(m, schema_version=10**50)), "newer EMDiff"),
    "a format before the first": (lambda m: put_together(with_card(m, schema_version=0)), "its format"),
    "a format in words": (lambda m: put_together(with_card(m, schema_version="one")), "its format"),
    "no format": (lambda m: put_together(with_card(m, schema_version=None)), "its format"),
    "an unknown network": (lambda m: named(m, name="other-net"), r"'other-net'.*9\.1.*knows no such"),
    "a newer network": (
        lambda m: named(m, version=99),
        r"version 99 \(written by EMDiff 9\.1\).*knows version 1",
    ),
    "no network": (lambda m: put_together(with_card(m, network=None)), "which network"),
    "absurd widths": (lambda m: arguments(m, widths=[10**9, 8]), "cannot be built"),
    "very many widths": (lambda m: arguments(m, widths=[8] * 100_000), "cannot be built"),
    "wide and deep": (lambda m: arguments(m, widths=[2048] * 7, down=[16] * 7, up=[16] * 6), "do not fit"),
    "widths of words": (lambda m: arguments(m, widths="wide"), "cannot be built"),
    "widths and blocks that differ": (lambda m: arguments(m, up=[1, 1]), "do not fit"),
    "an argument too many": (lambda m: arguments(m, code="print()"), "cannot be built"),
    "other channels": (lambda m: put_together(with_card(m, channels=3)), r"3 channel\(s\).*of 1 by its"),
    "absurd channels": (lambda m: put_together(with_card(m, channels=10**9)), "channels"),
    "a negative scale": (lambda m: put_together(with_card(m, sigma_data=-1)), "sigma_data"),
    "an infinite scale": (lambda m: raw_card(m, m[CARD].replace(b"0.25", b"1e999")), "sigma_data"),
    "NaN": (lambda m: raw_card(m, m[CARD].replace(b"0.25", b"NaN")), "NaN is not a number"),
    "a number of many digits": (lambda m: raw_card(m, m[CARD].replace(b"0.25", b"9" * 50_000)), "card"),
    "an intensity scale of nothing": (
        lambda m: put_together(with_card(m, scale={"offset": 0, "gain": 0})),
        "scale",
    ),
    "a noise that is none": (
        lambda m: put_together(with_card(m, model={"noise": {"kind": "psychic"}})),
        "psychic",
    ),
    "a card without end": (lambda m: raw_card(m, m[CARD][:-9]), "card cannot be read"),
    "a deep card": (lambda m: raw_card(m, b"[" * 29_000), "too deeply"),
    "a deeper card": (lambda m: raw_card(m, b"[" * 1_000_000), "too many parts"),
    "a deep object": (lambda m: raw_card(m, b'{"a":' * 29_000), "too deeply"),
    "a card of many lists": (lambda m: raw_card(m, b"[" + b"[]," * 349_000 + b"[]]"), "too many parts"),
    "a card that is a list": (lambda m: raw_card(m, b"[1]"), "not an object"),
    "a card that is no text": (lambda m: raw_card(m, b"\xff\xfe{}"), "card cannot be read"),
    "a card with a field twice": (lambda m: raw_card(m, b'{"channels": 9,' + m[CARD][1:]), "twice"),
    "a PSF elsewhere": (lambda m: model_that_reads(m, "/etc/hostname"), "does not hold it"),
    "a PSF above": (lambda m: model_that_reads(m, "../../secret.tif"), "does not hold it"),
    "a huge PSF": (
        lambda m: put_together(
            with_header(m, lambda h: {k: {**v, "shape": [1 << 36]} for k, v in h.items()}, IMAGES)
        ),
        "images of its imaging model",
    ),
    "a PSF of no axes": (
        lambda m: put_together(
            signed(
                {
                    **m,
                    IMAGES: len(h := b'{"psf-0":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}').to_bytes(
                        8, "little"
                    )
                    + h
                    + b"1",
                }
            )
        ),
        "impossible size",
    ),
}
