"""What a page may call: one name, `sg`, whose methods turn records into Markdown.

A topic page, `docs/load-balancing/algorithms.md`, is prose with a call for each block; which topic is meant
follows from the path of the page::

    # Load balancing algorithms

    {{ sg.header() }}             outcome, owner, status, reviewed, last verified
    {{ sg.questions() }}          questions of data/questions that this page answers, linked

    ## When you need it
    prose; a managed value is never typed but asked for:
    {{ sg.value("nginx-keepalive", "medium") }}    4,096         (tier needed where tiers differ)
    {{ sg.expect("nginx-keepalive", "medium") }}   at least 4,096
    {{ sg.used("nginx-keepalive", "medium") }}     4,096, the value in config files, where bounds leave room
    {{ sg.ref("nginx-keepalive") }}                `keepalive`, linked to where the fact is documented
    {{ sg.lost("server-dies", "bare", "nginx") }}  how many requests the lab lost, or `unknown`
    {{ sg.median("pool-size-reads", "throughput", 4) }}  22,900 transactions/s, the median, or `unknown`

    ## How to decide
    a hand-written table
    ## Messages
    {{ sg.messages() }}           messages of data/messages whose `page` is this topic: cause, where to go
    ## Settings
    {{ sg.settings() }}           all tiers; or sg.settings("fact-id", ...) for some
    ## From tier to tier
    {{ sg.changes() }}
    ## Configuration
    {{ sg.configs() }}            the topic's files, this topic's lines in light; or sg.configs("nginx")
    ## What must add up
    {{ sg.budgets() }}            arithmetic across systems that these settings take part in
    ## When to act
    {{ sg.thresholds() }}         alerts of the topic and their runbooks
    ## What it is worth
    {{ sg.experiments() }}        the topic's measurements and experiments: question, lesson, figures, plots
    ## Pitfalls
    {{ sg.pitfalls() }}
    ## How it is checked
    {{ sg.checks() }}
    ## Runbooks and related topics
    {{ sg.links() }}

A runbook page, `docs/runbooks/drain-a-server.md`, is its title and one call; prose may follow::

    # Drain a server

    {{ sg.runbook() }}

Other pages: `sg.sections()`, `sg.tiers()`, `sg.tier_pictures()`, `sg.runbooks()`, `sg.coverage()`,
`sg.verification()`, `sg.measurements()`, `sg.proof()`. Each call of a block stands alone on a line without
indentation.

Front matter must not hold a key `sg`: it would hide the name.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

from macros import find
from macros.context import Context, Known
from macros.knowledge import known
from macros.links import Links
from macros.namespace import Namespace


def define_env(env: Any) -> None:
    """Called by mkdocs-macros once per build. Reports are read from `build/`, or from `SG_BUILD`."""
    root = Path(env.project_dir)
    docs = Path(env.conf["docs_dir"])

    @cache  # a build sees one state of the data, however many blocks it has
    def all_known() -> Known:
        return known(root / "data", root / os.environ.get("SG_BUILD", "build"))

    def site() -> Context:
        links = Links(docs, env.page.file.src_uri, env.conf["use_directory_urls"])
        return Context(all_known(), links)

    env.variables["sg"] = Namespace(site)
    env.variables["_sg_known"] = all_known


def on_post_build(env: Any) -> None:
    """Write what the search box finds by name into the built site."""
    links = Links(Path(env.conf["docs_dir"]), "index.md", env.conf["use_directory_urls"])
    find.write(Context(env.variables["_sg_known"](), links), Path(env.conf["site_dir"]))


def on_pre_page_macros(env: Any) -> None:
    """Keep the line of an error right: the plugin counts without the front matter it has cut off.

    And have the theme's search prefer runbooks: who is on call searches in a hurry.
    """
    if env.page.file.src_uri.startswith("runbooks/"):
        env.page.meta.setdefault("search", {}).setdefault("boost", 2)
    path = env.page.file.abs_src_path
    source = Path(path).read_text("utf-8-sig") if path else ""
    start = source.find(env.markdown)
    if start > 0:
        env.markdown = "{#" + "\n" * source.count("\n", 0, start) + "#}" + env.markdown
