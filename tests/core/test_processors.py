"""The share of the processors that control groups allow."""

import pytest

from gaussmix.core.processors import processor_share

VERSION_2 = "0::/box/inner\n"
VERSION_1 = "9:name=systemd:/\n4:memory:/other\n3:cpu,cpuacct:/box\n2:cpuset:/\n"


def machine(root, groups, files):
    """Write the files of a machine, by path."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "share"),
    [
        (VERSION_2, {"sys/fs/cgroup/box/inner/cpu.max": "200000 100000\n"}, 2),
        (VERSION_2, {"sys/fs/cgroup/box/cpu.max": "150000 100000\n"}, 2),
        (VERSION_2, {"sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
        (VERSION_2, {"sys/fs/cgroup/box/inner/cpu.max": "max 100000\n"}, None),
        (
            VERSION_2,
            {"sys/fs/cgroup/box/inner/cpu.max": "max 100000\n", "sys/fs/cgroup/box/cpu.max": "300000 100000\n"},
            3,
        ),
        (
            VERSION_2,
            {"sys/fs/cgroup/box/inner/cpu.max": "800000 100000\n", "sys/fs/cgroup/box/cpu.max": "400000 100000\n"},
            4,
        ),
        (VERSION_2, {"sys/fs/cgroup/elsewhere/cpu.max": "100000 100000\n"}, None),
        (
            VERSION_1,
            {
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            VERSION_1,
            {
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        (VERSION_1, {}, None),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "50000 50000\n"}, 1),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "damaged\n"}, None),
    ],
)
def test_the_smallest_quota_counts(tmp_path, groups, files, share):
    assert processor_share(machine(tmp_path, groups, files)) == share


def test_a_system_without_control_groups_has_no_limit(tmp_path):
    assert processor_share(tmp_path) is None
