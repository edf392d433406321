"""The committed artifacts are what the sources compile to, and the compiler works through py-solc-x."""

import hashlib
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import solcx
from solcx.exceptions import SolcError, UnknownOption

from contracts import CONTRACTS_DIR, ContractName, artifact_path, build, load_artifact

NAMES: tuple[ContractName, ...] = get_args(ContractName)

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not here")
needs_compiler = pytest.mark.skipif(
    shutil.which("node") is None or not (CONTRACTS_DIR / "node_modules" / "solc").is_dir(),
    reason="the Solidity compiler is not here: install Node 20 and run `npm ci` in contracts/",
)

build_artifact = cache(build.build_artifact)  # seconds each


def compile_text(text: str, **options: Any) -> dict[str, Any]:
    document = {
        "language": "Solidity",
        "sources": {"Some.sol": {"content": text}},
        "settings": {"outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}}},
    }
    result: dict[str, Any] = solcx.compile_standard(document, solc_binary=build.SOLC, **options)
    return result


@pytest.mark.parametrize("name", NAMES)
def test_an_artifact_loads_without_a_compiler(name: ContractName) -> None:
    artifact = load_artifact(name)

    assert artifact.name == name
    assert artifact.compiler.startswith("0.8.")
    assert artifact.bytecode.endswith(artifact.deployed_bytecode)
    assert {entry["type"] for entry in artifact.abi} == {"constructor", "error", "event", "function"}


@pytest.mark.parametrize("name", NAMES)
def test_an_artifact_was_made_from_our_sources_as_they_are(name: ContractName) -> None:
    document = json.loads(artifact_path(name).read_text(encoding="utf-8"))
    own = {path: digest for path, digest in document["sources"].items() if path.startswith("src/")}

    assert f"src/{name}.sol" in own
    for path, digest in own.items():
        assert hashlib.sha256((CONTRACTS_DIR / path).read_bytes()).hexdigest() == digest, path
    assert document["settings"] == build.compiler_settings()


@pytest.mark.parametrize("name", NAMES)
def test_a_deployed_contract_fits_the_limit_of_every_chain(name: ContractName) -> None:
    assert len(load_artifact(name).deployed_bytecode) <= 24_576  # EIP-170


@needs_compiler
@pytest.mark.parametrize("name", NAMES)
def test_the_artifacts_are_what_the_sources_compile_to(name: ContractName) -> None:
    assert artifact_path(name).read_text(encoding="utf-8") == build_artifact(name)


@needs_compiler
def test_check_names_a_stale_artifact_and_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "build_artifact", build_artifact)
    monkeypatch.setattr(build, "artifact_path", lambda name: tmp_path / f"{name}.json")
    monkeypatch.setattr("sys.argv", ["contracts.build"])
    build.main()
    monkeypatch.setattr("sys.argv", ["contracts.build", "--check"])
    build.main()

    stale = tmp_path / "TraceLog.json"
    stale.write_text(stale.read_text(encoding="utf-8").replace("60", "61", 1), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"TraceLog\.json\. Run `python -m contracts\.build`"):
        build.main()


@needs_compiler
def test_the_compiler_tells_its_version_to_py_solc_x() -> None:
    version = solcx.wrapper.get_solc_version(build.SOLC, with_commit_hash=True)

    assert str(version) == load_artifact("TraceLog").compiler


@needs_compiler
def test_a_source_with_an_error_is_refused_in_the_compilers_words() -> None:
    text = "pragma solidity 0.8.37;\ncontract Some { uint private immutable some = missing; }"

    with pytest.raises(SolcError, match=r"Undeclared identifier\.\n --> Some\.sol:2:47"):
        compile_text(text)


@needs_compiler
def test_an_import_is_read_from_the_base_path_and_from_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "Base.sol").write_text("pragma solidity 0.8.37; contract Base {}")
    text = 'pragma solidity 0.8.37; import "Base.sol"; contract Some is Base {}'

    assert "Base" in compile_text(text, base_path=tmp_path)["contracts"]["Base.sol"]
    with pytest.raises(SolcError, match="File not found"):
        compile_text(text, base_path=CONTRACTS_DIR)
    with pytest.raises(SolcError, match="File not found"):
        compile_text(text)


@needs_compiler
def test_an_output_longer_than_a_pipe_holds_arrives_whole() -> None:
    functions = "".join(f"function aFunctionWithALongName{i}() public {{}}\n" for i in range(1500))

    compiled = compile_text(f"pragma solidity 0.8.37; contract Some {{ {functions} }}")

    assert len(compiled["contracts"]["Some.sol"]["Some"]["abi"]) == 1500


@needs_compiler
def test_an_option_that_is_not_known_is_named() -> None:
    with pytest.raises(UnknownOption, match="--gas"):
        solcx.wrapper.solc_wrapper(solc_binary=build.SOLC, standard_json=True, stdin="{}", gas=True)


@needs_node
def test_without_the_compiler_the_wrapper_says_what_to_run(tmp_path: Path) -> None:
    copied = tmp_path / "solc"
    copied.write_bytes(build.SOLC.read_bytes())

    answer = subprocess.run(["node", copied, "--version"], capture_output=True, text=True, check=False)

    assert answer.returncode == 1
    assert "npm ci" in answer.stderr
