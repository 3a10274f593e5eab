"""`course doctor`: what is installed, what will be used, and what to do about what is missing.

examine()          -> findings, one for each thing looked at
show(findings)     prints them as a table, and is False if something needed is missing
"""

from __future__ import annotations

from course_tools.doctor.examination import examine
from course_tools.doctor.finding import Finding, show

__all__ = ["Finding", "examine", "show"]
