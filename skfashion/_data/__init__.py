"""From what users pass as X and y to images and labels: validation, shapes, class split."""
