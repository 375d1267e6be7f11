"""Quantise an ONNX file for a DPU with Vitis AI's quantiser: scales are powers of two. Runs in Vitis AI's container."""

import sys

import numpy as np
import onnx
import vai_q_onnx
from onnxruntime.quantization import CalibrationDataReader


class Noise(CalibrationDataReader):
    """Eight images of noise: speed does not depend on them; calibrate on your own where accuracy matters."""

    def __init__(self, path: str) -> None:
        value = onnx.load(path).graph.input[0]
        shape = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        rng = np.random.default_rng(0)
        self.images = iter({value.name: rng.standard_normal(shape, np.float32)} for _ in range(8))

    def get_next(self) -> dict:
        """Give the next batch, or None."""
        return next(self.images, None)


source, output = sys.argv[1:]
vai_q_onnx.quantize_static(
    source,
    output,
    Noise(source),
    quant_format=vai_q_onnx.QuantFormat.QDQ,
    calibrate_method=vai_q_onnx.PowerOfTwoMethod.MinMSE,
    activation_type=vai_q_onnx.QuantType.QInt8,
    weight_type=vai_q_onnx.QuantType.QInt8,
)
