package page_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// low has an alert of SEV4 from outside fire in a group.
func (w *world) low(group, alert string, sev detect.Severity) {
	w.t.Helper()
	w.Append(event.New(detect.KindFired, w.Now(), event.System, alert, "fires", detect.Fired{Alert: detect.Alert{ID: detect.AlertID(alert), Group: detect.GroupID(group),
		Source: "webhook", Service: "checkout", Severity: sev, Title: "the disk of checkout fills", Reason: "82 % used", State: detect.Firing}}))
	w.For(time.Second)
}

func (w *world) rest(group, alert string, groupCalm bool) {
	w.t.Helper()
	if alert != "" {
		w.Append(event.New(detect.KindResolved, w.Now(), event.System, alert, "over", detect.AlertResolved{Alert: detect.Alert{ID: detect.AlertID(alert), Group: detect.GroupID(group)}}))
	}
	if groupCalm {
		w.Append(event.New(detect.KindGroupCalm, w.Now(), event.System, group, "over", detect.GroupCalm{Group: detect.GroupID(group), At: w.Now()}))
	}
	w.For(time.Second)
}

func (w *world) tickets() (out []string) {
	w.t.Helper()
	ts, err := w.s.Tickets(w.t.Context(), true)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, t := range ts {
		out = append(out, fmt.Sprintf("%s %s, %d alerts, due %s: %s", t.State, t.Group, len(t.Alerts), t.DueFrom.UTC().Format("Mon 15:04"), t.Reason))
	}
	return out
}

// office gives the policy hours, and the service a team.
func (w *world) office() {
	w.cat.Policies["default"].SupportHours = &catalog.SupportHours{Hours: catalog.Hours{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00", TimeZone: "Europe/Berlin"}}
	w.cat.Services = map[string]*catalog.Service{"checkout": {Team: "shop"}}
}

func TestAlertThatPagesNobodyIsATicketForTheNextBusinessDay(t *testing.T) {
	w := newWorld(t) // it is Friday, three in the morning
	w.office()
	w.For(7 * time.Hour) // and now ten: this business day has begun
	w.low("g", "al_1", detect.SEV4)
	w.low("g", "al_2", detect.SEV4)
	w.low("h", "al_3", detect.SEV4)
	w.want("tickets", w.tickets(), []string{"open g, 2 alerts, due Mon 08:00: SEV4 pages nobody: it waits for the next business day", "open h, 1 alerts, due Mon 08:00: SEV4 pages nobody: it waits for the next business day"})
	w.For(60 * time.Hour)
	w.want("nobody is told at the weekend", len(w.mail.sent), 0)
	w.For(12 * time.Hour)
	if len(w.mail.sent) != 1 || w.mail.sent[0].Title != "2 tickets wait" || !w.mail.sent[0].Notice || w.mail.sent[0].Person != "mira" || !strings.HasSuffix(w.mail.sent[0].PageURL, "/tickets") {
		t.Fatalf("on Monday: %+v", w.mail.sent)
	}
	if got := w.mail.sent[0].At.UTC(); !got.Equal(time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("at %s", got)
	}
	w.For(24 * time.Hour)
	w.want("once each business day while some wait", len(w.mail.sent), 2)
	ts, _ := w.s.Tickets(t.Context(), false)
	if !ts[0].Late(w.Now()) || ts[0].Team != "shop" {
		t.Errorf("%+v", ts[0])
	}
	for _, k := range ts {
		if _, err := w.s.EndTicket(t.Context(), k.ID, "cleaned", "mira", w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w.For(72 * time.Hour)
	w.want("nothing waits any more", len(w.mail.sent), 2)
	w.want("the facts", fmt.Sprint(len(w.Facts(page.KindTicketOpened)), len(w.Facts(page.KindTicketDone)), len(w.Facts(page.KindOpened))), "2 2 0")
}

func TestTicketIsTakenAndDoneOnce(t *testing.T) {
	w := newWorld(t)
	w.low("g", "al_1", detect.SEV4)
	ts, err := w.s.Tickets(t.Context(), false)
	if err != nil || len(ts) != 1 {
		t.Fatalf("%v, %v", ts, err)
	}
	id := ts[0].ID
	for _, who := range []string{"mira", "mira", "tomas"} {
		if k, err := w.s.TakeTicket(t.Context(), id, who, w.Now()); err != nil || k.TakenBy != who || k.State != page.TicketTaken {
			t.Fatalf("%+v, %v", k, err)
		}
	}
	if facts := w.Facts(page.KindTicketTaken); len(facts) != 2 || facts[1].Actor != "tomas" || facts[1].Text != "tomas took the ticket over from mira: checkout: the disk of checkout fills" && !strings.HasPrefix(facts[1].Text, "tomas took the ticket over from mira") {
		t.Errorf("%+v", facts)
	}
	if _, err := w.s.EndTicket(t.Context(), id, "", "mira", w.Now()); !errs.Is(err, errs.Invalid) {
		t.Errorf("done without a reason: %v", err)
	}
	if k, err := w.s.EndTicket(t.Context(), id, "cleaned", "mira", w.Now()); err != nil || k.State != page.TicketDone || k.DoneBy != "mira" || k.Reason != "cleaned" {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := w.s.EndTicket(t.Context(), id, "again", "mira", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("done twice: %v", err)
	}
	if _, err := w.s.TakeTicket(t.Context(), id, "mira", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("taken when it was done: %v", err)
	}
	if _, err := w.s.TakeTicket(t.Context(), "tk_none", "mira", w.Now()); !errs.Is(err, errs.NotFound) {
		t.Errorf("an unknown ticket: %v", err)
	}
	w.low("g", "al_2", detect.SEV4)
	if ts, _ = w.s.Tickets(t.Context(), false); len(ts) != 1 || ts[0].ID == id {
		t.Errorf("an alert after it was done: %+v", ts)
	}
}

func TestTicketIsOverWithItsAlerts(t *testing.T) {
	w := newWorld(t)
	w.office()
	w.low("g", "al_1", detect.SEV4)
	w.low("g", "al_2", detect.SEV4)
	w.rest("g", "al_1", false)
	w.rest("g", "", true) // the group is calm for pages, and a ticket still fires
	w.want("one of two", len(w.tickets()), 1)
	if ts, _ := w.s.Tickets(t.Context(), false); len(ts) != 1 {
		t.Fatalf("it was closed while an alert fires: %v", w.tickets())
	}
	w.rest("g", "al_2", false)
	w.want("both", w.tickets(), []string{"done g, 2 alerts, due Fri 08:00: no alert of it fires any more"})

	w = newWorld(t)
	w.office()
	w.cat.Policies["default"].KeepTickets = true
	w.low("g", "al_1", detect.SEV4)
	w.rest("g", "al_1", true)
	w.want("kept", w.tickets(), []string{"open g, 1 alerts, due Fri 08:00: no alert of it fires any more; it stays until somebody closes it"})
	w.want("said once", len(w.Facts(page.KindTicketCalm)), 1)

	w = newWorld(t)
	w.office()
	w.low("g", "al_1", detect.SEV4)
	w.low("g", "al_1", detect.SEV2)
	w.want("one that becomes worse", w.tickets(), []string{"done g, 1 alerts, due Fri 08:00: it became a page of SEV2"})
	w.want("pages", len(w.Facts(page.KindOpened))+len(w.Facts(page.KindHeld)), 1)
}
