"""The settings, read once from SUYUAN_* environment variables. The README holds the same table."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ledger.domain.broker_address import parse_broker
from ledger.domain.deployment import parse_deployment
from ledger.domain.errors import Invalid
from ledger.domain.mail_server import is_mailbox, parse_mail_server
from ledger.domain.printer_address import parse_printers
from ledger.domain.rules import parse_modes


def _setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every field is one variable: `data_dir` is SUYUAN_DATA_DIR."""

    data_dir: Path = _setting(Path("var"), "folder that holds all state: database, chain, keys, trust.json")
    database_url: str = _setting(
        "", "SQL database, e.g. postgresql://user@host/name; empty: SQLite in the data folder"
    )
    rpc_url: str = _setting("", "Ethereum JSON-RPC node to anchor on; empty: the embedded Ganache chain")
    contracts: str = _setting(
        "",
        "contracts of a ledger to join at the first start; empty: own ones. `suyuan registry contracts` says",
    )
    chain_port: int = _setting(8545, "port of the embedded chain on 127.0.0.1")
    fee_mode: str = _setting("", "zero, legacy or 1559; empty: what the chain supports")
    finality: str = _setting("", "instant, tag, or a number of confirmations; empty: what the chain supports")
    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 lets phones on the network in")
    port: int = _setting(8000, "port to listen on")
    tls_certificate: str = _setting(
        "", "file with our certificate and its key (PEM), to serve https; phones want it for their camera"
    )
    api_workers: int = _setting(1, "processes that answer HTTP")
    public_url: str = _setting("", "what printed labels open; empty: this machine")
    origin: str = _setting("localhost/suyuan", "name of the log, <host>/<log name>; fixed at the first start")
    anchor_interval_seconds: float = _setting(2.0, "pause between two anchors")
    anchor_promise_seconds: int = _setting(600, "receipts promise that an event is anchored within this time")
    capture_limit_events: int = _setting(10_000, "events in one capture request")
    capture_limit_bytes: int = _setting(32 * 1024 * 1024, "bytes of one capture request")
    rules: str = _setting(
        "", "business rules, e.g. commissioned=warn,one_parent=refuse; those not named are off"
    )
    webhook_local_hosts: str = _setting(
        "", "hosts in your own network that webhooks may call, e.g. localhost,erp.lan; *: all"
    )
    resolve_local_hosts: str = _setting(
        "",
        "hosts in your own network that may be asked as nodes of other prefixes, e.g. node-b.lan; *: all",
    )
    resolve_timeout_seconds: float = _setting(5.0, "longest wait for one answer of another node")
    printers: str = _setting(
        "",
        "label printers by name, e.g. dock=tcp://10.0.0.9:9100,laser=ipp://10.0.0.8/ipp/print,file=spool:///var/spool/labels",
    )
    mqtt_url: str = _setting(
        "", "MQTT broker that carriers send to, e.g. mqtts://user:password@host:8883; empty: none"
    )
    mqtt_topic: str = _setting("suyuan/telemetry/#", "topics that carriers send to")
    mqtt_ca: str = _setting("", "file of the broker's CA; empty: those of the system")
    mqtt_certificate: str = _setting("", "file with our client certificate and its key for the broker")
    seal_minutes: int = _setting(60, "readings of carriers are sealed into the log this often")
    telemetry_days: int = _setting(
        0, "days that sealed and anchored readings of carriers are kept as they were signed; 0: for ever"
    )
    smtp_url: str = _setting(
        "",
        "mail server for alarms, e.g. smtps://user:password@host:465, or smtp:// for STARTTLS; empty: none",
    )
    smtp_from: str = _setting("", "address that alarms come from, e.g. suyuan@example.com")
    smtp_ca: str = _setting("", "file of the mail server's CA; empty: those of the system")
    resolution_days: int = _setting(400, "how long counts of resolutions are kept by the hour")
    rpc_timeout_seconds: float = _setting(10.0, "longest wait for one answer of the chain")

    def __post_init__(self) -> None:
        parsers: tuple[tuple[str, Callable[[str], object]], ...] = (
            ("contracts", parse_deployment),
            ("rules", parse_modes),
            ("printers", parse_printers),
            ("mqtt_url", parse_broker),
            ("smtp_url", parse_mail_server),
        )
        for name, parse in parsers:
            try:
                parse(getattr(self, name))
            except Invalid as error:
                raise Invalid(f"{variable_of(name)}: {error}") from error
        if self.smtp_url and not is_mailbox(self.smtp_from):
            raise Invalid("SUYUAN_SMTP_FROM: should be an address like suyuan@example.com")

    @staticmethod
    def from_env(environ: Mapping[str, str] = os.environ) -> "Settings":
        """Settings with the variables that are set. Raises Invalid for a wrong one."""
        known = {variable_of(f.name): f for f in fields(Settings)}
        values: dict[str, Any] = {}
        for variable, text in environ.items():
            if not variable.startswith("SUYUAN_") or variable.startswith("SUYUAN_TEST_"):
                continue
            if variable not in known:
                raise Invalid(f"{variable} is not a setting; there are {', '.join(sorted(known))}")
            values[known[variable].name] = _read(variable, text, known[variable].default)
        return Settings(**values)

    def to_env(self) -> dict[str, str]:
        """The variables that make these settings."""
        return {variable_of(f.name): str(getattr(self, f.name)) for f in fields(self)}

    @property
    def store_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'suyuan.db'}"

    @property
    def label_url(self) -> str:
        """Scheme and host of printed Digital Links."""
        return (self.public_url or self.local_url).rstrip("/")

    @property
    def local_url(self) -> str:
        """Where this machine reaches the API."""
        return f"{'https' if self.tls_certificate else 'http'}://localhost:{self.port}"

    @property
    def trust_path(self) -> Path:
        return self.data_dir / "trust.json"

    @property
    def templates_path(self) -> Path:
        """Label templates of this node's own; they win over those that come with Suyuan."""
        return self.data_dir / "templates"

    @property
    def profiles_path(self) -> Path:
        """Cold-chain profiles of this node's own; they win over those that come with Suyuan."""
        return self.data_dir / "profiles"

    @property
    def loggers_path(self) -> Path:
        """Mappings of logger files of this node's own; they win over those that come with Suyuan."""
        return self.data_dir / "loggers"

    @property
    def halt_path(self) -> Path:
        """Holds the reason while the node refuses to write, because chain and store disagree."""
        return self.data_dir / "halted.txt"

    @property
    def demo_keys_path(self) -> Path:
        return self.data_dir / "demo-keys.json"


def variable_of(name: str) -> str:
    return "SUYUAN_" + name.upper()


def _read(variable: str, text: str, default: Any) -> Any:
    kind = type(default)
    try:
        value = kind(text)
    except ValueError as error:
        raise Invalid(f"{variable} is {text!r}, should be a number") from error
    if kind in (int, float) and value <= 0 and value != default:
        raise Invalid(f"{variable} is {text!r}, should be greater than 0")
    return value
