package browser

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"nightkeeper/internal/loop/page/rota"
)

// half returns the next shift of a person on the primary schedule, at least so many hours away.
func (w *world) half(person string, hours int) rota.Half {
	w.t.Helper()
	ss, err := w.page.Stints(w.ctx, person, w.clock.now().Add(time.Duration(hours)*time.Hour), 1, 60*24*time.Hour)
	w.must(err)
	for _, s := range ss {
		if s.Schedule == "primary" {
			return rota.Half{Schedule: "primary", Person: person, From: s.From, To: s.To}
		}
	}
	w.t.Fatalf("%s has no shift", person)
	return rota.Half{}
}

// Who is on call is changed from the page, with the keyboard, and what was changed is seen and can be taken back.
func TestShiftsAreChangedFromThePage(t *testing.T) {
	w := newWorld(t)
	w.calm()
	b := browse(t, w)
	b.signIn("amira")
	mine := w.half("tomas", 0)
	cover, err := w.page.AskCover(w.ctx, rota.Cover{Schedule: "primary", Person: "tomas", From: mine.From.Add(time.Hour), To: mine.To, Reason: "a wedding"}, "tomas", w.clock.now())
	w.must(err)
	for _, l := range looks {
		b.take(l)
		b.open("/oncall")
		b.do(chromedp.Click("#override-payments > summary", chromedp.NodeVisible), chromedp.WaitVisible("#override-payments input[name=people]"))
		b.quiet("oncall " + l.name)
		b.fits("oncall " + l.name)
		b.accessible("oncall " + l.name)
		b.shoot("oncall-shifts-" + l.name)
	}
	b.take(looks[0])
	b.open("/oncall")
	b.wait("the feed", `document.querySelector("#live").dataset.state === "on"`)
	b.mark()
	b.do(chromedp.Focus("#"+cover.ID+" button"), chromedp.KeyEvent(kb.Enter))
	b.wait("the request taken", `!document.querySelector("#`+cover.ID+`") && document.querySelector("#rosters").textContent.includes("covers for tomas: a wedding")`)
	b.do(chromedp.Focus("#override-primary > summary"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#override-primary input[name=people]"))
	set := func(field, value string) {
		b.t.Helper()
		eval[bool](b, `(document.querySelector("#override-primary [name=`+field+`]").value = "`+value+`", true)`)
	}
	set("people", "mei, tomas")
	set("reason", "a long night")
	set("to", w.clock.now().Add(5*time.Hour).UTC().Format("2006-01-02T15:04"))
	b.do(chromedp.Focus("#override-primary button"), chromedp.KeyEvent(kb.Enter))
	b.wait("both on call", `(() => { const now = document.querySelector("#schedule-primary-title").closest("section").querySelector(".roster-now").textContent; return now.includes("mei") && now.includes("tomas") })()`)
	b.same()
	os, err := w.page.Overrides(w.ctx, "primary", w.clock.now(), w.clock.now().Add(time.Hour))
	w.must(err)
	if len(os) != 1 || os[0].By != "amira" || os[0].Reason != "a long night" || len(os[0].People) != 2 {
		t.Fatalf("%+v", os)
	}
	b.do(chromedp.Focus("#"+os[0].ID+" button"), chromedp.KeyEvent(kb.Enter))
	b.wait("marked, not gone", `document.querySelector("#`+os[0].ID+`").textContent.includes("cancelled by amira")`)
	b.quiet("after all of it")
}

func TestPersonPageHasShiftsAndACalendar(t *testing.T) {
	w := newWorld(t)
	w.calm()
	b := browse(t, w)
	b.signIn("amira")
	b.see(t, looks, "/people/amira", "person")
	if !eval[bool](b, `document.querySelector("#shifts-title").textContent === "My shifts" && document.querySelectorAll("#shifts li").length > 5`) {
		t.Error("the shifts of the person are not there")
	}
	v := visit(t, w)
	url := eval[string](b, `document.querySelector("input[readonly]").value`)
	at := url[strings.Index(url, "/calendar/"):]
	resp, body := v.get(at)
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/calendar") || !strings.HasPrefix(body, "BEGIN:VCALENDAR\r\n") {
		t.Errorf("%s: %s %.200s", at, resp.Status, body)
	}
	if resp, body := v.get(at[:len(at)-8] + "0000.ics"); resp.StatusCode != http.StatusNotFound || strings.Contains(body, "VCALENDAR") {
		t.Errorf("a guessed address: %s %.200s", resp.Status, body)
	}
	b.do(chromedp.Click("#renew-calendar > summary"), chromedp.Click("#renew-calendar button", chromedp.NodeVisible))
	b.wait("another address", `document.querySelector("input[readonly]").value !== "`+url+`"`)
	if resp, _ := v.get(at); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the address of before still works: %s", resp.Status)
	}
	v.signIn("tomas")
	if resp, body := v.get("/people/amira"); resp.StatusCode != http.StatusOK || strings.Contains(body, "/calendar/") {
		t.Errorf("the calendar of somebody else is shown: %s", resp.Status)
	}
}
