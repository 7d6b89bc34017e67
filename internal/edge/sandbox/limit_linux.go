package sandbox

import (
	"fmt"
	"os"
	"syscall"
)

const cpuSignal = syscall.SIGXCPU

// attributes puts the child into a process group of its own: a ^C at the terminal is for the parent. The parent's death
// is seen by the end of the child's input; the kernel's signal for it would come when the thread that started the child
// ends, which Go may do at any time.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// limit sets what the kernel holds this process to. Address space is not limited: Go reserves much and uses little.
func limit(memory, cpu uint64) error {
	const noNewPrivs = 38 // PR_SET_NO_NEW_PRIVS
	_, _, e := syscall.AllThreadsSyscall(syscall.SYS_PRCTL, noNewPrivs, 1, 0)
	if e == syscall.ENOTSUP { // with cgo, which only the race detector brings in, Go knows its own threads only
		_, _, e = syscall.RawSyscall(syscall.SYS_PRCTL, noNewPrivs, 1, 0)
	}
	if e != 0 {
		return fmt.Errorf("no new privileges: %w", e)
	}
	for _, l := range []struct {
		name      string
		resource  int
		soft, max uint64
	}{
		{"data", syscall.RLIMIT_DATA, memory, memory},
		{"cpu", syscall.RLIMIT_CPU, cpu, cpu + 1},
		{"core", syscall.RLIMIT_CORE, 0, 0},
		{"file size", syscall.RLIMIT_FSIZE, 0, 0},
	} {
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.soft, Max: l.max}); err != nil {
			return os.NewSyscallError("setrlimit "+l.name, err)
		}
	}
	return nil
}

// peak returns the most memory that a process had in use, in bytes.
func peak(s *os.ProcessState) uint64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return uint64(u.Maxrss) << 10
	}
	return 0
}
