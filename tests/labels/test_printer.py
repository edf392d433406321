"""A printer that is not ready gets nothing; one that breaks off leaves a doubt; one that is done has all."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from labels import find_template, layout, prepare_print, to_zpl
from labels.printer import InDoubt, NotReady, connect, read_faults
from ledger.domain.errors import Invalid
from ledger.domain.printer_address import IppAddress, SpoolAddress, TcpAddress, parse_printers
from tests.labels.fake_printer import FakePrinter, run_printer
from tests.labels.samples import CONTENTS

LABEL = to_zpl(prepare_print(layout(find_template("product-50x30"), CONTENTS["product-50x30"]), 203))


@pytest.fixture
def printer() -> Iterator[FakePrinter]:
    with run_printer() as running:
        yield running


def send(printer: FakePrinter, content: bytes = LABEL * 3, seconds: float = 10) -> None:
    with connect(TcpAddress("127.0.0.1", printer.port), seconds) as connection:
        connection.send("job-000000-0.zpl", content)


def test_a_printer_that_took_everything_has_printed_it(printer: FakePrinter) -> None:
    send(printer)
    assert printer.serials() == ["SN00000001"] * 3


def test_a_printer_that_does_not_know_the_status_question_prints_all_the_same(printer: FakePrinter) -> None:
    printer.answers_status = False
    send(printer)
    assert len(printer.taken) == 3


def test_a_printer_of_pdf_is_not_asked_in_zpl(printer: FakePrinter) -> None:
    printer.faults.add("paper")
    with connect(TcpAddress("127.0.0.1", printer.port, "pdf"), 10) as connection:
        connection.send("job-000000-0.pdf", LABEL)
    assert len(printer.taken) == 1


@pytest.mark.parametrize(
    ("fault", "says"),
    [("paper", "out of paper"), ("pause", "paused"), ("head", "head open"), ("ribbon", "out of ribbon")],
)
def test_a_printer_with_a_fault_says_which_and_gets_nothing(
    printer: FakePrinter, fault: str, says: str
) -> None:
    printer.faults.add(fault)
    with pytest.raises(NotReady, match=says):
        send(printer)
    assert printer.taken == []


def test_an_unreachable_printer_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        pytest.raises(NotReady, match=f"cannot reach 127.0.0.1:{port}"),
        connect(TcpAddress("127.0.0.1", port)),
    ):
        pass


def test_a_printer_that_breaks_off_midway_leaves_a_doubt(printer: FakePrinter) -> None:
    printer.closes_after_labels = 1
    with pytest.raises(InDoubt, match="broke off in the midst of job-000000-0"):
        send(printer, LABEL * 2000)
    assert len(printer.taken) == 1


def test_a_printer_that_never_says_that_it_is_done_leaves_a_doubt(printer: FakePrinter) -> None:
    printer.never_closes = True
    with pytest.raises(InDoubt, match=r"did not take all .* within 0.3 s"):
        send(printer, seconds=0.3)


@pytest.mark.parametrize(
    "status", [b"", b"\x02hello\x03", b"\x03" * 3, b"\x02a,b\x03" * 3, bytes(range(256))]
)
def test_an_answer_that_is_no_status_says_nothing(status: bytes) -> None:
    assert read_faults(status) == []


def test_a_spool_file_is_there_whole_under_its_name(tmp_path: Path) -> None:
    with connect(SpoolAddress(str(tmp_path))) as connection:
        connection.send("job-000000-0.zpl", LABEL)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"job-000000-0.zpl": LABEL}


def test_a_missing_spool_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="nowhere"), connect(SpoolAddress(str(tmp_path / "nowhere"))):
        pass


def test_printers_are_named_by_the_operator() -> None:
    assert parse_printers("dock=tcp://10.0.0.9, a=tcp://[::1]:91 ,file=spool:///var/spool") == {
        "dock": TcpAddress("10.0.0.9", 9100),
        "a": TcpAddress("::1", 91),
        "file": SpoolAddress("/var/spool"),
    }
    assert parse_printers("a=ipp://laser,b=ipp://[::1]:8631/printers/x,c=ipp://h/") == {
        "a": IppAddress("laser", 631, "/ipp/print"),
        "b": IppAddress("::1", 8631, "/printers/x"),
        "c": IppAddress("h", 631, "/"),
    }
    assert parse_printers("a=tcp://h?format=pdf,b=spool:///s?format=pdf,c=tcp://h:91?format=zpl") == {
        "a": TcpAddress("h", 9100, "pdf"),
        "b": SpoolAddress("/s", "pdf"),
        "c": TcpAddress("h", 91),
    }
    assert parse_printers("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "dock",
        "dock=10.0.0.9",
        "dock=http://x",
        "a=tcp://h:0",
        "a=tcp://h:70000",
        "a=spool://x",
        "a=tcp://h,a=tcp://i",
        "a=ipp://",
        "a=ipp://h:0",
        "a=ipp://h:631?format=zpl",
        "a=tcp://h?format=png",
        "a=tcp://h/path",
        "a=ipps://h",
    ],
)
def test_a_wrong_printer_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_printers(text)
