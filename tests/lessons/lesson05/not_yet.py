"""Laws that apply to exercises of this lesson, and that their checks neither name nor waive yet: delete, add none."""

NOT_YET = {
    "GroupNorm": "gradients dtypes layouts by_itself any_size unchanged settings",
    "GELU": "gradients dtypes by_itself any_size unchanged",
    "RearrangePool": "gradients dtypes by_itself any_size unchanged",
    "checkerboard_share": "gradients dtypes layouts by_itself any_size unchanged",
    "ResidualBlock": "gradients dtypes by_itself any_size unchanged settings",
    "SelfAttention2d": "gradients dtypes layouts by_itself any_size unchanged settings",
    "mended_norm": "settings",
}
