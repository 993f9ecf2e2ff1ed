"""What the frontend probe sees of a page, and that it does not see what is not there."""

import gzip
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from scaling_guide.lab import ca, files
from scaling_guide.probes.observation import Malformed, Unsupported
from scaling_guide.systems.nginx.target import NginxTarget
from scaling_guide.systems.web import frontend
from scaling_guide.systems.web.client import Answer
from scaling_guide.systems.web.frontend import Page
from tests.systems import servers
from tests.systems.servers import HOST, SITE


def parsed(html: str, path: str = "/shop/") -> Page:
    page = Page(SITE, path)
    page.feed(html)
    return page


def test_files_of_the_site_are_told_by_kind_and_fetched_once() -> None:
    page = parsed(
        '<link rel="stylesheet" href="a.css"><script src="/b.js" defer></script>'
        '<link rel="preload" as="image" href="/c.avif"><img src="/c.avif" width=1 height=1>'
    )
    assert page.files == {"/shop/a.css": "style", "/b.js": "script", "/c.avif": "image"}
    assert not page.elsewhere


def test_what_other_hosts_are_asked_for_is_told_apart() -> None:
    page = parsed(f'<script src="https://tag.example/t.js" async></script><img src="//{SITE}/i.png">')
    assert page.elsewhere == {"https://tag.example/t.js"}
    assert page.files == {"/i.png": "image"}


def test_data_in_the_page_is_no_file() -> None:
    page = parsed('<img src="data:image/png;base64,AA" width="1" height="1"><a href="/other">other</a>')
    assert not page.files


@pytest.mark.parametrize(
    ("script", "blocking"),
    [
        ('<script src="/a.js"></script>', 1),
        ('<script src="/a.js" defer></script>', 0),
        ('<script src="/a.js" async></script>', 0),
        ('<script src="/a.js" type="module"></script>', 0),
        ("<script>inline()</script>", 0),
    ],
)
def test_a_script_blocks_unless_it_says_otherwise(script: str, blocking: int) -> None:
    assert parsed(script).blocking == blocking


def test_a_picture_needs_width_and_height() -> None:
    page = parsed('<img src="/a.png" width="9"><img src="/b.png" width="9" height="9" fetchpriority="high">')
    assert (page.unsized, page.first) == (1, 1)


@contextmanager
def serving(directory: Path, locations: str) -> Iterator[NginxTarget]:
    authority = ca.authority(directory / "ca")
    files.place_certificate(directory / "site.pem", ca.issue(authority, SITE, 90))
    port = servers.free_port()
    http = (
        f"gzip on; gzip_min_length 1; gzip_types text/javascript;\n"
        f"server {{ listen {HOST}:{port} ssl http2; server_name {SITE}; default_type text/html;\n"
        f"ssl_certificate {directory}/site.pem; ssl_certificate_key {directory}/site.key;\n{locations} }}"
    )
    with servers.nginx(directory, ports=[port], http=http):
        yield servers.nginx_target(port, trust=directory / "ca" / "ca.pem")


def look(target: NginxTarget) -> dict[str, Any]:
    return dict(frontend.probe(servers.environment(nginx=target), target, 5.0)[1])


def test_a_page_is_weighed_as_it_comes_over_the_wire(tmp_path: Path) -> None:
    page = '<script src="/a.js"></script>' + "x" * 3000
    locations = (
        f"location = / {{ return 200 '{page}'; }}\n"
        f"location = /a.js {{ default_type text/javascript; return 200 '{'y' * 3000}'; }}"
    )
    with serving(tmp_path, locations) as target:
        values = look(target)
    assert values["page > encoding"] == values["text a.js > encoding"] == "gzip"
    assert 0 < values["page > bytes"] < 300
    assert values["page > requests"] == 2
    assert values["page > asked again"] == 200
    assert values["http/2 > spoken"] == "yes"
    assert values["connection > connections"] == 1
    assert values["file a.js > cache-control"] == []


def test_connections_that_are_closed_after_each_answer_are_counted_each(tmp_path: Path) -> None:
    with serving(tmp_path, "keepalive_timeout 0; location / { return 200 'a page'; }") as target:
        assert look(target)["connection > connections"] == 2


def test_a_page_that_is_not_there_or_no_page_is_no_light_page(tmp_path: Path) -> None:
    with serving(tmp_path, "location / { return 404; }") as target, pytest.raises(Unsupported):
        look(target)
    locations = "location / { default_type application/json; return 200 '{}'; }"
    with serving(tmp_path, locations) as target, pytest.raises(Malformed, match="not HTML"):
        look(target)


def packed(body: bytes) -> Answer:
    headers = httpx.Headers({"content-type": "text/html", "content-encoding": "gzip"})
    return Answer(200, headers, body, "")


def test_a_small_page_that_unpacks_to_gigabytes_is_refused_before_it_fills_the_memory() -> None:
    answer = packed(gzip.compress(bytes(2**28), 1))
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="when it is unpacked"):
            frontend._unpacked(answer)
        assert tracemalloc.get_traced_memory()[1] < 4 * frontend.LONGEST_FILE
    finally:
        tracemalloc.stop()


def test_a_packed_page_that_is_cut_off_is_malformed() -> None:
    whole = gzip.compress(b"<p>a page</p>" * 100)
    assert frontend._unpacked(packed(whole)) == b"<p>a page</p>" * 100
    with pytest.raises(Malformed, match="cut off"):
        frontend._unpacked(packed(whole[:-9]))
