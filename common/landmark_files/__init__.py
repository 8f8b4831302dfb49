"""Landmark schemes, and readers of the files in which faces are labelled."""

from common.landmark_files.coco import read_coco
from common.landmark_files.cofw import read_cofw, read_cofw_image
from common.landmark_files.dlib_xml import read_dlib
from common.landmark_files.face import Face
from common.landmark_files.folder import folder_scheme, read_folder, write_notes
from common.landmark_files.images import check_faces, check_points, image_size, read_face_image
from common.landmark_files.ljson import read_ljson
from common.landmark_files.pts import pts_text, read_pts, write_pts
from common.landmark_files.scheme import SCHEMES, LandmarkScheme, load_scheme, write_scheme
from common.landmark_files.split import split_faces
from common.landmark_files.table import read_table
from common.landmark_files.w300 import read_300w
from common.landmark_files.wflw import read_wflw

__all__ = [
    "SCHEMES",
    "Face",
    "LandmarkScheme",
    "check_faces",
    "check_points",
    "folder_scheme",
    "image_size",
    "load_scheme",
    "pts_text",
    "read_300w",
    "read_coco",
    "read_cofw",
    "read_cofw_image",
    "read_dlib",
    "read_face_image",
    "read_folder",
    "read_ljson",
    "read_pts",
    "read_table",
    "read_wflw",
    "split_faces",
    "write_notes",
    "write_pts",
    "write_scheme",
]
