package prevent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

// conduct takes a run from where it is to its end. A run that is found running was left by a process that is gone: its
// fault ends by itself and is never made again.
func (s *Service) conduct(ctx context.Context, runID RunID) error {
	r, err := s.GetRun(ctx, runID)
	if err != nil {
		return ignoreNotFound(err)
	}
	switch r.State {
	case Planned, Preflight:
		r, held, err := s.begin(ctx, r)
		if err != nil || held == nil {
			return err
		}
		if r, err = s.hold(ctx, r, held); err != nil || r.State != Monitoring {
			return err
		}
		return s.monitor(ctx, r)
	case Running:
		return s.interrupted(ctx, r)
	case Monitoring:
		return s.monitor(ctx, r)
	}
	return nil
}

// errMoved says that a run is not in the state any more in which it was to be changed.
var errMoved = errors.New("the run has moved on")

// move changes a run that is still in a state, and says so with a fact.
func (s *Service) move(ctx context.Context, runID RunID, from State, kind string, change func(*Run) (text string)) (r Run, err error) {
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		if r, err = tx.ExperimentRun(ctx, runID); err != nil {
			return err
		}
		if r.State != from {
			return errMoved
		}
		text := change(&r)
		if err := tx.SaveExperimentRun(ctx, r); err != nil {
			return err
		}
		now := s.Now()
		if r.State == Passed {
			if err := s.Learn.Proven(ctx, tx, r.Experiment.Name, string(r.ID), r.InjectedAt, now); err != nil {
				return err
			}
		}
		return s.append(ctx, tx, kind, r, event.System, text, now)
	})
	return r, err
}

// begin checks the ground and makes the fault. held is nil when there is none.
func (s *Service) begin(ctx context.Context, r Run) (_ Run, held Held, err error) {
	defer func() {
		if errors.Is(err, errMoved) {
			err = nil
		}
	}()
	checks, err := s.check(ctx, r)
	if err != nil {
		return r, nil, fmt.Errorf("pre-flight of %s: %w", r.ID, err)
	}
	no := refusal(checks)
	if late := s.Now().Sub(r.PlannedAt); late > startWithin {
		no = fmt.Sprintf("it was planned %s ago and could not be started in time", late.Round(time.Second))
	}
	if r.State == Planned {
		r, err = s.move(ctx, r.ID, Planned, KindChecked, func(r *Run) string {
			r.State, r.Checks, r.Reason = Preflight, checks, "pre-flight"
			if no != "" {
				return "pre-flight forbids it: " + no
			}
			return fmt.Sprintf("pre-flight: all %d checks pass", len(checks))
		})
		if err != nil {
			return r, nil, err
		}
	}
	if no != "" {
		r, err = s.abort(ctx, r.ID, Preflight, "pre-flight: "+no, Ending{})
		return r, nil, err
	}
	// The run is running before the fault is there: a crash in between must not leave a fault that nobody knows of.
	r, err = s.move(ctx, r.ID, Preflight, KindInjected, func(r *Run) string {
		now := s.Now()
		r.State, r.Checks, r.InjectedAt, r.Deadline = Running, checks, now, now.Add(r.Experiment.Duration)
		r.Reason = "the fault is active"
		f := r.Experiment.Fault
		return fmt.Sprintf("%.0f %% of the calls to %s get %s for %s", 100*f.Share, r.Experiment.Target, describe(r.Experiment), r.Experiment.Duration)
	})
	if err != nil {
		return r, nil, err
	}
	e := r.Experiment
	s.Detect.Expect(e.Target, "experiment "+e.Name, r.Deadline.Add(detect.Settling))
	held, err = s.Injector.Start(ctx, Fault{
		ID: string(r.ID), Target: e.Target, Control: s.control(e.Target), Kind: e.Fault.Kind, Latency: e.Fault.Latency.D(), Share: e.Fault.Share,
		From: e.Fault.From, Lease: lease, Deadline: r.Deadline,
	})
	if err != nil {
		s.Log.Warn("fault could not be started", "run", r.ID, "error", err)
		// Perhaps it failed because the target is really in trouble: alerts about it are wanted again at once.
		s.Detect.Expect(e.Target, "experiment "+e.Name, s.Now())
		r, err = s.abort(context.WithoutCancel(ctx), r.ID, Running, "the fault could not be made: "+errs.Message(err), Ending{ByHolder, "it could not be made"})
		return r, nil, err
	}
	return r, held, nil
}

func describe(e Experiment) string {
	if e.Fault.Kind == "latency" {
		return e.Fault.Latency.String() + " of extra latency"
	}
	return "an error"
}

func (s *Service) control(service string) string {
	if svc := s.Catalog().Services[service]; svc != nil {
		return svc.Control
	}
	return ""
}

