"""Docstrings of all public names: numpydoc's rules, and agreement with signatures and code."""

import ast
import importlib
import inspect
import textwrap
from numbers import Integral

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate
from sklearn.utils._param_validation import Interval

MODULES = (
    "skfashion",
    "skfashion.datasets",
    "skfashion.distributed",
    "skfashion.inspection",
    "skfashion.model_selection",
)

LEFT_OUT = {
    "GL01",  # the summary starts on the first line, as in scikit-learn
    "ES01",  # a summary may say everything
    "RT02",  # "self : TransferClassifier", as in scikit-learn
    "SA01",  # a name need not have relatives
    "EX01",  # checked below, for classes and functions
}


def find_public() -> dict:
    """All public classes and functions, and the public methods of the former, by name."""
    found = {}
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            public = getattr(module, name)
            found[f"{module.__name__}.{name}"] = public
            if inspect.isclass(public):
                found |= {
                    f"{module.__name__}.{name}.{method}": getattr(public, method)
                    for method in find_methods(public)
                }
    return found


def find_methods(cls) -> list[str]:
    return sorted(
        name
        for each in cls.__mro__
        if each.__module__.startswith("skfashion")
        for name, value in vars(each).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, classmethod | staticmethod | property))
    )


PUBLIC = find_public()
CALLABLE = {name: each for name, each in PUBLIC.items() if callable(each)}


def parameters_of(public) -> dict:
    """Parameters by the names that numpydoc gives them, without `self`."""
    if inspect.isclass(public) and issubclass(public, Exception):
        return {}
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {
        stars.get(parameter.kind, "") + name: parameter
        for name, parameter in inspect.signature(public).parameters.items()
        if name != "self"
    }


def documented_parameters(public) -> dict:
    """Types of parameters by name; names that share a type are listed one by one."""
    return {
        name: entry.type
        for entry in get_doc_object(public)["Parameters"]
        for name in entry.name.split(", ")
    }


def code_of(public) -> list:
    """Nodes of a function's code; of a class, of the code that makes an instance."""
    if inspect.isclass(public):
        # Dataclasses have an __init__ without source.
        name = "__post_init__" if "__dataclass_fields__" in vars(public) else "__init__"
        return code_of(vars(public)[name]) if name in vars(public) else []
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(public))))
    nodes, rest = [], list(tree.body[0].body)
    while rest:
        node = rest.pop()
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            nodes.append(node)
            rest += ast.iter_child_nodes(node)
    return nodes


def test_public_names_are_found():
    assert {"skfashion.TransferClassifier.fit", "skfashion.distributed.search_on"} <= set(PUBLIC)
    assert len(PUBLIC) > 40


@pytest.mark.parametrize("name", PUBLIC)
def test_numpydoc_finds_no_error(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in LEFT_OUT]
    assert errors == []


@pytest.mark.parametrize("name", CALLABLE)
def test_parameters_are_those_of_the_signature_with_types_and_defaults(name):
    parameters, documented = (f(CALLABLE[name]) for f in (parameters_of, documented_parameters))
    assert list(documented) == list(parameters)
    namespace = {**vars(importlib.import_module("skfashion")), "__builtins__": {}}
    for each, parameter in parameters.items():
        kind, _, default = documented[each].partition("default=")
        assert kind, f"{each} has no type"
        if parameter.default is inspect.Parameter.empty:
            assert not default, f"{each} has no default"
        else:
            assert default, f"{each} has a default that is not documented"
            assert eval(default, namespace) == parameter.default, f"default of {each}"


@pytest.mark.parametrize("name", PUBLIC)
def test_arrays_have_shapes(name):
    documented = get_doc_object(PUBLIC[name])
    for section in ("Parameters", "Returns", "Yields", "Attributes"):
        for entry in documented.get(section, ()):
            if "array" in entry.type:
                assert "of shape" in entry.type, f"{entry.name} in {section}: {entry.type}"


@pytest.mark.parametrize("name", CALLABLE)
def test_results_and_errors_are_documented(name):
    public = CALLABLE[name]
    documented, code = get_doc_object(public), code_of(public)
    raised = {
        node.exc.func.id
        for node in code
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }
    assert raised <= {entry.type.rpartition(".")[2] for entry in documented["Raises"]}
    if inspect.isclass(public):
        return
    yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in code)
    returns = any(isinstance(node, ast.Return) and node.value is not None for node in code)
    assert bool(documented["Yields"]) == yields
    assert bool(documented["Returns"]) == (returns and not yields)
    for entry in [*documented["Returns"], *documented["Yields"]]:
        assert entry.type, "a result has no type"
        assert entry.desc, f"{entry.type} is not described"


@pytest.mark.parametrize("name", [each for each in CALLABLE if each.rpartition(".")[0] in MODULES])
def test_classes_and_functions_have_an_example_that_runs(name):
    example = "\n".join(get_doc_object(CALLABLE[name])["Examples"])
    statements = [line for line in example.splitlines() if line.startswith(">>>")]
    assert statements
    # Only a cluster, a download or a file that is not there may keep an example from running.
    skipped = [line for line in statements if "+SKIP" in line]
    assert len(skipped) < len(statements)


def describe_range(interval) -> str:
    """Return the range of numbers as a docstring has it."""
    kind = "int" if interval.type is Integral else "float"
    if interval.right is None:
        return f"{kind} {'>=' if interval.closed == 'left' else '>'} {interval.left:g}"
    begin = "[" if interval.closed in ("left", "both") else "("
    end = "]" if interval.closed in ("right", "both") else ")"
    return f"{kind} in {begin}{interval.left:g}, {interval.right:g}{end}"


@pytest.mark.parametrize("estimator", ["TransferClassifier", "BackboneFeatures", "Recipe"])
def test_ranges_are_those_that_are_checked(estimator):
    public = PUBLIC[f"skfashion.{estimator}"]
    documented = documented_parameters(public)
    ranges = {
        name: describe_range(constraint)
        for name, constraints in public._parameter_constraints.items()
        for constraint in constraints
        if isinstance(constraint, Interval)
    }
    assert ranges
    for name, expected in ranges.items():
        assert documented[name].startswith(expected), name
