"""The REST binding of EPCIS 2.0 (section 12, and GS1's openapi.yaml): all of it below /epcis."""

from fastapi import APIRouter

from api.routes.epcis import capture, collections, events, queries, root, subscriptions, tokens

router = APIRouter(prefix="/epcis")
for module in (root, capture, events, collections, queries, subscriptions, tokens):
    router.include_router(module.router)
