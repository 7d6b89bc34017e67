package remediate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// Answer is what a person found out about a step that may or may not have happened.
type Answer struct {
	Seq      int             // the step
	Turn     int             // of the run when the person looked: the same step may be in question twice
	Happened bool            // false: it is done once more, by the continued run
	Note     string          // how the person knows
	Result   json.RawMessage // what the step answered, as JSON, when it happened and that is known
}

// Settlement is an answer that was taken.
type Settlement struct {
	Seq      int       `json:"seq"`
	Turn     int       `json:"turn"`
	Happened bool      `json:"happened"`
	Note     string    `json:"note,omitempty"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// Bounds of what a person says.
const (
	maxNote   = 2000
	maxAnswer = 64 << 10
)

// Settle takes a person's word for the one step of a run in state unknown, and the run goes on. The same answer again
// changes nothing. The error is a conflict when the run is not in that state, when the question is another one by now,
// or when the incident is over; invalid when the answer makes no sense.
func (s *Service) Settle(ctx context.Context, runID RunID, a Answer, by string, now time.Time) (r Run, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if r, err = tx.Run(ctx, runID); err != nil {
			return err
		}
		i, err := tx.Incident(ctx, r.Incident)
		if err != nil {
			return err
		}
		journal, err := tx.Journal(ctx, runID)
		if err != nil {
			return err
		}
		d, err := settle(r, i, journal, a, by, now)
		if err != nil || d.again {
			return err
		}
		r = d.run
		if err := tx.SaveEntry(ctx, runID, d.entry); err != nil {
			return err
		}
		if err := tx.SaveRun(ctx, r); err != nil {
			return err
		}
		f := event.New(KindSettled, now, by, string(runID), d.fact, Settled{runID, d.settlement})
		f.Group = string(r.Group)
		if err := tx.Append(ctx, f); err != nil {
			return err
		}
		if r.Changed {
			if err := s.Respond.Mitigating(ctx, tx, r.Incident, string(runID), "runbook "+r.Runbook+" goes on", now); err != nil {
				return err
			}
		}
		return tx.Enqueue(ctx, job.New(jobRun, string(runID), now, nil))
	})
	return r, err
}

// settled is what an answer makes of a run.
type settled struct {
	run        Run
	entry      script.Entry
	settlement Settlement
	fact       string // in words
	again      bool   // it was said before: nothing changes
}

// settle decides what an answer does.
func settle(r Run, i respond.Incident, journal []script.Entry, a Answer, by string, now time.Time) (settled, error) {
	result, err := resultOf(a, by)
	if err != nil {
		return settled{}, err
	}
	if done, before := r.settlement(a); before {
		if done.Happened != a.Happened {
			return settled{}, errs.New(errs.Conflict, "%s has already said that step %d %s", done.By, a.Seq, happened(done.Happened))
		}
		if len(a.Result) > 0 && slices.ContainsFunc(journal, func(e script.Entry) bool {
			return e.Seq == a.Seq && string(e.Result) != string(script.EncodeResult(result))
		}) {
			return settled{}, errs.New(errs.Conflict, "%s has already said that step %d happened, with another result", done.By, a.Seq)
		}
		return settled{run: r, again: true}, nil
	}
	switch {
	case r.State != Unknown:
		return settled{}, errs.New(errs.Conflict, "the run is %s: there is nothing to settle", r.State)
	case !i.Open():
		return settled{}, errs.New(errs.Conflict, "%s is over: nothing is changed any more", i.ID)
	case i.Cause != nil && i.Cause.Kind == diagnose.DataCorruption:
		return settled{}, errs.New(errs.Denied, "the cause is data corruption: automation must not touch it")
	}
	e, ok := Dangling(journal)
	if !ok {
		return settled{}, errs.New(errs.Conflict, "no step of the run is in question")
	}
	if a.Seq != e.Seq || a.Turn != r.Turn {
		return settled{}, errs.New(errs.Conflict, "the question is another one by now: step %d in turn %d of the run; look again", e.Seq, r.Turn)
	}
	out := settled{settlement: Settlement{Seq: a.Seq, Turn: a.Turn, Happened: a.Happened, Note: strings.TrimSpace(a.Note), By: by, At: now}}
	what := fmt.Sprintf("step %d, %s, %s", e.Seq, inWords(e), happened(a.Happened))
	if a.Happened {
		out.entry = e.Happened(result)
		r.Changed = r.Changed || changes(e.Name)
	} else {
		out.entry = e.NotHappened()
		what += " and is done by the continued run"
	}
	out.fact = what
	if out.settlement.Note != "" {
		out.fact += ": " + out.settlement.Note
	}
	r.State, r.Reason = Running, what
	r.Settled = append(r.Settled[:len(r.Settled):len(r.Settled)], out.settlement)
	r.Turn++ // a worker that comes back from before the question writes nothing more
	out.run = r
	return out, nil
}

// Dangling returns the step of a journal of which nobody knows whether it happened.
func Dangling(journal []script.Entry) (script.Entry, bool) {
	for _, e := range journal {
		if e.State == script.Unknown {
			return e, true
		}
	}
	return script.Entry{}, false
}

// settlement returns the answer that was taken to the same question.
func (r Run) settlement(a Answer) (Settlement, bool) {
	for _, s := range r.Settled {
		if s.Seq == a.Seq && s.Turn == a.Turn {
			return s, true
		}
	}
	return Settlement{}, false
}

// resultOf returns what the script is told when the step happened: what the person found, or else who says so.
func resultOf(a Answer, by string) (script.Result, error) {
	switch {
	case len(a.Note) > maxNote:
		return script.Result{}, errs.New(errs.Invalid, "a note has at most %d characters; this has %d", maxNote, len(a.Note))
	case len(a.Result) > maxAnswer:
		return script.Result{}, errs.New(errs.Invalid, "a result has at most %d KiB", maxAnswer>>10)
	case len(a.Result) == 0:
		return script.Result{OK: true, Value: map[string]any{"settled_by": by}}, nil
	case !a.Happened:
		return script.Result{}, errs.New(errs.Invalid, "a step that did not happen has no result")
	}
	v, err := script.Canonical(a.Result)
	if err != nil {
		return script.Result{}, errs.Wrap(err, errs.Invalid, "the result must be JSON: %v", err)
	}
	return script.Result{OK: true, Value: v}, nil
}

func happened(yes bool) string {
	if yes {
		return "happened"
	}
	return "did not happen"
}
