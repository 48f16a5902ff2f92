"""What pip says: kept short while it works, turned into one sentence when it fails."""

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

__all__ = ["explain", "follow", "shorten"]

# What to look for in the output, in this order, and what it means.
FULL_DISK = r"No space left on device|Errno 28|not enough space on the disk"
CERTIFICATE = r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError"
PROXY = r"ProxyError|Cannot connect to proxy|407 Proxy"
OUT_OF_REACH = (
    r"NewConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|Max retries exceeded|timed out"
    r"|Temporary failure in name resolution|Network is unreachable|Connection refused|Connection reset"
    r"|Connection broken|IncompleteRead|\b50[0234] (Server Error|Bad Gateway|Service|Gateway)"
)
NO_SUCH_VERSION = r"No matching distribution found for (?P<name>[^\s;]+)"
FORBIDDEN = r"Permission denied|Errno 13|Read-only file system|WinError 5\b"
REASONS = {
    FULL_DISK: "because the disk is full; what is installed so far is kept. Free about 3 GB (8 GB where "
    "PyTorch comes with CUDA), or set TMPDIR to a larger disk if only the temporary folder is full, and "
    "run this again.",
    CERTIFICATE: "because the certificate of the package registry is not trusted here, as happens behind a "
    "company's proxy; nothing is broken. Set PIP_CERT to the proxy's certificate file and run this again.",
    PROXY: "because the proxy does not let it through; nothing is broken. Check HTTPS_PROXY and run this "
    "again.",
    OUT_OF_REACH: "because the package registry is out of reach; nothing is broken. Check the network "
    "(behind a proxy, set HTTPS_PROXY; for a mirror, PIP_INDEX_URL) and run this again.",
    NO_SUCH_VERSION: "because the package registry shows no {name} for this Python and this computer; "
    "nothing is broken. Check the network and the index that pip uses, or try another Python from 3.11 on.",
    FORBIDDEN: "because a file may not be written; nothing is broken. Close programs that use this "
    "checkout's .venv, check who owns it, and run this again.",
}


def explain(output: str, what: str) -> str:
    """One sentence for the failure of `what` that left this output."""
    for pattern, reason in REASONS.items():
        found = re.search(pattern, output)
        if found:
            return f"{what} stopped {reason.format(**found.groupdict())}"
    lines = output.strip().splitlines()
    # The exception of a failed build says more than pip's own words about it.
    errors = [line for line in lines if re.match(r"\s*\w+(Error|Exception): ", line)]
    errors = errors or [line for line in lines if re.match(r"(ERROR|error|Error):", line)]
    last = (errors or lines or ["without a word"])[-1].strip()
    return f"{what} failed ({last}); run this again, and if it fails again delete the folder .venv first."


def shorten(line: str) -> str | None:
    """What a line of pip means for someone who waits; None for most."""
    found = re.match(r"\s*Downloading (?P<file>[^\s/]*/)*(?P<name>[^/\s]+?)-\d\S* \((?P<size>[^)]+)\)", line)
    if found and re.search(r"[MG]B", found["size"]):
        return f"downloading {found['name']} ({found['size']})"
    if line.startswith("Installing collected packages"):
        names = line.partition(":")[2].split(",")
        return f"unpacking {names[0].strip()}" if len(names) == 1 else f"unpacking {len(names)} packages"
    return None


def follow(command: list[str], variables: Mapping[str, str], lock: int | None = None) -> tuple[int, str]:
    """Run pip, show what it is at, and return its exit code and everything it printed.

    pip keeps the file `lock` open, so that the lock outlives this process if only this one is killed.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    with subprocess.Popen(
        command,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        pass_fds=() if lock is None or os.name == "nt" else (lock,),
    ) as pip:
        reader = threading.Thread(target=_read, args=(pip, lines))
        reader.start()
        try:
            output = _show(lines)
        except BaseException:
            pip.terminate()  # an interrupted set-up must not go on in the background
            raise
        finally:
            reader.join()
    return pip.returncode, output


def _read(pip: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert pip.stdout is not None
    for line in pip.stdout:
        lines.put(line)
    lines.put(None)


def _show(lines: "queue.Queue[str | None]") -> str:
    kept: list[str] = []
    doing, since = "", time.monotonic()
    alive = sys.stderr.isatty()
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            if alive:
                print(
                    f"\r  {doing or 'working'}, {time.monotonic() - since:.0f} s ",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
            continue
        if line is None:
            break
        kept.append(line)
        now = shorten(line)
        if now and now != doing:
            doing, since = now, time.monotonic()
            print(
                f"\r\033[K  {doing}" if alive else f"  {doing}",
                end="" if alive else "\n",
                file=sys.stderr,
                flush=True,
            )
    if alive:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return "".join(kept)
