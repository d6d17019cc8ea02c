"""ImageNet, or some of its classes."""

from bench.data.source import DataSetDefaults, Source

# Paper: the longest of the rivals' schedules, SkipNet's 120 epochs and 40 more, in its batches of 256, normalised
# as on 8 GPUs. Quick: a subset on a few cores, on smaller crops than it is tested on (FixRes, arXiv 1906.06423).
DEFAULTS = DataSetDefaults(
    "resnet18",
    {
        "quick": {"epochs": 1, "backbone_epochs": 1, "batch_size": 16, "micro_batch": 8, "train_size": 128},
        "paper": {"epochs": 160, "backbone_epochs": 120, "batch_size": 256, "micro_batch": 32},
    },
)
SOURCE = Source("bench.data.imagenet", DEFAULTS, from_files=True)
