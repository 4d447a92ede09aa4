#!/bin/bash
#SBATCH --job-name=knowscape
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@60
# One Ray over the job's nodes, for one command; sent again, the job continues:
#   sbatch slurm.sh articles.parquet wiki.atlas
# Corpus and atlas lie where the first node sees them; the others need neither. Without GPUs remove that line.
set -euo pipefail
source "${KNOWSCAPE_VENV:-$HOME/knowscape}/bin/activate"

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000)) # jobs may share a node
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')

# Ray starts on every node, the command runs on the first, and Ray ends with it. Only that one may say which address it has.
address=$(getent ahostsv4 "$head" | awk 'NR == 1 { print $1 }'):$port
srun --kill-on-bad-exit=1 ray symmetric-run --address "$address" --min-nodes "$SLURM_JOB_NUM_NODES" \
  --num-cpus "$SLURM_CPUS_PER_TASK" --disable-usage-stats -- \
  knowscape embed "$1" -o "$2" --on "$address" "${@:3}"
