"""The workshop of *From Noise to Flowers*: what builds, runs, grades and shows the lessons, and the command `course`.

A lesson stands on `course_utils`, which knows nothing of this package.
"""
