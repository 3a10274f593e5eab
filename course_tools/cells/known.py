"""What is known not to change what it is given. All else may: a name that is missing here costs time, never a picture.

The course's own functions are not listed, since their source can be read (`callees`).
"""

from __future__ import annotations

import builtins
import sys


def _words(text: str) -> set[str]:
    return set(text.split())


#: top-level packages whose functions leave their arguments alone, unless they end in `_`, are given `out=`, or are
#: called for their effect alone
LIBRARIES = {
    *sys.stdlib_module_names,
    *("torch", "numpy", "scipy", "sklearn", "pandas", "matplotlib", "IPython", "PIL", "einops", "safetensors", "tqdm"),
}
#: what only shows: its calls change nothing but the figure
SHOWS = ("matplotlib", "IPython.display", "course_utils.plots")
#: functions of the course that leave what they are given as it was: a network goes to evaluation mode and back, and is
#: asked about each half of a batch
RESTORING = {"_evaluation_mode", "joined"}
#: built-in functions that change what they are given
IMPURE = {"next", "setattr", "delattr", "exec", "eval", "anext"}
BUILTINS = {*dir(builtins), "display", "get_ipython"}

#: attributes that cannot be changed
PLAIN = {"shape", "dtype", "device", "ndim", "classes", "__name__"}
#: keywords under which a source of chance is given
CHANCE = {"generator", "rng"}
#: what makes a source of chance
GENERATORS = {"Generator", "default_rng", "RandomState"}
#: methods and functions whose result is a number, a text or the like, which cannot be changed
NUMBERS = _words("item numel len str repr int bool range format isinstance join perf_counter pick")
#: methods and functions whose result is a thing of its own
FRESH = {*NUMBERS, "clone", "deepcopy", "tolist", "sum", "float", "round", "fresh_generator"}
#: kinds of parameters that cannot be changed
NUMBER_TYPES = _words("int float str bool bytes complex None tuple Sequence Literal Optional Path torch device dtype")
#: methods of lists, sets and dictionaries: the object itself is changed, and holds what it is given
CONTAINER = _words(
    "append extend insert add update setdefault pop popitem remove discard clear sort reverse "
    "register_buffer register_module"
)
#: numbers of a tensor or array
OF_NUMBERS = """
    abs acos addcmul all amax amin any argmax argmin argsort bincount bool ceil clamp clamp_max clamp_min clip corr
    cos count_nonzero cov cross cummax cumprod cumsum diag diagonal diff div dot eq erf exp expm1 floor frac ge gt
    histc hypot isfinite isnan le lerp log log10 log1p log2 log_softmax logsumexp lt matmul max maximum mean median
    min minimum mode mul nanmean nanmedian ne norm outer pow prod quantile reciprocal relu round rsqrt sigmoid sign
    sin softmax sqrt square std sub sum tan tanh topk trace var
"""
#: shape, kind and place of a tensor or array
OF_SHAPES = """
    astype chunk clone contiguous copy cpu cuda detach double expand expand_as flatten flip float gather half
    index_select int is_floating_point item long masked_fill masked_select movedim narrow new_full new_ones new_tensor
    new_zeros nonzero numel numpy permute ravel repeat repeat_interleave reshape roll scatter size split squeeze
    swapaxes swapdims t take tensor_split tile to tobytes tolist transpose tril triu type unbind unflatten unfold
    unique unsqueeze view view_as where
"""
#: networks and distributions: a gradient is nothing until an optimiser's step, and evaluation mode is where all
#: pictures are made; whoever trains switches it off
OF_NETWORKS = """
    backward buffers cdf children entropy eval get_total_flops log_prob modules named_buffers named_children
    named_modules named_parameters parameters pdf ppf state_dict
"""
#: files, patterns, fingerprints: what changes on disk is no object
OF_FILES = """
    absolute chmod expanduser fullmatch glob hexdigest is_complex kthvalue match mkdir open read read_bytes read_text
    resolve rglob search unlink with_name with_suffix write write_bytes write_text
"""
#: tables
OF_TABLES = """
    agg apply assign describe drop dropna fillna groupby head melt pivot pivot_table rank rename rename_axis
    reset_index set_index sort_index sort_values stack tail to_numpy to_string unstack value_counts
"""
#: texts, lists, dictionaries, paths
OF_TEXTS = """
    capitalize center count encode endswith exists find format fromkeys get index is_dir is_file isdigit items join
    keys ljust lower lstrip partition removeprefix removesuffix replace rjust rpartition rsplit rstrip splitlines
    startswith strip title upper values zfill
"""
#: methods of tensors, arrays, networks, tables and texts that leave them as they are
QUERIES = _words(" ".join([OF_NUMBERS, OF_SHAPES, OF_NETWORKS, OF_FILES, OF_TABLES, OF_TEXTS]))
