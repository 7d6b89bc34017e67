package detect_test

import (
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

func TestAlertOfWhichNothingIsHeardIsResolvedWhereItsServiceSaysSo(t *testing.T) {
	w := newWorld(t)
	w.cat.Services["reports"] = &catalog.Service{Meta: catalog.Meta{Name: "reports"}, AutoResolve: catalog.Duration(4 * time.Hour)}
	w.cat.Services["forever"] = &catalog.Service{Meta: catalog.Meta{Name: "forever"}}
	w.receive(in("quiet", "service", "reports"), in("again", "service", "reports", "alertname", "Other"), in("forever", "service", "forever"))
	w.now = w.now.Add(3 * time.Hour)
	w.receive(in("again", "service", "reports", "alertname", "Other"))
	w.now = w.now.Add(time.Hour - time.Second)
	w.tick()
	if n := len(w.alerts(true)); n != 3 {
		t.Fatalf("%d alerts fire before the time is over, want 3", n)
	}
	w.now = w.now.Add(time.Second)
	w.tick()
	var left []string
	for _, a := range w.alerts(true) {
		left = append(left, a.Key)
	}
	slices.Sort(left)
	if !slices.Equal(left, []string{"again", "forever"}) {
		t.Errorf("these still fire: %v", left)
	}
	const why = "nothing was heard of it for 4h, after which alerts of reports are resolved"
	if !slices.ContainsFunc(w.alerts(false), func(a detect.Alert) bool { return a.Key == "quiet" && a.Resolution == why }) {
		t.Errorf("%+v", w.alerts(false))
	}
	w.now = w.now.Add(24 * time.Hour)
	w.tick()
	if as := w.alerts(true); len(as) != 1 || as[0].Key != "forever" {
		t.Errorf("a service that says nothing keeps its alerts: %+v", as)
	}
}
