"""`course lecture`: the explorer of a lesson on a page of its own, for the wall of a lecture room.

needed      which cells of a lesson an explorer stands on
page        those cells as a notebook that shows the explorer and nothing else
server      Voilà on the loopback interface, and the page's look (index.html.j2, page.css)
"""

from course_tools.lecture.needed import needed_cells
from course_tools.lecture.page import lecture_notebook, lessons_with_explorer
from course_tools.lecture.server import open_lecture

__all__ = ["lecture_notebook", "lessons_with_explorer", "needed_cells", "open_lecture"]
