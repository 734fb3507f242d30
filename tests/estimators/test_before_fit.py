"""Methods called before `fit` raise at once, and `dir` lists what there is."""

import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skfashion import BackboneFeatures, TransferClassifier
from tests.programs import run_program

PROGRAM = """
import sys
import numpy as np
from sklearn.exceptions import NotFittedError
from skfashion import BackboneFeatures, TransferClassifier

X, y = np.zeros((4, 28, 28)), np.arange(4)
calls = {
    "predict": lambda: TransferClassifier().predict(X),
    "predict_proba": lambda: TransferClassifier().predict_proba(X),
    "score": lambda: TransferClassifier().score(X, y),
    "save_backbone_weights": lambda: TransferClassifier().save_backbone_weights("x.weights.h5"),
    "transform": lambda: BackboneFeatures().transform(X),
    "get_feature_names_out": lambda: BackboneFeatures().get_feature_names_out(),
}
for name, call in calls.items():
    try:
        call()
    except NotFittedError as error:
        print(name, "is not fitted yet" in str(error))
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""


def test_not_fitted_is_said_before_tensorflow_is_imported():
    assert run_program(PROGRAM).stdout.splitlines() == [
        "predict True",
        "predict_proba True",
        "score True",
        "save_backbone_weights True",
        "transform True",
        "get_feature_names_out True",
        "[]",
    ]


@pytest.fixture
def fresh(fitted):
    """A fitted classifier whose model was never built."""
    return pickle.loads(pickle.dumps(fitted))


def test_dir_lists_the_model_once_there_is_one(fresh):
    assert "model_" not in dir(TransferClassifier())
    assert not hasattr(TransferClassifier(), "model_")
    assert dir(fresh).count("model_") == 1
    assert {"classes_", "predict"} <= set(dir(fresh))


@pytest.mark.parametrize("wrap", [lambda clf: clf, make_pipeline])
def test_the_notebook_representation_builds_no_model(fresh, wrap):
    estimator = wrap(fresh)
    for html in (estimator._repr_html_(), estimator._repr_mimebundle_()["text/html"]):
        assert "n_frozen_params_" in html
    assert fresh._model is None
    assert "model_" in dir(fresh)


def test_the_notebook_representation_shows_the_fit_at_a_glance(fresh):
    html = fresh._repr_html_()
    for title, text in {
        "source task": "5, 6, 7, 8, 9",
        "target task": "0, 1, 2, 3, 4",
        "frozen up to": "features",
        "parameters": f"{fresh.n_frozen_params_:,} frozen, {fresh.n_trainable_params_:,} trainable",
        "fine-tuning": f"2 epochs, training accuracy {fresh.history_['accuracy'][-1]:.3f}",
    }.items():
        assert f'<td class="param">{title}</td><td>{text}</td>' in html
    assert "Fit at a glance" not in TransferClassifier()._repr_html_()


def test_the_summary_escapes_names_and_shortens_long_lists(fresh):
    fresh.classes_ = np.array([f"<b>{number}" for number in range(20)])
    fresh.source_classes_ = np.array([])
    html = fresh._repr_html_()
    assert "no pretraining" in html
    assert "&lt;b&gt;11, … (20 classes)</td>" in html
    assert "<b>1" not in html


def test_the_representation_of_a_search_builds_no_model(fresh):
    search = GridSearchCV(fresh, {"epochs": [1]})
    search.best_estimator_ = fresh
    assert "best_estimator_" in search._repr_html_()
    assert fresh._model is None


@pytest.mark.parametrize("estimator", [TransferClassifier(), BackboneFeatures()])
def test_the_notebook_representation_links_to_the_page_of_the_class(estimator):
    name = type(estimator).__name__
    link = f"https://skfashion.readthedocs.io/en/stable/api/generated/skfashion.{name}.html"
    assert estimator._get_doc_link() == link
    assert f'href="{link}' in estimator._repr_html_()


def test_the_model_is_built_on_access(fresh):
    assert fresh.model_ is fresh.model_
    assert fresh._model is fresh.model_
