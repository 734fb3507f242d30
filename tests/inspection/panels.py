"""What tests read off a panel."""


def texts(panel):
    return [text.get_text() for text in panel.texts]


def legend(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def tick_names(panel):
    return [label.get_text() for label in panel.get_xticklabels()]
