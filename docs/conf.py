"""Sphinx configuration. The build needs no network."""

import os
from pathlib import Path

# The build has no display.
os.environ.setdefault("MPLBACKEND", "agg")

import numpydoc.xref
from sphinx_gallery.sorting import ExplicitOrder

import skfashion

project = "skfashion"
author = "the skfashion developers"
copyright = "2026, the skfashion developers"
version = release = skfashion.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
    "myst_parser",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "literal"
# Quotes and dashes of code and options stay as they are typed.
smartquotes = False

# The button copies what is typed.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# -- Links ---------------------------------------------------------------------------------------

nitpicky = True

INVENTORIES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "scikit-learn": "https://scikit-learn.org/stable/",
    "keras": "https://keras.io/api/",
    "pandas": "https://pandas.pydata.org/docs/",
    "matplotlib": "https://matplotlib.org/stable/",
    "joblib": "https://joblib.readthedocs.io/en/stable/",
    "dask": "https://distributed.dask.org/en/stable/",
}
# Plain text files in Sphinx's first format, with the names that pages refer to.
intersphinx_mapping = {
    name: (url, str(Path(__file__).parent / "_inventories" / f"{name}.txt"))
    for name, url in INVENTORIES.items()
}

# -- API -----------------------------------------------------------------------------------------

autosummary_generate = True
# Docstrings state the types.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
# Only full names and these become links: most words of a type are plain English. numpydoc's own
# list would link each `str` and `int`.
numpydoc.xref.DEFAULT_LINKS.clear()
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    "Backbone": "skfashion.Backbone",
    "Recipe": "skfashion.Recipe",
    "OfficialWeights": "skfashion.OfficialWeights",
    "TransferClassifier": "skfashion.TransferClassifier",
    "ModelCard": "skfashion.ModelCard",
    "ndarray": "numpy.ndarray",
    "RandomState": "numpy.random.RandomState",
    "DataFrame": "pandas.DataFrame",
    "Bunch": "sklearn.utils.Bunch",
    "Path": "pathlib.Path",
    "path-like": "os.PathLike",
    "Axes": "matplotlib.axes.Axes",
}

# The first parameter of each group on the page of TransferClassifier.
PARAMETER_GROUPS = {
    "backbone": "network and tasks",
    "pretrain_epochs": "training and learning rates",
    "hidden_units": "head, dropout and augmentation",
    "early_stopping": "early stopping",
    "class_weight": "class weights, seeds and messages",
    "image_shape": "input",
    "dtype": "precision and further options",
    "memory": "caching and checkpoints",
}


def group_parameters(app, what, name, obj, options, lines):
    """Put a heading above each group of parameters, after numpydoc has formatted them."""
    if name != "skfashion.TransferClassifier":
        return
    end = lines.index(":Attributes:")
    for number in range(end - 1, -1, -1):
        first = lines[number].strip().removeprefix("**").partition("**")[0]
        if lines[number].startswith("    **") and first in PARAMETER_GROUPS:
            title = f":Parameters ({PARAMETER_GROUPS[first]}):"
            if first == "backbone":
                lines[lines.index(":Parameters:")] = title
            else:
                lines[number:number] = [title, ""]


def setup(app):
    # After numpydoc, whose priority is 500.
    app.connect("autodoc-process-docstring", group_parameters, priority=600)


# -- Gallery -------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "reference_url": {"skfashion": None},
    "doc_module": ("skfashion",),
    "backreferences_dir": "api/examples",
    # The commonest tasks come first. The two examples that the build does not run come last.
    "within_subsection_order": ExplicitOrder(
        [
            "plot_photographs.py",
            "plot_frozen_features.py",
            "plot_few_images.py",
            "plot_augmentation.py",
            "plot_history_and_mistakes.py",
            "plot_grad_cam.py",
            "plot_calibration.py",
            "plot_save_and_load.py",
            "plot_another_domain.py",
            "plot_class_split.py",
            "plot_freeze_depth.py",
            "*",
            "freeze_depth_full.py",
            "freeze_depth_pretrained.py",
        ]
    ),
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

# -- HTML ----------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "skfashion"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
# Pages without pages below them have nothing to list at the side.
html_sidebars = {page: [] for page in ("index", "getting_started", "search", "genindex")}
html_theme_options = {
    "logo": {
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo-dark.svg",
        "alt_text": "skfashion",
    },
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
