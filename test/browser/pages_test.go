package browser

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/page"
)

// Every page is quiet, accessible and fits a phone, in both themes, with and without trouble.
func TestPagesAreQuietAccessibleAndFit(t *testing.T) {
	w := newWorld(t)
	w.calm()
	b := browse(t, w)
	b.see(t, looks[:1], "/login", "login")
	b.see(t, looks, "/design", "design")
	b.signIn("amira")
	w.clock.run()
	b.see(t, looks[:3], "/", "now-calm")
	id := string(w.burn())
	runs, err := w.remediate.List(w.ctx, "", 1)
	w.must(err)
	pages := w.paged()
	spans := w.engine.spans
	trace := spans[len(spans)-1].TraceID
	// All four ways are looked at when somebody wants the pictures; two of them differ in everything.
	ways := []look{looks[0], looks[3]}
	if os.Getenv("NIGHTKEEPER_SCREENSHOTS") != "" {
		ways = looks
	}
	for _, p := range []struct{ path, name string }{
		{"/", "now"},
		{"/incidents", "incidents"},
		{"/incidents/new", "declare"},
		{"/alerts", "alerts-of-slos"},
		{"/incidents/" + id, "room"},
		{"/incidents/INC-1", "room-resolved"},
		{"/map", "map"},
		{"/map?focus=payment-api", "map-focus"},
		{"/services", "services"},
		{"/services/user-preferences-api", "service"},
		{"/services/user-preferences-api/profile", "profile"},
		{"/traces?service=checkout-api&errors=1", "traces"},
		{"/traces/" + trace, "trace"},
		{"/logs?level=ERROR&last=1h", "logs"},
		{"/slos", "slos"},
		{"/slos/checkout-availability", "slo"},
		{"/oncall", "oncall"},
		{"/oncall/contacts", "contacts"},
		{"/policies/default?severity=SEV2", "policy"},
		{"/pages/" + string(pages[0].ID), "page"},
		{"/runbooks", "runbooks"},
		{"/runbooks/retry-storm", "runbook"},
		{"/runs/" + string(runs[0].ID), "run"},
		{"/experiments", "experiments"},
		{"/experiments/slow-preferences", "experiment"},
		{"/postmortems", "postmortems"},
		{"/postmortems/pm-INC-1", "postmortem"},
		{"/tickets", "tickets"},
		{"/teams", "teams"},
		{"/teams/platform", "team"},
		{"/handoffs", "handoffs-none"},
		{"/integrations", "integrations"},
		{"/heartbeats", "heartbeats"},
		{"/silences", "silences"},
		{"/shadow", "shadow"},
		{"/people/amira", "person"},
		{"/accounts", "accounts"},
		{"/settings/tokens", "tokens"},
	} {
		b.see(t, ways, p.path, p.name)
	}
	token := w.page.AckToken(pages[0].ID, "amira", time.Now().Add(time.Hour))
	b.see(t, looks[2:], "/ack/"+token, "ack")
	b.see(t, looks[2:], w.confirmation("amira"), "confirm")
}

// mailbox keeps what was sent by email.
type mailbox struct{ sent []page.Message }

func (m *mailbox) Name() string { return "email" }

func (m *mailbox) Send(_ context.Context, msg page.Message) (string, error) {
	m.sent = append(m.sent, msg)
	return "accepted", nil
}

// confirmation sends a test message to somebody and returns the path of the link in it.
func (w *world) confirmation(person string) string {
	w.t.Helper()
	box := &mailbox{}
	c := w.page.Config
	c.Channels = []page.Channel{box}
	_, err := page.New(c).Check(w.ctx, "tomas", person)
	w.must(err)
	if len(box.sent) != 1 {
		w.t.Fatalf("%d messages were sent to %s", len(box.sent), person)
	}
	text := box.sent[0].Text
	return text[strings.Index(text, "/confirm/"):]
}

// see looks at one page in some ways.
func (b *browser) see(t *testing.T, ways []look, path, name string) {
	t.Helper()
	for _, l := range ways {
		b.take(l)
		b.open(path)
		b.wait("charts and maps of "+path, `[...document.querySelectorAll("[data-chart], [data-map]")].every((e) => e.hidden || e.firstElementChild)`)
		where := name + " " + l.name
		b.quiet(where)
		b.fits(where)
		b.accessible(where)
		b.shoot(name + "-" + l.name)
		b.quiet(where)
	}
}
