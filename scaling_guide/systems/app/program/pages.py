"""The page of the application and its files: small and real, named by their content, and told how to be kept.

`REGRESSIONS` are pages as they come out of a bad week: each has one thing that a budget or a check is for.
"""

from dataclasses import dataclass
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

FOR_EVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"

_RULE = ".card-{0} {{ display: grid; gap: {0}px; margin: {0}px 0; color: #24{0:04x}; }}\n"
_FUNCTION = "export function step{0}(state) {{ return {{ ...state, step: {0}, done: state.done + {0} }}; }}\n"
_RECTANGLE = '<rect x="{0}" y="{0}" width="{1}" height="40" fill="#1a{0:04x}"/>\n'


@dataclass(frozen=True)
class Asset:
    """A file that never changes under its name, since the name is made of its content."""

    name: str
    media_type: str
    content: bytes


def _named(stem: str, ending: str, media_type: str, text: str) -> Asset:
    content = text.encode()
    return Asset(f"{stem}.{sha256(content).hexdigest()[:10]}.{ending}", media_type, content)


STYLE = _named("app", "css", "text/css", "".join(map(_RULE.format, range(60))))
SCRIPT = _named("app", "js", "text/javascript", "".join(map(_FUNCTION.format, range(200))))
HERO, FOOT = (
    _named(
        name,
        "svg",
        "image/svg+xml",
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 480">\n'
        + "".join(_RECTANGLE.format(at * step, 960 - at) for at in range(40))
        + "</svg>\n",
    )
    for name, step in (("hero", 11), ("foot", 7))
)
# bytes that no packing makes smaller
_NOISE = b"".join(sha256(number.to_bytes(4)).digest() for number in range(38_500))
HEAVY = {
    "photo": Asset("photo.0000000001.jpg", "image/jpeg", _NOISE),
    "script": Asset("vendor.0000000001.js", "text/javascript", _NOISE[:450_000]),
    "style": Asset("theme.0000000001.css", "text/css", _NOISE[:80_000]),
}
ASSETS = {asset.name: asset for asset in (STYLE, SCRIPT, HERO, FOOT, *HEAVY.values())}

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Orders</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="preload" as="image" href="/assets/{HERO.name}" fetchpriority="high">
<link rel="stylesheet" href="/assets/{STYLE.name}">
<script src="/assets/{SCRIPT.name}" type="module"></script>
</head>
<body>
<h1>Orders</h1>
<img src="/assets/{HERO.name}" width="960" height="480" fetchpriority="high" alt="Orders of this week">
<ul>
{"".join(f'<li class="card-{n}">Order {n}, accepted and on its way</li>' + chr(10) for n in range(60))}</ul>
<img src="/assets/{FOOT.name}" width="960" height="480" loading="lazy" alt="Orders of last week">
</body>
</html>
"""

_PICTURE = '<img src="https://cdn.example.net/{}.jpg" width="9" height="9" alt="">'
_TAG = '<script src="https://tag{}.example.net/t.js" async></script>'

REGRESSIONS = {
    "heavy": ("<ul>", f'<img src="/assets/{HEAVY["photo"].name}" width="4000" height="3000" alt=""><ul>'),
    "heavy-script": ("</head>", f'<script src="/assets/{HEAVY["script"].name}" defer></script></head>'),
    "heavy-style": ("</head>", f'<link rel="stylesheet" href="/assets/{HEAVY["style"].name}"></head>'),
    "many-files": ("<ul>", "".join(map(_PICTURE.format, range(70))) + "<ul>"),
    "other-hosts": ("</head>", "".join(map(_TAG.format, range(6))) + "</head>"),
    "blocking": (' type="module"', ""),
    "unsized": (' width="960" height="480" loading', " loading"),
    "unhurried": (' fetchpriority="high" alt', " alt"),
    "unkept": ("/assets/", "/regressions/unkept/assets/"),
    "kept": ("", ""),
}
"""By name, a part of the page and what a bad change put in its place."""


async def page(request: Request) -> Response:
    """The page; as a bad change left it, where the path names one."""
    change = request.path_params.get("regression", "")
    html = _PAGE.replace(*REGRESSIONS[change]) if REGRESSIONS.get(change, ("", ""))[0] else _PAGE
    return _kept(request, html.encode(), "text/html", "max-age=86400" if change == "kept" else ASK_FIRST)


async def asset(request: Request) -> Response:
    """A file by its name."""
    found = ASSETS.get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("no such file\n", 404, {"Cache-Control": "no-store"})
    kept = ASK_FIRST if "regression" in request.path_params else FOR_EVER
    return _kept(request, found.content, found.media_type, kept)


def _kept(request: Request, content: bytes, media_type: str, cache_control: str) -> Response:
    """The content, or that it has not changed since the client was given it."""
    etag = f'"{sha256(content).hexdigest()[:16]}"'
    headers = {"Cache-Control": cache_control, "ETag": etag}
    # a load balancer that packs makes the tag a weak one
    if request.headers.get("if-none-match", "").removeprefix("W/") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
