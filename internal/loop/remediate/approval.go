package remediate

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
)

// ask returns the approval of a step and creates it when the step asks for the first time.
func (s *Service) ask(ctx context.Context, runID RunID, seq int, what string) (a Approval, err error) {
	now := s.Now()
	err = s.Store.Update(ctx, func(tx Tx) error {
		a, err = tx.Approval(ctx, runID, seq)
		if err == nil || !errs.Is(err, errs.NotFound) {
			return err
		}
		r, err := tx.Run(ctx, runID)
		if err != nil {
			return err
		}
		a = Approval{Run: runID, Seq: seq, Text: what, State: Pending, AskedAt: now, Deadline: now.Add(r.Approval.D())}
		r.State, r.Reason = Waiting, "waits for approval: "+what
		if err := tx.SaveRun(ctx, r); err != nil {
			return err
		}
		if err := tx.SaveApproval(ctx, a); err != nil {
			return err
		}
		if err := s.append(ctx, tx, KindAsked, r, &a, actor(r), fmt.Sprintf("asks for approval until %s UTC: %s", a.Deadline.UTC().Format("15:04:05"), what), now); err != nil {
			return err
		}
		return tx.Enqueue(ctx, job.New(jobExpire, approvalKey(runID, seq), a.Deadline, nil))
	})
	return a, err
}

func approvalKey(runID RunID, seq int) string { return string(runID) + "/" + strconv.Itoa(seq) }

// Decide grants or denies a pending approval and lets the run go on.
func (s *Service) Decide(ctx context.Context, runID RunID, seq int, grant bool, by, reason string, now time.Time) (Approval, error) {
	to := Denied
	if grant {
		to = Granted
	}
	return s.decide(ctx, runID, seq, to, by, reason, now)
}

func (s *Service) decide(ctx context.Context, runID RunID, seq int, to Decision, by, reason string, now time.Time) (a Approval, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		a, err = s.decideIn(ctx, tx, runID, seq, to, by, reason, now)
		return err
	})
	return a, err
}

func (s *Service) decideIn(ctx context.Context, tx Tx, runID RunID, seq int, to Decision, by, reason string, now time.Time) (Approval, error) {
	a, err := tx.Approval(ctx, runID, seq)
	if err != nil {
		return a, err
	}
	if a.State != Pending {
		return a, errs.New(errs.Conflict, "the approval is already %s", a.State)
	}
	if to == Granted && now.After(a.Deadline) {
		to, by, reason = Expired, event.System, "the time was over"
	}
	r, err := tx.Run(ctx, runID)
	if err != nil {
		return a, err
	}
	if r.State.Over() {
		return a, errs.New(errs.Conflict, "the run is over: %s", r.Reason)
	}
	a.State, a.DecidedBy, a.DecidedAt, a.Reason = to, by, now, reason
	r.State, r.Reason = Running, "approval "+string(to)
	if err := tx.SaveApproval(ctx, a); err != nil {
		return a, err
	}
	if err := tx.SaveRun(ctx, r); err != nil {
		return a, err
	}
	if err := s.append(ctx, tx, KindDecided, r, &a, by, fmt.Sprintf("approval %s: %s", to, withReason(a.Text, reason)), now); err != nil {
		return a, err
	}
	if err := tx.Cancel(ctx, jobExpire, approvalKey(runID, seq)); err != nil {
		return a, err
	}
	return a, tx.Enqueue(ctx, job.New(jobRun, string(runID), now, nil))
}

// mayChange refuses a change when the incident is over, and by a run that needs an approval and does not have it: what
// counts is the newest one that was asked for before the step.
func (s *Service) mayChange(ctx context.Context, r Run, seq int) error {
	i, err := s.Respond.Get(ctx, r.Incident)
	if err != nil {
		return err
	}
	if !i.Open() {
		return errs.New(errs.Denied, "%s is over: nothing is changed any more", r.Incident)
	}
	if r.Risk == catalog.Low {
		return nil
	}
	_, _, as, err := s.Get(ctx, r.ID)
	if err != nil {
		return err
	}
	newest := Approval{}
	for _, a := range as {
		if a.Seq < seq && a.Seq > newest.Seq {
			newest = a
		}
	}
	if newest.State == Granted {
		return nil
	}
	return errs.New(errs.Denied, "runbook %s is of %s risk: it may change something only after approve(...) was granted", r.Runbook, r.Risk)
}

// withReason adds why something was decided to what was asked.
func withReason(text, reason string) string {
	if reason = strings.TrimSpace(reason); reason == "" {
		return text
	}
	return text + " (" + reason + ")"
}
