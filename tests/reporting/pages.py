"""Read pages of Markdown as a viewer does."""

from markdown_it import MarkdownIt

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Page:
    """What a viewer shows of a page: headings, tables, code and pictures."""

    def __init__(self, text):
        self.kinds, self.headings, self.tables, self.code, self.pictures = set(), [], [], [], []
        previous = None
        for token in PARSER.parse(text):
            self.kinds.add(token.type)
            if token.type == "table_open":
                self.tables.append([])
            elif token.type == "tr_open":
                self.tables[-1].append([])
            elif token.type == "fence":
                self.code.append((token.info, token.content))
            elif token.type == "inline":
                shown = self.read_inline(token)
                if previous in ("th_open", "td_open"):
                    self.tables[-1][-1].append(shown)
                elif previous == "heading_open":
                    self.headings.append(shown)
            previous = token.type

    def read_inline(self, token):
        self.kinds |= {child.type for child in token.children}
        self.pictures += [child.attrs["src"] for child in token.children if child.type == "image"]
        return "".join(child.content for child in token.children)

    @property
    def facts(self):
        """The rows of all tables with two columns."""
        return dict(row for table in self.tables if len(table[0]) == 2 for row in table[1:])

    def table(self, *columns):
        """Return the rows of the table whose first columns have these headings."""
        (rows,) = [table[1:] for table in self.tables if table[0][: len(columns)] == [*columns]]
        return rows
