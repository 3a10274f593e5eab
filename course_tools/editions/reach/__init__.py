"""What a piece of code reaches of the course's package, statement by statement, read from the sources alone.

names     what a statement refers to
normal    a statement without comments, layout and docstrings
tables    a module: which statement binds which name
effects   what counts because a module is imported
files     data files that code names
follow    from statement to statement, through imports, re-exports in `__init__`, aliases and attributes

It counts too much rather than too little. A class counts as a whole. A module that is used as a value counts as a
whole. A statement that does more than bind a name counts whenever its module is imported; a function that a decorator
hands to an object counts with that object. A data file counts if a string that is reached names it. What is imported
under a name put together at run time is not followed, nor what an object's method does to a list of its class.
"""

from course_tools.editions.reach.follow import Code
from course_tools.editions.reach.tables import Table, Unit, table

__all__ = ["Code", "Table", "Unit", "table"]
