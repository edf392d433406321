"""Printing by IPP, on the printer of CUPS: it has the document, or says why not, or leaves a doubt."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import zxingcpp

from labels import find_template, layout, prepare_print, write_labels
from labels.ipp import NoAnswer, decode_answer, encode_request
from labels.printer import Connection, InDoubt, NotReady, connect, read_ipp_faults
from ledger.domain.printer_address import IppAddress
from tests.labels.fake_printer import run_printer
from tests.labels.ipp_printer import IppPrinter, run_ipp_printer
from tests.labels.renderers import render_pages
from tests.labels.samples import CONTENTS, LINK

PRINT = prepare_print(layout(find_template("product-50x30"), CONTENTS["product-50x30"]), 203)


def _pdf(labels: int) -> bytes:
    out = BytesIO()
    write_labels([PRINT] * labels, out, "pdf")
    return out.getvalue()


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[IppPrinter]:
    with run_ipp_printer(tmp_path) as running:
        yield running


def send(address: IppAddress, content: bytes, seconds: float = 20) -> None:
    with connect(address, seconds) as connection:
        connection.send("job-000000-0.pdf", content)


def test_a_document_that_the_printer_completed_is_on_paper(printer: IppPrinter) -> None:
    send(printer.address, _pdf(3))
    (document,) = printer.printed()
    pages = render_pages(document, 203)
    assert [zxingcpp.read_barcode(page).text for page in pages] == [LINK] * 3  # type: ignore[union-attr]


def test_a_printer_without_paper_says_so_and_gets_nothing(printer: IppPrinter) -> None:
    printer.behave('echo "STATE: +media-empty" >&2')
    send(printer.address, _pdf(1))
    with pytest.raises(NotReady, match="out of paper"):
        send(printer.address, _pdf(1))
    assert len(printer.printed()) == 1


def test_a_job_that_the_printer_aborts_leaves_a_doubt(printer: IppPrinter) -> None:
    printer.behave("exit 1")
    with pytest.raises(InDoubt, match=r"aborted its job 1, job-000000-0\.pdf"):
        send(printer.address, _pdf(1))


def test_a_job_that_is_not_completed_in_time_leaves_a_doubt_that_tells_why(printer: IppPrinter) -> None:
    printer.behave('echo "STATE: +media-jam" >&2', "sleep 60")
    with pytest.raises(InDoubt, match=r"did not print all .* within 1\.5 s: paper jam; it may go on"):
        send(printer.address, _pdf(1), seconds=1.5)


def test_a_printer_that_dies_in_the_midst_of_a_job_leaves_a_doubt(printer: IppPrinter) -> None:
    printer.behave("sleep 0.3", "kill -9 $PPID")
    with pytest.raises(InDoubt, match=r"did not print all .* within 2 s: .*refused"):
        send(printer.address, _pdf(1), seconds=2)


def test_a_printer_that_dies_before_the_job_leaves_no_doubt(printer: IppPrinter) -> None:
    with connect(printer.address) as connection, pytest.raises(NotReady, match="refused"):
        _kill_and_send(printer, connection)


def _kill_and_send(printer: IppPrinter, connection: Connection) -> None:
    printer.process.kill()
    printer.process.wait()
    connection.send("job-000000-0.pdf", _pdf(1))


def test_a_document_that_the_printer_refuses_leaves_no_doubt(printer: IppPrinter) -> None:
    with connect(printer.address) as connection, pytest.raises(NotReady, match=r"refused .*: status 0x0"):
        connection.send("x" * 300, _pdf(1))  # a job's name has at most 255 bytes
    assert printer.printed() == []


def test_a_printer_that_takes_no_pdf_says_what_it_takes(tmp_path: Path) -> None:
    with (
        run_ipp_printer(tmp_path, "image/urf") as printer,
        pytest.raises(NotReady, match=r"takes .*image/urf.*, and not application/pdf"),
    ):
        send(printer.address, _pdf(1))


def test_a_wrong_path_is_named(printer: IppPrinter) -> None:
    wrong = IppAddress("localhost", printer.port, "/nowhere")
    with pytest.raises(NotReady, match=f"localhost:{printer.port}/nowhere"):
        send(wrong, _pdf(1))


def test_what_does_not_speak_ipp_is_named() -> None:
    with run_printer() as other:
        other.closes_after_labels = 0
        with pytest.raises(NotReady, match=f"cannot print on ipp://127.0.0.1:{other.port}"):
            send(IppAddress("127.0.0.1", other.port), _pdf(1))
    with pytest.raises(NotReady, match=f"cannot print on ipp://127.0.0.1:{other.port}.*refused"):
        send(IppAddress("127.0.0.1", other.port), _pdf(1))


# The answer to Print-Job that RFC 8010 shows in appendix A.2.
ANSWER = (
    b"\x01\x01\x00\x00\x00\x00\x00\x01\x01"
    b"\x47\x00\x12attributes-charset\x00\x05utf-8"
    b"\x48\x00\x1battributes-natural-language\x00\x05en-us"
    b"\x41\x00\x0estatus-message\x00\x0dsuccessful-ok"
    b"\x02"
    b"\x21\x00\x06job-id\x00\x04\x00\x00\x00\x93"
    b"\x45\x00\x07job-uri\x00\x25ipp://printer.example.com/ipp/pinetree"
    b"\x23\x00\x09job-state\x00\x04\x00\x00\x00\x03"
    b"\x03"
)


def test_the_answer_of_the_standard_is_read() -> None:
    raw = ANSWER.replace(b"\x00\x25ipp", b"\x00\x26ipp")
    answer = decode_answer(raw)
    assert (answer.is_ok, answer.number("job-id"), answer.number("job-state")) == (True, 147, 3)
    assert answer.texts("status-message") == ("successful-ok",)


def test_several_values_stand_under_one_name() -> None:
    values = [
        ("keyword", "printer-state-reasons", "media-empty-error"),
        ("keyword", "printer-state-reasons", "x"),
    ]
    answer = decode_answer(encode_request(0, values))  # type: ignore[arg-type]
    assert answer.texts("printer-state-reasons") == ("media-empty-error", "x")
    assert read_ipp_faults(answer) == ["out of paper"]


def test_little_paper_keeps_no_printer_from_printing_and_a_stopped_one_tells_all() -> None:
    low = encode_request(
        0, [("keyword", "printer-state-reasons", "media-low-warning"), ("enum", "printer-state", 3)]
    )
    assert read_ipp_faults(decode_answer(low)) == []
    odd = encode_request(
        0, [("keyword", "printer-state-reasons", "fuser-over-temp"), ("enum", "printer-state", 5)]
    )
    assert read_ipp_faults(decode_answer(odd)) == ["fuser-over-temp"]
    none = encode_request(0, [("keyword", "printer-state-reasons", "none"), ("enum", "printer-state", 5)])
    assert read_ipp_faults(decode_answer(none)) == ["stopped"]
    closed = encode_request(0, [("boolean", "printer-is-accepting-jobs", False)])
    assert read_ipp_faults(decode_answer(closed)) == ["accepts no jobs"]


@pytest.mark.parametrize("end", range(len(ANSWER)))
def test_an_answer_that_breaks_off_is_no_answer(end: int) -> None:
    with pytest.raises(NoAnswer):
        decode_answer(ANSWER[:end])


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200", b"\x01\x01\x00\x00\x00\x00\x00\x01\x02\x21\xff\xff", bytes(9)]
)
def test_what_is_no_ipp_is_no_answer(raw: bytes) -> None:
    with pytest.raises(NoAnswer):
        decode_answer(raw)
