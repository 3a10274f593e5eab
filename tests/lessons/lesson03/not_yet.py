"""Laws that apply to exercises of this lesson, and that their checks neither name nor waive yet: delete, add none."""

NOT_YET = {
    "frequencies": "dtypes settings",
    "sinusoidal_embedding": "dtypes by_itself unchanged settings",
    "fourier_features": "dtypes by_itself unchanged",
    "TimeMLP": "by_itself unchanged",
    "modulate": "gradients dtypes layouts by_itself any_size unchanged",
    "TimedBlock": "gradients dtypes by_itself any_size unchanged",
    "guess_noise_level": "gradients dtypes layouts by_itself any_size unchanged",
    "mended_embedding": "dtypes settings",
}
