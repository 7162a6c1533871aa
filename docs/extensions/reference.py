"""Customize the reference: the members of a class that it shows, and the targets of links."""

import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

_LINKED = {"class", "exception", "function"}
_BACK_TO_REFERENCE = re.compile(r"(reference/([\w.]+\.)(\w+)\.html#)[\w.]*?\b\3\b")


def skip_foreign(app: Sphinx, kind: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Skip members that are inherited from scikit-learn and dataclasses, which have their own documentation."""
    origin = getattr(member, "__module__", None) or getattr(getattr(member, "fget", None), "__module__", None) or ""
    is_request = name.startswith("set_") and name.endswith("_request")
    return True if is_request or (origin and not origin.startswith("gaussmix")) else None


def find_by_last_name(
    app: Sphinx, environment: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolve a short name such as `Mixture` if exactly one public object has that name."""
    if node.get("reftype") != "obj":
        return None
    last_name = node["reftarget"].rpartition(".")[2]
    objects = environment.domains.python_domain.objects
    found = {
        (entry.docname, entry.node_id)
        for name, entry in objects.items()
        if entry.objtype in _LINKED and not entry.aliased and name.rpartition(".")[2] == last_name
    }
    if len(found) != 1:
        return None
    ((page, place),) = found
    return make_refnode(app.builder, node["refdoc"], page, place, content, node["reftarget"])


def mend_links_of_source(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Correct viewcode's links from source code to the reference, which assume one page for each module."""
    if page.startswith("_modules/") and "body" in context:
        context["body"] = _BACK_TO_REFERENCE.sub(r"\1\2\3", context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("missing-reference", find_by_last_name)
    app.connect("html-page-context", mend_links_of_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
