"""The lineage site: whole, without network, and the way from a raw source to the mart in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flows.dbt import target_folder
from flows.docs import build_site
from ingestion.sandbox import generate_sample, running_sandbox
from tests.support.browser import Browser
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("docs_site")

MART = "model.crypto_features.ml_features_materialized"
BARS = "source.crypto_features.raw.price_bars"
EXPOSURES = {
    f"exposure.crypto_features.{n}" for n in ("bi_dashboards", "training_sets", "health_report")
}
#: What the graph draws, as [source, target] of its edges.
EDGES = """
var graph = angular.element(document.body).injector().get('graph').graph;
return (graph.elements || []).filter(e => e.data.source && e.data.display !== 'none')
  .map(e => [e.data.source, e.data.target]);
"""
#: Whether something is drawn on the graph's canvas.
DRAWN = """
return [...document.querySelectorAll('canvas')].some(c => c.width && c.getContext('2d')
  .getImageData(0, 0, c.width, c.height).data.some(v => v));
"""


@dataclass
class Site:
    """The page, and what dbt knows of the project and of the warehouse."""

    page: Path
    manifest: dict[str, Any]
    catalog: dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Build a small warehouse and its site."""
    sample = generate_sample()
    data = replace(sample, bars={"BTC": sample.bars["BTC"]})
    with running_sandbox(data) as sandbox:
        warehouse = TestWarehouse(
            tmp_path_factory.mktemp("site"), sandbox, symbols="BTC", history_start="2024-06-10"
        )
        warehouse.feed()
        warehouse.transform()
        page = build_site(warehouse.settings)
        folder = target_folder(warehouse.settings)
        manifest, catalog = (
            json.loads((folder / f"{name}.json").read_text("utf-8"))
            for name in ("manifest", "catalog")
        )
        yield Site(page, manifest, catalog)


@pytest.mark.parametrize("kind", ["nodes", "sources"])
def test_every_table_and_column_that_exists_is_described(site: Site, kind: str) -> None:
    """As the warehouse has them, not as YAML lists them: nothing is left out."""
    bare = []
    for unique_id, table in site.catalog[kind].items():
        known = site.manifest[kind][unique_id]
        if len(known["description"]) < 20:
            bare.append(unique_id)
        described = {name.lower(): c["description"] for name, c in known["columns"].items()}
        bare += [
            f"{unique_id}.{name}"
            for name in table["columns"]
            if not name.startswith("_dlt_") and len(described.get(name.lower(), "")) < 3
        ]
    assert len(site.catalog[kind]) >= (45 if kind == "nodes" else 12)
    assert bare == []


def test_models_and_columns_of_yaml_exist(site: Site) -> None:
    for unique_id, node in site.manifest["nodes"].items():
        if node["resource_type"] in {"model", "seed"}:
            built = {name.lower() for name in site.catalog["nodes"][unique_id]["columns"]}
            assert set(node["columns"]) <= built, unique_id


def test_exposures_name_what_they_read(site: Site) -> None:
    exposures = site.manifest["exposures"]
    assert set(exposures) == EXPOSURES
    for exposure in exposures.values():
        assert exposure["description"], exposure["name"]
        assert exposure["depends_on"]["nodes"], exposure["name"]
    assert MART in exposures["exposure.crypto_features.training_sets"]["depends_on"]["nodes"]


def test_the_first_page_says_where_to_go(site: Site, browser: Browser) -> None:
    browser.open(site.page)
    browser.wait_for("return document.body.innerText.includes('Crypto feature warehouse')")
    browser.link("ml_features_materialized").click()
    browser.wait_for("return document.body.innerText.includes('One row per symbol and hour')")


def test_the_marts_columns_show_their_catalogue_entry(site: Site, browser: Browser) -> None:
    browser.open(f"{site.page.as_uri()}#!/model/{MART}")
    find = "return [...document.querySelectorAll('tr')].find(r => r.innerText.startsWith('rsi_14'))"
    browser.wait_for(f"{find} !== undefined")
    browser.run(f"{find}.click()".removeprefix("return "))
    browser.wait_for(
        "return document.body.innerText.includes('simple mean of the first 14 changes')"
    )


def test_the_lineage_leads_from_the_raw_bars_to_the_mart_and_its_readers(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    browser.open(f"{site.page.as_uri()}#!/source/{BARS}")
    browser.wait_for("return document.querySelector('[title=\"View Lineage Graph\"]') !== null")
    browser.one('[title="View Lineage Graph"]').click()
    browser.wait_for("return document.querySelector('[title=\"View Fullscreen\"]').offsetParent")
    browser.one('[title="View Fullscreen"]').click()
    browser.wait_for(f"return (() => {{ {EDGES} }})().length > 30")
    reached, edges = {BARS}, browser.run(EDGES)
    while new := {target for source, target in edges if source in reached} - reached:
        reached |= new
    assert {MART, *EXPOSURES} <= reached
    browser.wait_for(DRAWN)
    assert browser.screenshot(tmp_path / "lineage.png").stat().st_size > 20_000


def test_the_site_is_one_file_that_needs_no_network(site: Site, browser: Browser) -> None:
    """dbt's page looks for icons that its template never filled in; data and graph are inside."""
    browser.open(f"{site.page.as_uri()}#!/model/{MART}")
    browser.wait_for("return document.body.innerText.includes('rsi_14')")
    failed = [line for line in browser.complaints() if "getIcon" not in line]
    assert [line for line in failed if "favicon" not in line] == []
    assert [path.name for path in site.page.parent.iterdir()] == ["index.html"]
