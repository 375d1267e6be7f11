#!/usr/bin/env bash
# All that needs a GPU, in order, results in $OUT; goes on where it ended:
#   IMAGES=/data/imagenet NAME=h100 training/bench/gpu.sh
# The same on a processor, in minutes, for whether it runs; only tests of CUDA are left out:
#   DEVICE=cpu ARCHITECTURES=8 OUT=/tmp/tried training/bench/gpu.sh
set -euo pipefail
DEVICE=${DEVICE:-cuda} ARCHITECTURES=${ARCHITECTURES:-1000} NAME=${NAME:-mygpu} OUT=${OUT:-gpu} PYTHON=${PYTHON:-python}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$OUT"
step() { printf '\n== %s\n' "$*"; }

if [ "$DEVICE" = cpu ]; then
    latency=torch_cpu_latency throughput=torch_cpu_throughput sizes=4 seeds=1 budget=5s held=0.4
    quick=(--set resolution=32 --set timing.seconds=0 --set timing.passes=3 --set timing.warm_up_seconds=0.1
        --set timing.spread=1e9 --set paired=false)
    loop=(--half --pairs 2 --steps 2 --batch 8 --workers 1)
else
    latency=gpu_latency throughput=gpu_throughput sizes=10,20,50,100,200 seeds=5 budget=1h held=0.1
    quick=()
    loop=(--batch 512)
fi

step "the tests, those of CUDA included"
if [ "$DEVICE" = cpu ]; then
    echo "left out: tests of CUDA need a GPU; make training-test runs all others on a processor"
else
    make -C "$here/../.." training-test
fi

step "latency, throughput, and energy where it is counted (NVML: extra nvml), of $ARCHITECTURES architectures"
"$PYTHON" -m accelnas_training measure run "$OUT/speed.db" --protocol $latency --protocol $throughput \
    --number "$ARCHITECTURES" --seed 0 "${quick[@]}"
"$PYTHON" -m accelnas_training measure export "$OUT/speed.db" "$OUT/speed.parquet" --each \
    --metric $latency="latency_$NAME" --metric $throughput="throughput_$NAME"
"$PYTHON" - "$OUT/speed.parquet" "$OUT/split.json" $held <<'END'
import sys
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.splits import random_split, write_split
held = float(sys.argv[3])
write_split(random_split(read_dataset(sys.argv[1]), (1 - held, 0.0, held)), sys.argv[2])
END

step "metrics of the bundled benchmark, in a copy of it: $OUT/bench"
[ -d "$OUT/bench" ] || cp -r "$("$PYTHON" -c 'import accelnas; print(accelnas.load().path)')" "$OUT/bench"
"$PYTHON" -m accelnas fit "$OUT/speed.parquet" --space mnasnet --split "$OUT/split.json" --budget "${BUDGET:-$budget}" \
    --output "$OUT/bench"
"$PYTHON" - "$OUT/bench" "latency_$NAME" <<'END'
import sys, accelnas
bench = accelnas.load(sys.argv[1])
print(len(bench.metrics), "metrics;", sys.argv[2], "from data", bench.provenance(sys.argv[2])["data_sha256"][:12])
END
"$PYTHON" -m accelnas best "latency_$NAME" --benchmark "$OUT/bench"

step "how many measurements of it are enough, where an A100 and an RTX 3090 are known"
known=throughput_a100,throughput_3090
"$PYTHON" -m accelnas_training transfer fit "$OUT/speed.parquet" --metric "throughput_$NAME" --unit images/s \
    --known $known --output "$OUT/transfer"
"$PYTHON" -m accelnas_training transfer evaluate "$OUT/speed.parquet" --metrics "throughput_$NAME" --split "$OUT/split.json" \
    --known $known --sizes $sizes --seeds $seeds --output "$OUT/transfer.md"

step "the training loop under p* (AMP, channels last) beside a bare one: on images in memory, and on timm's loader"
"$PYTHON" "$here/loop.py" --device "$DEVICE" --scheme p_star "${loop[@]}" --output "$OUT/loop.md"
if [ "$DEVICE" = cpu ] && [ -z "${IMAGES:-}" ]; then
    IMAGES=$OUT/images
    "$PYTHON" - "$IMAGES" <<'END'
import sys
from pathlib import Path
from PIL import Image
for part in ("train", "val"):
    for label in ("light", "dark"):
        folder = Path(sys.argv[1]) / part / label
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(16):
            Image.effect_noise((48, 48), 9 + number).convert("RGB").save(folder / f"{number}.png")
END
fi
if [ -n "${IMAGES:-}" ]; then
    "$PYTHON" "$here/loop.py" --device "$DEVICE" --scheme p_star "${loop[@]}" --images "$IMAGES" \
        --output "$OUT/loop_images.md"
else
    echo "left out: timm's loader needs IMAGES=FOLDER, an image folder such as ImageNet's"
fi
