from ._accelnas import Problem


__all__ = ["Problem"]
