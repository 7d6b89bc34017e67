package app_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"nightkeeper/internal/loop/page"
)

// engines returns the process ids of the telemetry engines that this test program has started.
func engines(t *testing.T) (pids []int) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		stat, err1 := os.ReadFile(d + "/stat")
		cmd, err2 := os.ReadFile(d + "/cmdline")
		if err1 != nil || err2 != nil || !bytes.Contains(cmd, []byte("telemetry-engine")) {
			continue // gone meanwhile, or another program
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestEngineThatIsKilledCostsNoPage(t *testing.T) {
	w := start(t)
	w.Eventually("the engine runs", func() bool { return len(engines(t)) == 1 })
	for range 3 {
		for _, pid := range engines(t) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
				t.Fatal(err)
			}
		}
	}
	w.Outage("checkout")
	w.API.Await(page.KindOpened, 0)
	if a := w.API.Call(http.MethodGet, "/readyz", nil); a.Status != http.StatusOK {
		t.Errorf("not ready: %s", a.Body)
	}
	w.Eventually("the engine is back", func() bool {
		return w.API.Call(http.MethodGet, "/api/v1/logs", nil).Status == http.StatusOK
	})
}
