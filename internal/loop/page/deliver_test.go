package page_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// notes returns a person's notifications by mail, the oldest first.
func (w *world) notes(person string) (out []page.Notification) {
	w.t.Helper()
	ns, err := w.s.Inbox(w.t.Context(), person)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range slices.Backward(ns) {
		if n.Channel != "inbox" {
			out = append(out, n)
		}
	}
	return out
}

// storm opens n pages without letting anything be sent in between.
func (w *world) storm(n int) {
	w.t.Helper()
	w.cat.Runbooks = nil
	err := w.DB.Update(w.t.Context(), func(tx *store.Tx) error {
		for i := range n {
			a := detect.Alert{ID: detect.AlertID(fmt.Sprint("al", i)), Service: fmt.Sprint("svc", i), Group: detect.GroupID(fmt.Sprint("g", i)),
				Severity: []detect.Severity{detect.SEV3, detect.SEV1, detect.SEV2}[i%3], State: detect.Firing, FiredAt: w.Now()}
			if err := tx.Append(w.t.Context(), event.New(detect.KindFired, w.Now(), event.System, string(a.ID), "", detect.Fired{Alert: a, First: true})); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Settle()
}

func TestStormIsOneMessageAndNothingIsLost(t *testing.T) {
	w := newWorld(t)
	w.storm(20)
	w.For(time.Minute)
	ns := w.notes("mira")
	if len(ns) != 20 || len(w.mail.sent) >= 6 {
		t.Fatalf("%d notifications in %d messages", len(ns), len(w.mail.sent))
	}
	lead := map[page.NotificationID]bool{}
	for _, m := range w.mail.sent {
		lead[m.Notification] = true
	}
	for _, n := range ns {
		if n.Delivery != page.Sent || (!lead[n.ID] && !lead[n.In]) || n.Receipt != "receipt" {
			t.Errorf("in no message: %+v", n)
		}
	}
	m := w.mail.sent[len(w.mail.sent)-1]
	if m.More == 0 || !strings.HasPrefix(m.Title, "SEV1 ") || m.AckURL != "" || strings.Count(m.Text, "https://nk.example.org/pages/pg_") != min(m.More+1, 20) {
		t.Errorf("digest %+v", m)
	}
	if i, j := strings.Index(m.Text, "SEV1"), strings.Index(m.Text, "SEV3"); i < 0 || j < i {
		t.Errorf("the worst is not first:\n%s", m.Text)
	}
	for _, e := range w.Facts(page.KindNotified) {
		f, err := event.Decode[page.Notified](e)
		if err != nil || string(f.Page.ID) != e.Subject || f.Notification.Page != f.Page.ID {
			t.Errorf("a fact about another page: %+v, %v", e, err)
		}
	}
}

func TestBundleSurvivesTheDeathOfTheProcess(t *testing.T) {
	w := newWorld(t)
	deaths := 0
	w.mail.fail = func(m page.Message) error {
		if m.More > 0 && deaths < 3 {
			deaths++
			panic(storetest.ErrCrash)
		}
		return nil
	}
	w.storm(20)
	w.For(time.Minute)
	if deaths != 3 {
		t.Fatalf("died %d times", deaths)
	}
	for _, n := range w.notes("mira") {
		if n.Delivery != page.Sent {
			t.Errorf("lost: %+v", n)
		}
	}
}

func TestBundleThatCannotBeSentFailsForEachOfThem(t *testing.T) {
	w := newWorld(t)
	w.mail.fail = func(m page.Message) error { return errs.New(errs.Invalid, "no such mailbox") }
	w.storm(20)
	w.For(time.Minute)
	for _, n := range w.notes("mira") {
		if n.Delivery != page.Failed || n.Error != "no such mailbox" {
			t.Errorf("%+v", n)
		}
	}
	w.want("each page says so", len(w.Facts(page.KindFailed)), 20)
}

func TestProviderThatAsksToWaitIsAskedThenAndNotSooner(t *testing.T) {
	w := newWorld(t)
	var asked []string
	w.mail.fail = func(m page.Message) error {
		asked = append(asked, fmt.Sprintf("%s+%d", m.Person, int(w.Now().Sub(t0).Seconds())))
		if m.Person == "mira" && w.Now().Before(t0.Add(40*time.Second)) {
			e := errs.New(errs.Unavailable, "too many")
			e.Wait = 40 * time.Second
			return e
		}
		return nil
	}
	w.fire("g", detect.SEV1)
	w.For(10 * time.Second)
	w.fire("h", detect.SEV1) // to the same contact: it waits too, and that is no attempt
	w.cat.Policies["default"].Steps[0].Targets = []catalog.Target{{Person: "tomas"}}
	w.fire("i", detect.SEV1)
	w.For(50 * time.Second)
	w.want("asked", asked, []string{"mira+0", "tomas+10", "mira+40", "mira+40"})
}

func TestAnswerOfAPerson(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	n := w.notes("mira")[0]
	f := func(from string, kind page.AnswerKind, want string, code errs.Code) {
		t.Helper()
		say, err := w.s.Answer(t.Context(), "email", page.Answer{Notification: n.ID, Kind: kind, From: from})
		if say != want || errs.CodeOf(err) != code {
			t.Errorf("%s %s: %q, %v", from, kind, say, err)
		}
	}
	f("eve@example.org", page.AnswerAck, "", errs.Denied)
	f("", "dance", "", errs.Invalid)
	w.want("nobody has it", w.only().State, page.Open)
	f("tomas@example.org", page.AnswerAck, "tomas acknowledged SEV1 checkout", "")
	f("tomas@example.org", page.AnswerAck, "tomas acknowledged SEV1 checkout", "")
	f("", page.AnswerAck, "SEV1 checkout was already acknowledged by tomas", "")
	w.want("acknowledged once", len(w.Facts(page.KindAcked)), 1)
	f("", page.AnswerResolve, "checkout: resolved by mira", "")
	f("", page.AnswerResolve, "checkout: resolved by mira", "")
	w.want("resolved once", len(w.Facts(page.KindResolved)), 1)
	f("", page.AnswerAck, "", errs.Conflict)
	if _, err := w.s.Answer(t.Context(), "email", page.Answer{Notification: "ntf_none", Kind: page.AnswerAck}); !errs.Is(err, errs.NotFound) {
		t.Errorf("an answer to nothing: %v", err)
	}
}

func TestAnswerToABundleIsForAllOfIt(t *testing.T) {
	w := newWorld(t)
	w.storm(20)
	w.For(time.Minute)
	for _, m := range w.mail.sent {
		if _, err := w.s.Answer(t.Context(), "email", page.Answer{Notification: m.Notification, Kind: page.AnswerAck}); err != nil {
			t.Error(err)
		}
	}
	w.want("acknowledged", len(w.Facts(page.KindAcked)), 20)
	w.For(time.Hour)
	w.want("tomas", len(w.notes("tomas")), 0)
}

func TestWordOfTheProvider(t *testing.T) {
	f := func(what string, want page.Delivery, facts int, kinds ...page.AnswerKind) {
		t.Helper()
		w := newWorld(t)
		w.fire("g", detect.SEV1)
		n := w.notes("mira")[0]
		for _, k := range kinds {
			if _, err := w.s.Answer(t.Context(), "email", page.Answer{Notification: n.ID, Kind: k, Why: "no route"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.notes("mira")[0]; got.Delivery != want || (got.Error != "") != (want == page.Failed) || got.DeliveredAt.IsZero() != (want != page.Delivered) {
			t.Errorf("%s: %+v", what, got)
		}
		w.want(what, len(w.Facts(page.KindDelivered, page.KindFailed)), facts)
	}
	f("delivered twice", page.Delivered, 1, page.AnswerDelivered, page.AnswerDelivered)
	f("failed twice", page.Failed, 1, page.AnswerFailed, page.AnswerFailed)
	f("delivered and then failed", page.Delivered, 1, page.AnswerDelivered, page.AnswerFailed)
	f("failed and then delivered", page.Delivered, 2, page.AnswerFailed, page.AnswerDelivered)

	w := newWorld(t)
	w.fire("g", detect.SEV1)
	if _, err := w.s.Answer(t.Context(), "sms", page.Answer{Notification: w.notes("mira")[0].ID, Kind: page.AnswerDelivered}); !errs.Is(err, errs.Denied) {
		t.Errorf("another channel's word: %v", err)
	}
}

// A provider's word may come before its answer to our request does.
func TestWordThatItArrivedMayComeBeforeTheReceipt(t *testing.T) {
	w := newWorld(t)
	w.mail.fail = func(m page.Message) error {
		_, err := w.s.Answer(t.Context(), "email", page.Answer{Notification: m.Notification, Kind: page.AnswerDelivered})
		return err
	}
	w.fire("g", detect.SEV1)
	if n := w.notes("mira")[0]; n.Delivery != page.Delivered || n.SentAt.IsZero() {
		t.Errorf("%+v", n)
	}
}

// updating is a channel that can change what it sent.
type updating struct {
	*recorder
	changed []string
}

func (u *updating) Update(_ context.Context, m page.Message, receipt string) error {
	u.changed = append(u.changed, receipt+": "+m.Status)
	if m.Answerable() || m.AckURL != "" {
		return errs.New(errs.Internal, "there is something to answer in %+v", m)
	}
	return nil
}

func TestMessageFollowsItsPage(t *testing.T) {
	w := newWorld(t)
	u := &updating{recorder: w.mail}
	w.s = page.New(page.Config{Store: w.DB.Page(), Catalog: func() *catalog.Catalog { return w.cat }, Channels: []page.Channel{u},
		BaseURL: func() string { return "https://nk.example.org" }, Key: []byte("key"), Now: w.Now})
	w.Tasks(w.s.Tasks())
	storetest.Follow(w.Driver, "page2", w.s.Follows()) // as page, whose handlers know no updater
	w.fire("g", detect.SEV1)
	if _, err := w.s.Ack(t.Context(), w.only().ID, "mira", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.calm("g")
	w.want("changed", u.changed, []string{"receipt: Acknowledged by mira", "receipt: Resolved: no alert fires any more"})
}

func TestCheckTriesEveryContact(t *testing.T) {
	w := newWorld(t)
	w.cat.People["mira"].Contacts = append(w.cat.People["mira"].Contacts, catalog.Contact{Channel: "sms", Address: "+491234567"},
		catalog.Contact{Channel: "webhook", Address: "https://hooks.example.org/hunter2"})
	w.cat.People["ines"].Contacts = nil
	w.mail.fail = func(m page.Message) error {
		if m.Person == "tomas" {
			return errs.New(errs.Unavailable, "greylisted")
		}
		return nil
	}
	got, err := w.s.Check(t.Context(), "ada", "mira", "tomas", "ines")
	want := []page.Checked{
		{Person: "mira", Channel: "email", Address: "mira@example.org", OK: true, Text: "receipt"},
		{Person: "mira", Channel: "sms", Address: "+491234567", Text: "channel sms is not configured on this server"},
		{Person: "mira", Channel: "webhook", Address: "https://hooks.example.org/…", Text: "channel webhook is not configured on this server"},
		{Person: "tomas", Channel: "email", Address: "tomas@example.org", Text: "greylisted"},
		{Person: "ines", Channel: "inbox", Text: "no contact: only the inbox on the page, which wakes nobody"},
	}
	for i := range got {
		got[i].Key = ""
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if m := w.mail.sent[0]; !m.Test || m.Answerable() || m.AckURL != "" || m.Page != "" {
		t.Errorf("test message %+v", m)
	}
	w.want("facts", len(w.Facts(page.KindChecked)), 5)
	for _, e := range w.Facts() {
		if strings.Contains(fmt.Sprintf("%s %s", e.Text, e.Data), "hunter2") {
			t.Errorf("a secret in a fact: %s %s", e.Text, e.Data)
		}
	}
	if _, err := w.s.Check(t.Context(), "ada", "mira", "nobody"); !errs.Is(err, errs.NotFound) || len(w.mail.sent) != 1 {
		t.Errorf("%v, %d messages", err, len(w.mail.sent))
	}
}

func TestAnswerThatNamesNoMessage(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV1)
	w.For(10 * time.Second)
	w.fire("h", detect.SEV1)
	first := page.Message{Notification: w.notes("mira")[0].ID}
	f := func(from, code, want string, err errs.Code) {
		t.Helper()
		say, got := w.s.Answer(t.Context(), "email", page.Answer{Kind: page.AnswerAck, From: from, Code: code})
		if say != want || errs.CodeOf(got) != err {
			t.Errorf("%s %q: %q, %v", from, code, say, got)
		}
	}
	f("mira@example.org", "", "mira acknowledged SEV1 checkout", "")
	w.want("the newest", w.only().State, page.Acked)
	w.want("and only that", len(w.Facts(page.KindAcked)), 1)
	f("mira@example.org", first.Code(), "mira acknowledged SEV1 checkout", "")
	w.want("the other one by its code", len(w.Facts(page.KindAcked)), 2)
	f("mira@example.org", "0000", "", errs.NotFound)
	f("tomas@example.org", first.Code(), "", errs.NotFound)
	f("eve@example.org", "", "", errs.Denied)
	if len(first.Code()) != 4 {
		t.Errorf("code %q", first.Code())
	}
}
