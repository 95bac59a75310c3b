"""How Sphinx makes the site: `make docs`. Pages are Markdown, as they are read in the repository; nothing is loaded from elsewhere."""

import re
from pathlib import Path

from sphinx.application import Sphinx

import glasspose

project = "glasspose"
version = release = glasspose.__version__
copyright = "the authors of glasspose, Apache-2.0"
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["results/**"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other packages have no page here

myst_heading_anchors = 3

default_role = "literal"  # docstrings are plain sentences; backticks in them are code
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90

html_theme = "furo"
html_title = "glasspose"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}


def name_what_has_no_page(app: Sphinx, page: str, source: list[str]) -> None:
    """Folders and pages outside docs/ are only named; whatever else a link leads to must be there, or the build fails.

    Lines of a menu that are written as a pattern (`expor[t]`) are pages that a version may lack.
    """

    def told(found: re.Match[str]) -> str:
        target = (Path(app.srcdir) / page).parent / found[2]
        outside = target.suffix == ".md" and Path(app.srcdir) not in target.resolve().parents
        return f"`{found[1]}`" if target.is_dir() or (outside and target.is_file()) else found[0]

    def there(found: re.Match[str]) -> str:
        return found[0] if any(Path(app.srcdir).glob(f"{found[1]}.md")) else ""

    source[0] = re.sub(r"^([\w/-]+\[\w\])\n", there, source[0], flags=re.MULTILINE)
    source[0] = re.sub(r"(?<!!)\[([^\]\[]+)\]\(([^)\s#:]+)\)", told, source[0])


def without_fields(app: Sphinx, *event: object) -> tuple[str, object] | None:
    """Signatures without what only pydantic needs to know; the event ends with the signature and what is returned."""
    signature, returned = event[-2:]
    if not isinstance(signature, str):
        return None  # as it was
    return re.sub(r"~?(?:typing\.)?Annotated\[([^\[\]]+), ~?(?:\w+\.)*FieldInfo\([^()]*\)\]", r"\1", signature), returned


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", without_fields)
    app.connect("source-read", name_what_has_no_page)
