"""What lesson 04 may weigh in `weights/`, in MB: two models as wide as the one that is trained in the lesson."""

WEIGHTS = 4.2
