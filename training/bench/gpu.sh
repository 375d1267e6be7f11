#!/usr/bin/env bash
# All that needs a GPU, in order, each step's output in $OUT; goes on where it ended:
#   training/bench/gpu.sh
# The same on a processor, for whether it runs:
#   DEVICE=cpu NUMBER=30 OUT=/tmp/tried training/bench/gpu.sh
set -euo pipefail
DEVICE=${DEVICE:-cuda} NUMBER=${NUMBER:-1000} OUT=${OUT:-gpu} PYTHON=${PYTHON:-python}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$OUT"
if [ "$DEVICE" = cpu ]; then
    latency=torch_cpu_latency throughput=torch_cpu_throughput
    quick=(--set resolution=32 --set timing.seconds=0 --set timing.passes=3 --set paired=false)
    loop=(--pairs 2 --steps 2 --batch 8)
else
    latency=gpu_latency throughput=gpu_throughput quick=()
    loop=(--batch 512)
fi

# latency, throughput, and energy where NVML counts it (extra nvml)
"$PYTHON" -m accelnas_training measure run "$OUT/speed.db" --protocol $latency --protocol $throughput \
    --number "$NUMBER" --seed 0 "${quick[@]}"
"$PYTHON" -m accelnas_training measure export "$OUT/speed.db" "$OUT/speed.parquet" \
    --metric $latency=latency_mygpu --metric $throughput=throughput_mygpu
# to metrics of a benchmark
"$PYTHON" -m accelnas fit "$OUT/speed.parquet" --space mnasnet --minimise latency_mygpu \
    --maximise throughput_mygpu --split random --budget "${BUDGET:-1h}" --output "$OUT/bench"
# the measurements beside the known A100 and RTX 3090
"$PYTHON" -m accelnas_training transfer fit "$OUT/speed.parquet" --metric throughput_mygpu --unit images/s \
    --known throughput_a100,throughput_3090 --output "$OUT/transfer"
# the training loop under p* (AMP, channels last) beside a bare one; IMAGES=FOLDER: beside timm's loader
"$PYTHON" "$here/loop.py" --device "$DEVICE" --scheme p_star "${loop[@]}" ${IMAGES:+--images "$IMAGES"} \
    --output "$OUT/loop.md"
