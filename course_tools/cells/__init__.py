"""What the cells of a notebook bind, use and change, read without running them.

names       what a cell binds and uses
effects     what a piece of code changes of that which it is given
callees     what is known of a function that is called: read in its source, or trusted (`known`)
verdicts    what is said of a call and of a function
needed      which cells others stand on
"""

from course_tools.cells.names import (
    base,
    binds,
    bound_by,
    imports,
    loads,
    outside,
    plain_python,
    statements,
    syntax_error,
    taken_by,
)
from course_tools.cells.needed import Flow, needed_cells

__all__ = [
    "Flow",
    "base",
    "binds",
    "bound_by",
    "imports",
    "loads",
    "needed_cells",
    "outside",
    "plain_python",
    "statements",
    "syntax_error",
    "taken_by",
]
