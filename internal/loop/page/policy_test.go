package page_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// messages returns what was queued for the newest page: person, channel, delivery and the second in which it went out.
func (w *world) messages() []string {
	w.t.Helper()
	var ns []page.Notification
	id := w.only().ID
	err := w.DB.View(w.t.Context(), func(tx *store.Tx) (err error) {
		ns, err = tx.Notifications(w.t.Context(), id, "", 100)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(ns)
	var out []string
	for _, n := range ns {
		if n.Channel != "inbox" {
			line := fmt.Sprintf("%s %s %s", n.Person, n.Channel, n.Delivery)
			if !n.SentAt.IsZero() {
				line += fmt.Sprintf(" +%.0fs", n.SentAt.Sub(t0).Seconds())
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// ruled gives mira rules of her own: mail at once, a text message after a minute, a call after three.
func (w *world) ruled() {
	w.cat.People["mira"] = &catalog.Person{Meta: catalog.Meta{Name: "mira"},
		Contacts: []catalog.Contact{{Channel: "email", Address: "mira@example.org"}, {Channel: "sms", Address: "+1"}, {Channel: "voice", Address: "+1"}},
		Notify: []catalog.NotifyRule{
			{Channel: "email"}, {Channel: "sms", After: mins(1), Severities: []string{"SEV1", "SEV2"}}, {Channel: "voice", After: mins(3), Severities: []string{"SEV1"}}}}
}

func TestPeopleAreToldByTheirOwnRules(t *testing.T) {
	w := newWorld(t, "sms", "voice")
	w.ruled()
	w.fire("g", detect.SEV1)
	w.want("at once", w.messages(), []string{"mira email sent +0s", "mira sms queued", "mira voice queued"})
	w.For(time.Minute)
	w.want("after a minute", w.messages(), []string{"mira email sent +0s", "mira sms sent +60s", "mira voice queued"})
	if _, err := w.s.Ack(t.Context(), w.only().ID, "mira", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(time.Hour)
	w.want("she has taken it before the call", w.messages(), []string{"mira email sent +0s", "mira sms sent +60s", "mira voice unneeded"})
	if facts := w.Facts(page.KindUnneeded); len(facts) != 1 || facts[0].Text != "mira was not told by voice: the page was acked before its turn" {
		t.Errorf("%v", facts)
	}
}

func TestRulesForOneSeverityLeaveNobodyOut(t *testing.T) {
	w := newWorld(t, "sms", "voice")
	w.ruled()
	w.cat.People["mira"].Notify = w.cat.People["mira"].Notify[2:] // a call for SEV1, and nothing said of the rest
	w.fire("g", detect.SEV2)
	w.For(2 * time.Minute)
	w.want("by every contact", w.messages(), []string{"mira email sent +120s", "mira sms sent +120s", "mira voice sent +120s"})
}

func TestTheWorseItIsTheMorePeopleAreToldAtOnce(t *testing.T) {
	usual := func(w *world) {
		w.cat.People["boss"] = mailTo("boss")["boss"]
		w.cat.Services = map[string]*catalog.Service{"checkout": {Team: "shop"}}
		w.cat.Teams = map[string]*catalog.Team{"shop": {Manager: "boss"}}
		w.cat.Policies["default"].Hold = map[string]catalog.Duration{"SEV1": 0, "SEV2": 0, "SEV3": 0}
		w.cat.Policies["default"].Steps[0].Targets = []catalog.Target{
			{Person: "mira"}, {Person: "tomas", Severities: []string{"SEV1", "SEV2"}}, {Role: catalog.RoleManager, Severities: []string{"SEV1"}}}
	}
	for sev, want := range map[detect.Severity][]string{"SEV1": {"boss+0", "mira+0", "tomas+0"}, "SEV2": {"mira+0", "tomas+0"}, "SEV3": {"mira+0"}} {
		w := newWorld(t)
		usual(w)
		w.fire("g", sev)
		got := w.told()
		slices.Sort(got)
		w.want(string(sev), got, want)
	}
	w := newWorld(t)
	usual(w)
	w.fire("g", detect.SEV3)
	w.fire("g", detect.SEV1)
	got := w.told()
	slices.Sort(got)
	w.want("one that becomes worse", got, []string{"boss+0", "mira+0", "tomas+0"})
	w.fire("g", detect.SEV1)
	w.want("once", len(w.told()), 3)
}

func TestPageThatCanWaitWaitsForSupportHours(t *testing.T) {
	w := newWorld(t) // it is Friday, three in the morning
	w.cat.Policies["default"].SupportHours = &catalog.SupportHours{Hours: catalog.Hours{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00", TimeZone: "Europe/Berlin"}}
	w.fire("g", detect.SEV3)
	if p := w.only(); p.State != page.Held || !p.HeldUntil.Equal(time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v", p)
	}
	w.For(5*time.Hour - time.Second)
	w.want("before nine", w.told(), []string{})
	w.For(time.Second)
	w.want("at nine", w.told(), []string{"mira+300"})

	w = newWorld(t)
	w.cat.Policies["default"].SupportHours = &catalog.SupportHours{Hours: catalog.Hours{From: "09:00", To: "17:00"}}
	w.fire("g", detect.SEV3)
	w.For(time.Minute)
	w.fire("g", detect.SEV1)
	w.want("one that becomes worse wakes somebody", w.told(), []string{"mira+1"})

	w = newWorld(t)
	w.cat.Policies["default"].SupportHours = &catalog.SupportHours{Hours: catalog.Hours{From: "01:00", To: "17:00"}}
	w.fire("g", detect.SEV1)
	w.want("within the hours", w.told(), []string{"mira+0"})
}

func TestAcknowledgedPageThatIsNotResolvedInTimeTellsPeopleAgain(t *testing.T) {
	w := newWorld(t)
	w.cat.Policies["default"].AckTimeout = mins(30)
	w.fire("g", detect.SEV1)
	if _, err := w.s.Ack(t.Context(), w.only().ID, "mira", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(30*time.Minute - time.Second)
	w.want("before", w.told(), []string{"mira+0"})
	w.For(6 * time.Minute)
	w.want("again, from the first step on", w.told(), []string{"mira+0", "mira+30", "tomas+35"})
	if p := w.only(); p.State != page.Open || p.Reason != "mira acknowledged it 30m ago and it is not resolved" {
		t.Errorf("%+v", p)
	}
	if _, err := w.s.Ack(t.Context(), w.only().ID, "tomas", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.calm("g")
	w.For(2 * time.Hour)
	w.want("nobody after it is over", len(w.told()), 3)
}

func TestPageOfWhichTheSourceTakesTheAcknowledgementBackTellsPeopleAgain(t *testing.T) {
	w := newWorld(t)
	w.cat.Policies["default"].AckTimeout = mins(30)
	w.fire("g", detect.SEV1)
	tell := func(kind, by string) {
		t.Helper()
		w.Append(event.New(kind, w.Now(), by, "al", "", detect.Acked{Alert: "al", Group: "g", By: by, At: w.Now()}))
		w.Settle()
	}
	tell(detect.KindUnacked, "jon") // nobody has it
	tell(detect.KindAcked, "mira")
	w.For(10 * time.Minute)
	tell(detect.KindUnacked, "jon")
	w.For(time.Minute)
	w.want("again, from the first step on", w.told(), []string{"mira+0", "mira+10"})
	if p := w.only(); p.State != page.Open || p.AckedBy != "" || p.Reason != "jon took the acknowledgement of mira back" {
		t.Errorf("%+v", p)
	}
	tell(detect.KindAcked, "mira")
	w.calm("g")
	tell(detect.KindUnacked, "jon")
	w.For(2 * time.Hour)
	w.want("nobody after it is over", len(w.told()), 2)
}

func TestUrgencyOfTheServiceDecidesWhetherPagesWaitForSupportHours(t *testing.T) {
	hours := &catalog.SupportHours{Hours: catalog.Hours{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00", TimeZone: "Europe/Berlin"}}
	f := func(urgency string, h *catalog.SupportHours, sev detect.Severity, want string) {
		t.Helper()
		w := newWorld(t) // it is Friday, three in the morning
		w.cat.Policies["default"].SupportHours = h
		w.cat.Policies["default"].Hold = map[string]catalog.Duration{"SEV1": 0, "SEV3": 0}
		w.cat.Services = map[string]*catalog.Service{"checkout": {Urgency: urgency}}
		w.fire("g", sev)
		w.For(7 * time.Hour)
		w.want(urgency+" "+string(sev), w.told()[:1], []string{want})
	}
	f("high", hours, detect.SEV3, "mira+0")
	f("low", hours, detect.SEV1, "mira+300")
	f("", hours, detect.SEV3, "mira+300")
	f("", hours, detect.SEV1, "mira+0")
	f("low", nil, detect.SEV1, "mira+360") // nine o'clock in UTC, when nothing is said
}

func TestServiceMayHaveAnAcknowledgementTimeoutOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.cat.Policies["default"].AckTimeout = mins(30)
	w.cat.Services = map[string]*catalog.Service{"checkout": {AckTimeout: mins(10)}}
	w.fire("g", detect.SEV1)
	if _, err := w.s.Ack(t.Context(), w.only().ID, "mira", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(10 * time.Minute)
	w.want("after its own time", w.told(), []string{"mira+0", "mira+10"})
}
