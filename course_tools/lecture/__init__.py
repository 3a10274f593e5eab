"""`course lecture`: the explorer of a lesson on a page of its own, for the wall of a lecture room.

page        the cells that the explorer stands on, as a notebook that shows it and nothing else
same        the gate that the page shows what the whole lesson shows
server      Voilà on the loopback interface, and the page's look (index.html.j2, page.css)
"""

from course_tools.lecture.page import lecture_notebook, lessons_with_explorer, page_of
from course_tools.lecture.same import lecture_shows_the_same, stills_of
from course_tools.lecture.server import open_lecture

__all__ = [
    "lecture_notebook",
    "lecture_shows_the_same",
    "lessons_with_explorer",
    "open_lecture",
    "page_of",
    "stills_of",
]
