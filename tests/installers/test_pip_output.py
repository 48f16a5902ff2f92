"""What pip says, in one sentence."""

import os
import sys

import pytest

pytest.importorskip("setting_up")
from setting_up import pip_output

NO_BUILD = """ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: none)
ERROR: No matching distribution found for torch==2.13.0
"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("OSError: [Errno 28] No space left on device: '/x/.venv/lib/libtorch.so'", "disk is full"),
        ("OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))\n" + NO_BUILD, "certificate"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel failed'))\n" + NO_BUILD, "proxy"),
        ("Failed to resolve: [Errno -3] Temporary failure in name resolution\n" + NO_BUILD, "out of reach"),
        ("ReadTimeoutError: Read timed out.", "out of reach"),
        (NO_BUILD, "no torch==2.13.0 for this Python"),
        ("ERROR: Could not install packages: [Errno 13] Permission denied: '/x'", "may not be written"),
    ],
)
def test_each_failure_has_its_sentence(output, expected):
    sentence = pip_output.explain(output, "Installing")
    assert expected in sentence
    assert sentence.startswith("Installing stopped because")
    assert "\n" not in sentence


def test_an_unknown_failure_shows_the_exception_that_pip_buried():
    output = "      FileNotFoundError: Forced include not found\n[end of output]\nerror: metadata-generation-failed\n"
    assert "Forced include not found" in pip_output.explain(output, "Installing")
    assert "failed" in pip_output.explain("", "Installing")


def test_a_registry_that_does_not_answer_is_recognised_in_what_pip_really_says():
    command = [sys.executable, "-m", "pip", "--isolated", "download", "--retries", "1", "--no-deps"]
    command += ["--index-url", "http://127.0.0.1:9/simple", "no-such-package-anywhere"]
    code, output = pip_output.follow(command, os.environ)
    assert code != 0
    assert "out of reach" in pip_output.explain(output, "Installing")


def test_progress_names_large_downloads_only(capfd):
    lines = [
        "Collecting torch==2.13.0",
        "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (888.1 MB)",
        "  Downloading tqdm-4.70.1-py3-none-any.whl (78 kB)",
        "Installing collected packages: mpmath, sympy, torch",
    ]
    code = f"print({chr(10).join(lines)!r})"
    assert pip_output.follow([sys.executable, "-c", code], os.environ) == (0, "\n".join([*lines, ""]))
    said = capfd.readouterr().err.splitlines()
    assert said == ["  downloading torch (888.1 MB)", "  unpacking 3 packages"]


def test_pip_does_not_wait_for_an_answer():
    code = "import sys; sys.exit(len(sys.stdin.read()))"
    assert pip_output.follow([sys.executable, "-c", code], os.environ)[0] == 0


def test_pip_that_cannot_start_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        pip_output.follow([str(tmp_path / "python")], {})
