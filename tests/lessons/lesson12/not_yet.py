"""Laws that apply to exercises of this lesson, and that their checks neither name nor waive yet: delete, add none."""

NOT_YET = {
    "bernoulli_mask": "noise generator",
    "drop_condition": "by_itself unchanged",
    "cfg_loss": "gradients dtypes layouts by_itself any_size unchanged asks",
    "guide": "gradients dtypes layouts by_itself any_size unchanged",
    "guided_predict": "gradients dtypes by_itself any_size unchanged settings asks",
    "sample_cfg": "gradients dtypes layouts by_itself any_size unchanged settings asks",
    "implicit_gradient": "gradients dtypes layouts by_itself any_size unchanged settings asks",
    "mended_drop": "dtypes noise generator unchanged",
}

# Refused though right, on top of these right answers to earlier exercises.
NOT_SERVED = {"sample_cfg": "predict_with_rows_side_by_side"}
