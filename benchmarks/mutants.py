"""Mutation tests of the modules for class split, freezing, caching and persistence.

    python mutants.py mutants.jsonl

cosmic-ray makes the mutants: it replaces an operator, a number or a condition, or removes a
decorator. All mutants of all modules in `TESTS` have the same chance to be drawn. A mutant is tried
in a copy of the repository, and killed if a test of its module fails or the tests take too long.
Each result is appended to the file at once, so the same command continues after an interruption. To
try the survivors again, remove their lines: ``sed -i '/ null\\]$/d' mutants.jsonl``.

These are not drawn, because no test can fail or every test does:

- type annotations, and conditions on `TYPE_CHECKING`;
- code that Python does not compile, or compiles with a warning.

No operator of cosmic-ray changes strings, so docstrings and `__all__` do not change.
"""

import argparse
import compileall
import difflib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections import Counter
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import pytest
from _report import print_table
from _results import Results
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parent.parent
# Tests run in forks of this process, which imports once what takes longer than most tests.
FORK = multiprocessing.get_context("fork")
IMPORTS = "scipy.stats", "sklearn.model_selection", "pandas", "joblib", "tensorflow", "keras"
NOT_COPIED = (".*", "__pycache__", "_build", "build", "dist", "docs", "demo-output", "examples")


def tests_in(file, *names):
    return tuple(f"{file}::{name}" for name in names)


SPLIT = ("data/test_class_split.py", "data/test_labelled_data.py")
STORE = ("cache/test_store.py", "cache/test_row_table.py")
MEMORY = tests_in(
    "cache/test_memory.py",
    "test_what_is_computed_as_soon_as_read_is_not_looked_for",
    "test_found_is_computed",
    "test_a_fold_takes_rows_from_other_folds",
    "test_a_deeper_cut_continues_from_a_shallower_one",
    "test_a_few_images_are_not_worth_a_file",
)
RESUMED = tests_in(
    "training/test_resume.py",
    "test_it_has_the_bits_of_a_fit_without_interruptions[early stopping]",
    "test_it_has_the_bits_of_a_fit_without_interruptions[unfreezing]",
    "test_a_finished_fit_is_found_as_a_whole",
    "test_partial_fit_saves_nothing",
    "test_a_phase_that_a_callback_ends_runs_as_a_whole_again",
    "test_random_numbers_have_to_be_known",
    "test_a_folder_that_cannot_be_written_to",
    "test_too_little_room",
)
SAVED = ("persistence/test_save_and_load.py", "persistence/test_damaged_files.py")
# The tests of each module, the quickest and likeliest killer first.
TESTS = {
    "class split": {
        "_data/class_split.py": (*SPLIT, "model_selection/test_class_split.py"),
        "_data/labels.py": ("data/test_labels.py", *SPLIT),
        "_data/labelled_data.py": (
            *SPLIT,
            "estimators/test_sample_weight.py",
            "estimators/test_early_stopping.py",
        ),
        "_estimators/task_rows.py": (
            "estimators/test_task_rows.py",
            "estimators/test_early_stopping.py",
            *tests_in(
                "estimators/test_probing.py",
                "test_as_many_rows_judge_as_there_are_classes",
                "test_weights_that_training_improved_are_kept",
                "test_validation_rows_judge_in_place_of_held_out_ones",
            ),
        ),
        "model_selection/_class_split.py": ("model_selection/test_class_split.py",),
        "model_selection/_target_scorer.py": ("model_selection/test_target_scorer.py",),
    },
    "freezing": {
        "_backbones/freeze_points.py": ("backbones/test_freeze_points.py",),
        "_networks/network.py": (
            "networks/test_network.py",
            "training/test_freezing.py",
            *tests_in("workflows/test_sharing.py", "test_registries_are_bounded"),
        ),
        "_training/unfreezing.py": ("training/test_unfreezing.py",),
        "model_selection/_freeze_points.py": ("model_selection/test_freeze_points.py",),
    },
    "sharing": {
        "_cache/checked_arrays.py": STORE,
        "_cache/fingerprint.py": (
            "cache/test_store.py",
            *tests_in(
                "cache/test_fingerprint.py",
                "test_what_tensorflow_read_at_its_start_counts",
                "test_versions_that_tensorflow_was_built_with_count",
                "test_a_system_that_does_not_describe_its_processor",
                "test_the_folder_does_not_count",
                "test_a_module_that_moves_comes_or_goes_counts",
                "test_the_fingerprint_is_that_of_the_whole_package",
            ),
        ),
        "_cache/hashing.py": ("cache/test_hashing.py", *STORE),
        "_cache/image_hashes.py": ("cache/test_image_hashes.py",),
        "_cache/memory.py": ("cache/test_memory.py",),
        "_cache/row_table.py": STORE[::-1],
        "_cache/store.py": (*STORE, *MEMORY[:1], *RESUMED[-1:]),
        "_estimators/stores.py": (
            *RESUMED[-4:],
            *tests_in("cache/test_memory.py", "test_no_random_state_shares_nothing"),
            *MEMORY[:1],
        ),
        "_networks/frozen_part.py": (
            "networks/test_frozen_part.py",
            *MEMORY,
            "estimators/test_body_choice.py",
            "training/test_feature_storage.py",
        ),
        "_training/checkpoints.py": (
            "training/test_checkpoints.py",
            *tests_in(
                "cache/test_memory.py",
                "test_fine_tuning_is_kept_if_writing_takes_a_tenth_of_its_time",
            ),
            *RESUMED,
        ),
        "_training/phase_arrays.py": (*RESUMED[:3], "training/test_checkpoints.py"),
        "_training/trainer_pool.py": ("training/test_trainer_pool.py",),
    },
    "persistence": {
        "_persistence/arrays.py": SAVED,
        "_persistence/backbones.py": (*SAVED, "persistence/test_old_files.py"),
        "_persistence/file_format.py": SAVED,
        "_persistence/save_and_load.py": SAVED,
        "_persistence/saved_classes.py": SAVED,
        "_persistence/scikit_learn.py": ("persistence/test_scikit_learn.py", SAVED[1]),
        "_persistence/values.py": (*SAVED, "persistence/test_scikit_learn.py"),
    },
}


