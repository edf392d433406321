"""The rules that a machine can hold: who imports whom, and tables that say what the code does."""

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from ledger.cli import build_parser
from ledger.config import Settings, variable_of
from ledger.domain.rules import RULES

ROOT = Path(__file__).resolve().parents[1]
OURS = {"api", "bench", "contracts", "ganache", "labels", "ledger"}
README = (ROOT / "README.md").read_text()


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module
            yield node.module


def package_of(module: str) -> str:
    return module.split(".")[0]


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)


DOMAIN = [*sources("ledger/domain"), ROOT / "ledger/verify.py"]


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: path.name)
def test_domain_and_verifier_import_only_the_domain_the_standard_library_and_cryptography(path: Path) -> None:
    for module in imports_of(path):
        standard = package_of(module) in sys.stdlib_module_names
        assert standard or package_of(module) == "cryptography" or module.startswith("ledger.domain"), module


IMPURE = {"asyncio", "http", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "sqlite3"}
IMPURE |= {"subprocess", "tempfile", "threading", "time", "urllib"}


@pytest.mark.parametrize("path", sources("ledger/domain"), ids=lambda path: path.name)
def test_the_domain_touches_no_file_network_clock_or_chance(path: Path) -> None:
    allowed = {"urllib.parse"}
    for module in imports_of(path):
        assert package_of(module) not in IMPURE or module in allowed, module
    text = path.read_text()
    assert not re.search(r"\b(open|print|input)\(|\.(now|utcnow|today)\(", text)


COMPOSERS = {
    "child.py",
    "cli.py",
    "deliver.py",
    "listen.py",
    "running.py",
    "serve.py",
    "setup.py",
    "worker.py",
}
"""They put the parts together and so may know all of them."""

SERVICES = [path for path in sorted((ROOT / "ledger").glob("*.py")) if path.name not in COMPOSERS]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_services_know_the_store_and_the_chain_only_as_ports(path: Path) -> None:
    for module in imports_of(path):
        assert package_of(module) not in {"sqlalchemy", "web3", "fastapi", "alembic"}, module
        assert not module.startswith(("ledger.store", "ledger.chain")), module


def test_a_command_that_needs_no_chain_does_not_load_its_client() -> None:
    loaded = "import ledger.commands.node, sys; sys.exit('web3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, check=False).returncode == 0


def test_only_the_store_knows_sql_only_the_chain_knows_web3_and_only_the_api_knows_http() -> None:
    owners = {
        "sqlalchemy": "ledger/store",
        "alembic": "ledger/store",
        "web3": "ledger/chain",
        "eth_abi": "ledger/chain",
        "lxml": "ledger/xml",
        "paho": "ledger/mqtt.py",
        "fastapi": "api",
        "starlette": "api",
        "jinja2": "api",
    }
    for folder in ("ledger", "api", "labels", "ganache", "contracts"):
        for path in sources(folder):
            for module in imports_of(path):
                owner = owners.get(package_of(module))
                assert owner is None or path.is_relative_to(ROOT / owner), f"{path}: {module}"


def test_nothing_imports_the_api() -> None:
    for folder in ("ledger", "labels", "ganache", "contracts"):
        for path in sources(folder):
            assert "api" not in {package_of(module) for module in imports_of(path)}, path


def test_labels_know_only_the_domain() -> None:
    for path in sources("labels"):
        for module in imports_of(path):
            ours = package_of(module) in OURS
            assert not ours or module.startswith(("labels", "ledger.domain")), f"{path}: {module}"


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    listed = re.findall(r"^\| `(SUYUAN_\w+)` \| (.*?) \| (.*?) \|$", README, re.M)
    expected = [
        (variable_of(f.name), f"`{f.default}`" if str(f.default) else "", f.metadata["help"])
        for f in fields(Settings)
    ]
    assert listed == expected


def test_the_readme_lists_every_command_with_its_meaning() -> None:
    listed = dict(re.findall(r"^\| `suyuan (\w+)[^`]*` \| (.*?) \|$", README, re.M))
    actions = next(a for a in build_parser()._actions if a.choices and a.metavar == "COMMAND")
    expected = {choice.dest: choice.help for choice in actions._choices_actions}  # type: ignore[attr-defined]
    assert listed == expected


def test_the_readme_lists_every_business_rule_with_its_meaning() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", README, re.M))
    assert {name: meaning for name, meaning in listed.items() if name in RULES} == {
        name: rule.meaning for name, rule in RULES.items()
    }


def test_every_command_leads_to_a_function() -> None:
    def subparsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
        found = [a.choices.values() for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        below = [sub for group in found for sub in group]
        yield from [leaf for sub in below for leaf in subparsers(sub)] if below else [parser]

    for parser in subparsers(build_parser()):
        module, function = parser.get_default("run").split(":")
        assert callable(getattr(import_module(module), function)), parser.prog


def test_no_lock_file_names_a_host() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-node.lock"):
        assert "://" not in (ROOT / name).read_text(), name
    for name in ("ganache/package-lock.json", "contracts/package-lock.json"):
        assert '"resolved"' not in (ROOT / name).read_text(), name


def test_the_changelog_has_the_version_of_the_project() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert version
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()
