"""A data set of boxes in memory, and a detector that knows what it finds, for the tests of evaluation."""

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

from common.report import write_png

CLASSES = ["cell", "dust"]
PALETTE = [[200, 0, 0], [0, 0, 200]]
SIZE = (48, 64)
CELL, DUST, CROWD = [4, 4, 24, 24], [40, 10, 60, 30], [0, 30, 20, 46]


class Scenes:
    """Four images with a cell, a dust and an ignored cell each, as a data set of mmdet gives them."""

    metainfo = {"classes": CLASSES, "palette": PALETTE}  # noqa: RUF012
    data_root = "nowhere"

    def __init__(self, folder, count=4):
        self.count = count
        self.asked = []
        self.paths = [folder / f"scène {index}.png" for index in range(count)]
        for path in self.paths:
            picture = np.full((*SIZE, 3), 190, np.uint8)
            for (x1, y1, x2, y2), colour in ((CELL, (200, 120, 120)), (DUST, (90, 90, 120))):
                picture[y1:y2, x1:x2] = colour
            write_png(path, picture)

    def __len__(self):
        return self.count

    def get_data_info(self, index):
        instances = [
            {"bbox": box, "bbox_label": label, "ignore_flag": ignored}
            for box, label, ignored in ((CELL, 0, 0), (DUST, 1, 0), (CROWD, 0, 1))
        ]
        return {"img_path": str(self.paths[index]), "img_id": index, "instances": instances}

    def __getitem__(self, index):
        self.asked.append(index)
        # As a pipeline does that resizes the image by half, and its boxes with it.
        sample = DetDataSample(metainfo={"img_path": str(self.paths[index]), "ori_shape": SIZE, "index": index})
        sample.gt_instances = InstanceData(bboxes=torch.tensor([CELL, DUST]) / 2, labels=torch.tensor([0, 1]))
        return {"inputs": torch.zeros(3, 24, 32), "data_samples": sample}


class Knows(nn.Module):
    """Finds the given (box, score, label) in every image; ``of_image`` overrides that for single images."""

    def __init__(self, *found, of_image=None, classes=CLASSES):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(7))
        self.dataset_meta = {"classes": classes, "palette": PALETTE}
        self.found, self.of_image = found, of_image or {}

    def test_step(self, batch):
        for sample in batch["data_samples"]:
            found = self.of_image.get(sample.metainfo["index"], self.found)
            boxes = torch.tensor([box for box, _, _ in found], dtype=torch.float32).reshape(-1, 4)
            scores, labels = (torch.tensor([each[part] for each in found]) for part in (1, 2))
            sample.pred_instances = InstanceData(bboxes=boxes, scores=scores.float(), labels=labels.long())
        return batch["data_samples"]