// check looks at the ground before a fault.
func (s *Service) check(ctx context.Context, r Run) ([]Check, error) {
	now, c := s.Now(), s.Catalog()
	g := ground{experiment: r.Experiment, known: c.Services[r.Experiment.Target] != nil, control: s.control(r.Experiment.Target), watched: s.watch(r.Experiment, now)}
	err := s.Store.View(ctx, func(tx Tx) error {
		active, err := tx.ActiveRuns(ctx)
		if err != nil {
			return err
		}
		for _, o := range active {
			if o.ID != r.ID {
				g.others = append(g.others, o.ID)
			}
		}
		g.incidents, err = tx.Incidents(ctx, true, 1000)
		return err
	})
	if err != nil {
		return nil, err
	}
	if g.firing, err = s.Detect.Alerts(ctx, "", true); err != nil {
		return nil, err
	}
	return preflight(g), nil
}

// watch reads the watched objectives.
func (s *Service) watch(e Experiment, now time.Time) []watched {
	c := s.Catalog()
	var out []watched
	for _, name := range e.Watch {
		o := c.SLOs[name]
		if o == nil {
			out = append(out, watched{name: name})
			continue
		}
		l := s.Detect.Ledger(name)
		out = append(out, watched{
			name: name, service: o.Service, known: true, objective: o.Target,
			minute: l.Sum(now.Add(-time.Minute), now), spent: s.Detect.Spent(o, now).Spent,
		})
	}
	return out
}

// hold keeps a fault until its time is over or something ends it early. The fault is gone, or will go by itself, when it
// returns; with an error the run is still running in the store.
func (s *Service) hold(ctx context.Context, r Run, held Held) (Run, error) {
	kick := s.conducting(r.ID)
	defer s.conducted(r.ID)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var end Ending
	for ends := false; !ends; {
		var moved bool
		if ends, end, moved = s.glance(ctx, r, held); moved {
			return r, s.end(ctx, r, held)
		}
		if ends {
			break
		}
		select {
		case <-tick.C:
		case <-held.Done():
		case <-kick:
			kick = nil
		case <-ctx.Done():
		}
	}
	failure := s.end(ctx, r, held)
	ended := s.Now()
	r, err := s.move(context.WithoutCancel(ctx), r.ID, Running, KindEnded, func(r *Run) string {
		r.State, r.Ending, r.FaultEnded, r.Reason = Monitoring, end, ended, "the fault is gone; watching"
		text := "the fault is gone: " + end.Reason
		if failure != nil {
			r.Findings = append(r.Findings, "the fault could not be ended on request and was left to its lease: "+errs.Message(failure))
			text = "the fault was left to its lease: " + end.Reason
		}
		return text
	})
	if errors.Is(err, errMoved) {
		return r, nil
	}
	return r, err
}

func (s *Service) conducting(id RunID) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{})
	s.kicks[id] = c
	return c
}

func (s *Service) conducted(id RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kicks, id)
}

// glance looks at a running fault once. moved is set when the run has been ended elsewhere.
func (s *Service) glance(ctx context.Context, r Run, held Held) (ends bool, e Ending, moved bool) {
	g := glance{now: s.Now(), stopping: ctx.Err() != nil}
	select {
	case <-held.Done():
		g.holder = true
	default:
	}
	if !g.stopping {
		cur, err := s.GetRun(ctx, r.ID)
		switch {
		case err != nil:
			g.blind = err
		case cur.State != Running:
			return true, Ending{}, true
		default:
			g.kill = cur.Kill
			g.results = s.results(r, g.now)
			g.blind = s.trouble(ctx, r, &g)
		}
	}
	if ctx.Err() != nil {
		g.stopping, g.blind = true, nil // what was asked meanwhile failed for that reason
	}
	ends, e = look(r, g)
	if g.blind != nil {
		s.Log.Warn("experiment cannot be watched", "run", r.ID, "error", g.blind)
	}
	return ends, e, false
}

// results counts the events of the watched objectives since the fault began.
func (s *Service) results(r Run, until time.Time) []Result {
	var out []Result
	for _, w := range s.watch(r.Experiment, until) {
		if w.known {
			out = append(out, Result{SLO: w.name, Service: w.service, Objective: w.objective, Counts: s.Detect.Ledger(w.name).Sum(r.InjectedAt, until)})
		}
	}
	return out
}

