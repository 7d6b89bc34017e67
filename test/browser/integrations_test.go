package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
)

// A sender gets its address, its refused payload is looked at, and the mapping is found in the page.
func TestMappingIsFoundInThePage(t *testing.T) {
	w := newWorld(t)
	b := browse(t, w)
	b.signIn("amira")
	b.open("/integrations")
	b.do(chromedp.SendKeys("input[name=name]", "ware house"), chromedp.Submit("form[action='/integrations']"), chromedp.WaitReady(".notice code.secret"))
	b.wait("the address with its token, once", `document.querySelector(".notice code.secret")?.textContent.endsWith("/intake/webhook/nk_secret")`)
	const body = `{"incident":{"id":17,"what":"shelf is empty"},"where":{"system":"payment-api"},"password":"hunter2"}`
	w.detect.Saw(detect.Payload{Integration: "ware house", Format: "webhook", At: w.clock.now(), Body: body, Refused: "nothing in the body tells what is wrong"})
	w.must(w.detect.KeepPayloads(w.ctx))
	b.see(t, looks, "/integrations", "integrations")
	b.see(t, looks, "/integrations/ware%20house", "integration")
	b.take(looks[0])
	b.open("/integrations/ware%20house")
	b.wait("what came, without its password", `document.querySelector("textarea[name=payload]")?.value.includes('"password": "[masked]"')`)
	b.do(chromedp.Submit("form.try"), chromedp.WaitReady("#trial-title"))
	b.wait("why it is refused", `document.querySelector("[role=status] .notice")?.textContent.includes("It would be refused")`)
	b.do(chromedp.SendKeys("input[name=map-key]", "incident.id"), chromedp.SendKeys("input[name=map-title]", "incident.what"), chromedp.SendKeys("input[name=map-service]", "where.system"),
		chromedp.SendKeys("input[name=map-status]", "incident.state"), chromedp.SendKeys("textarea[name=map-labels]", "host: where.host"), chromedp.Submit("form.try"), chromedp.WaitReady("article.trial"))
	b.wait("the alert", `document.querySelector("article.trial")?.textContent.includes("shelf is empty") && document.querySelector("article.trial").textContent.includes("payment-api")`)
	b.wait("what is missing", `document.querySelector("main")?.textContent.includes("nothing is there")`)
	b.wait("the document to paste", `document.querySelector("pre.secret")?.textContent.includes("host: where.host")`)
	b.quiet("the trial")
	b.fits("the trial")
	b.accessible("the trial")
	b.shoot("trial")
	b.take(looks[3])
	b.fits("the trial on a phone")
	b.shoot("trial-phone")
	as, err := w.detect.Alerts(w.ctx, "", false)
	w.must(err)
	for _, a := range as {
		if a.Source != "" {
			t.Errorf("trying left %+v", a)
		}
	}
	b.take(looks[0])
	b.open("/integrations/ware%20house?format=datadog")
	b.do(chromedp.Submit("form.try"), chromedp.WaitReady("article.trial"))
	b.wait("what Datadog's event becomes", `document.querySelector("article.trial")?.textContent.includes("CPU is high")`)
}

// A viewer may try, and does not see what came.
func TestViewerTriesWithASample(t *testing.T) {
	w := newWorld(t)
	w.detect.Saw(detect.Payload{Integration: "cron", Format: "webhook", At: w.clock.now(), Body: `{"title":"private"}`, Alerts: 1})
	w.must(w.detect.KeepPayloads(w.ctx))
	b := browse(t, w)
	b.signIn("vera")
	b.open("/integrations/cron")
	b.wait("a sample", `document.querySelector("textarea[name=payload]")?.value.includes("backup failed")`)
	b.do(chromedp.Submit("form.try"), chromedp.WaitReady("article.trial"))
	b.wait("the alert of the sample", `document.querySelector("article.trial")?.textContent.includes("backup failed")`)
	b.open("/integrations")
	b.wait("no form", `!document.querySelector("form[action='/integrations']")`)
}

// A heartbeat is made, stays away, is pinged by hand, and what happened stands on its page.
func TestHeartbeatStaysAwayAndComesBack(t *testing.T) {
	w := newWorld(t)
	b := browse(t, w)
	b.signIn("amira")
	b.see(t, looks[:1], "/heartbeats", "heartbeats-none")
	b.open("/heartbeats")
	b.do(chromedp.SendKeys("form[action='/heartbeats'] input[name=name]", "night backup"), chromedp.Submit("form[action='/heartbeats']"), chromedp.WaitReady("#heartbeat"))
	b.wait("it waits", `document.querySelector("#heartbeat")?.textContent.includes("waiting")`)
	b.do(chromedp.Submit("form[action$='/address']"), chromedp.WaitReady(".notice code.secret"))
	b.wait("the address with its token, once", `document.querySelector(".notice code.secret")?.textContent.endsWith("/heartbeat/nk_secret/night%20backup")`)
	now := w.clock.now()
	h, err := w.detect.HeartbeatOf(w.ctx, "night backup")
	w.must(err)
	late := now.Add(h.Interval + h.Grace + time.Minute)
	for _, timer := range w.detect.Timers() {
		w.must(w.detect.Store.Update(w.ctx, func(tx detect.Tx) error {
			w.must(tx.SaveMark(w.ctx, "heartbeats heard", late))
			return timer(w.ctx, tx, job.Job{Key: "night backup", DueAt: late}, late)
		}))
	}
	b.open("/heartbeats")
	b.wait("it is away", `document.querySelector("#heartbeats a[href^='/alerts/']")?.textContent.includes("away")`)
	b.see(t, looks, "/heartbeats", "heartbeats")
	b.see(t, looks, "/heartbeats/night%20backup", "heartbeat")
	b.take(looks[0])
	b.open("/heartbeats/night%20backup")
	b.wait("its alert and the miss", `document.querySelector("#heartbeat .room-bar a[href^='/alerts/']") && document.querySelector("[aria-labelledby=misses-title]").textContent.includes("until now")`)
	b.do(chromedp.Click("form[action$='/ping'] button"))
	w.until("it is alive", func() bool {
		h, err := w.detect.HeartbeatOf(w.ctx, "night backup")
		w.must(err)
		return !h.Late
	})
	b.open("/heartbeats/night%20backup")
	b.wait("it is alive on the page", `document.querySelector("#heartbeat")?.textContent.includes("alive")`)
	ms, err := w.detect.Misses(w.ctx, "night backup", 10)
	if w.must(err); len(ms) != 1 || ms[0].Until.IsZero() || strings.Contains(ms[0].Why, "night") {
		t.Errorf("%+v", ms)
	}
}
