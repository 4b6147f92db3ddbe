"""What a notebook stores of a result: the same as text and as HTML."""

from html import escape

from marskit.pictures.documents import document_html, document_text
from marskit.pictures.tones import MONO
from marskit.views.document import Document

Bundle = dict[str, str]
"""Content by MIME type, as `_repr_mimebundle_` returns it."""


def bundle(text: str, html: str) -> Bundle:
    """Both forms of one thing."""
    return {"text/plain": text, "text/html": html}


def of_document(document: Document, *pictures: str) -> Bundle:
    """A document, below pictures that only the HTML has."""
    html = "".join(f"<div>{picture}</div>" for picture in pictures) + document_html(document)
    return bundle(document_text(document), html)


def preformatted(text: str) -> Bundle:
    """Text whose columns must stay aligned."""
    return bundle(text, f'<pre style="{MONO}; line-height: 1.2">{escape(text)}</pre>')
