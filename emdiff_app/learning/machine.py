"""What a run computes on, and how much of its memory it takes."""

import platform

import psutil
import torch

__all__ = ["device_name", "memory_used"]


def device_name(device: torch.device) -> str:
    """What the device calls itself, and how much of it is used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{platform.machine()} with {threads} thread{'s' if threads > 1 else ''}"


def memory_used(device: torch.device) -> int:
    """Bytes that this process holds: of the GPU where it uses one, else of the computer."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    return int(psutil.Process().memory_info().rss)
