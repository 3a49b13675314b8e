"""The page of addresses, made of the OpenAPI document: plain HTML that needs no script."""

from __future__ import annotations

from html import escape
from typing import Any


def docs_page(schema: dict[str, Any]) -> str:
    """An OpenAPI document as HTML."""
    info = schema["info"]
    operations = [
        _operation(path, method, facts)
        for path, methods in schema["paths"].items()
        for method, facts in methods.items()
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: addresses</title>"
        '<link rel="icon" href="/page/icon.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/page/style.css"></head><body class="docs"><main>'
        f"<h1>{escape(info['title'])}: addresses</h1><p>{escape(info.get('description', ''))}</p>"
        '<p>As a file: <a href="/openapi.json">openapi.json</a>. '
        '<a href="/">To the page</a>.</p>'
        f"{''.join(operations)}</main></body></html>"
    )


def _operation(path: str, method: str, facts: dict[str, Any]) -> str:
    rows = "".join(map(_parameter, facts.get("parameters", [])))
    table = (
        f"<table><thead><tr><th>parameter</th><th>values</th><th>without</th><th>meaning</th></tr>"
        f"</thead><tbody>{rows}</tbody></table>"
        if rows
        else ""
    )
    kinds = ", ".join(facts.get("requestBody", {}).get("content", {}))
    body = f"<p>Body: {escape(kinds)}</p>" if kinds else ""
    about = escape(facts.get("description", facts.get("summary", "")))
    title = f"{escape(method.upper())} {escape(path)}"
    return f"<section><h2><code>{title}</code></h2><p>{about}</p>{body}{table}</section>"


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    default = schema.get("default")
    cells = (
        f"<code>{escape(parameter['name'])}</code>",
        escape(_values(schema)),
        "" if default is None else escape(str(default)),
        escape(parameter.get("description", "")),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return ", ".join(_values(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']:g} to {schema['maximum']:g}"
    return str(schema.get("type", ""))
