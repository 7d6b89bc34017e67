package story

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/page"
)

// The disk with the telemetry is full: history is lost, and no page.
func TestFullTelemetryDiskCostsNoPage(t *testing.T) {
	p := newProcess(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout")})
	disk := filepath.Join(p.data, "telemetry")
	if err := os.MkdirAll(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("a full disk needs the right to mount a tmpfs:", err)
	}
	t.Cleanup(func() {
		p.kill()
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 4<<20-64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.outage("checkout")
	opened := p.api.Await(page.KindOpened, 0)
	p.api.Post("/api/v1/pages/"+opened.Subject+"/ack", nil)
	p.api.Await(page.KindAcked, opened.Seq)
}
