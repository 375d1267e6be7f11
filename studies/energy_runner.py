"""What runs ZigZag, in a Python that has it: problems as JSON come in, energies go out."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

SUM = 32  # bits of a partial sum
WORD = 64  # bits of an access whose energy is known


RELEVANT = {"I2": ("G", "K", "C", "FY", "FX"), "I1": ("G", "C", "OY", "OX", "FY", "FX"), "O": ("G", "K", "OY", "OX")}


def wide(p: dict[str, Any], operand: str) -> int:
    """Give the bits of an operand that the array takes in a cycle: less would make ZigZag lay out less."""
    loops = dict(entry.split(", ") for side in p["unrolled"].values() for entry in side)
    values = math.prod(int(size) for loop, size in loops.items() if loop in RELEVANT[operand])
    return max(WORD, values * (SUM if operand == "O" else p["bits"]))


def memory(
    operands: list[str], bits: int, energy: float, width: int, served: list[str], most: int = WORD
) -> dict[str, Any]:
    """Give a memory as ZigZag's files have it, with a port of its own for each operand and direction."""
    ports = [
        {
            "name": f"{kind[0]}_port_{number}", "type": kind, "bandwidth_min": width, "bandwidth_max": most,
            "allocation": [f"{operand}, {way}" for way in (low, high)[: 2 if operand == "O" else 1]],
        }
        for number, (operand, (kind, low, high)) in enumerate(
            [(operand, way) for operand in operands for way in (("read", "tl", "th"), ("write", "fh", "fl"))]
        )
    ]  # fmt: skip
    cost = {"r_cost": energy * most / WORD, "w_cost": energy * most / WORD, "area": 0, "latency": 1}
    return {"size": bits, **cost, "operands": operands, "ports": ports, "served_dimensions": served}


def accelerator(p: dict[str, Any]) -> dict[str, Any]:
    """Give an array; registers cost nothing, as the energy of a multiply-accumulate has them."""
    both, bits = ["D1", "D2"], p["bits"]
    memories = {
        f"register_{operand}": memory([operand], words * (SUM if operand == "O" else bits), 0, bits, [])
        for operand, words in p["registers"].items()
    }
    for operand, name in (("I2", "weight"), ("I1", "input"), ("O", "output")):
        memories[name] = memory([operand], p[f"{name}_buffer"] * 8192, p["sram"][name], bits, both, wide(p, operand))
    memories["external"] = memory(["I1", "I2", "O"], 10**12, p["dram"] * WORD // 8, bits, both)
    array = {"unit_energy": p["mac"], "unit_area": 1, "dimensions": both, "sizes": p["sizes"]}
    return {"name": "array", "memories": memories, "operational_array": array}


def workload(p: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a convolution, with the border of its image."""
    loops, stride = p["loops"], p["stride"]
    return [
        {
            "id": 0, "operator_type": "Conv",
            "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
            "dimension_relations": [f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"],
            "loop_dims": list(loops), "loop_sizes": list(loops.values()),
            "operand_precision": {"W": p["bits"], "I": p["bits"], "O": SUM, "O_final": p["bits"]},
            "operand_source": {"I": 0, "W": 0},
            "pr_loop_dims": ["IX", "IY"], "pr_loop_sizes": [p["pixels"]] * 2, "padding": [p["padding"]] * 2,
        }
    ]  # fmt: skip


def energies(p: dict[str, Any], folder: Path) -> list[float]:
    """Give the energies of multipliers and of memories, in pJ, at the least of both together."""
    import yaml
    from zigzag.mapping.temporal_mapping import TemporalMappingType
    from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
    from zigzag.stages.main import MainStage
    from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
    from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
    from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
    from zigzag.stages.parser.workload_parser import WorkloadParserStage
    from zigzag.stages.results.reduce_stages import MinimalEnergyStage
    from zigzag.stages.workload_iterator import WorkloadStage

    links = {"O": "O", "W": "I2", "I": "I1"}
    mapping = [{"name": "default", "spatial_mapping": p["unrolled"], "memory_operand_links": links}]
    names = {}
    for name, content in (("accelerator", accelerator(p)), ("workload", workload(p)), ("mapping", mapping)):
        names[name] = str(folder / f"{name}.yaml")
        Path(names[name]).write_text(yaml.safe_dump(content, sort_keys=False))
    stages = [
        WorkloadParserStage, AcceleratorParserStage, WorkloadStage, MinimalEnergyStage, SpatialMappingGeneratorStage,
        MinimalEnergyStage, TemporalMappingGeneratorStage, CostModelStage,
    ]  # fmt: skip
    found = MainStage(
        list_of_callables=stages, **names, loma_lpf_limit=p["loops_at_most"], loma_show_progress_bar=False,
        nb_mappings_generated=1, enable_mix_spatial_mapping_generation=False,
        access_same_data_considered_as_no_access=True, temporal_mapping_type=TemporalMappingType.UNEVEN,
    ).run()  # fmt: skip
    return [float(found[0][0].mac_energy), float(found[0][0].mem_energy)]


def main() -> None:
    """Answer what stands in the standard input; problems that ZigZag has no order of loops for get null."""
    logging.disable(logging.CRITICAL)
    found: list[list[float] | None] = []
    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        from zigzag.opt.loma.engine import NoValidLoopOrderingFoundException

        for problem in json.load(sys.stdin):
            try:
                found.append(energies(problem, Path(folder)))
            except NoValidLoopOrderingFoundException:
                found.append(None)
    print(json.dumps({"version": importlib.metadata.version("zigzag-dse"), "energies": found}))


if __name__ == "__main__":
    main()
