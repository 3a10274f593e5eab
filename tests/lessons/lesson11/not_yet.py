"""Laws that apply to exercises of this lesson, and that their checks neither name nor waive yet: delete, add none."""

NOT_YET = {
    "noisy_classifier_loss": "gradients dtypes layouts by_itself any_size unchanged asks",
    "classifier_gradient": "gradients dtypes layouts by_itself any_size unchanged asks",
    "guided_mean": "gradients dtypes layouts by_itself any_size unchanged",
    "guided_eps": "gradients dtypes layouts by_itself any_size unchanged",
    "classifier_predict": "gradients dtypes by_itself any_size unchanged asks",
    "mixture_guided_score": "gradients dtypes by_itself any_size unchanged",
    "mended_steered_sampler": "gradients dtypes layouts any_size noise generator distribution unchanged asks",
}

# Refused though right, on top of these right answers to earlier exercises.
NOT_SERVED = {
    "classifier_predict": "gradient_one_picture_after_the_other",
    "mended_steered_sampler": "gradient_one_picture_after_the_other",
}
