"""The site: public names have their places, links lead to where pages lie, and faults of a built site are found."""

import pytest

from website import api, pages
from website.__main__ import navigation
from website.check import faults

INSIDE = {"accelnas.cli", "accelnas.exact.kinds", "accelnas_training.cli"}  # for no user to import


def packages(module):
    yield from (module,) if module.is_init_module and module.exports else ()
    for inner in module.modules.values():
        if not inner.is_alias:
            yield from packages(inner)


@pytest.mark.slow
def test_the_navigation_has_every_public_name():
    named = api.modules([page[14:-3] for _, page in navigation() if page.startswith("reference/api/")])
    assert all(page.own or page.elsewhere for page in named)
    described = {path for page in named for path in (*page.own.values(), *page.hidden.values())}
    loader = api.loaded(["accelnas", "accelnas_training"])
    for root in ("accelnas", "accelnas_training"):
        for package in packages(loader.modules_collection[root]):
            if package.path not in INSIDE:
                names = api.public(package).items()
                missing = [name for name, member in names if member.canonical_path not in described]
                assert not missing, f"{package.path}: {missing}"


def test_links_lead_to_where_pages_and_files_lie(tmp_path, monkeypatch):
    pages.gather(tmp_path)
    surrogates = (tmp_path / "measurements" / "bundled.md").read_text(encoding="utf-8")
    assert "](../training/epyc.md)" in surrogates
    assert "](../concepts/surrogates.md#uncertainty)" in surrogates
    training = (tmp_path / "training" / "index.md").read_text(encoding="utf-8")
    assert "[accelnas](../index.md)" in training
    assert "](examples/digits/index.md)" in training
    # a folder with the name of a guide takes not its place
    assert "fewer epochs" in (tmp_path / "training" / "digits.md").read_text(encoding="utf-8")
    assert "candidates.csv" in (tmp_path / "training" / "digits" / "index.md").read_text(encoding="utf-8")
    assert "## family.toml" in (tmp_path / "training" / "examples" / "digits" / "index.md").read_text(encoding="utf-8")
    assert (tmp_path / "LICENSE").is_file()
    (tmp_path / "repository" / "docs").mkdir(parents=True)
    (tmp_path / "repository" / "docs" / "page.md").write_text("[there](../gone.md#part)\n", encoding="utf-8")
    monkeypatch.setattr(pages, "ROOT", tmp_path / "repository")
    with pytest.raises(SystemExit, match=r"docs/page\.md: a link leads to \.\./gone\.md"):
        pages.turned("docs/page.md")


def test_faults_of_a_site_are_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.html").write_text('<h2 id="part">x</h2><a href="../c.html#part">x</a>', encoding="utf-8")
    (tmp_path / "c.html").write_text(
        '<h2 id="part">x</h2><a href="a/b.html#gone">x</a><a href="d.html">x</a><a href="https://example.org/">x</a>'
        '<img src="https://example.org/x.png"><script src="x.js"></script>',
        encoding="utf-8",
    )
    assert faults(tmp_path) == [
        "c.html: loads https://example.org/x.png",
        "c.html: a/b.html#gone leads to no such anchor",
        "c.html: d.html leads to no file",
        "c.html: x.js leads to no file",
    ]
