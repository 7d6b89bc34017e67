package browser

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nightkeeper/internal/loop/detect"
)

// regionsAround returns two regions: the coverage of the first ends in twenty minutes, when that of the second has begun.
func regionsAround(now time.Time) string {
	clock := func(d time.Duration) string { return now.UTC().Add(d).Format("15:04") }
	region := func(name, from, to, who string) string {
		return fmt.Sprintf("apiVersion: nightkeeper/v1\nkind: Region\nmetadata: {name: %s}\nspec: {timeZone: UTC, coverage: {from: %q, to: %q}, serves: [%s-1], chain: [{role: commander, person: %s}, {role: global, person: mei}]}\n---\n", name, from, to, name, who)
	}
	return region("emea", clock(-8*time.Hour), clock(20*time.Minute), "amira") + region("americas", clock(10*time.Minute), clock(10*time.Hour), "tomas") +
		"apiVersion: nightkeeper/v1\nkind: Role\nmetadata: {name: database-sme}\nspec: {schedule: primary}\n"
}

// A commander is called, takes command on the page, writes the document and hands over; the next one reads it, takes
// command, asks, and is told that the document had the answer.
func TestCommandIsTakenAndHandedOverOnThePages(t *testing.T) {
	w := newWorld(t)
	w.calm()
	w.clock.run()
	w.cat = loadCatalog(t, regionsAround(time.Now()))
	_, err := w.detect.Receive(w.ctx, []detect.Incoming{{Source: "webhook", Integration: "status", Key: "down", Title: "Payments are down", Severity: "SEV1",
		Labels: map[string]string{"alertname": "Down", "service": "payment-api", "region": "emea-1"}}}, w.clock.now())
	w.must(err)
	w.until("somebody is called", func() bool {
		i, err := w.respond.Get(w.ctx, "INC-2")
		return err == nil && i.Command.Calling != nil && slices.Equal(i.Command.Calling.People, []string{"amira"})
	})

	b := browse(t, w)
	b.signIn("amira")
	b.see(t, looks[:1], "/", "now-calling")
	b.see(t, looks, "/incidents/INC-2", "room-calling")
	b.see(t, looks[:1], "/incidents", "incidents-calling")
	b.take(looks[0])
	b.open("/incidents/INC-2")
	b.wait("the feed", `document.querySelector("#live").dataset.state === "on"`)
	b.do(chromedp.Click("#room-call button"))
	b.wait("the commander", `document.querySelector("#room-command").textContent.includes("of emea")`)
	b.wait("the handoff that is near", `document.querySelector("#handoff-document")?.textContent.includes("What was tried")`)
	b.do(chromedp.Click("#order-document summary"), chromedp.SendKeys("#order-document textarea[name=next]", "roll back the payment gateway"), chromedp.Click("#order-document button"))
	b.wait("what was written", `document.querySelector("#handoff-text").textContent.includes("roll back the payment gateway")`)
	b.do(chromedp.Click("#order-call summary"), chromedp.Click("#order-call button"))
	b.wait("an expert is called", `document.querySelector("#room-command").textContent.includes("database-sme")`)
	b.see(t, looks, "/incidents/INC-2", "room-handoff")
	b.see(t, looks, "/oncall", "oncall-regions")
	b.take(looks[0])
	b.open("/incidents/INC-2")
	b.do(chromedp.Click("#order-handoff summary"), chromedp.SetValue("#order-handoff select", "tomas"), chromedp.Click("#order-handoff button"))
	b.wait("it is due", `document.querySelector("#handoff-head").textContent.includes("keeps command until it is taken")`)

	next := browse(t, w)
	next.signIn("tomas")
	next.open("/incidents/INC-2")
	next.do(chromedp.Click("#handoff-forms form[action$='/accept'] button"))
	next.wait("he commands", `document.querySelector("#room-command").textContent.includes("tomas")`)
	next.wait("it is accepted", `document.querySelector("#handoff-head").textContent.includes("after it was due")`)
	next.do(chromedp.SendKeys("#handoff-forms textarea[name=text]", "what is next?"), chromedp.Click("#handoff-forms .note-form button"))
	b.wait("the question", `document.querySelector("#handoff-questions")?.textContent.includes("what is next?")`)
	b.do(chromedp.Click("#handoff-questions input[name=already]"), chromedp.Click("#handoff-questions button"))
	next.wait("the answer", `document.querySelector("#handoff-questions").textContent.includes("was in the document")`)
	next.see(t, looks[:1], "/incidents/INC-2", "room-accepted")
	next.see(t, looks, "/handoffs", "handoffs")
	next.wait("the figures", `document.querySelector("#handoff-figures").textContent.includes("100 %")`)
}
