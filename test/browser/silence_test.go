package browser

import (
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nightkeeper/internal/loop/detect"
)

// An alert of another system is found, asked about, silenced from its page, and told again when the silence is ended.
func TestAlertIsSilencedFromItsPage(t *testing.T) {
	w := newWorld(t)
	rs, err := w.detect.Receive(w.ctx, []detect.Incoming{{Source: "alertmanager", Integration: "prometheus", Key: "disk", Title: "Disk almost full", URL: "https://prometheus.example/graph",
		Labels: map[string]string{"alertname": "DiskFull", "service": "payment-api", "instance": "db-1", "severity": "critical"}}}, w.clock.now())
	w.must(err)
	id := string(rs[0].Alert)
	told := func() (n int) {
		as, err := w.detect.Alerts(w.ctx, "", true)
		w.must(err)
		for _, a := range as {
			if a.Source != "" && len(a.Muted) == 0 {
				n++
			}
		}
		return n
	}
	b := browse(t, w)
	b.signIn("amira")
	b.see(t, looks, "/alerts?match=instance%3D%22db-1%22", "alerts")
	b.see(t, looks, "/alerts/"+id, "alert")
	b.take(looks[0])
	b.open("/alerts/" + id)
	b.do(chromedp.SendKeys("#silence-only input[name=comment]", "the disk is replaced"), chromedp.Click("#silence-only button[type=submit]"), chromedp.WaitReady("#silences"))
	b.wait("the silence", `document.querySelector("main")?.textContent.includes("The disk is replaced")`)
	w.until("nobody is told", func() bool { return told() == 0 })
	b.open("/alerts?which=muted")
	b.wait("its reason", `document.querySelector("#alerts")?.textContent.includes("the disk is replaced")`)
	all, err := w.detect.Silences(w.ctx, w.clock.now())
	w.must(err)
	if want := []string{`alertname="DiskFull"`, `instance="db-1"`, `service="payment-api"`, `severity="critical"`}; len(all) != 1 || !slices.Equal(all[0].Match, want) || all[0].EndsAt.Sub(all[0].StartsAt) != 2*time.Hour {
		t.Errorf("got silences %+v, want one of two hours for %s", all, want)
	}
	b.see(t, looks, "/silences", "silences")
	b.take(looks[0])
	b.open("/silences")
	b.do(chromedp.Click("form[action$='/end'] button"))
	w.until("people are told again", func() bool { return told() == 1 })
	// The proposal of the wider form selects other alerts of the same kind in the same place, too.
	b.open("/alerts/" + id)
	b.do(chromedp.Click("#silence-more > summary"), chromedp.SendKeys("#silence-more input[name=comment]", "all of them"), chromedp.Click("#silence-more button[type=submit]"), chromedp.WaitReady("#silences"))
	w.until("nobody is told", func() bool { return told() == 0 })
	b.open("/alerts?match=nonsense~")
	b.wait("what would be right", `document.querySelector(".notice")?.textContent.includes("is not a matcher")`)
}
