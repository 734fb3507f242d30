"""search_frame: steps before the classifier, and other estimators around it."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion import TransferClassifier
from skfashion.inspection import FreezeDepthDisplay
from skfashion.model_selection import search_frame


def every_second(X, step=2):
    return X[:, ::step, ::step]


def test_parameters_are_counted_only_for_the_steps_of_the_best_candidate(make, lt5):
    pipeline = Pipeline([("smaller", FunctionTransformer(every_second)), ("clf", make(epochs=0))])
    grid = {"smaller__kw_args": [{"step": 1}, {"step": 2}]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(*lt5)
    counts = search_frame(search, *lt5)["n_trainable_params"]
    best = search.best_index_
    assert counts[best] == search.best_estimator_[-1].n_trainable_params_
    assert np.isnan(counts[1 - best])


@pytest.mark.parametrize(
    "wrap", [CalibratedClassifierCV, lambda clf, cv: GridSearchCV(clf, {}, cv=cv)]
)
def test_classifiers_inside_other_estimators(make, lt5, wrap):
    search = GridSearchCV(wrap(make(epochs=0), cv=2), {"estimator__freeze_until": [0, 1]}, cv=2)
    frame = search_frame(search.fit(*lt5), *lt5)
    assert frame["freeze_point"].tolist() == [None, "conv1"]
    assert frame["n_frozen_params"].tolist() == [0, 320]
    assert FreezeDepthDisplay.from_search(search, *lt5).curves["small_cnn"]["place"].size == 2


def test_a_set_of_classes_is_a_curve(make, fashion):
    X, y = fashion
    clf = make(target_classes=[0, 1, 2], pretrain_epochs=0, epochs=0)
    grid = {"pretrain_classes": [{9, 8}, {5, 6, 7}], "freeze_until": [0]}
    search = GridSearchCV(clf, grid, cv=2, refit=False).fit(X, y)
    display = FreezeDepthDisplay.from_search(search, X, y)
    assert [*display.curves] == ["pretrained on 8, 9", "pretrained on 5\N{EN DASH}7"]


def test_names_with_dollars_are_no_formulas(make, lt5):
    X, y = lt5
    names = np.array(["$5", "$10", "$_", "a", "b"])
    clf = TransferClassifier(target_classes=["a", "b"], pretrain_epochs=0, epochs=0)
    grid = {"pretrain_classes": [["$5", "$10"], ["$_", "$5"]], "freeze_until": [0]}
    search = GridSearchCV(clf, grid, cv=2, refit=False).fit(X, names[y])
    display = FreezeDepthDisplay.from_search(search, X, names[y])
    display.figure_.canvas.draw()
    (legend,) = [panel.get_legend() for panel in display.axes_ if panel.get_legend()]
    assert "pretrained on $5, $10" in [text.get_text() for text in legend.get_texts()]
    assert not any(text.get_parse_math() for text in legend.get_texts())
