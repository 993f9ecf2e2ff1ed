"""What environments say of a machine."""

from typing import Literal

from scaling_guide.model.record import Text
from scaling_guide.model.target import Target


class LinuxTarget(Target):
    """A machine: its kernel, and the control group of the service that it is there for.

    `proc` and `sys` are where the kernel's files are, `cgroup` is the group's path below `sys/fs/cgroup`.
    `config` is the sysctl.d file that documented values are written to, `unit` systemd's addition to the
    service that limits the group. `version` is the kernel's.
    """

    system: Literal["linux"]
    proc: Text = "/proc"
    sys: Text = "/sys"
    cgroup: Text = "system.slice/app.service"
    config: Text = "/etc/sysctl.d/60-scaling.conf"
    unit: Text = "/etc/systemd/system/app.service.d/60-scaling.conf"