class Mutant(NamedTuple):
    """A change of a module; its line without the number, so that it survives other changes."""

    group: str
    module: str
    operator: str
    definition: str
    line: str
    number: int  # among those that are equal so far


def list_mutants(group, module):
    """Return the mutants of a module, each with its operator and the number of its place."""
    source = read(module)
    lines, tree, counts, places = source.splitlines(), get_ast(source), Counter(), {}
    for operator in operator_names():
        kind = get_operator(operator)
        if kind.arguments():  # it replaces variables that are named
            continue
        positions = [
            (node, at) for node in ast_nodes(tree) for at in kind().mutation_positions(node)
        ]
        for occurrence, (node, (begin, _)) in enumerate(positions):
            if is_about_types(node):
                continue
            definition = ASTQuery(node).get_definition_name() or ""
            same = group, module, operator, definition, lines[begin[0] - 1].strip()
            places[Mutant(*same, counts[same])] = kind(), occurrence
            counts[same] += 1
    return places


def is_about_types(node):
    """Return whether a node is in an annotation, or the condition on `TYPE_CHECKING`."""
    if node.type == "if_stmt" and node.children[1].get_code().strip() == "TYPE_CHECKING":
        return True
    while (parent := node.parent) is not None:
        index = {"annassign": 1, "tfpdef": 2}.get(parent.type)
        annotation = parent.children[index] if index else getattr(parent, "annotation", None)
        if annotation is node:
            return True
        node = parent
    return False


