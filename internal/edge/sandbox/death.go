package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate/script"
)

// Exit codes of a child that ends itself.
const (
	exitOrphan = 3 // its parent is gone
	exitCPU    = 4 // it used its processor time
	exitStart  = 5 // it could not limit itself
)

// breach is the error for a child that does not keep to the protocol.
func breach(format string, args ...any) error {
	return errs.Wrap(fmt.Errorf(format, args...), errs.Internal, "the script's process broke its protocol and was stopped")
}

// error turns a failure back into what script.Run returned in the child.
func (f *failure) error() error {
	if len(f.Problems) > 0 {
		return f.Problems
	}
	var cause error
	if f.Limit {
		cause = script.ErrLimit
	} else if f.Detail != "" {
		cause = errors.New(f.Detail)
	}
	code := f.Code
	switch code {
	case errs.Invalid, errs.Conflict, errs.Unavailable:
	default:
		code = errs.Internal
	}
	return errs.Wrap(cause, code, "%s", f.Message)
}

// death says why the process of a child is gone. It is called when the process has been waited for.
func (c *child) death(err error) error {
	said := string(c.stderr.b)
	has := func(any ...string) bool {
		for _, s := range any {
			if strings.Contains(said, s) {
				return true
			}
		}
		return false
	}
	state := c.cmd.ProcessState
	used := state.UserTime() + state.SystemTime()
	status, _ := state.Sys().(syscall.WaitStatus)
	cpu := time.Duration(c.config.CPUSeconds) * time.Second
	switch {
	case c.bored.Load():
		return errs.Wrap(script.ErrLimit, errs.Unavailable, "script made no progress for %s and was stopped", c.config.Patience)
	case state.ExitCode() == exitCPU, status.Signaled() && used >= cpu-time.Second/2:
		return errs.Wrap(script.ErrLimit, errs.Invalid, "script ran more than %d CPU seconds and was stopped", c.config.CPUSeconds)
	case has("stack exceeds"):
		return errs.Wrap(script.ErrLimit, errs.Invalid, "script nests its values or calls too deep and was stopped")
	case has("out of memory", "cannot allocate", "failed to allocate", "cannot map pages", "errno=12", "SIGSEGV: segmentation violation"), peak(state) >= c.config.MemoryBytes/4:
		// Go's collector does not survive every refusal of memory with a word about it: then the peak tells.
		return errs.Wrap(script.ErrLimit, errs.Invalid, "script used more than %d MiB of memory and was stopped", c.config.MemoryBytes>>20)
	}
	return errs.Wrap(fmt.Errorf("%w: %s, %.2000s", err, state, said), errs.Internal, "the script's process ended without a word")
}
