package prevent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/respond"
)

// Config is what a Service needs. All fields but Patience are required.
type Config struct {
	Store    Store
	Catalog  func() *catalog.Catalog
	Detect   *detect.Service
	Respond  *respond.Service
	Learn    *learn.Service
	Injector Injector
	Now      func() time.Time
	Log      *slog.Logger
	Patience time.Duration // how long the gate waits for the store; default Patience
}

// Service runs experiments and answers for releases. It is safe for concurrent use.
type Service struct {
	Config
	mu    sync.Mutex
	kicks map[RunID]chan struct{} // of runs that this process conducts; closed by a kill
}

// New returns a service.
func New(c Config) *Service {
	c.Patience = cmp.Or(c.Patience, Patience)
	return &Service{Config: c, kicks: map[RunID]chan struct{}{}}
}

// Experiments returns the declared and the proposed experiments with their newest runs, by name. A declared experiment
// takes the place of a proposed one of the same name and keeps its link to the incident.
func (s *Service) Experiments(ctx context.Context) (out []Experiment, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = s.experiments(ctx, tx)
		return err
	})
	return out, err
}

func (s *Service) experiments(ctx context.Context, tx Tx) ([]Experiment, error) {
	proposed, err := tx.Proposals(ctx)
	if err != nil {
		return nil, err
	}
	open, err := tx.Items(ctx, "", false, 10_000)
	if err != nil {
		return nil, err
	}
	runs, err := tx.ExperimentRuns(ctx, "", 1000)
	if err != nil {
		return nil, err
	}
	all := map[string]Experiment{}
	for _, e := range proposed {
		all[e.Name] = e
	}
	for name, d := range s.Catalog().Experiments {
		e, p := of(d), all[name]
		e.Incident, e.Group, e.Postmortem, e.ProposedAt = p.Incident, p.Group, p.Postmortem, p.ProposedAt
		all[name] = e
	}
	out := slices.SortedFunc(maps.Values(all), func(a, b Experiment) int { return cmp.Compare(a.Name, b.Name) })
	for k := range out {
		for _, a := range open {
			if a.Experiment == out[k].Name {
				out[k].Items = append(out[k].Items, a.ID)
			}
		}
		if r := slices.IndexFunc(runs, func(r Run) bool { return r.Experiment.Name == out[k].Name }); r >= 0 {
			out[k].Last = &runs[r]
		}
	}
	return out, nil
}

// Experiment returns an experiment or an error with code not_found.
func (s *Service) Experiment(ctx context.Context, name string) (e Experiment, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		e, err = s.experiment(ctx, tx, name)
		return err
	})
	return e, err
}

func (s *Service) experiment(ctx context.Context, tx Tx, name string) (Experiment, error) {
	all, err := s.experiments(ctx, tx)
	if err != nil {
		return Experiment{}, err
	}
	for _, e := range all {
		if e.Name == name {
			return e, nil
		}
	}
	return Experiment{}, errs.New(errs.NotFound, "there is no experiment named %q", name)
}

// Propose stores the experiment that recreates an incident that is over, because a person asks for it. It fails with code
// invalid when the cause cannot be recreated.
func (s *Service) Propose(ctx context.Context, incident respond.ID, now time.Time) (e Experiment, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		i, err := tx.Incident(ctx, incident)
		if err != nil {
			return err
		}
		p, ok := propose(s.Catalog(), i, now)
		if !ok {
			return errs.New(errs.Invalid, "the cause of %s cannot be recreated by slow or failed calls to one service that others depend on", incident)
		}
		if i.Open() {
			return errs.New(errs.Conflict, "%s is still open", incident)
		}
		if err := s.propose(ctx, tx, incident, now); err != nil {
			return err
		}
		e, err = s.experiment(ctx, tx, p.Name)
		return err
	})
	return e, err
}

// Start plans a run of an experiment at once. It fails with code conflict while another run is not over: there is never
// more than one fault.
func (s *Service) Start(ctx context.Context, name, by string, now time.Time) (r Run, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		e, err := s.experiment(ctx, tx, name)
		if err != nil {
			return err
		}
		active, err := tx.ActiveRuns(ctx)
		if err != nil {
			return err
		}
		if len(active) > 0 {
			return errs.New(errs.Conflict, "%s of experiment %s is not over: one fault at a time", active[0].ID, active[0].Experiment.Name)
		}
		e.Last, e.Items = nil, nil
		r = Run{ID: RunID(id.New("exp", now)), Experiment: e, State: Planned, Reason: "planned", StartedBy: by, PlannedAt: now, Hypothesis: Undecided}
		if err := tx.SaveExperimentRun(ctx, r); err != nil {
			return err
		}
		if err := s.append(ctx, tx, KindPlanned, r, by, fmt.Sprintf("%s starts experiment %s: %s", by, e.Name, e.Hypothesis), now); err != nil {
			return err
		}
		return tx.Enqueue(ctx, job.New(jobRun, string(r.ID), now, nil))
	})
	return r, err
}

// Kill ends the fault of a run now. A run that has no fault yet never gets one; one whose fault is over is left alone.
func (s *Service) Kill(ctx context.Context, runID RunID, by string, now time.Time) (r Run, err error) {
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		if r, err = tx.ExperimentRun(ctx, runID); err != nil {
			return err
		}
		if r.Kill != nil || r.State.Over() || r.State == Monitoring {
			return nil
		}
		r.Kill = &Kill{by, now}
		if r.State != Running {
			r.State, r.OverAt, r.Reason = Aborted, now, by+" pressed the kill switch before the fault began"
			r.Ending = Ending{ByKill, r.Reason}
			if err := tx.Cancel(ctx, jobRun, string(r.ID)); err != nil {
				return err
			}
		}
		if err := tx.SaveExperimentRun(ctx, r); err != nil {
			return err
		}
		return s.append(ctx, tx, KindKilled, r, by, by+" pressed the kill switch of "+r.Experiment.Name, now)
	})
	if err != nil {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.kicks[runID]; ok {
		close(c)
		delete(s.kicks, runID)
	}
	return r, nil
}

// KillAll ends every fault now and returns the runs.
func (s *Service) KillAll(ctx context.Context, by string, now time.Time) (out []Run, err error) {
	var active []Run
	err = s.Store.View(ctx, func(tx Tx) error {
		active, err = tx.ActiveRuns(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, r := range active {
		k, err := s.Kill(ctx, r.ID, by, now)
		if err != nil {
			return out, err
		}
		out = append(out, k)
	}
	return out, nil
}

// Runs returns the newest runs, those of an experiment when it is set.
func (s *Service) Runs(ctx context.Context, experiment string, limit int) (out []Run, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.ExperimentRuns(ctx, experiment, limit)
		return err
	})
	return out, err
}

// GetRun returns a run or an error with code not_found.
func (s *Service) GetRun(ctx context.Context, runID RunID) (r Run, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		r, err = tx.ExperimentRun(ctx, runID)
		return err
	})
	return r, err
}

func (s *Service) append(ctx context.Context, tx Tx, kind string, r Run, actor, text string, now time.Time) error {
	e := event.New(kind, now, actor, string(r.ID), text, RunChanged{r})
	e.Service, e.Group = r.Experiment.Target, string(r.Experiment.Group)
	return tx.Append(ctx, e)
}
