package opsgenie_test

import (
	"strings"
	"testing"
	"time"

	"github.com/opsgenie/opsgenie-go-sdk-v2/alert"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/detect"
)

// TestClientHandlesAnAlert runs Opsgenie's own client through everything that people do with an open alert.
func TestClientHandlesAnAlert(t *testing.T) {
	w := newWorld(t, door.Config{})
	ctx := t.Context()
	c, err := alert.NewClient(w.config())
	must(t, c, err)
	ok := func(what string, r *alert.AsyncAlertResult, err error) {
		t.Helper()
		s, err2 := must(t, r, err).RetrieveStatus(ctx)
		if st := must(t, s, err2); !st.IsSuccess || st.Action != what {
			t.Errorf("%s: %+v", what, st)
		}
	}
	const alias = "disk-1"
	r, err := c.Create(ctx, &alert.CreateAlertRequest{Message: "disk is full", Alias: alias, Tags: []string{"disk"}, Details: map[string]string{"host": "db-1"}})
	ok("Create", r, err)
	get := func(by alert.AlertIdentifier, value string) *alert.GetAlertResult {
		t.Helper()
		a, err := c.Get(ctx, &alert.GetAlertRequest{IdentifierType: by, IdentifierValue: value})
		return must(t, a, err)
	}
	a := get(alert.ALIAS, alias)
	if tiny := get(alert.TINYID, a.TinyId); a.TinyId == "" || tiny.Id != a.Id {
		t.Errorf("%q finds %s, not %s", a.TinyId, tiny.Id, a.Id)
	}
	r, err = c.AddTags(ctx, &alert.AddTagsRequest{IdentifierType: alert.TINYID, IdentifierValue: a.TinyId, Tags: []string{"env:prod", "urgent"}, User: "mira@example.org", Note: "as ordered"})
	ok("AddTags", r, err)
	r, err = c.AddDetails(ctx, &alert.AddDetailsRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Details: map[string]string{"ticket": "T-1", "room": "7"}})
	ok("AddDetails", r, err)
	if a := get(alert.ALIAS, alias); strings.Join(a.Tags, ",") != "disk,urgent" || a.Details["env"] != "prod" || a.Details["ticket"] != "T-1" || a.Details["host"] != "db-1" {
		t.Errorf("%+v", a)
	}
	r, err = c.RemoveTags(ctx, &alert.RemoveTagsRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Tags: "disk,env:prod,env:other"})
	ok("RemoveTags", r, err)
	r, err = c.RemoveDetails(ctx, &alert.RemoveDetailsRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Keys: "room,nothing", User: "mira"})
	ok("RemoveDetails", r, err)
	if a := get(alert.ALIAS, alias); strings.Join(a.Tags, ",") != "urgent" || a.Details["env"] != "" || a.Details["room"] != "" || a.Details["ticket"] != "T-1" {
		t.Errorf("%+v", a)
	}
	r, err = c.AssignAlert(ctx, &alert.AssignRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Owner: alert.User{Username: "mira@example.org"}})
	ok("Assign", r, err)
	r, err = c.EscalateToNext(ctx, &alert.EscalateToNextRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Escalation: alert.Escalation{Name: "leads"}})
	ok("Escalate", r, err)
	r, err = c.AddTeam(ctx, &alert.AddTeamRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Team: alert.Team{Name: "shop"}})
	ok("AddTeam", r, err)
	r, err = c.AddResponder(ctx, &alert.AddResponderRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Responder: alert.Responder{Type: alert.UserResponder, Username: "mira@example.org"}})
	ok("AddResponder", r, err)
	if calls := w.facts(detect.KindCalled); len(calls) != 4 || !strings.Contains(string(calls[0].Data), `"person":"mira","owner":true`) || !strings.Contains(string(calls[1].Data), `"policy":"leads"`) || !strings.Contains(string(calls[2].Data), `"team":"shop"`) {
		t.Errorf("%+v", calls)
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	r, err = c.Snooze(ctx, &alert.SnoozeAlertRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, EndTime: until, User: "mira@example.org", Note: "the disk is ordered"})
	ok("Snooze", r, err)
	if a := get(alert.ALIAS, alias); !a.Snoozed || !a.SnoozedUntil.Equal(until) || a.Owner != "mira" || a.Status != "open" {
		t.Errorf("%+v", a)
	}
	silences, err := w.detect.Silences(ctx, time.Now())
	if s := must(t, silences, err); len(s) != 1 || s[0].CreatedBy != "mira" || s[0].Comment != "the disk is ordered" || !s[0].EndsAt.Equal(until) {
		t.Errorf("%+v", s)
	}
	notes, err := c.ListAlertNotes(ctx, &alert.ListAlertNotesRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias})
	if n := must(t, notes, err).AlertLog; len(n) != 6 || n[0].Note != "the disk is ordered" || n[0].Owner != "mira" {
		t.Errorf("%+v", n)
	}
	r, err = c.Close(ctx, &alert.CloseAlertRequest{IdentifierType: alert.TINYID, IdentifierValue: a.TinyId})
	ok("Close", r, err)
	if a := get(alert.TINYID, a.TinyId); a.Status != "closed" || a.Snoozed {
		t.Errorf("%+v", a)
	}
	// What is over is changed no more, and nobody is told of it.
	r, err = c.AssignAlert(ctx, &alert.AssignRequest{IdentifierType: alert.TINYID, IdentifierValue: a.TinyId, Owner: alert.User{Username: "mira"}})
	ok("Assign", r, err)
	if n := len(w.facts(detect.KindCalled)); n != 4 {
		t.Errorf("%d calls", n)
	}
}
