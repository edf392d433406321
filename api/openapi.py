"""The OpenAPI description: what FastAPI derives from the routes, made true."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_KEY = "ApiKey"


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of `app`, made at the first call.

    A wrong parameter gets 400 here (see `errors`) where FastAPI would answer 422. Whatever can answer 401
    takes an API key.
    """
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for methods in schema["paths"].values():
            for operation in methods.values():
                if operation["responses"].pop("422", None):
                    operation["responses"].setdefault("400", {"description": "A parameter is wrong."})
                if "401" in operation["responses"]:
                    operation["security"] = [{_KEY: []}]
        schemes = {_KEY: {"type": "http", "scheme": "bearer", "description": "An API key of a party."}}
        schema.setdefault("components", {})["securitySchemes"] = schemes
        app.openapi_schema = schema
    return app.openapi_schema
