"""Colours for any number of classes; names, colours and label ids of the segmentation sets, by label value."""

from __future__ import annotations

import colorsys

IGNORE_INDEX = 255
CAMVID_VOID = 11

CAMVID_CLASSES = (
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
)
CAMVID_PALETTE = (
    (128, 128, 128),
    (128, 0, 0),
    (192, 192, 128),
    (128, 64, 128),
    (60, 40, 222),
    (128, 128, 0),
    (192, 128, 128),
    (64, 64, 128),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
)

# RGB colours of the labels as CamVid was first published (label_colors.txt).
CAMVID_COLOURS_32 = {
    "Animal": (64, 128, 64),
    "Archway": (192, 0, 128),
    "Bicyclist": (0, 128, 192),
    "Bridge": (0, 128, 64),
    "Building": (128, 0, 0),
    "Car": (64, 0, 128),
    "CartLuggagePram": (64, 0, 192),
    "Child": (192, 128, 64),
    "Column_Pole": (192, 192, 128),
    "Fence": (64, 64, 128),
    "LaneMkgsDriv": (128, 0, 192),
    "LaneMkgsNonDriv": (192, 0, 64),
    "Misc_Text": (128, 128, 64),
    "MotorcycleScooter": (192, 0, 192),
    "OtherMoving": (128, 64, 64),
    "ParkingBlock": (64, 192, 128),
    "Pedestrian": (64, 64, 0),
    "Road": (128, 64, 128),
    "RoadShoulder": (128, 128, 192),
    "Sidewalk": (0, 0, 192),
    "SignSymbol": (192, 128, 128),
    "Sky": (128, 128, 128),
    "SUVPickupTruck": (64, 128, 192),
    "TrafficCone": (0, 0, 64),
    "TrafficLight": (0, 64, 64),
    "Train": (192, 64, 128),
    "Tree": (128, 128, 0),
    "Truck_Bus": (192, 128, 192),
    "Tunnel": (64, 0, 64),
    "VegetationMisc": (192, 192, 0),
    "Void": (0, 0, 0),
    "Wall": (64, 192, 0),
}

# Which of the 32 classes make up each of the 11; "segnet" is the merge that the 11-class papers use.
CAMVID_MERGES = {
    "segnet": {
        "Sky": ("Sky",),
        "Building": ("Building", "Archway", "Bridge", "Tunnel", "Wall"),
        "Pole": ("Column_Pole", "TrafficCone"),
        "Road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
        "Pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
        "Tree": ("Tree", "VegetationMisc"),
        "SignSymbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
        "Fence": ("Fence",),
        "Car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
        "Pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
        "Bicyclist": ("Bicyclist", "MotorcycleScooter"),
    },
    # DDRNet's variant: the other 21 classes are ignored, so numbers do not compare with the merge above.
    "ignore-rest": {
        "Sky": ("Sky",),
        "Building": ("Building",),
        "Pole": ("Column_Pole",),
        "Road": ("Road",),
        "Pavement": ("Sidewalk",),
        "Tree": ("Tree",),
        "SignSymbol": ("SignSymbol",),
        "Fence": ("Fence",),
        "Car": ("Car",),
        "Pedestrian": ("Pedestrian",),
        "Bicyclist": ("Bicyclist",),
    },
}

CITYSCAPES_CLASSES = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)
CITYSCAPES_PALETTE = (
    (128, 64, 128),
    (244, 35, 232),
    (70, 70, 70),
    (102, 102, 156),
    (190, 153, 153),
    (153, 153, 153),
    (250, 170, 30),
    (220, 220, 0),
    (107, 142, 35),
    (152, 251, 152),
    (70, 130, 180),
    (220, 20, 60),
    (255, 0, 0),
    (0, 0, 142),
    (0, 0, 70),
    (0, 60, 100),
    (0, 80, 100),
    (0, 0, 230),
    (119, 11, 32),
)
# Cityscapes label id (0..33) of each class above, in train-id order; every other id is ignored.
CITYSCAPES_LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
CITYSCAPES_NUM_LABEL_IDS = 34

CAMVID_TO_CITYSCAPES = {
    "Sky": "sky",
    "Building": "building",
    "Pole": "pole",
    "Road": "road",
    "Pavement": "sidewalk",
    "Tree": "vegetation",
    "SignSymbol": "traffic sign",
    "Fence": "fence",
    "Car": "car",
    "Pedestrian": "person",
    "Bicyclist": "bicycle",
}


def distinct_colours(count: int) -> list[list[int]]:
    """``count`` RGB colours that are easily told apart."""
    colours = []
    for index in range(count):
        # Steps of the golden ratio spread any number of hues evenly.
        red_green_blue = colorsys.hsv_to_rgb(index * 0.618034 % 1.0, 0.75, 0.95 if index % 2 else 0.65)
        colours.append([round(255 * channel) for channel in red_green_blue])
    return colours