def draw(mutants, n_mutants, seed):
    """Yield mutants in random order, each with its code; a changed line moves no other one."""
    by_rank = sorted(mutants, key=lambda mutant: blake2b(repr((seed, *mutant)).encode()).digest())
    for mutant in by_rank:
        code = mutate_code(read(mutant.module), *mutants[mutant])
        if compiles(code):
            yield mutant, code
            n_mutants -= 1
        if not n_mutants:
            return


def compiles(code):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(code, "", "exec")
        except (SyntaxError, ValueError):
            return False
    return True


@cache
def read(module):
    return (ROOT / "skfashion" / module).read_text()


class Copy:
    """A copy of the repository, in which tests run."""

    def __init__(self, folder):
        self._folder, self._seconds = Path(folder) / "copy", {}
        shutil.copytree(ROOT, self._folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
        compileall.compile_dir(self._folder / "skfashion", quiet=2)

    def find_killer(self, mutant, code):
        """Return what kills a mutant: the line of a test that fails, or the time; else `None`."""
        tests = TESTS[mutant.group][mutant.module]
        for test in tests:
            if test not in self._seconds:
                begin = perf_counter()
                if failure := self._run([test], None):
                    sys.exit(f"Without a mutant: {failure}")
                self._seconds[test] = perf_counter() - begin
        path = self._folder / "skfashion" / mutant.module
        path.write_text(code)
        try:
            return self._run(tests, 60 + 3 * sum(self._seconds[test] for test in tests))
        finally:
            path.write_text(read(mutant.module))

    def _run(self, tests, seconds):
        """Run tests; return the last line of a failure, or `None` if all pass."""
        output = self._folder.parent / "output"
        options = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={self._folder.parent / 'tmp'}",
        ]
        arguments = [*options, *(f"tests/{test}" for test in tests)]
        process = FORK.Process(target=run_pytest, args=(self._folder, arguments, output))
        process.start()
        try:
            process.join(seconds)
            if process.is_alive():
                return f"more than {seconds:.0f} s"
        finally:
            # Tests start processes, which may outlive them.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
        if process.exitcode == 0:
            return None
        lines = output.read_text(errors="replace").splitlines()
        failures = [line for line in lines if line.startswith(("FAILED", "ERROR", "E "))]
        return (failures or [f"exit status {process.exitcode}"])[-1][:200]


def run_pytest(folder, arguments, output):
    """Run pytest in a folder; to be called in a new process, which ends with pytest's status."""
    os.setsid()
    os.chdir(folder)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.exit(pytest.main(arguments))


def print_results(tried, n_mutants):
    """Print the share of killed mutants, and how each survivor differs from the code."""
    print(f"\n{len(tried)} of {n_mutants} mutants")
    groups = {group: [k for m, (_, k) in tried.items() if m.group == group] for group in TESTS}
    groups["all"] = [killer for _, killer in tried.values()]
    rows = [
        [group, len(killers), n := sum(map(bool, killers)), f"{n / max(1, len(killers)):.0%}"]
        for group, killers in groups.items()
    ]
    print_table("Mutants", ["modules", "tried", "killed", "share"], rows)
    for mutant, (code, killer) in tried.items():
        if killer is None:
            texts = read(mutant.module).splitlines(), code.splitlines()
            diff = list(difflib.unified_diff(*texts, lineterm="", n=2))[2:]
            print(f"\n{mutant.module} {mutant.operator}", *diff, sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", help="the file with a line for each mutant")
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    # So that what is running ends, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended by SIGTERM."))
    mutants = {}
    for group, modules in TESTS.items():
        for module in modules:
            mutants |= list_mutants(group, module)
    os.environ |= {"SCIPY_ARRAY_API": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in IMPORTS:
        import_module(name)
    results, tried = Results(args.results), {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(folder)
        for mutant, code in draw(mutants, args.mutants, args.seed):
            killer = results.get(mutant, lambda m=mutant, c=code: copy.find_killer(m, c))
            tried[mutant] = code, killer
    print_results(tried, len(mutants))


if __name__ == "__main__":
    main()
