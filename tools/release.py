"""Builds the wheel, checks it and describes it: `python -m tools.release` (a step of the recipe in CONTRIBUTING.md)."""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(into: Path) -> Path:
    """Build the wheel of this checkout with the backend that is installed; an earlier one of any version is removed."""
    for old in into.glob("evalkit-*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(into), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = into.glob("evalkit-*.whl")
    return wheel


def faults(wheel: Path, root: Path = ROOT) -> list[str]:
    """What keeps a wheel from being released, a sentence each."""
    names = set(zipfile.ZipFile(wheel).namelist())
    version = metadata(wheel)["Version"]
    said = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    cited = (root / "CITATION.cff").read_text(encoding="utf-8")
    found = []
    if not re.search(rf"(?m)^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", said):
        found.append(f"CHANGELOG.md has no heading `## {version} (<date>)`")
    if f"\nversion: {version}\n" not in cited:
        found.append(f"CITATION.cff names another version than {version}")
    wanted = {f"evalkit/_bundled/{path.relative_to(root).as_posix()}" for path in (root / "conf").rglob("*.yaml")}
    wanted |= {"evalkit/py.typed", "evalkit/__main__.py"}
    found += [f"{name} is missing" for name in sorted(wanted - names)]
    strange = [name for name in names if not name.startswith(("evalkit/", f"evalkit-{version}.dist-info/"))]
    return found + [f"{name} does not belong in it" for name in sorted(strange)]


def metadata(wheel: Path) -> dict[str, str]:
    """The core metadata of a wheel; of fields that repeat, the last."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        return dict(Parser().parsestr(file.read(name).decode()).items())


def describe(wheel: Path) -> str:
    """Name, size, digest and contents of a wheel, a line each."""
    with zipfile.ZipFile(wheel) as file:
        sizes = {entry.filename: entry.file_size for entry in file.infolist()}
    parts: dict[str, int] = {}
    for name in sizes:
        part = "/".join(name.split("/")[: 3 if name.startswith("evalkit/_bundled/") else 1])
        parts[part] = parts.get(part, 0) + 1
    said = metadata(wheel)
    lines = [
        f"{wheel.name}: {wheel.stat().st_size:,} bytes, {len(sizes)} files, {sum(sizes.values()):,} bytes unpacked",
        f"SHA-256 {hashlib.sha256(wheel.read_bytes()).hexdigest()}",
        f"{said['Name']} {said['Version']}, Python {said['Requires-Python']}, {said['License-Expression']}",
    ]
    return "\n".join([*lines, *(f"  {count:4} files in {part}" for part, count in sorted(parts.items()))])


def try_out(wheel: Path) -> None:
    """Run a task from an empty directory with the wheel alone on the path, on the dependencies of this environment."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site)]
        subprocess.run([*install, str(wheel)], check=True)
        (Path(folder) / "empty").mkdir()
        run = [sys.executable, "-P", "-m", "evalkit", "task=arithmetic", "model=oracle", "runs.count=1", "quiet=true"]
        subprocess.run(
            run, check=True, cwd=Path(folder) / "empty", env={"PYTHONPATH": str(site)}, stdout=subprocess.DEVNULL
        )


def main() -> int:
    """Build, check, try and describe; exit status 1 if something keeps the wheel from being released."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the wheel is written (dist/)")
    wheel = build(parser.parse_args().out)
    try_out(wheel)
    found = faults(wheel)
    sys.stdout.write("\n".join([describe(wheel), *(f"not ready: {fault}" for fault in found), ""]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
