"""What a browser makes of a page: its elements, the words that are seen, and whether tags are closed."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import HttpResponse

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_UNSEEN = {"script", "style", "template", "head"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)


class Page(HTMLParser):
    """A parsed answer."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.faults: list[str] = []
        self._open: list[Element] = []
        self._words: list[str] = []
        self.feed(answer.content.decode())
        self.close()
        self.faults += [f"<{element.tag}> is never closed" for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1].tag == tag:
            self._open.pop()
        else:
            expected = self._open[-1].tag if self._open else "nothing"
            self.faults.append(f"line {self.getpos()[0]}: </{tag}> where {expected} is open")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.words.append(data)
        if not any(element.tag in _UNSEEN for element in self._open):
            self._words.append(data)

    @property
    def text(self) -> str:
        """The words that are seen."""
        return " ".join(" ".join(self._words).split())

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag whose attributes have these values (`name_=` for `name`)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} <{tag} {attributes}>"
        return found[0]

    @property
    def links(self) -> set[str]:
        return {element.get("href") for element in self.all("a")}

    @property
    def posts_to(self) -> set[str]:
        """Where this page can send something: forms that post, and htmx posts."""
        forms = {form.get("action") for form in self.all("form") if form.get("method").lower() == "post"}
        return forms | {element.get("hx-post") for element in self.elements if element.get("hx-post")}
