from folders import image_folders

__all__ = ["image_folders"]
