"""The mail server of SUYUAN_SMTP_URL."""

import pytest

from ledger.config import Settings
from ledger.domain.errors import Invalid
from ledger.domain.mail_server import MailServer, is_mailbox, parse_mail_server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("", None),
        ("smtps://mail", MailServer("mail", 465, "tls", "", "")),
        ("smtp://node:p%40ss:w@10.0.0.9", MailServer("10.0.0.9", 587, "starttls", "node", "p@ss:w")),
        ("smtp+plain://[::1]:2525/", MailServer("::1", 2525, "none", "", "")),
    ],
)
def test_a_mail_server_is_read(text: str, server: MailServer | None) -> None:
    assert parse_mail_server(text) == server


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mail", "SUYUAN_SMTP_URL: write the mail server as"),
        ("smtp://mail:0", "SUYUAN_SMTP_URL: write the mail server as"),
        ("smtp+plain://node:secret@mail", "SUYUAN_SMTP_URL: a password is not sent without TLS"),
        ("smtps://mail", "SUYUAN_SMTP_FROM: should be an address"),
    ],
)
def test_a_wrong_mail_server_is_a_wrong_setting_and_its_password_stands_in_no_text(
    text: str, told: str
) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        Settings(smtp_url=text)
    assert "secret" not in str(caught.value)
    server = parse_mail_server("smtp://node:secret@mail")
    assert "secret" not in f"{server} {server!r}"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a.b+c@mail.example", True),
        ("a@b", True),
        ("a", False),
        ("a@b c", False),
        ("a@b\n", False),
        ("<a@b>", False),
    ],
)
def test_a_mailbox_is_an_address_alone(text: str, valid: bool) -> None:
    assert is_mailbox(text) is valid
