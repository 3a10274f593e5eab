"""What lesson 04 measures: each part of DDPM on and off, the rest as in the baseline."""

from dataclasses import replace

from course_utils.studies.arm import Arm
from course_utils.studies.study import Study

DDPM = Arm(sampler="ddpm", sampling_steps=50)

STUDIES = [
    Study(
        "ema",
        lesson="04",
        says="samples from averaged weights and from those of the last step, with a learning rate that decays or not",
        variants={
            "EMA": Arm(),
            "no EMA": Arm(average=False),
            "EMA, constant rate": Arm(decay=False),
            "no EMA, constant rate": Arm(decay=False, average=False),
        },
    ),
    Study(
        "clipping",
        lesson="04",
        says="the gradient clipped to length 1, or not",
        variants={"clipped": Arm(), "not clipped": Arm(clip=None)},
    ),
    Study(
        "distance",
        lesson="04",
        says="squared error and absolute error",
        variants={"L2": Arm(), "L1": Arm(distance="l1")},
    ),
    Study(
        "target",
        lesson="04",
        says="what the network predicts",
        variants={"noise": Arm(), "x0": Arm(kind="x0"), "v": Arm(kind="v")},
    ),
    Study(
        "times",
        lesson="04",
        says="which steps are practised: all alike, or those in the middle more often",
        variants={"uniform": Arm(), "middle-heavy": Arm(times="middle-heavy")},
    ),
    Study(
        "optimiser",
        lesson="04",
        says="how a step is taken, for equally many steps and with the same learning rate",
        variants={"AdamW": Arm(), "Muon": Arm(optimiser="muon")},
    ),
    Study(
        "schedule",
        lesson="04",
        says="the noise schedule, in training and in sampling",
        variants={"cosine": Arm(), "linear": Arm(schedule="linear")},
    ),
    Study(
        "variance",
        lesson="04",
        says="the variance of a step of DDPM, with 50 steps of 1,000",
        variants={
            "beta": DDPM,
            "beta-tilde": replace(DDPM, noise="beta-tilde"),
            "learned": replace(DDPM, variance="learned", noise="learned"),
        },
    ),
    Study(
        "forward_process",
        lesson="04",
        says="how noise is added, judged by what can be generated from it",
        variants={
            "variance schedule": Arm(),
            "fixed ratio, from its own end": Arm(forward="fixed ratio"),
            "fixed ratio, from N(0, I)": Arm(forward="fixed ratio", start="N(0, I)"),
            "all at once": Arm(forward="all at once", kind="x0"),
        },
    ),
]
