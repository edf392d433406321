"""Active carriers: the devices of a party."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from api.dependencies import ApiKeyDep, Id, NodeDep
from ledger.carriers import (
    answer_challenge,
    bind_carrier,
    binding_view,
    carrier_views,
    challenge_carrier,
    confirm_identifier,
    enrol_carrier,
    get_carrier,
    give_carrier,
    list_bindings,
    list_carriers,
    order_carrier,
    revoke_carrier,
    rotate_key,
    unbind_carrier,
)
from ledger.domain.carriers import Carrier
from ledger.excursions import watch_views
from ledger.node import Node

router = APIRouter(
    tags=["carriers"],
    responses={
        401: {"description": "No known API key."},
        404: {"description": "Your party has no such carrier."},
        409: {"description": "Others changed it meanwhile, or it is there already."},
    },
)
Json = Annotated[dict[str, Any], Body()]


class NewKey(BaseModel):
    key: Annotated[str, Field(max_length=200)]


class NewIdentifier(BaseModel):
    identifier: Annotated[str, Field(max_length=2048)]


class NewOwner(BaseModel):
    party: Annotated[str, Field(max_length=200)]


class BoundTo(BaseModel):
    to: Annotated[str, Field(max_length=2048)]
    profile: Annotated[str, Field(max_length=200)] = ""


def _view(node: Node, carrier: Carrier) -> dict[str, Any]:
    (view,) = carrier_views(node, [carrier])
    return dict(view)


@router.post("/carriers", status_code=201)
def post_carrier(node: NodeDep, key: ApiKeyDep, enrolment: Json) -> dict[str, Any]:
    """Enrol a device: `id`, `key` (Ed25519 or SM2, hex or PEM), `model`, and perhaps `module`, `sim`,
    `calibration`, `calibrated_until_ms`, `silent_after_seconds`. It is active once it has answered a
    challenge."""
    return _view(node, enrol_carrier(node, key, enrolment))


@router.get("/carriers")
def get_carriers(
    node: NodeDep,
    key: ApiKeyDep,
    after: Annotated[str, Query(max_length=2048)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """The carriers of your party by id, behind the id `after`, each with its flags."""
    return [dict(view) for view in carrier_views(node, list_carriers(node, key, after=after, limit=limit))]


@router.get("/carriers/carrier")
def get_one_carrier(node: NodeDep, key: ApiKeyDep, text: Id) -> dict[str, Any]:
    """One carrier."""
    return _view(node, get_carrier(node, key, text))


@router.post("/carriers/challenge")
def post_challenge(node: NodeDep, key: ApiKeyDep, text: Id) -> dict[str, Any]:
    """A new challenge for the device, to be answered within five minutes."""
    return _view(node, challenge_carrier(node, key, text))


@router.post("/carriers/answer")
def post_answer(node: NodeDep, key: ApiKeyDep, text: Id, answer: Json) -> dict[str, Any]:
    """The device's signed answer (see ledger/FORMATS.md); 403 when it does not prove what it should."""
    return _view(node, answer_challenge(node, key, text, answer))


@router.post("/carriers/key")
def post_key(node: NodeDep, key: ApiKeyDep, text: Id, new: NewKey) -> dict[str, Any]:
    """Offer a new key, which counts once the device has answered with it; the one before works until then."""
    return _view(node, rotate_key(node, key, text, new.key))


@router.post("/carriers/revocation")
def post_revocation(node: NodeDep, key: ApiKeyDep, text: Id) -> dict[str, Any]:
    """End all keys of the carrier."""
    return _view(node, revoke_carrier(node, key, text))


@router.post("/carriers/transfer")
def post_transfer(node: NodeDep, key: ApiKeyDep, text: Id, new: NewOwner) -> dict[str, Any]:
    """Give the carrier to another party."""
    return _view(node, give_carrier(node, key, text, new.party))


@router.post("/carriers/identifier")
def post_identifier(node: NodeDep, key: ApiKeyDep, text: Id, new: NewIdentifier) -> dict[str, Any]:
    """Order the device to bear an identifier of yours, which counts once the device has confirmed it."""
    return _view(node, order_carrier(node, key, text, new.identifier))


@router.post("/carriers/identifier/confirmation")
def post_confirmation(node: NodeDep, key: ApiKeyDep, text: Id, confirmation: Json) -> dict[str, Any]:
    """The device's signed word that it bears it (see ledger/FORMATS.md); 403 when it proves nothing."""
    return _view(node, confirm_identifier(node, key, text, confirmation))


@router.post("/carriers/bindings", status_code=201)
def post_binding(node: NodeDep, key: ApiKeyDep, text: Id, bound: BoundTo) -> dict[str, Any]:
    """Bind the carrier from now on to an item, case, vehicle or room. With a `profile` it is watched."""
    return dict(binding_view(bind_carrier(node, key, text, bound.to, bound.profile)))


@router.delete("/carriers/bindings", status_code=204)
def delete_binding(node: NodeDep, key: ApiKeyDep, text: Id) -> None:
    """End what the carrier is bound to."""
    unbind_carrier(node, key, text)


@router.get("/carriers/bindings")
def get_bindings(node: NodeDep, key: ApiKeyDep, text: Id) -> list[dict[str, Any]]:
    """What the carrier was bound to, the newest first."""
    return [dict(binding_view(binding)) for binding in list_bindings(node, key, text)]


@router.get("/carriers/watches")
def get_watches(node: NodeDep, key: ApiKeyDep, text: Id) -> list[dict[str, Any]]:
    """The watched bindings of a carrier, the newest first: in range, out, without data or in excursion, and
    values, mean kinetic temperature, what a shelf-life model says, excursions."""
    return [dict(view) for view in watch_views(node, key, text)]
