package page_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
)

// states returns what is known of every contact: person, channel and state.
func (w *world) states() []string {
	w.t.Helper()
	rs, err := w.s.Ready(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, r := range rs {
		out = append(out, r.Person+" "+r.Channel+" "+r.State)
	}
	return out
}

var confirmLink = regexp.MustCompile(`/confirm/(\S+)$`)

func TestEverybodyOnARotaIsTriedAndSaysThatItArrived(t *testing.T) {
	w := newWorld(t)
	w.cat.People = mailTo("ada", "ben", "cleo")
	w.cat.People["ben"].Contacts = append(w.cat.People["ben"].Contacts, catalog.Contact{Channel: "sms", Address: "+4930123456"}) // the server has none
	w.cat.People["dora"] = &catalog.Person{Meta: catalog.Meta{Name: "dora"}}
	w.cat.Schedules = map[string]*catalog.Schedule{"first": {Meta: catalog.Meta{Name: "first"}, TimeZone: "UTC", Start: "2026-01-05T09:00", Turn: catalog.Every(7 * 24 * time.Hour), Members: catalog.Crews("ada", "ben")}}
	w.want("before", w.states(), []string{"ada email never tested", "ben email never tested", "ben sms never tested", "cleo email never tested", "dora inbox no contact"})
	out, err := w.s.CheckEveryone(t.Context(), "ines", false)
	if err != nil || len(out) != 3 || !out[0].Queued || len(w.mail.sent) != 0 {
		t.Fatalf("%+v, %v, %d sent: nobody waits for what is sent", out, err, len(w.mail.sent))
	}
	w.want("meanwhile", w.states()[:4], []string{"ada email being tested", "ben email being tested", "ben sms being tested", "cleo email never tested"})
	if _, err := w.s.CheckEveryone(t.Context(), "ines", false); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.want("each once", len(w.mail.sent), 2)
	w.want("said by whom", w.Facts(page.KindChecked)[0].Actor, "ines")
	w.want("after", w.states(), []string{"ada email not confirmed", "ben email not confirmed", "ben sms failed", "cleo email never tested", "dora inbox no contact"})

	token := ""
	for _, m := range w.mail.sent {
		if m.Person == "ada" {
			token = confirmLink.FindStringSubmatch(m.Text)[1]
		}
	}
	r, err := w.s.OpenConfirm(t.Context(), token, w.Now())
	if err != nil || r.Person != "ada" || r.State != page.ReadyUnconfirmed {
		t.Fatalf("%+v, %v", r, err)
	}
	w.want("opening a link says nothing", w.states()[0], "ada email not confirmed")
	if _, err := w.s.Confirm(t.Context(), r.Person, r.Channel, r.Key, "ben", w.Now()); !errs.Is(err, errs.Denied) {
		t.Errorf("ben speaks for ada: %v", err)
	}
	if _, err := w.s.Confirm(t.Context(), r.Person, r.Channel, r.Key, "ada", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.want("confirmed", w.states()[0], "ada email ok")
	if facts := w.Facts(page.KindConfirmed); len(facts) != 1 || facts[0].Actor != "ada" || facts[0].Text != "ada says that the test message by email arrived" {
		t.Errorf("%+v", facts)
	}
	for _, bad := range []string{"", "x", token + "0", "00" + token} {
		if _, err := w.s.OpenConfirm(t.Context(), bad, w.Now()); !errs.Is(err, errs.Denied) {
			t.Errorf("%q opens: %v", bad, err)
		}
	}
	if _, err := w.s.OpenConfirm(t.Context(), token, w.Now().Add(8*24*time.Hour)); !errs.Is(err, errs.Denied) {
		t.Errorf("after a week: %v", err)
	}

	w.For(5 * time.Minute)
	out, err = w.s.CheckEveryone(t.Context(), "ines", true)
	if w.Settle(); err != nil || len(out) != 5 || out[0].Queued || !out[3].Queued || len(w.mail.sent) != 3 {
		t.Errorf("a few minutes later only who was not tried is: %+v, %v, %d sent", out, err, len(w.mail.sent))
	}
	w.want("and what was confirmed stays", w.states(), []string{"ada email ok", "ben email not confirmed", "ben sms failed", "cleo email not confirmed", "dora inbox no contact"})
	w.For(10 * time.Minute)
	if _, err = w.s.Check(t.Context(), "ines", "ada"); err != nil {
		t.Fatal(err)
	}
	w.want("another test wants another word", w.states()[0], "ada email not confirmed")
	if _, err := w.s.OpenConfirm(t.Context(), token, w.Now()); !errs.Is(err, errs.Denied) {
		t.Errorf("the link of a test before speaks for another: %v", err)
	}
	key := addressOf(w, "ben", "sms")
	if _, err := w.s.Confirm(t.Context(), "ben", "sms", key, "ben", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("a test that failed is confirmed: %v", err)
	}
}

func TestWhatWentOutIsWrittenDownWhenNobodyWaitsForIt(t *testing.T) {
	w := newWorld(t)
	w.cat.People = mailTo("ada")
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if out, err := w.s.Check(ctx, "ines", "ada"); err != nil || len(out) != 1 || len(w.mail.sent) != 1 {
		t.Errorf("%+v, %v, %d sent", out, err, len(w.mail.sent))
	}
	w.want("known", w.states(), []string{"ada email not confirmed"})
	w.want("facts", len(w.Facts(page.KindChecked)), 1)
}

func addressOf(w *world, person, channel string) string {
	rs, _ := w.s.Ready(w.t.Context())
	for _, r := range rs {
		if r.Person == person && r.Channel == channel {
			return r.Key
		}
	}
	return ""
}
