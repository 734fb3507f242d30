"""Sphinx configuration. The build needs no network."""

import os
from pathlib import Path

# Examples run in the build: keep them to their figures and output.
os.environ.setdefault("MPLBACKEND", "agg")

import skfashion

project = "skfashion"
author = "the skfashion developers"
copyright = "2026, the skfashion developers"
version = release = skfashion.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "literal"
nitpicky = False

autosummary_generate = True
# Docstrings state the types.
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "show_memory": False,
    "show_signature": False,
    "reference_url": {"skfashion": None},
    "doc_module": ("skfashion",),
    "backreferences_dir": None,
}


def write_backbone_table():
    """Write the table of backbones as a list table, for docs/backbones.rst."""
    from skfashion._backbones.registry import get_backbone

    cells = [["`backbone`", "smallest side", "stages"]]
    for row in map(get_backbone, skfashion.list_backbones()):
        stages = [f"**{s}**" if s == row.default_freeze else s for s in row.stages]
        cells.append([row.name, str(row.min_size), ", ".join(stages)])
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 18 12 70", ""]
    for first, *others in cells:
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    Path(__file__).with_name("backbone_table.inc").write_text("\n".join(lines) + "\n")


write_backbone_table()

html_theme = "pydata_sphinx_theme"
html_title = "skfashion"
html_show_sourcelink = False
# Pages without pages below them have nothing to list at the side.
html_sidebars = {
    page: []
    for page in ("index", "getting_started", "class_split", "backbones", "design", "whats_new")
}
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
