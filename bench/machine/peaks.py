"""Memory and processor time of processes, from /proc; elsewhere than on Linux nothing is known."""

import os
from pathlib import Path


def process_family(pid: int | None = None) -> list[int]:
    """This process, or the one named, then all that descend from it."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in brackets, may hold spaces.
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # it has ended
    family = [os.getpid() if pid is None else pid]
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    return family


def processor_seconds(pid: int | None = None) -> float:
    """What this process, or the one named, and all that descend from it have used of processors so far.

    Those that have ended count too; 0 where it is not known.
    """
    ticks = 0
    for one in process_family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float | None:
    """The most memory a process has held at once, in MB; None where it is not known."""
    return _field_mb(f"/proc/{pid}/status", "VmHWM")


def current_mb(pid: int) -> float | None:
    """The memory a process holds now, in MB; None where it is not known."""
    return _field_mb(f"/proc/{pid}/status", "VmRSS")


def proportional_mb(pid: int) -> float | None:
    """The memory a process holds now, pages it shares with others divided among them, in MB."""
    return _field_mb(f"/proc/{pid}/smaps_rollup", "Pss")


def _field_mb(path: str, name: str) -> float | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    values = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(values[0]) / 1024 if values else None
