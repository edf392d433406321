"""The verifier runs from a copy of two pieces of this project, with `cryptography` and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.verify.world import APPLE, BODIES, World

ROOT = Path(__file__).resolve().parents[2]

# Everything from site-packages but cryptography and what it is made of is made impossible to import.
ONLY_CRYPTOGRAPHY = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names | {"cryptography", "cffi", "_cffi_backend", "ledger"}:
            raise ImportError(f"{name} is not part of the verifier")
sys.meta_path.insert(0, Refuse())
import runpy
sys.argv = ["verify", *sys.argv[1:]]
runpy.run_module("ledger.verify", run_name="__main__")
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", ONLY_CRYPTOGRAPHY, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(folder), "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"},
    )


def test_a_copy_of_the_verifier_judges_offline(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ledger/domain", tmp_path / "ledger/domain")
    shutil.copy(ROOT / "ledger/verify.py", tmp_path / "ledger/verify.py")
    world = World(BODIES)
    (tmp_path / "trust.json").write_text(world.trust.to_json())
    bundle = world.item_bundle(APPLE).to_bytes()
    (tmp_path / "good").write_bytes(bundle)
    (tmp_path / "bad").write_bytes(bundle.replace(b"OBSERVE", b"OBSERVF"))

    good = run(tmp_path, "good", "--trust", "trust.json")
    assert good.returncode == 2, good.stderr
    assert good.stdout.splitlines()[-1] == "Undetermined: chain not checked: no RPC URL given"
    bad = run(tmp_path, "bad", "--trust", "trust.json")
    assert bad.returncode == 1, bad.stderr
    assert bad.stdout.splitlines()[-1].startswith("Refuted at step 2")
    missing = run(tmp_path, "nowhere", "--trust", "trust.json")
    assert missing.returncode == 2
    assert "nowhere" in missing.stderr