// trouble finds alerts and incidents of watched services that began with the fault.
func (s *Service) trouble(ctx context.Context, r Run, g *glance) error {
	services := r.Experiment.services(s.Catalog())
	alerts, err := s.Detect.Alerts(ctx, "", true)
	if err != nil {
		return err
	}
	for _, a := range alerts {
		if slices.Contains(services, a.Service) && !a.FiredAt.Before(r.InjectedAt) {
			g.alerts = append(g.alerts, a.SLO)
		}
	}
	open, err := s.Respond.List(ctx, true, 1000)
	if err != nil {
		return err
	}
	for _, i := range open {
		if !i.OpenedAt.Before(r.InjectedAt) && slices.ContainsFunc(i.Burning, func(b string) bool { return slices.Contains(services, b) }) {
			g.incidents = append(g.incidents, string(i.ID))
		}
	}
	return nil
}

// endTries is how often a fault is asked to end before it is left to its lease.
const endTries = 5

// end ends a fault, also when the caller is being stopped.
func (s *Service) end(ctx context.Context, r Run, held Held) (err error) {
	ctx = context.WithoutCancel(ctx)
	defer func() {
		s.Detect.Expect(r.Experiment.Target, "experiment "+r.Experiment.Name, s.Now().Add(detect.Settling))
	}()
	for range endTries {
		once, cancel := context.WithTimeout(ctx, 2*every)
		err = held.End(once)
		cancel()
		if err == nil {
			return nil
		}
		s.Log.Warn("fault does not end, asking again", "run", r.ID, "error", err)
		pause(ctx, every)
	}
	return err
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// interrupted ends a run that was left running by a process that is gone.
func (s *Service) interrupted(ctx context.Context, r Run) error {
	s.Detect.Expect(r.Experiment.Target, "experiment "+r.Experiment.Name, s.Now().Add(detect.Settling))
	if _, err := s.Injector.Sweep(ctx); err != nil && s.Now().Before(r.Deadline.Add(lease)) {
		return fmt.Errorf("sweep after %s was interrupted: %w", r.ID, err)
	}
	reason := "Nightkeeper restarted while the fault was active; the lease ended it"
	_, err := s.abort(ctx, r.ID, Running, reason, Ending{ByRestart, reason})
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

// abort ends a run without a result.
func (s *Service) abort(ctx context.Context, runID RunID, from State, reason string, e Ending) (Run, error) {
	return s.move(ctx, runID, from, KindFinished, func(r *Run) string {
		r.State, r.Reason, r.Ending, r.OverAt = Aborted, reason, e, s.Now()
		if from == Running {
			r.FaultEnded = r.OverAt
		}
		return fmt.Sprintf("experiment %s aborted: %s", r.Experiment.Name, reason)
	})
}

// monitor watches until the objectives are met again, or for calmWithin, and judges the run.
func (s *Service) monitor(ctx context.Context, r Run) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var calmAt time.Time
	for {
		now := s.Now()
		if calmAt.IsZero() && s.calm(r, now) {
			calmAt = now
		}
		waited := now.Sub(r.FaultEnded)
		if waited >= calmWithin || (!calmAt.IsZero() && waited >= settle) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("watching %s: %w", r.ID, ctx.Err())
		}
	}
	_, err := s.move(ctx, r.ID, Monitoring, KindFinished, func(r *Run) string {
		r.CalmAt, r.Results, r.OverAt = calmAt, s.results(*r, r.FaultEnded), s.Now()
		*r = judge(*r)
		return fmt.Sprintf("experiment %s %s: %s", r.Experiment.Name, r.State, r.Reason)
	})
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

func (s *Service) calm(r Run, now time.Time) bool {
	ws := s.watch(r.Experiment, now)
	recent, since := map[string]slo.Counts{}, map[string]slo.Counts{}
	for _, w := range ws {
		recent[w.name] = s.Detect.Ledger(w.name).Sum(now.Add(-recently), now)
		since[w.name] = s.Detect.Ledger(w.name).Sum(r.FaultEnded, now)
	}
	return calm(ws, recent, since)
}

// sweep ends runs that nobody conducts: their task was given up, or their process is gone and no other took over.
func (s *Service) sweep(ctx context.Context, now time.Time) error {
	var active []Run
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		active, err = tx.ActiveRuns(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read experiment runs: %w", err)
	}
	for _, r := range active {
		s.mu.Lock()
		_, ours := s.kicks[r.ID]
		s.mu.Unlock()
		limit := r.PlannedAt.Add(r.Experiment.Duration + startWithin + calmWithin + time.Minute)
		if ours || now.Before(limit) {
			continue
		}
		reason := "nobody conducted it any more; its fault ended at its deadline"
		if _, err := s.abort(ctx, r.ID, r.State, reason, Ending{ByRestart, reason}); err != nil && !errors.Is(err, errMoved) {
			return fmt.Errorf("end lost run %s: %w", r.ID, err)
		}
	}
	return nil
}
