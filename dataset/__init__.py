"""Images and their labels: data sets, augmentation, training targets, loading, test views."""
