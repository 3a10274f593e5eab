"""What lesson 03 measures: whether it matters how a network is told the time."""

from course_utils.studies.arm import Arm
from course_utils.studies.study import Study

STUDIES = [
    Study(
        "time_embeddings",
        lesson="03",
        says="how the network is told the time",
        variants={
            "sinusoidal": Arm(),
            "raw float": Arm(time="raw"),
            "learned table": Arm(time="learned"),
            "random Fourier": Arm(time="fourier"),
            "no time": Arm(time="none"),
            "t/T in 8 sinusoids": Arm(time="t/T in 8 sinusoids"),
        },
    ),
]
