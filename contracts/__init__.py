"""The contracts as compiled: ABI and bytecode from `artifacts/`. Loading them needs no compiler.

Sources are in `src/`, and `python -m contracts.build` makes the artifacts from them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eth_typing import ABI

CONTRACTS_DIR = Path(__file__).parent
ContractName = Literal["TraceLog", "PrefixRegistry"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract."""

    name: ContractName
    abi: ABI
    bytecode: bytes  # runs once, to deploy; constructor arguments follow it
    deployed_bytecode: bytes  # what the chain then holds: compare it before trusting an account
    compiler: str  # "0.8.37+commit.f401782d"
    source_hash: str  # SHA-256 of compiler settings and of every source, imported ones too; hex


def artifact_path(name: ContractName) -> Path:
    return CONTRACTS_DIR / "artifacts" / f"{name}.json"


def load_artifact(name: ContractName) -> Artifact:
    """The committed artifact of contract `name`."""
    document = json.loads(artifact_path(name).read_text(encoding="utf-8"))
    return Artifact(
        name=name,
        abi=document["abi"],
        bytecode=bytes.fromhex(document["bytecode"]),
        deployed_bytecode=bytes.fromhex(document["deployedBytecode"]),
        compiler=document["compiler"],
        source_hash=document["sourceHash"],
    )
