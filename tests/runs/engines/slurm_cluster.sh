#!/usr/bin/env bash
# A Slurm cluster of one machine, for tests: Debian's slurm-wlm and munge, no systemd, no cgroups, no accounting.
#
#   slurm_cluster.sh start DIR [CPUS]   installs what is missing, starts the daemons, prints the SLURM_CONF to export
#   slurm_cluster.sh stop DIR
#
# Needs root. The machine has CPUS processors for Slurm (default: all), so that arrays can be wider than the machine.
set -euo pipefail
action="$1"
dir="$(realpath -m "$2")"

stop() {
    for daemon in slurmd slurmctld munged; do
        if [ -f "$dir/$daemon.pid" ]; then
            kill "$(cat "$dir/$daemon.pid")" 2>/dev/null || true
        fi
    done
}

install_missing() {
    if ! command -v slurmctld slurmd sbatch munged >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
    fi
}

start_munge() {
    install -d -m 755 "$dir/munge"
    (umask 077 && head -c 1024 /dev/urandom >"$dir/munge/key")
    munged --force --key-file "$dir/munge/key" --socket "$dir/munge/socket" --pid-file "$dir/munged.pid" \
        --log-file "$dir/munge/log" --seed-file "$dir/munge/seed"
}

configure() {
    local host cpus
    host="$(hostname -s)"
    cpus="${1:-$(nproc)}"
    install -d "$dir/spool" "$dir/state"
    cat >"$dir/slurm.conf" <<END
ClusterName=bench
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=2,sched_interval=2,sched_min_interval=100000
ReturnToService=2
KillWait=5
MinJobAge=3600
MaxArraySize=1001
MaxJobCount=5000
SlurmdParameters=config_overrides
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
END
}

wait_until_idle() {
    for _ in $(seq 60); do
        if [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; then
            return
        fi
        sleep 1
    done
    echo "the Slurm cluster did not come up; see $dir/slurmctld.log and $dir/slurmd.log" >&2
    tail -n 5 "$dir/slurmctld.log" "$dir/slurmd.log" >&2 || true
    exit 1
}

case "$action" in
start)
    install_missing
    mkdir -p "$dir"
    start_munge
    configure "${3:-}"
    export SLURM_CONF="$dir/slurm.conf"
    slurmctld -c
    slurmd -c
    wait_until_idle
    echo "$SLURM_CONF"
    ;;
stop) stop ;;
*)
    echo "start or stop?" >&2
    exit 2
    ;;
esac
