package story

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/page"
)

// The disk with the telemetry is full: history is lost, and no page.
func TestFullTelemetryDiskCostsNoPage(t *testing.T) {
	t.Parallel()
	p := newProcess(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout")})
	disk := filepath.Join(p.data, "telemetry")
	smallDisk(t, disk, "4m")
	t.Cleanup(p.kill)
	if err := os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 4<<20-64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.outage("checkout")
	opened := p.api.Await(page.KindOpened, 0)
	p.api.Post("/api/v1/pages/"+opened.Subject+"/ack", nil)
	p.api.Await(page.KindAcked, opened.Seq)
}

// The disk with the database is full for a while, again and again: alerts are refused with the reason, what is known can
// still be read, and what was accepted tells somebody when there is room.
func TestNoAcceptedAlertIsLostWhenTheDiskIsFull(t *testing.T) {
	t.Parallel()
	s := newSiege(t, 1, "")
	smallDisk(t, s.dirs[0], "96m")
	ballast := filepath.Join(s.dirs[0], "ballast")
	s.blow = func(int) {
		fill(t, ballast)
		refused := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.answers[http.StatusServiceUnavailable]
		}
		for before, end := refused(), time.Now().Add(apptest.Patience); refused() == before; pause(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("alerts are still accepted")
			}
		}
		if status, err := s.call(0, http.MethodGet, "/api/v1/pages", nil, nil); status != http.StatusOK {
			t.Errorf("pages cannot be read: %d, %v", status, err)
		}
		pause(rand.N(5 * time.Second))
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	s.between = 3 * time.Second
	s.run(3)
	if !slices.ContainsFunc(slices.Collect(maps.Keys(s.refusals)), func(text string) bool { return strings.Contains(text, "the disk of the database is full") }) {
		t.Errorf("nobody was told why: %q", slices.Collect(maps.Keys(s.refusals)))
	}
}

// smallDisk puts a small disk at a directory until the test ends.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("a full disk needs the right to mount a tmpfs:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill writes a file until there is no room.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for piece := make([]byte, 1<<20); len(piece) > 0; {
		_, err := f.Write(piece)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			piece = piece[:len(piece)/2]
		case err != nil:
			t.Fatal(err)
		}
	}
}
