"""Laws that apply to exercises of this lesson, and that their checks neither name nor waive yet: delete, add none."""

NOT_YET = {
    "frechet_distance": "gradients dtypes any_size unchanged",
    "kernel_distance": "gradients dtypes any_size unchanged",
    "precision_recall": "settings",
    "bits_of_step": "gradients dtypes layouts by_itself any_size unchanged",
    "bits_of_last_step": "gradients dtypes layouts by_itself any_size unchanged",
    "variational_bound": "gradients dtypes layouts any_size noise generator unchanged asks",
}
