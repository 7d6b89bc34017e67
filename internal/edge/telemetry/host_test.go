package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

func TestStartReturnsAtOnceAndWritesBeforeReadyArrive(t *testing.T) {
	began := time.Now()
	h := newHost(t, HostConfig{Dir: t.TempDir()})
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("start took %v", took)
	}
	mustWrite(t)(h.WriteSpans(t.Context(), []observe.Span{{TraceID: tid(1), SpanID: sid(1), Service: "a", Start: time.Now()}}))
	awaitReady(t, h)
	eventually(t, func() bool {
		_, err := h.Trace(t.Context(), tid(1))
		return err == nil
	})
}

func TestKilledEngineComesBackAndMissesNothingQueued(t *testing.T) {
	h := startHost(t, HostConfig{Dir: t.TempDir()})
	ctx := t.Context()
	write := func(n int) {
		t.Helper()
		mustWrite(t)(h.WriteSpans(ctx, []observe.Span{{TraceID: tid(n), SpanID: sid(n), Service: "a", Start: time.Now()}}))
		mustWrite(t)(h.WriteMetrics(ctx, gauge("m"+strconv.Itoa(n), "a", time.Now(), 1)))
	}
	there := func(n int) func() bool {
		return func() bool {
			_, err := h.Trace(ctx, tid(n))
			if err != nil {
				return false
			}
			now := time.Now()
			got, err := h.Metrics(ctx, "m"+strconv.Itoa(n), now, now, 0)
			return err == nil && len(got) == 1
		}
	}
	write(1)
	eventually(t, there(1))
	// On disk and not only visible: the flush interval is the engine's promise, a clean stop is not.
	awaitFlushed(t, h)

	for kill := range 3 {
		before := h.Health()
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := within(h.await(withPatience(t), false)); err != nil {
			t.Fatal(err)
		}
		_, err := h.Trace(ctx, tid(1))
		if errs.CodeOf(err) != errs.Unavailable || errs.Message(err) != restarting {
			t.Errorf("while it is down: got %v", err)
		}
		write(100 + kill) // waits in the queue
		awaitReady(t, h)
		after := h.Health()
		if after.Restarts != before.Restarts+1 || !strings.Contains(after.LastError, "killed") || after.PID == before.PID {
			t.Errorf("health after kill: %+v", after)
		}
		eventually(t, there(100+kill))
	}
	if !there(1)() {
		t.Error("what was on disk before the kills is gone")
	}
	if got := h.Health(); got.Dropped != 0 || got.Rejected != 0 {
		t.Errorf("health: %+v", got)
	}
}

// awaitFlushed waits until the spans of the host are in files.
func awaitFlushed(t *testing.T, h *Host) {
	t.Helper()
	for _, db := range []string{"datadb", "indexdb"} {
		eventually(t, func() bool {
			lists, err := filepath.Glob(filepath.Join(h.cfg.Dir, "spans", "partitions", "*", db, "parts.json"))
			if err != nil || len(lists) == 0 {
				return false
			}
			b, err := os.ReadFile(lists[0])
			return err == nil && bytes.Contains(b, []byte(`"`))
		})
	}
}

func TestEngineThatCannotStartIsTriedAgainWithTheReason(t *testing.T) {
	h := newHost(t, HostConfig{Dir: t.TempDir(), Command: []string{"/bin/sh", "-c", "echo telemetry-engine: no luck today >&2; exit 3"}})
	eventually(t, func() bool { return h.Health().Restarts >= 2 })
	got := h.Health()
	if got.Ready || got.LastError != "telemetry-engine: no luck today" {
		t.Errorf("health: %+v", got)
	}
	if _, err := h.Logs(t.Context(), observe.Filter{}); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestWritesNeverWaitForAnEngineThatIsDown(t *testing.T) {
	h := newHost(t, HostConfig{Dir: t.TempDir(), Command: []string{"/bin/false"}, QueueBytes: 1 << 20})
	lines := make([]observe.LogLine, 100)
	for i := range lines {
		lines[i] = observe.LogLine{Time: time.Now(), Service: "a", Text: strings.Repeat("x", 1000)}
	}
	began := time.Now()
	for range 100 {
		mustWrite(t)(h.WriteLogs(t.Context(), lines))
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("100 writes took %v", took)
	}
	got := h.Health()
	if got.Queued > 1<<20 || got.Dropped == 0 || got.Dropped%100 != 0 {
		t.Errorf("health: %+v", got)
	}
}

func TestStopFlushesAndMayBeCalledTwice(t *testing.T) {
	dir := t.TempDir()
	h := startHost(t, HostConfig{Dir: dir})
	mustWrite(t)(h.WriteLogs(t.Context(), []observe.LogLine{{Time: time.Now(), Service: "a", Text: "last words"}}))
	for range 2 {
		if err := h.Stop(withPatience(t)); err != nil {
			t.Fatal(err)
		}
	}
	e := openEngine(t, EngineConfig{Dir: dir})
	got, err := e.Logs(t.Context(), observe.Filter{})
	if err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestChildEndsWhenItsParentIsGone(t *testing.T) {
	cmd := exec.Command(testProgram(t), "--dir", t.TempDir(), "--socket", filepath.Join(shortDir(t), "s"), "--min-free-bytes", "1")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	line := make([]byte, len(readyLine)+1)
	if _, err := io.ReadFull(stdout, line); err != nil || string(line) != readyLine+"\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	_ = cmd.Process.Signal(syscall.SIGINT) // of the terminal; the parent decides
	_ = stdin.Close()                      // which the kernel does when a parent is killed
	if err := cmd.Wait(); err != nil {
		t.Errorf("child ended with %v", err)
	}
}

func TestConfigurationReachesTheEngine(t *testing.T) {
	h := startHost(t, HostConfig{Dir: t.TempDir(), Retention: 5 * time.Hour, MaxBytes: 123 << 20, MinFreeBytes: 2 << 20, MemoryBytes: 300 << 20})
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", h.Health().PID))
	if err != nil {
		t.Skip("no /proc to look at the child's arguments:", err)
	}
	got := string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '}))
	for _, want := range []string{"--retention 5h0m0s", "--max-bytes 128974848", "--min-free-bytes 2097152", "--memory-bytes 314572800"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	n, reason, err := h.WriteLogs(t.Context(), []observe.LogLine{{Time: time.Now().Add(-6 * time.Hour), Text: "old"}})
	if n != 1 || reason != "older than the retention" || err != nil {
		t.Errorf("got %d %q %v", n, reason, err)
	}
}

func TestOutOfOrderPointsAreCountedInHealth(t *testing.T) {
	h := startHost(t, HostConfig{Dir: t.TempDir()})
	now := time.Now()
	mustWrite(t)(h.WriteMetrics(t.Context(), gauge("m", "a", now, 1)))
	mustWrite(t)(h.WriteMetrics(t.Context(), gauge("m", "a", now.Add(-2*time.Hour), 1)))
	mustWrite(t)(h.WriteMetrics(t.Context(), gauge("m", "a", now.Add(-10*time.Minute), 1))) // within the window
	eventually(t, func() bool { return h.Health().Rejected == 1 })
}

func withPatience(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
	tb.Cleanup(cancel)
	return ctx
}

func within(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("did not happen in time")
	}
	return err
}

func shortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "nk-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
