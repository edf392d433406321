"""Calls, answers, notices and errors of a contract, to bytes and back. Source: Solidity ABI specification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_typing import ABIError, ABIEvent, ABIFunction
from eth_utils.abi import (
    abi_to_signature,
    event_abi_to_log_topic,
    function_signature_to_4byte_selector,
    get_abi_input_names,
    get_abi_input_types,
    get_abi_output_types,
)

from contracts import ContractName, load_artifact
from ledger.domain.errors import ChainUnavailable

_SELECTOR_BYTES = 4
_ERROR_STRING = function_signature_to_4byte_selector("Error(string)")
_PANIC = function_signature_to_4byte_selector("Panic(uint256)")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a contract said: Solidity's event or error, by its name and fields."""

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Abi:
    """One contract's interface. Accounts are 20 bytes going in and hex coming out."""

    functions: Mapping[str, ABIFunction]
    notices: Mapping[bytes, ABIEvent]  # by topic
    errors: Mapping[bytes, ABIError]  # by selector

    def call(self, name: str, *arguments: Any) -> bytes:
        """The input of a tx or call to function `name`."""
        function = self.functions[name]
        selector = function_signature_to_4byte_selector(abi_to_signature(function))
        return selector + encode(get_abi_input_types(function), arguments)

    def answer(self, name: str, raw: bytes) -> tuple[Any, ...]:
        """What function `name` returned."""
        types = get_abi_output_types(self.functions[name])
        try:
            return decode(types, raw)
        except DecodingError as error:
            raise ChainUnavailable(f"{name}() answered {len(raw)} bytes that are not {types}") from error

    def notice(self, topics: Sequence[bytes], raw: bytes) -> Notice | None:
        """A notice of this contract; None for one that it does not have."""
        described = self.notices.get(topics[0]) if topics else None
        if described is None:
            return None
        indexed = [field for field in described["inputs"] if field["indexed"]]
        plain = [field for field in described["inputs"] if not field["indexed"]]
        try:
            values = decode([field["type"] for field in plain], raw)
            keys = [
                decode([field["type"]], topic)[0] for field, topic in zip(indexed, topics[1:], strict=True)
            ]
        except (DecodingError, ValueError) as error:
            raise ChainUnavailable(f"notice {described['name']} cannot be read") from error
        names = [field["name"] for field in (*plain, *indexed)]
        return Notice(described["name"], dict(zip(names, (*values, *keys), strict=True)))

    def error(self, revert_data: bytes) -> Notice | None:
        """What the contract reverted with, when it is an error of its own."""
        described = self.errors.get(revert_data[:_SELECTOR_BYTES])
        if described is None:
            return None
        try:
            values = decode(get_abi_input_types(described), revert_data[_SELECTOR_BYTES:])
        except DecodingError:
            return None
        names = map(str, get_abi_input_names(described))
        return Notice(described["name"], dict(zip(names, values, strict=True)))

    def reason(self, revert_data: bytes | None) -> str:
        """Why the contract reverted, in its own words: `StaleAnchor(current=0x12.., given=0x34..)`."""
        if not revert_data:
            return "it gave no reason"
        if error := self.error(revert_data):
            return f"{error.name}({', '.join(f'{name}={_shown(v)}' for name, v in error.fields.items())})"
        selector, raw = revert_data[:_SELECTOR_BYTES], revert_data[_SELECTOR_BYTES:]
        try:
            if selector == _ERROR_STRING:
                return str(decode(["string"], raw)[0])
            if selector == _PANIC:
                return f"panic 0x{decode(['uint256'], raw)[0]:02x}"
        except DecodingError:
            pass
        return f"unknown error 0x{revert_data.hex()[:80]}"


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


@cache
def abi_of(contract: ContractName) -> Abi:
    """The interface of one of our contracts."""
    functions: dict[str, ABIFunction] = {}
    notices: dict[bytes, ABIEvent] = {}
    errors: dict[bytes, ABIError] = {}
    for element in load_artifact(contract).abi:
        match element["type"]:
            case "function":
                functions[element["name"]] = element
            case "event":
                notices[event_abi_to_log_topic(element)] = element
            case "error":
                errors[function_signature_to_4byte_selector(abi_to_signature(element))] = element
            case _:
                pass  # constructor
    return Abi(functions, notices, errors)
