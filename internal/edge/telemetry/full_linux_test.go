package telemetry

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("a full disk needs the right to mount a tmpfs:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func line(text string) []observe.LogLine {
	return []observe.LogLine{{Time: time.Now(), Service: "a", Level: "INFO", Text: text}}
}

// fill takes all space of a disk but the given bytes, and returns what gives it back.
func fill(t *testing.T, disk string, but int64) (release func()) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(disk, "ballast")
	if err := os.WriteFile(path, make([]byte, int64(st.Bavail)*st.Bsize-but), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

func TestNearlyFullDiskRefusesWritesUntilThereIsRoom(t *testing.T) {
	disk := smallDisk(t, "128m")
	h := startHost(t, HostConfig{Dir: filepath.Join(disk, "telemetry"), MinFreeBytes: 32 << 20})
	has := func(text string) func() bool {
		return func() bool {
			got, err := h.Logs(t.Context(), observe.Filter{Text: text})
			return err == nil && len(got) == 1
		}
	}
	mustWrite(t)(h.WriteLogs(t.Context(), line("before")))
	eventually(t, has("before"))

	release := fill(t, disk, 16<<20)
	for n := 0; !strings.Contains(h.Health().LastError, "telemetry storage is full"); n++ {
		// The engine looks at the disk every two seconds; until then it takes what comes.
		mustWrite(t)(h.WriteLogs(t.Context(), line("filler")))
		wait(t.Context(), 50*time.Millisecond)
		if n > 400 {
			t.Fatalf("never full: %+v", h.Health())
		}
	}
	mustWrite(t)(h.WriteLogs(t.Context(), line("during")))
	if !has("before")() {
		t.Error("queries stopped when the disk was full")
	}
	if got := h.Health(); !got.Ready || got.Restarts != 0 || got.Queued == 0 {
		t.Errorf("health: %+v", got)
	}
	release()
	eventually(t, has("during"))
	if got := h.Health(); got.Dropped != 0 {
		t.Errorf("health: %+v", got)
	}
}

func TestDiskThatFillsUpEntirelyHarmsOnlyTheEngine(t *testing.T) {
	disk := smallDisk(t, "64m")
	h := startHost(t, HostConfig{Dir: filepath.Join(disk, "telemetry"), MinFreeBytes: 1})
	release := fill(t, disk, 0)
	big := strings.Repeat("no space left ", 200)
	for n := 0; h.Health().LastError == ""; n++ {
		mustWrite(t)(h.WriteLogs(t.Context(), line(big)))
		mustWrite(t)(h.WriteMetrics(t.Context(), gauge("m", "a", time.Now(), float64(n))))
		wait(t.Context(), 20*time.Millisecond)
		if n > 1000 {
			t.Fatalf("a full disk went unnoticed: %+v", h.Health())
		}
	}
	t.Logf("health on the full disk: %+v", h.Health())
	release()
	awaitReady(t, h)
	mustWrite(t)(h.WriteLogs(t.Context(), line("after")))
	eventually(t, func() bool {
		got, err := h.Logs(t.Context(), observe.Filter{Text: "after"})
		return err == nil && len(got) == 1
	})
}

func TestCapOfBytesRefusesASignalAndNotTheOthers(t *testing.T) {
	e := openEngine(t, EngineConfig{Dir: t.TempDir(), MaxBytes: 10 << 10}) // 4 KiB of logs
	mustWrite(t)(e.WriteLogs(t.Context(), line(strings.Repeat("x", 100))))
	e.Flush()
	eventually(t, func() bool {
		e.logs.enforceCap()
		_, _, err := e.WriteLogs(t.Context(), line(text(2000)))
		return errs.CodeOf(err) == errs.Unavailable && strings.Contains(errs.Message(err), "telemetry storage is full: logs take")
	})
	mustWrite(t)(e.WriteSpans(t.Context(), []observe.Span{{TraceID: tid(1), SpanID: sid(1), Service: "a", Start: time.Now()}}))
}

func text(n int) string {
	b := make([]byte, n)
	seed := uint64(time.Now().UnixNano())
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = 'a' + byte(seed>>33)%26
	}
	return string(b)
}

func TestCapOfBytesDeletesTheOldestDay(t *testing.T) {
	e := openEngine(t, EngineConfig{Dir: t.TempDir()})
	for d := range 3 {
		at := time.Now().Add(-time.Duration(d) * 24 * time.Hour)
		mustWrite(t)(e.WriteLogs(t.Context(), []observe.LogLine{{Time: at, Service: "a", Text: text(3000)}}))
	}
	e.Flush()
	eventually(t, func() bool { e.logs.enforceCap(); return e.logs.used.Load() > 4000 })
	e.logs.limit = 4000
	e.logs.enforceCap()
	got, err := e.Logs(t.Context(), observe.Filter{})
	if err != nil || len(got) == 0 || len(got) == 3 {
		t.Fatalf("got %d lines, %v", len(got), err)
	}
	if time.Since(got[0].Time) > time.Minute {
		t.Error("the newest line is gone")
	}
}
