"""What a page is: a route whose answer is shown by a template."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from tracerd.web.forms import Parameter
from tracerd.web.pages.rendering import rendered
from tracerd.web.routing import Asked, Route


def page(
    path: str,
    template: str,
    values: Callable[[Asked], Mapping[str, object]],
    parameters: Sequence[Parameter] = (),
) -> Route:
    """A page.

    Args:
        path: Its path, with `{name}`.
        template: The file of its template.
        values: Gives the variables of the template, as `answer` of a route gives JSON.
        parameters: Those of the query string; what of a form was left empty is not given.
    """
    return Route("GET", path, template, values, parameters, render=partial(rendered, template), is_page=True)
