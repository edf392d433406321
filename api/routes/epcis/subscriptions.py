"""Subscriptions: named queries that report to a webhook by themselves (EPCIS 2.0, section 12.8.3)."""

from typing import Any, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiKeyDep, NodeDep
from api.media_types import JSON, JSON_LD, XML, is_xml
from api.routes.epcis.bodies import documented_body, read_json
from api.routes.epcis.documents import presentation_of
from api.routes.epcis.protocol import (
    DEFAULT_PER_PAGE,
    VERSIONS,
    PageToken,
    PerPage,
    add_options,
    answer_list,
    choose_format,
    epcis_router,
    item_url,
    problems,
)
from ledger.ports import Delivery
from ledger.standing import format_ms
from ledger.subscriptions import (
    create_subscription,
    delete_subscription,
    get_subscription,
    list_dead_letters,
    list_subscriptions,
    send_again,
    subscription_json,
)

_BODY_FORMATS: Final = (JSON, JSON_LD)
_EXAMPLE: Final = {"dest": "https://erp.example/epcis", "signatureToken": "of your own", "stream": True}
_ALL: Final = "/queries/{name}/subscriptions"
_ONE: Final = _ALL + "/{subscription_id}"
_DEAD: Final = _ONE + "/deadLetters"

router = epcis_router()
add_options(router, _ALL, "GET", "POST")
add_options(router, _ONE, "GET", "DELETE")
add_options(router, _DEAD, "GET")


@router.get(_ALL, response_class=JSONResponse, responses=problems(401, 404))
def get_subscriptions(
    request: Request,
    name: str,
    node: NodeDep,
    key: ApiKeyDep,
    per_page: PerPage = DEFAULT_PER_PAGE,
    page_token: PageToken = None,
) -> Response:
    """Your party's subscriptions to a named query."""
    return answer_list(
        request,
        per_page,
        page_token,
        lambda after, limit: list_subscriptions(node, key, name, after=after, limit=limit),
        lambda subscription: subscription.subscription_id,
        subscription_json,
    )


@router.post(
    _ALL,
    status_code=201,
    response_class=JSONResponse,
    responses=problems(401, 404, 413, 415),
    openapi_extra=documented_body(_EXAMPLE, *_BODY_FORMATS),
)
async def post_subscription(request: Request, name: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Subscribe a webhook: `{"dest": "https://...", "signatureToken": "...", "stream": true}`, or `schedule`.

    Reports are EPCISQueryDocuments in the formats that this request asks for in `Accept`,
    `GS1-EPC-Format` and `GS1-CBV-XML-Format`.
    """
    media_type = choose_format(request, JSON, JSON_LD, XML)
    wanted = presentation_of(request)
    body = await read_json(request, _BODY_FORMATS)
    subscription = await run_in_threadpool(
        create_subscription,
        node,
        key,
        name,
        body,
        media_type=XML if is_xml(media_type) else JSON,
        epc_format=wanted.epc_format,
        cbv_xml_format=wanted.cbv_format,
    )
    headers = {
        **VERSIONS,
        "Location": item_url("queries", name, "subscriptions", subscription.subscription_id),
    }
    return JSONResponse(subscription_json(subscription), 201, headers)


@router.get(_ONE, response_class=JSONResponse, responses=problems(401, 404))
def get_one_subscription(
    request: Request, name: str, subscription_id: str, node: NodeDep, key: ApiKeyDep
) -> Response:
    """A subscription of your party: when it reported last, and from where it will go on."""
    media_type = choose_format(request)
    subscription = get_subscription(node, key, name, subscription_id)
    return JSONResponse(subscription_json(subscription), media_type=media_type, headers=VERSIONS)


@router.delete(_ONE, status_code=204, response_class=Response, responses=problems(401, 404))
def delete_one_subscription(name: str, subscription_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Stop reporting to this webhook."""
    delete_subscription(node, key, name, subscription_id)
    return Response(None, 204, VERSIONS)


@router.get(_DEAD, response_class=JSONResponse, responses=problems(401, 404))
def get_dead_letters(
    request: Request,
    name: str,
    subscription_id: str,
    node: NodeDep,
    key: ApiKeyDep,
    per_page: PerPage = DEFAULT_PER_PAGE,
    page_token: PageToken = None,
) -> Response:
    """Reports that were given up because the webhook kept refusing them. This node's own addition."""
    return answer_list(
        request,
        per_page,
        page_token,
        lambda after, limit: list_dead_letters(node, key, name, subscription_id, after=after, limit=limit),
        lambda delivery: delivery.delivery_id,
        _delivery_json,
    )


@router.post(
    _DEAD + "/{delivery_id}", status_code=202, response_class=JSONResponse, responses=problems(401, 404)
)
def post_dead_letter(
    request: Request, name: str, subscription_id: str, delivery_id: str, node: NodeDep, key: ApiKeyDep
) -> Response:
    """Send a report that was given up once more. This node's own addition."""
    media_type = choose_format(request)
    delivery = send_again(node, key, name, subscription_id, delivery_id)
    return JSONResponse(_delivery_json(delivery), 202, VERSIONS, media_type)


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    return {
        "deliveryID": delivery.delivery_id,
        "createdAt": format_ms(delivery.created_ms),
        "attempts": delivery.attempts,
        "problem": delivery.problem,
    }
