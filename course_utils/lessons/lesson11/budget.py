"""What lesson 11 may weigh in `weights/`, in MB: a classifier for each of the two models of lesson 04."""

WEIGHTS = 1.2
