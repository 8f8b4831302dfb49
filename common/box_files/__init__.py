"""Pictures with boxes: readers and writers of the files in which they are labelled."""

from common.box_files.box_set import BoxSet, LabelledImage
from common.box_files.coco import read_coco, write_coco
from common.box_files.table import read_table
from common.box_files.voc import read_voc, write_voc

__all__ = ["BoxSet", "LabelledImage", "read_coco", "read_table", "read_voc", "write_coco", "write_voc"]
