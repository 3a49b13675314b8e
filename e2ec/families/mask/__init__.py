"""The mask family: Mask R-CNN, Mask Scoring R-CNN, BMask R-CNN and SEANet, on torchvision."""
