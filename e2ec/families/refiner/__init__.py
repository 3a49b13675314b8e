"""The refiner family: SharpContour on a backbone, without a detector."""
