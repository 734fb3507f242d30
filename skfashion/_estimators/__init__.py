"""The scikit-learn estimators, and the steps of one fit."""
