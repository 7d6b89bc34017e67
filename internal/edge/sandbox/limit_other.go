//go:build unix && !linux

package sandbox

import (
	"os"
	"syscall"
)

const cpuSignal = syscall.SIGXCPU

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// limit sets what these kernels can hold a process to: they have no limit on memory that Go's runtime would respect.
func limit(_, cpu uint64) error {
	return os.NewSyscallError("setrlimit", syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: cpu, Max: cpu + 1}))
}

// peak returns the most memory that a process had in use, in bytes.
func peak(s *os.ProcessState) uint64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return uint64(u.Maxrss)
	}
	return 0
}
