"""Compiles the contracts into `artifacts/`, or says whether the artifacts there are stale.

    python -m contracts.build           writes the artifacts
    python -m contracts.build --check   writes nothing; exit code 1 when they differ from the sources

Needs `npm ci` in this folder once: the compiler is the npm one, behind `tools/solc`. Settings come from
`foundry.toml`, so that the tests run what is deployed. The output depends on sources, settings and
compiler only.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
from typing import Any, get_args

import solcx
from solcx.exceptions import SolcError

from contracts import CONTRACTS_DIR, ContractName, artifact_path

SOLC = CONTRACTS_DIR / "tools" / "solc"


def compiler_settings() -> dict[str, Any]:
    """Settings of the standard JSON input, from `foundry.toml`."""
    profile = tomllib.loads((CONTRACTS_DIR / "foundry.toml").read_text())["profile"]["default"]
    return {
        "evmVersion": profile["evm_version"],
        "metadata": {"appendCBOR": profile["cbor_metadata"], "bytecodeHash": profile["bytecode_hash"]},
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "remappings": profile["remappings"],
    }


def build_artifact(name: ContractName) -> str:
    """The artifact of contract `name` as JSON text. Raises SolcError with the compiler's words."""
    source = f"src/{name}.sol"
    settings = compiler_settings()
    outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata"]
    result = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": {source: {"content": (CONTRACTS_DIR / source).read_text(encoding="utf-8")}},
            "settings": settings | {"outputSelection": {source: {name: outputs}}},
        },
        base_path=CONTRACTS_DIR,
        solc_binary=SOLC,
    )
    compiled = result["contracts"][source][name]
    metadata = json.loads(compiled["metadata"])
    hashes = {path: _file_hash(path) for path in sorted(metadata["sources"])}
    artifact = {
        "contract": name,
        "compiler": metadata["compiler"]["version"],
        "settings": settings,
        "sourceHash": _json_hash({"settings": settings, "sources": hashes}),
        "sources": hashes,
        "abi": compiled["abi"],
        "bytecode": compiled["evm"]["bytecode"]["object"],
        "deployedBytecode": compiled["evm"]["deployedBytecode"]["object"],
    }
    return json.dumps(artifact, indent=1, ensure_ascii=False) + "\n"


def is_stale(name: ContractName) -> bool:
    """Whether the artifact is missing or differs from what its sources compile to."""
    path = artifact_path(name)
    return not path.exists() or path.read_text(encoding="utf-8") != build_artifact(name)


def _file_hash(path: str) -> str:
    return hashlib.sha256((CONTRACTS_DIR / path).read_bytes()).hexdigest()


def _json_hash(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _check(names: tuple[ContractName, ...]) -> None:
    stale = [str(artifact_path(name)) for name in names if is_stale(name)]
    if stale:
        sys.exit(f"stale: {', '.join(stale)}. Run `python -m contracts.build` and commit what it writes.")


def _write(names: tuple[ContractName, ...]) -> None:
    for name in names:
        path = artifact_path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(build_artifact(name), encoding="utf-8")
        print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the contracts into contracts/artifacts/.")
    parser.add_argument("--check", action="store_true", help="only say whether the artifacts are up to date")
    arguments = parser.parse_args()
    try:
        (_check if arguments.check else _write)(get_args(ContractName))
    except SolcError as error:
        sys.exit(f"the contracts do not compile:\n{error}")
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"{error}\nThe compiler does not start: install Node 20 and run `npm ci` in contracts/.")


if __name__ == "__main__":
    main()
