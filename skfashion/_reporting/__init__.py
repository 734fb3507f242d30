"""Reports on fitted estimators: scores, pictures, facts, and the page of a model card."""
