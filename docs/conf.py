"""How Sphinx builds these pages: `tox -e docs`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import video_translation_client
from video_translation_client import store, testing, timing

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "video-translation-client"
author = "video-translation-client contributors"
version = release = video_translation_client.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_copyright = False
html_copy_source = False

# Headings are link targets by the names that a forge gives them, so that links work there as well.
myst_heading_anchors = 4

napoleon_use_ivar = True  # attributes as a list: each is a member as well
autodoc_member_order = "bysource"
autodoc_mock_imports = ["distributed"]  # so that these pages are built without Dask
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
# A class is documented where users import it from, not in the module that holds it.
for _package in (store, testing, timing, video_translation_client):
    for _name in _package.__all__:
        _object = getattr(_package, _name)
        if isinstance(_object, type):
            _object.__module__ = _package.__name__

highlight_language = "none"

nitpicky = True
# No inventory is loaded from the network, so what other projects define has no target here.
nitpick_ignore_regex = [
    ("py:.*", r"(?!video_translation_client).*"),
    # On the page they are data, as they are types of functions; Sphinx asks for a class.
    ("py:class", r"video_translation_client\.(Strategy|Listener)"),
]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", _name_random)


def _name_random(*arguments: Any) -> tuple[str | None, str | None]:
    """Writes the one default that has no literal as a user would; Sphinx can't parse its repr."""
    *_, signature, returns = arguments
    if signature:
        signature = re.sub(
            r"<built-in method random of Random object[^>]*>", "random.random", signature
        )
    return signature, returns
