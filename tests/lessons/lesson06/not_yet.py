"""Laws that apply to exercises of this lesson, and that their checks neither name nor waive yet: delete, add none."""

NOT_YET = {
    "respace": "any_size",
    "ddim_sigma": "dtypes any_size unchanged settings",
    "ddim_step": "gradients dtypes layouts by_itself any_size unchanged settings",
    "sample_ddim": "gradients dtypes layouts any_size noise generator unchanged settings asks",
    "interpolate_log_variance": "gradients dtypes layouts by_itself any_size unchanged",
    "slerp": "gradients dtypes layouts by_itself any_size unchanged",
    "ddim_invert": "gradients dtypes layouts by_itself any_size unchanged asks",
    "sample_truncated": "gradients dtypes layouts by_itself any_size unchanged asks",
    "mended_fast_sampler": "gradients dtypes layouts any_size noise generator distribution unchanged asks",
}
