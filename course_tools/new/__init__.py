"""`course new NN slug`: the skeleton of a lesson, every part of the arc in small, which passes the gates as it stands.

skeleton    which template becomes which file, and what is made from them (results of the study, opening picture)
templates/  the files, with [[ number ]], [[ slug ]] and [[ title ]] to be filled in
"""

from course_tools.new.skeleton import create

__all__ = ["create"]
