from folders import divided, image_folders, whole

__all__ = ["divided", "image_folders", "whole"]
