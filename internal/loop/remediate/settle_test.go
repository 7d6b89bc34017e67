package remediate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

var settledAt = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// stopped is a run whose second step may have happened.
func stopped() (Run, respond.Incident, []script.Entry) {
	r := Run{ID: "run_1", Incident: "INC-1", Runbook: "book", State: Unknown, Turn: 3}
	i := respond.Incident{ID: "INC-1", Status: respond.Identified}
	journal := []script.Entry{
		{Seq: 1, Name: "http.get", Args: json.RawMessage(`{"url":"http://svc/health"}`), State: script.Done, Result: script.EncodeResult(script.Result{OK: true})},
		{Seq: 2, Name: "http.once", Args: json.RawMessage(`{"method":"POST","url":"http://svc/restart"}`), Class: script.Once, State: script.Unknown},
	}
	return r, i, journal
}

func TestSettleDecides(t *testing.T) {
	yes, no := Answer{Seq: 2, Turn: 3, Happened: true}, Answer{Seq: 2, Turn: 3}
	with := func(a Answer, change func(*Answer)) Answer { change(&a); return a }
	same := func(*Run, *respond.Incident, *[]script.Entry) {}
	took := func(happened bool) func(*Run, *respond.Incident, *[]script.Entry) {
		return func(r *Run, _ *respond.Incident, journal *[]script.Entry) {
			r.State, r.Turn, r.Settled = Running, 4, []Settlement{{Seq: 2, Turn: 3, Happened: happened, By: "tomas"}}
			(*journal)[1] = (*journal)[1].Happened(script.Result{OK: true, Value: map[string]any{"status": int64(204)}})
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Run, *respond.Incident, *[]script.Entry)
		answer Answer
		code   errs.Code
		want   string // message of the error, or the fact
		state  script.State
		value  string // what the script is told
	}{
		{"it happened", same, yes, "", "step 2, http.once http://svc/restart, happened", script.Done, `{"ok":true,"value":{"settled_by":"mira"}}`},
		{"it happened, with what it answered", same, with(yes, func(a *Answer) { a.Result, a.Note = json.RawMessage(`{"status": 204}`), " saw it in the console " }), "",
			"step 2, http.once http://svc/restart, happened: saw it in the console", script.Done, `{"ok":true,"value":{"status":204}}`},
		{"it answered nothing", same, with(yes, func(a *Answer) { a.Result = json.RawMessage("null") }), "", "happened", script.Done, `{"ok":true,"value":null}`},
		{"it did not happen", same, no, "", "step 2, http.once http://svc/restart, did not happen and is done by the continued run", script.Waiting, ""},
		{"the same answer again", took(true), yes, "", "", "", ""},
		{"the same answer again with the same result", took(true), with(yes, func(a *Answer) { a.Result = json.RawMessage(`{"status":204}`) }), "", "", "", ""},
		{"the same answer with another result", took(true), with(yes, func(a *Answer) { a.Result = json.RawMessage(`{"status":500}`) }), errs.Conflict, "with another result", "", ""},
		{"the other answer afterwards", took(true), no, errs.Conflict, "tomas has already said that step 2 happened", "", ""},
		{"the other answer afterwards, the other way round", took(false), yes, errs.Conflict, "tomas has already said that step 2 did not happen", "", ""},
		{"the same answer again when the incident is over", func(r *Run, i *respond.Incident, j *[]script.Entry) {
			took(true)(r, i, j)
			i.Status = respond.Resolved
		}, yes, "", "", "", ""},
		{"the step is in question a second time", func(r *Run, _ *respond.Incident, _ *[]script.Entry) {
			r.Turn, r.Settled = 5, []Settlement{{Seq: 2, Turn: 3, By: "tomas"}}
		}, with(no, func(a *Answer) { a.Turn = 4 }), errs.Conflict, "the question is another one by now: step 2 in turn 5", "", ""},
		{"the answer to the first question arrives twice", func(r *Run, _ *respond.Incident, _ *[]script.Entry) {
			r.Turn, r.Settled = 5, []Settlement{{Seq: 2, Turn: 3, By: "tomas"}}
		}, no, "", "", "", ""},
		{"the second question", func(r *Run, _ *respond.Incident, _ *[]script.Entry) {
			r.Turn, r.Settled = 5, []Settlement{{Seq: 2, Turn: 3, By: "tomas"}}
		}, with(no, func(a *Answer) { a.Turn = 5 }), "", "did not happen", script.Waiting, ""},
		{"the run is at work", func(r *Run, _ *respond.Incident, _ *[]script.Entry) { r.State = Running }, yes, errs.Conflict, "the run is running: there is nothing to settle", "", ""},
		{"the run is over", func(r *Run, _ *respond.Incident, _ *[]script.Entry) { r.State = Failed }, yes, errs.Conflict, "the run is failed", "", ""},
		{"the incident is over", func(_ *Run, i *respond.Incident, _ *[]script.Entry) { i.Status = respond.Resolved }, no, errs.Conflict, "INC-1 is over: nothing is changed any more", "", ""},
		{"the cause is data corruption by now", func(_ *Run, i *respond.Incident, _ *[]script.Entry) {
			i.Cause = &diagnose.Suspect{Kind: diagnose.DataCorruption}
		}, no, errs.Denied, "automation must not touch it", "", ""},
		{"another step", same, with(yes, func(a *Answer) { a.Seq = 1 }), errs.Conflict, "the question is another one by now: step 2", "", ""},
		{"no step is in question", func(_ *Run, _ *respond.Incident, j *[]script.Entry) { *j = (*j)[:1] }, yes, errs.Conflict, "no step", "", ""},
		{"a result of what did not happen", same, with(no, func(a *Answer) { a.Result = json.RawMessage("1") }), errs.Invalid, "has no result", "", ""},
		{"a result that is no JSON", same, with(yes, func(a *Answer) { a.Result = json.RawMessage("{") }), errs.Invalid, "must be JSON", "", ""},
		{"a result that is too large", same, with(yes, func(a *Answer) { a.Result = json.RawMessage(`"` + strings.Repeat("x", maxAnswer) + `"`) }), errs.Invalid, "at most 64 KiB", "", ""},
		{"a note that is too long", same, with(no, func(a *Answer) { a.Note = strings.Repeat("x", maxNote+1) }), errs.Invalid, "at most 2000", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, i, journal := stopped()
			c.change(&r, &i, &journal)
			before := len(r.Settled)
			got, err := settle(r, i, journal, c.answer, "mira", settledAt)
			if errs.CodeOf(err) != c.code {
				t.Fatalf("got %v, want code %q", err, c.code)
			}
			switch {
			case err != nil:
				if !strings.Contains(errs.Message(err), c.want) {
					t.Errorf("got %q, want %q", errs.Message(err), c.want)
				}
			case c.state == "":
				if !got.again || len(got.run.Settled) != before || got.fact != "" {
					t.Errorf("an answer that was given before changes %+v", got)
				}
			default:
				s := Settlement{Seq: 2, Turn: r.Turn, Happened: c.state == script.Done, Note: strings.TrimSpace(c.answer.Note), By: "mira", At: settledAt}
				if got.again || got.entry.State != c.state || string(got.entry.Result) != c.value || !strings.Contains(got.fact, c.want) {
					t.Errorf("entry %+v, fact %q", got.entry, got.fact)
				}
				if got.run.State != Running || got.run.Turn != r.Turn+1 || got.run.Changed != s.Happened || got.settlement != s || got.run.Settled[before] != s {
					t.Errorf("run %+v", got.run)
				}
			}
		})
	}
}
