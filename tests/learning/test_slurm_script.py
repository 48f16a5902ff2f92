"""The script for clusters, on a cluster of stand-ins: what it starts, how it stops in time, what it answers."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "installers" / "slurm" / "emdiff-learn.sbatch"
pytestmark = pytest.mark.skipif(not shutil.which("bash") or os.name == "nt", reason="clusters have bash")

SRUN = """#!/bin/bash
echo "$@" > "$RUN/started"
until [ -e "$RUN/control/stop" ]; do sleep 0.05; done
exit $ANSWER
"""


@pytest.fixture
def submit(tmp_path):
    """Run the script as SLURM would; `answer` is the exit code of the processes that it starts."""
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f'PATH="{programs}:$PATH"\n')
    for name, text in {"srun": SRUN, "scontrol": "#!/bin/bash\necho node7\necho node8\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    run = tmp_path / "a run"
    run.mkdir()

    def submitted(answer=0):
        slurm = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_JOB_NUM_NODES": "2", "SLURM_GPUS_ON_NODE": "4"}
        slurm |= {"SLURM_JOB_ID": "99", "SLURM_CPUS_PER_TASK": "32"}
        ours = {"EMDIFF_VENV": str(tmp_path / "venv"), "RUN": str(run), "ANSWER": str(answer)}
        job = subprocess.Popen(["bash", str(SCRIPT), str(run)], env={**os.environ, **slurm, **ours})
        ends = time.monotonic() + 30
        while not (run / "started").exists() or not (run / "started").read_text():
            assert time.monotonic() < ends
            assert job.poll() is None
            time.sleep(0.02)
        return job, run

    return submitted


@pytest.mark.parametrize("answer", [0, 1])
def test_the_run_is_stopped_before_the_job_is_and_its_answer_passed_on(submit, answer):
    job, run = submit(answer)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(30) == answer
    assert (run / "control" / "stop").exists()


def test_every_gpu_of_every_node_has_a_process(submit):
    job, run = submit()
    job.send_signal(signal.SIGUSR1)
    job.wait(30)
    words = (run / "started").read_text()
    assert "--nnodes 2 --nproc-per-node 4" in words
    assert "--rdzv-endpoint node7:29400" in words
    assert words.strip().endswith(f"-m emdiff_app.learning.distributed {run}")


def test_without_a_run_it_says_what_to_give():
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "Say which run folder" in done.stderr
