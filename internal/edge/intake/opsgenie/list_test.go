package opsgenie_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opsgenie/opsgenie-go-sdk-v2/alert"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/detect"
)

// TestClientListsAlerts runs Opsgenie's own client through lists, their order and their pages.
func TestClientListsAlerts(t *testing.T) {
	w := newWorld(t, door.Config{})
	ctx := t.Context()
	c, err := alert.NewClient(w.config())
	must(t, c, err)
	for i := range 5 {
		prio := alert.P1
		if i%2 == 1 {
			prio = alert.P3
		}
		r, err := c.Create(ctx, &alert.CreateAlertRequest{Message: fmt.Sprintf("disk %c is full", 'e'-i), Alias: fmt.Sprintf("a%d", i), Priority: prio,
			Source: "cron", Tags: []string{"disk"}, Details: map[string]string{"host": fmt.Sprintf("db-%d", i)}})
		must(t, r, err)
	}
	r, err := c.Close(ctx, &alert.CloseAlertRequest{IdentifierType: alert.ALIAS, IdentifierValue: "a4"})
	must(t, r, err)
	r, err = c.Acknowledge(ctx, &alert.AcknowledgeAlertRequest{IdentifierType: alert.ALIAS, IdentifierValue: "a0", User: "mira"})
	must(t, r, err)

	list := func(q alert.ListAlertRequest) string {
		t.Helper()
		l, err := c.List(ctx, &q)
		var out []string
		for _, a := range must(t, l, err).Alerts {
			out = append(out, a.Alias)
		}
		return strings.Join(out, " ")
	}
	for _, x := range []struct {
		q    alert.ListAlertRequest
		want string
	}{
		{alert.ListAlertRequest{}, "a4 a3 a2 a1 a0"},
		{alert.ListAlertRequest{Order: alert.Asc}, "a0 a1 a2 a3 a4"},
		{alert.ListAlertRequest{Sort: alert.Message, Order: alert.Asc}, "a4 a3 a2 a1 a0"},
		{alert.ListAlertRequest{Sort: alert.Alias, Limit: 2, Offset: 1}, "a3 a2"},
		{alert.ListAlertRequest{Limit: 2, Offset: 4}, "a0"},
		{alert.ListAlertRequest{Query: "status:open"}, "a3 a2 a1 a0"},
		{alert.ListAlertRequest{Query: "status:acked"}, "a0"},
		{alert.ListAlertRequest{Query: "status:open AND NOT priority:P1"}, "a3 a1"},
		{alert.ListAlertRequest{Query: "status:(closed OR acked)"}, "a4 a0"},
		{alert.ListAlertRequest{Query: "status:open priority=P3 OR status=closed"}, "a4 a3 a1"},
		{alert.ListAlertRequest{Query: `message:"disk c" OR alias: a1`}, "a2 a1"},
		{alert.ListAlertRequest{Query: "details.host:db-* AND details.host != db-2 AND (tag:disk AND source:CRON)"}, "a4 a3 a1 a0"},
		{alert.ListAlertRequest{Query: "createdAt>01-01-2020 AND count<2 AND full"}, "a4 a3 a2 a1 a0"},
		{alert.ListAlertRequest{Query: "createdAt<1577836800000"}, ""},
	} {
		if got := list(x.q); got != x.want {
			t.Errorf("%+v: %q, want %q", x.q, got, x.want)
		}
		n, err := c.CountAlerts(ctx, &alert.CountAlertsRequest{Query: x.q.Query})
		if got := must(t, n, err).Count; x.q.Limit == 0 && got != len(strings.Fields(x.want)) {
			t.Errorf("%+v: counts %d", x.q, got)
		}
	}
	for query, says := range map[string]string{"status:(open": "not closed", "teams:x": "cannot ask for", "count:many": "a count is a number", "message<x": "cannot be compared", "status:": "no value", "status:gone": "open, acked or closed", "AND": "", ")": ""} {
		if _, err := c.List(ctx, &alert.ListAlertRequest{Query: query}); err == nil && query != "AND" || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// TestClientReadsWhatHappened runs Opsgenie's own client through the log, the notes and the recipients of an alert, and takes an
// acknowledgement back.
func TestClientReadsWhatHappened(t *testing.T) {
	w := newWorld(t, door.Config{})
	ctx := t.Context()
	c, err := alert.NewClient(w.config())
	must(t, c, err)
	const alias = "disk-1"
	r, err := c.Create(ctx, &alert.CreateAlertRequest{Message: "disk is full", Alias: alias})
	must(t, r, err)
	for i := range 3 {
		r, err = c.AddNote(ctx, &alert.AddNoteRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Note: fmt.Sprintf("note %d", i)})
		must(t, r, err)
	}
	r, err = c.Acknowledge(ctx, &alert.AcknowledgeAlertRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, User: "mira"})
	must(t, r, err)
	for range 2 {
		r, err = c.Unacknowledge(ctx, &alert.UnacknowledgeAlertRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, User: "mira@example.org"})
		s, err2 := must(t, r, err).RetrieveStatus(ctx)
		if st := must(t, s, err2); !st.IsSuccess || st.Action != "UnAcknowledge" {
			t.Errorf("%+v", st)
		}
	}
	if un := w.facts(detect.KindUnacked); len(un) != 1 || un[0].Actor != "mira" || un[0].Group == "" {
		t.Errorf("%+v", un)
	}
	got, err := c.Get(ctx, &alert.GetAlertRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias})
	if a := must(t, got, err); a.Acknowledged || a.Owner != "" || a.Status != "open" {
		t.Errorf("%+v", a)
	}

	notes, err := c.ListAlertNotes(ctx, &alert.ListAlertNotesRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Limit: 2})
	first := must(t, notes, err)
	if len(first.AlertLog) != 2 || first.AlertLog[0].Note != "note 2" || first.Paging["next"] == "" {
		t.Fatalf("%+v", first)
	}
	notes, err = c.ListAlertNotes(ctx, &alert.ListAlertNotesRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Limit: 2, Offset: first.AlertLog[1].Offset, Direction: alert.NEXT})
	if rest := must(t, notes, err); len(rest.AlertLog) != 1 || rest.AlertLog[0].Note != "note 0" || rest.Paging["next"] != "" {
		t.Errorf("%+v", rest)
	}
	notes, err = c.ListAlertNotes(ctx, &alert.ListAlertNotesRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Offset: first.AlertLog[1].Offset, Direction: alert.PREV})
	if newer := must(t, notes, err); len(newer.AlertLog) != 1 || newer.AlertLog[0].Note != "note 2" {
		t.Errorf("%+v", newer)
	}

	logs, err := c.ListAlertLogs(ctx, &alert.ListAlertLogsRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias, Order: alert.Asc})
	if l := must(t, logs, err).AlertLog; len(l) != 6 || !strings.Contains(l[0].Log, "disk is full") || l[0].Type != "system" || l[4].Owner != "mira" || !strings.Contains(l[5].Log, "took the acknowledgement") {
		t.Errorf("%+v", l)
	}
	told, err := c.ListAlertRecipients(ctx, &alert.ListAlertRecipientRequest{IdentifierType: alert.ALIAS, IdentifierValue: alias})
	if rs := must(t, told, err).AlertRecipients; len(rs) != 2 || rs[0].User.Username != "tomas" || rs[0].State != "failed" || rs[1].User.Username != "mira" || rs[1].Method != "sms" || rs[1].State != "delivered" || rs[1].UpdatedAt.Sub(rs[1].CreatedAt).Minutes() != 1 {
		t.Errorf("%+v", rs)
	}
}
