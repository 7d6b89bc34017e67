package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/app"
	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/page"
)

// The clock is set back and forward by two hours while the program is away and while it runs: escalations go on, one step
// after the other, and each is taken once.
func TestClockThatJumpsNeitherStopsNorRepeatsEscalations(t *testing.T) {
	var offset atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	steps := ""
	for range 6 {
		steps += "    - {after: 4s, targets: [{person: mira}]}\n"
	}
	w := apptest.Start(t, apptest.Files{"people.yaml": `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec: {}
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec:
  loops: 1
  steps:
    - targets: [{person: mira}]
` + steps}, func(o *app.Options) { o.Now = now })
	body := []map[string]any{{"labels": map[string]string{"alertname": "DiskFull", "severity": "critical"}, "endsAt": time.Now().Add(24 * time.Hour)}}
	if a := w.API.Call(http.MethodPost, "/alertmanager/api/v2/alerts", body); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	var last int64
	taken := func(step int) {
		t.Helper()
		e := w.API.Await(page.KindEscalated, last)
		if last = e.Seq; !strings.HasPrefix(e.Text, fmt.Sprintf("step %d of default, loop 1 of 1", step)) {
			t.Fatalf("%s, want step %d", e.Text, step)
		}
	}
	jump := func(d time.Duration) { offset.Add(int64(d)) }
	taken(1)
	w.Stop()
	jump(-2 * time.Hour)
	w.Boot()
	taken(2)
	jump(-2 * time.Hour)
	taken(3)
	jump(4 * time.Hour)
	taken(4)
	w.Stop()
	jump(2 * time.Hour)
	w.Boot()
	taken(5)
	taken(6)
}
