"""Laws that apply to exercises of this lesson, and that their checks neither name nor waive yet: delete, add none."""

NOT_YET = {
    "ConvBlock": "gradients dtypes by_itself any_size unchanged",
    "influence": "gradients dtypes layouts by_itself any_size unchanged asks",
    "DownBlock": "gradients dtypes by_itself any_size unchanged",
    "UpBlock": "gradients dtypes by_itself any_size unchanged",
    "UNet": "gradients dtypes by_itself any_size unchanged settings",
    "denoising_loss": "gradients dtypes layouts by_itself any_size unchanged asks",
    "ideal_denoiser": "gradients dtypes layouts by_itself any_size unchanged",
    "MendedUpBlock": "gradients dtypes by_itself any_size unchanged",
}
