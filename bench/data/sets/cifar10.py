"""CIFAR-10."""

from bench.data.source import DataSetDefaults, Source

SOURCE = Source(
    "bench.data.cifar10",
    DataSetDefaults(
        "resnet20",
        {
            "quick": {"epochs": 6, "backbone_epochs": 30, "batch_size": 128},
            "paper": {"epochs": 190, "backbone_epochs": 200, "batch_size": 128},
        },
    ),
)
