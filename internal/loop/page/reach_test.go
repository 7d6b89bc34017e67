package page_test

import (
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

func TestAPersonSeesWhichContactWorked(t *testing.T) {
	w := newWorld(t, "ntfy")
	w.s.Events = w.DB.Events
	w.cat.People["mira"].Contacts = append(w.cat.People["mira"].Contacts, catalog.Contact{Channel: "ntfy", Address: "mira-alerts"}, catalog.Contact{Channel: "sms", Address: "+15550100"})
	of := func(channel string) page.Reached {
		for _, r := range must(w.s.Reached(t.Context(), "mira")) {
			if r.Channel == channel {
				return r
			}
		}
		t.Fatalf("no contact %s", channel)
		return page.Reached{}
	}
	if r := of("email"); r.Works() || !r.GoodAt.IsZero() || !r.FailedAt.IsZero() {
		t.Errorf("before anything was sent: %+v", r)
	}
	w.fire("g", detect.SEV1)
	if r := of("email"); !r.Works() || !r.GoodAt.Equal(w.Now()) {
		t.Errorf("a page by mail: %+v", r)
	}
	if r := of("inbox"); !r.Works() {
		t.Errorf("inbox: %+v", r)
	}
	w.For(time.Minute)
	if r := of("sms"); r.Works() || r.Why != "channel sms is not configured on this server" {
		t.Errorf("a channel that is not there: %+v", r)
	}
	w.mail.fail = func(page.Message) error { return errs.New(errs.Invalid, "no such mailbox") }
	got := must(w.s.CheckBy(t.Context(), "mira", "email", "mira"))
	w.want("one contact is tried", len(got), 1)
	if r := of("email"); r.Works() || r.Why != "no such mailbox" || r.GoodAt.IsZero() {
		t.Errorf("after a test that failed: %+v", r)
	}
	w.For(time.Minute)
	w.mail.fail = nil
	must(w.s.CheckBy(t.Context(), "mira", "email", "mira"))
	if r := of("email"); !r.Works() {
		t.Errorf("after a test that worked: %+v", r)
	}
	if _, err := w.s.CheckBy(t.Context(), "mira", "voice", "mira"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a contact that is not there: %v", err)
	}
	if _, err := w.s.Reached(t.Context(), "nobody"); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
}
