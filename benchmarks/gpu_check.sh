#!/usr/bin/env bash
# What should be measured as soon as a machine with a CUDA GPU is at hand, in ten minutes at most: tests that are skipped
# elsewhere, several runs on one GPU, ways of execution, memory. Without a GPU it says what it would do.
#
#     bash benchmarks/gpu_check.sh             # in an environment in which the harness is installed
set -uo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${PYTHON:-python}

steps=(
  "tests that need a GPU: recorded passes, no step that waits|120|$python -m pytest -q tests/training/test_execution.py"
  "lstm, gru and a hand-written cell: eager and CUDA graphs|150|harness bench --arch lstm,gru,mgu --device cuda --execution eager,cuda-graphs --length 50,200 --memory --processes 2"
  "a sweep with one run at a time|120|harness run --arch lstm,gru --task adding --length 50 --steps 300 --seeds 4 --device cuda --slots-per-gpu 1 --tracking-uri sqlite:///$folder/one.db --json"
  "the same with four runs on the GPU, whose accuracies must be the same|120|harness run --arch lstm,gru --task adding --length 50 --steps 300 --seeds 4 --device cuda --slots-per-gpu 4 --tracking-uri sqlite:///$folder/four.db --json"
)

if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  "$python" -c 'import torch; print(torch.cuda.get_device_name(), "torch", torch.__version__, "cuDNN", torch.backends.cudnn.version())'
else
  echo "There is no CUDA GPU here. On one, this would run:"
  for step in "${steps[@]}"; do
    IFS='|' read -r title seconds command <<<"$step"
    printf '  %s (at most %s s):\n    %s\n' "$title" "$seconds" "$command"
  done
  exit 0
fi

failed=0
for step in "${steps[@]}"; do
  IFS='|' read -r title seconds command <<<"$step"
  echo "== $title"
  # shellcheck disable=SC2086 # the commands hold no words with spaces
  timeout "$seconds" $command || { echo "failed, or took longer than $seconds s"; failed=1; }
done
exit $failed
