"""How much memory a process took at most, as Linux accounts it."""

from pathlib import Path


def reset_peak(pid: int) -> int:
    """Begin to measure the peak of a process anew; returns its resident bytes now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _bytes_of(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most resident bytes of a process since `reset_peak`."""
    return _bytes_of(pid, "VmHWM")


def _bytes_of(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(name)
