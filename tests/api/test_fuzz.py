"""Requests made from our own OpenAPI description, good ones and broken ones (schemathesis)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import Serve
from tests.services.world import World

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.slow
def test_no_request_below_epcis_meets_an_error_of_ours_or_an_undocumented_status(
    world: World, serve: Serve, tmp_path: Path
) -> None:
    """No deliverer runs here, so no webhook that is made up gets called."""
    if not SCHEMATHESIS.exists():
        pytest.skip("schemathesis is not here: install the locked packages for tests")
    url = str(serve(world.node).base_url).rstrip("/")
    command = [
        str(SCHEMATHESIS),
        "--no-color",
        "run",
        f"{url}/openapi.json",
        "--include-path-regex",
        "^/epcis",
    ]
    command += ["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "25"]
    command += [
        "--seed",
        "1",
        "--request-timeout",
        "20",
        "--header",
        f"Authorization: Bearer {world.texts['node']}",
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-6000:]
